"""Lines of text are found and read with the real weights: sizes, turns, colours; and by hand without a network."""

import math

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from filters.errors import InferenceError, ModelError
from models.ctc import HEIGHT, Ctc
from models.dbnet import MAX_LINES, DbNet
from models.manifest import Inputs, Thresholds, load_manifest
from models.ocr import PpOcr, build_line_reader
from models.resize import plan_stretched
from models.session import Device
from models.weights import WeightStore

ADDRESS = "jane.doe@example.com"


@pytest.fixture(scope="module")
def reader() -> PpOcr:
    entry, store = load_manifest().entry("ppocr"), WeightStore()
    store.pull(entry)
    return build_line_reader(entry, store.stored(entry), Device.CPU, threads=1)


def page(text: str, size: int = 28, turn: float = 0.0, ink: int = 20, paper: int = 235) -> np.ndarray:
    """A text in the middle of a frame, turned anticlockwise by degrees."""
    picture = Image.new("L", (480, 480), paper)
    draw = ImageDraw.Draw(picture)
    draw.text((240, 240), text, fill=ink, font=ImageFont.load_default(size), anchor="mm")
    return np.asarray(picture.rotate(turn, fillcolor=paper, resample=Image.Resampling.BICUBIC).convert("RGB"))


def texts(reader: PpOcr, *frames: np.ndarray) -> list[list[str]]:
    return [[line.text.replace(" ", "") for line in lines] for lines in reader.read(frames)]


@pytest.mark.parametrize("turn", [0, 10, -20, 90, 180, 200, 270, 45])
def test_text_is_read_however_it_is_turned(reader, turn):
    assert texts(reader, page(ADDRESS, turn=turn)) == [[ADDRESS]]


@pytest.mark.parametrize(("ink", "paper"), [(235, 20), (150, 90), (20, 235)])
@pytest.mark.parametrize("size", [14, 20, 44])
def test_text_is_read_large_and_small_light_on_dark_and_faint(reader, size, ink, paper):
    assert texts(reader, page(ADDRESS if size < 40 else "jane@doe.org", size, ink=ink, paper=paper))[0]
    assert "jane" in texts(reader, page(ADDRESS, min(size, 40), ink=ink, paper=paper))[0][0]


def test_characters_lie_where_they_are_drawn(reader):
    (line,) = reader.read([page("call 415 555 2671")])[0]
    start = line.text.index("415")
    outline = line.outline(start, start + 3)
    left, right = min(x for x, _ in outline), max(x for x, _ in outline)
    font = ImageFont.load_default(28)
    origin = 240 - font.getlength("call 415 555 2671") / 2
    assert left <= origin + font.getlength("call ") + 2
    assert right >= origin + font.getlength("call 415") - 2
    assert right - left < 3 * font.getlength("415")


def test_a_frame_without_text_has_no_lines(reader):
    smooth = np.tile(np.linspace(0, 255, 300).astype(np.uint8)[:, None, None], (1, 300, 3))
    assert reader.read([smooth, np.zeros((40, 900, 3), np.uint8)]) == [[], []]


def test_an_answer_does_not_depend_on_the_batch(reader):
    frames = [page(ADDRESS), page("12 Elm Street", 40), page(ADDRESS, turn=90)]
    assert reader.read(frames) == [reader.read([frame])[0] for frame in frames]


def test_an_empty_frame_is_refused(reader):
    with pytest.raises(InferenceError):
        reader.read([np.zeros((0, 10, 3), np.uint8)])


def test_a_model_of_another_task_is_refused():
    entry, store = load_manifest().entry("veilstream-pii"), WeightStore()
    with pytest.raises(ModelError) as refused:
        build_line_reader(entry, store.stored(entry))
    assert refused.value.reason == "task"


# ── by hand ───────────────────────────────────────────────────────────────────────────────────────────────────────

NET = DbNet(Inputs(long_side=640), Thresholds(min_score=0.5))
PLAN = plan_stretched(1280, 640, 640)


def test_a_likely_area_becomes_a_line_that_is_grown_and_brought_to_the_frame():
    likely = np.zeros((1, PLAN.height, PLAN.width), np.float32)
    likely[0, 100:110, 200:300] = 0.9
    (line,) = NET.decode(likely, PLAN)
    assert line.score == pytest.approx(0.9, abs=0.1)
    assert line.corners[0] == pytest.approx([2 * 200, 2 * 100], abs=20)
    (left, top), (right, bottom) = line.corners.min(axis=0), line.corners.max(axis=0)
    assert (left < 400, top < 200, right > 600, bottom > 220) == (True,) * 4


@pytest.mark.parametrize("level", [0.0, 0.29, 0.4])
def test_what_is_unlikely_is_no_line(level):
    likely = np.zeros((1, PLAN.height, PLAN.width), np.float32)
    likely[0, 100:110, 200:300] = level
    assert NET.decode(likely, PLAN) == []


def test_an_answer_that_is_no_number_is_refused():
    with pytest.raises(InferenceError):
        NET.decode(np.full((1, PLAN.height, PLAN.width), np.nan, np.float32), PLAN)


def test_more_lines_than_can_be_read_fail_instead_of_being_dropped():
    side = 8 * math.isqrt(MAX_LINES + 100)
    likely = np.zeros((1, side, side), np.float32)
    for y in range(2, side, 8):
        for x in range(2, side, 8):
            likely[0, y : y + 4, x : x + 4] = 1.0
    with pytest.raises(InferenceError) as refused:
        NET.decode(likely, plan_stretched(side, side, side))
    assert refused.value.reason == "too_many_lines"


def test_repeats_and_blanks_are_dropped_and_places_kept():
    ctc = Ctc("a\nb")
    corners = np.array([[0, 0], [96, 0], [96, 48], [0, 48]], np.float32)
    strip = ctc.strip(np.zeros((48, 96, 3), np.uint8), corners)
    assert strip.tensor.shape == (3, HEIGHT, 128)
    answer = np.zeros((16, 4), np.float32)
    for step, best in enumerate([0, 1, 1, 0, 1, 2, 3, 0, 2, 0, 0, 0, 0, 0, 0, 0]):
        answer[step, best] = 0.9
    reading = ctc.read(answer, strip)
    assert reading.text == "aab b"
    assert reading.score == pytest.approx(0.9)
    assert reading.centres == pytest.approx([16 / 96, 36 / 96, 44 / 96, 52 / 96, 68 / 96])


def test_a_model_that_names_no_characters_is_refused():
    with pytest.raises(ModelError):
        Ctc("")
