"""Text in pictures: `python -m tests.evals.images_receipts [--limit N] [--sheet FOLDER]`.

Scans of receipts are judged under a policy that names persons, firms, addresses, phone numbers, cards and dates. Then
the release is read once more, and every transcribed line is looked up: private ones must be gone, the others be there.
"""

import argparse
import csv
import io
import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from filters.image.medium import ImageMedium
from filters.image.text_in_image import TextInImageDetector
from filters.image.text_lines import LineReader
from filters.pipeline import FilterPipeline
from filters.protocols import Pixels
from filters.records import ImageContent, Record, RecordContext, SourcePosition
from filters.text.patterns import PatternDetector
from models.manifest import load_manifest
from models.ocr import build_line_reader
from models.text_pii import build_text_detector
from models.weights import WeightStore
from tests.fakes import CollectingObserver, StaticPolicies, policy

EVAL = Path(__file__).parents[3] / "shared" / "eval" / "receipts"
SHARED_CHARACTERS = 3
"""In a row: from so many on, a private line counts as readable."""
LIKENESS = 0.75
"""From here on, a line that is not private counts as readable."""
_PHONE = re.compile(r"(?:tel|fax|phone|h/?p)\D{0,8}(\d[\d\-() ]{6,})", re.IGNORECASE)
_ENTITIES = [
    "PERSON",
    "ORGANIZATION",
    "ADDRESS",
    "LOCATION",
    "PHONE_NUMBER",
    "CREDIT_CARD",
    "DATE_TIME",
    "DATE_OF_BIRTH",
    "EMAIL_ADDRESS",
]


@dataclass(frozen=True, slots=True)
class Transcribed:
    """A line of the material: what it says, its private part, its box, and what it is (`other`: not private)."""

    text: str
    private: str
    box: tuple[int, int, int, int]
    kind: str


@dataclass(frozen=True, slots=True)
class Looked:
    """A transcribed line after the release: what can be read at its place."""

    line: Transcribed
    before: str
    after: str

    @property
    def readable(self) -> bool:
        """Of a private line: a part of it; of another: as well as before."""
        if self.line.kind != "other":
            return _common(_plain(self.line.private), _plain(self.after)) >= SHARED_CHARACTERS
        return _like(self.line.text, self.after)


def transcribed(folder: Path, name: str) -> list[Transcribed]:
    """The lines of one receipt."""
    key = json.loads((folder / "key" / f"{name}.json").read_text())
    address, firm = _plain(key.get("address", "")), _plain(key.get("company", ""))
    lines = []
    for row in csv.reader((folder / "box" / f"{name}.csv").read_text(errors="replace").splitlines(), quotechar="\0"):
        if len(row) > 8:
            numbers = [int(part) for part in row[:8]]
            text = ",".join(row[8:])
            box = (min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2]))
            kind = _kind(text, address, firm, key.get("date", ""))
            value = _PHONE.search(text) if kind == "phone" else None
            private = key["date"] if kind == "date" else value[1] if value else text
            lines.append(Transcribed(text, private, box, kind))
    return lines


def _kind(text: str, address: str, firm: str, date: str) -> str:
    plain = _plain(text)
    if len(plain) > 3 and plain in address:
        return "address"
    if len(plain) > 3 and plain in firm:
        return "firm"
    if _PHONE.search(text):
        return "phone"
    if date and date in text:
        return "date"
    return "other"


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _common(one: str, other: str) -> int:
    return SequenceMatcher(None, one, other, autojunk=False).find_longest_match().size


def _like(one: str, other: str) -> bool:
    return SequenceMatcher(None, _plain(one), _plain(other), autojunk=False).ratio() >= LIKENESS


