"""Text in pictures, from file to file: what a policy names cannot be read in the release, the rest can."""

import io
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from filters.image.medium import ImageMedium
from filters.image.text_in_image import TextInImageDetector
from filters.pipeline import FilterPipeline
from filters.records import ImageContent, Record, RecordContext, SourcePosition
from filters.text.patterns import PatternDetector
from filters.verdict import Action, Outcome
from models.manifest import load_manifest
from models.ocr import PpOcr, build_line_reader
from models.session import Device
from models.text_pii import build_text_detector
from models.weights import WeightStore
from tests.fakes import CollectingObserver, StaticPolicies, policy

ENTITIES = ["EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "US_SSN", "ADDRESS", "LICENSE_PLATE"]
CARD = "4111 1111 1111 1111"


@pytest.fixture(scope="module")
def reader() -> PpOcr:
    entry, store = load_manifest().entry("ppocr"), WeightStore()
    store.pull(entry)
    return build_line_reader(entry, store.stored(entry), Device.CPU, threads=1)


@pytest.fixture(scope="module")
def medium(reader: PpOcr) -> ImageMedium:
    entry = load_manifest().entry("veilstream-pii")
    model = build_text_detector(entry, WeightStore().stored(entry), Device.CPU, threads=1)
    return ImageMedium([TextInImageDetector(reader, [PatternDetector(), model])])


def picture(lines: Sequence[str], turn: int = 0, form: str = "PNG", *, dark: bool = False) -> bytes:
    """Lines of text, one below the other, with much space between."""
    page = Image.new("RGB", (620, 560), "#101830" if dark else "#fdfaf0")
    draw = ImageDraw.Draw(page)
    for place, line in enumerate(lines):
        ink = "#f0f0e0" if dark else "#203010"
        draw.text((60, 90 + 90 * place), line, fill=ink, font=ImageFont.load_default(26))
    file = io.BytesIO()
    page.rotate(turn, expand=True, fillcolor=page.getpixel((0, 0))).save(file, form, quality=92)
    return file.getvalue()


def judged(medium: ImageMedium, data: bytes, action: str = "redact", **rule: object) -> Outcome:
    rules = [{"entities": ENTITIES, "action": action, "source": "text_in_image"} | rule]
    pipeline = FilterPipeline([medium], StaticPolicies(policy(images={"rules": rules})), CollectingObserver())
    context = RecordContext(SourcePosition("images", 0, 0), "acme", "request")
    (outcome,) = pipeline.process_batch([Record(context, ImageContent(data, None))])
    return outcome


def read(reader: PpOcr, data: bytes) -> str:
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    return " ".join(line.text for line in reader.read([pixels])[0])


@pytest.mark.parametrize("turn", [0, 90, 180, 7])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_the_private_part_goes_and_the_rest_stays(medium, reader, turn, form):
    outcome = judged(medium, picture(["write to jane.doe@example.com", "the sea is calm tonight"], turn, form))
    assert outcome.verdict.action is Action.REDACT
    said = read(reader, outcome.content.data)
    assert "jane" not in said
    assert "example" not in said
    assert "calm" in said


@pytest.mark.parametrize(
    "lines",
    [
        [f"card {CARD}"],
        ["card 4111 1111", "1111 1111"],
        ["SSN 536-90-4399"],
        ["e-mail jane dot doe at example dot com"],
        ["221B Baker Street", "London NW1 6XE"],
        ["Tel: 07-386 7524"],
        ["call 415.555.2671"],
        ["B-MW 4711"],
    ],
)
def test_whatever_the_text_filter_knows_is_known_in_pictures(medium, reader, lines):
    outcome = judged(medium, picture(lines, dark=True))
    assert outcome.verdict.action is Action.REDACT
    said = read(reader, outcome.content.data)
    assert not any(
        part in said for part in ("4111", "1111", "536-90", "jane", "Baker", "London", "7524", "2671", "4711")
    )


@pytest.mark.parametrize("lines", [["a quiet harbour at dawn"], ["HAPPY BIRTHDAY", "to everyone"], ["NO SMOKING"]])
def test_other_text_is_released_byte_for_byte(medium, lines):
    data = picture(lines)
    outcome = judged(medium, data)
    assert outcome.verdict.action is Action.ALLOW
    assert outcome.content.data == data


def test_text_in_pictures_can_be_refused(medium):
    outcome = judged(medium, picture([CARD]), action="reject")
    assert (outcome.verdict.action, outcome.content) == (Action.REJECT, None)


def test_a_label_may_stand_where_the_text_was(medium, reader):
    outcome = judged(medium, picture([f"pay with {CARD} now"]), operator={"type": "fill", "label": True})
    assert "CREDIT" in read(reader, outcome.content.data)


def test_the_reader_is_not_asked_for_rules_about_codes_alone(medium):
    rules = [{"entities": ["EMAIL_ADDRESS"], "action": "redact", "source": "code"}]
    assert not medium.concerns(medium.detectors[0], policy(images={"rules": rules}))
    rules[0]["source"] = "text_in_image"
    assert medium.concerns(medium.detectors[0], policy(images={"rules": rules}))
