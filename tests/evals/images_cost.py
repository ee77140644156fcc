"""What each stage of judging an image costs: `python -m tests.evals.images_cost [--rounds N]`.

One picture with faces, a line of text and a code, at three sizes, as JPEG; milliseconds on one core (`--threads`), the
least of several rounds. `verify` is decoding the release and asking every detector once more.
"""

import argparse
import io
import time
from collections.abc import Callable, Mapping

import numpy as np
import zxingcpp
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.table import Table
from skimage import data

from filters.decide import decide
from filters.image.barcodes import BarcodeDetector
from filters.image.container import DecodedImage
from filters.image.medium import ImageMedium
from filters.image.text_in_image import TextInImageDetector
from filters.protocols import ImageDetector, TextDetector
from filters.records import ContentKind, ImageContent
from filters.text.patterns import PatternDetector
from models.face import build_face_detector
from models.manifest import load_manifest
from models.ocr import build_line_reader
from models.session import Device
from models.text_pii import build_text_detector
from models.weights import WeightStore
from tests.fakes import policy

SIDES = (512, 1024, 2048)
_RULES = [
    {"entities": ["FACE", "QR_CODE"], "action": "redact", "operator": {"type": "mosaic_look"}},
    {"entities": ["EMAIL_ADDRESS"], "action": "redact"},
]


def picture(side: int) -> bytes:
    """An astronaut, a code, and an address below her."""
    page = Image.fromarray(data.astronaut()).resize((side, side))
    code = zxingcpp.create_barcode("mailto:jane@example.com", zxingcpp.BarcodeFormat.QRCode).to_image(scale=3)
    page.paste(Image.fromarray(np.array(code)).resize((side // 6, side // 6)).convert("RGB"), (side // 40, side // 40))
    font = ImageFont.load_default(side / 24)
    ImageDraw.Draw(page).text((side // 20, side * 0.9), "jane.doe@example.com", fill="white", font=font)
    file = io.BytesIO()
    page.save(file, "JPEG", quality=90)
    return file.getvalue()


def detectors(threads: int) -> Mapping[str, ImageDetector]:
    """By stage."""
    manifest, store = load_manifest(), WeightStore()
    face, text, ocr = (manifest.entry(name) for name in ("centerface", "veilstream-pii", "ppocr"))
    store.pull(face)
    store.pull(ocr)
    words: list[TextDetector] = [
        PatternDetector(),
        build_text_detector(text, store.stored(text), Device.CPU, threads=threads),
    ]
    reader = build_line_reader(ocr, store.stored(ocr), Device.CPU, threads=threads)
    return {
        "faces": build_face_detector(face, store.path(face), Device.CPU, threads=threads),
        "codes": BarcodeDetector(words),
        "text": TextInImageDetector(reader, words),
    }


def least(work: Callable[[], object], rounds: int) -> float:
    """Milliseconds."""
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return 1000 * min(taken)


def costs(side: int, by_stage: Mapping[str, ImageDetector], rounds: int) -> dict[str, float]:
    """Milliseconds by stage."""
    medium = ImageMedium(list(by_stage.values()))
    content = ImageContent(picture(side), None)
    decoded = medium.decode(content)

    def look(image: DecodedImage) -> list[object]:
        return [finding for each in by_stage.values() for finding in medium.detect(each, [image])[0]]

    found = [finding for each in by_stage.values() for finding in medium.detect(each, [decoded])[0]]
    decision = decide(found, policy(images={"rules": _RULES}), ContentKind.IMAGE)
    released = medium.redact(decoded, decision.redactions, "evaluation")
    stages = {"decode": least(lambda: medium.decode(content), rounds)}
    stages |= {
        name: least(lambda each=each: medium.detect(each, [decoded]), rounds)  # type: ignore[misc]
        for name, each in by_stage.items()
    }
    stages["redact and encode"] = least(lambda: medium.redact(decoded, decision.redactions, "evaluation"), rounds)
    stages["verify"] = least(lambda: look(medium.reopen(released)), rounds)
    return stages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    by_stage = detectors(options.threads)
    columns = {side: costs(side, by_stage, options.rounds) for side in SIDES}
    table = Table("stage, ms", *(f"{side}²" for side in SIDES))
    for stage in columns[SIDES[0]]:
        table.add_row(stage, *(f"{columns[side][stage]:.0f}" for side in SIDES))
    Console().print(table)


if __name__ == "__main__":
    main()