def read_at(reader: LineReader, pixels: Pixels, lines: Sequence[Transcribed]) -> list[str]:
    """What a reader reads at the places of `lines`."""
    found = reader.read([pixels])[0]
    texts = []
    for line in lines:
        x0, y0, x1, y1 = line.box
        parts = []
        for each in found:
            across, down = [x for x, _ in each.corners], [y for _, y in each.corners]
            middle = (min(down) + max(down)) / 2
            if y0 <= middle <= y1 and min(across) < x1 and max(across) > x0:
                parts.append((min(across), each.text))
        texts.append(" ".join(text for _, text in sorted(parts)))
    return texts


def record(data: bytes) -> Record:
    """A picture of the tenant `acme`."""
    return Record(RecordContext(SourcePosition("images", 0, 0), "acme", "request"), ImageContent(data, None))


def evaluate(folder: Path, limit: int, sheet: Path | None) -> Iterator[tuple[str, str, float, list[Looked]]]:
    """Each receipt: name, action, seconds, and its lines."""
    manifest, store = load_manifest(), WeightStore()
    reader = build_line_reader(manifest.entry("ppocr"), store.stored(manifest.entry("ppocr")))
    model = build_text_detector(manifest.entry("veilstream-pii"), store.stored(manifest.entry("veilstream-pii")))
    rules = [
        {
            "entities": _ENTITIES,
            "action": "redact",
            "source": "text_in_image",
            "operator": {"type": "fill", "margin": 0.0},
        }
    ]
    policies = StaticPolicies(policy(images={"rules": rules}))
    medium = ImageMedium([TextInImageDetector(reader, [PatternDetector(), model])])
    pipeline = FilterPipeline([medium], policies, CollectingObserver())
    for path in sorted((folder / "img").iterdir())[:limit]:
        data = path.read_bytes()
        started = time.perf_counter()
        (outcome,) = pipeline.process_batch([record(data)])
        seconds = time.perf_counter() - started
        released = outcome.content.data if isinstance(outcome.content, ImageContent) else None
        lines = transcribed(folder, path.stem)
        before = read_at(reader, _pixels(data), lines)
        after = read_at(reader, _pixels(released), lines) if released else [""] * len(lines)
        if sheet and released:
            (sheet / f"{path.stem}.png").write_bytes(_beside(data, released))
        looked = [Looked(*each) for each in zip(lines, before, after, strict=True)]
        yield path.stem, outcome.verdict.action.value, seconds, looked


def _pixels(data: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def _beside(data: bytes, released: bytes) -> bytes:
    one, other = _pixels(data), _pixels(released)
    file = io.BytesIO()
    Image.fromarray(np.concatenate([one, other], axis=1)).save(file, "PNG")
    return file.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--sheet", type=Path, help="a folder for pictures, before and after")
    parser.add_argument("--readable", action="store_true", help="print the private lines that can be read")
    options = parser.parse_args()
    console = Console(width=130)
    counts: Counter[tuple[str, bool]] = Counter()
    actions: Counter[str] = Counter()
    seconds = []
    if options.sheet:
        options.sheet.mkdir(parents=True, exist_ok=True)
    for name, action, took, looked in evaluate(EVAL, options.limit, options.sheet):
        actions[action] += 1
        seconds.append(took)
        for each in looked:
            if each.line.kind == "other" and not _like(each.line.text, each.before):
                continue  # the reader could not read it in the first place
            counts[each.line.kind, each.readable] += 1
            if options.readable and each.readable and each.line.kind != "other":
                console.print(name, each.line.kind, each.line.text, "→", each.after, markup=False)
    table = Table("lines", "number", "unreadable", "readable")
    for kind in ("firm", "address", "phone", "date", "other"):
        gone, there = counts[kind, False], counts[kind, True]
        total = max(gone + there, 1)
        table.add_row(kind, str(gone + there), f"{gone / total:.1%}", f"{there / total:.1%}")
    console.print(table)
    console.print(dict(actions), f"{sum(seconds) / len(seconds):.1f} s a receipt, {max(seconds):.1f} at most")


if __name__ == "__main__":
    main()
