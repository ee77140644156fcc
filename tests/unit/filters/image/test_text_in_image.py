"""Text in pictures, from lines to covered areas, without a network: lines are given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.errors import DetectorTimeout
from filters.findings import BoundingBox, EntityType, FindingSource
from filters.image.layout import readings
from filters.image.regions import TEXT_TILE, corners, covered_text
from filters.image.text_in_image import TextInImageDetector
from filters.image.text_lines import TextLine
from tests.fakes import GivenLines, WordDetector

FRAME = np.full((400, 600, 3), 255, np.uint8)


def line(text: str, x: float, y: float, width: float | None = None, height: float = 20.0) -> TextLine:
    """A lying line with characters of one width."""
    wide = width or 10.0 * len(text)
    centres = tuple((place + 0.5) / len(text) for place in range(len(text)))
    return TextLine(((x, y), (x + wide, y), (x + wide, y + height), (x, y + height)), text, centres, 0.9)


def found(lines, *words, entity_type=EntityType.EMAIL_ADDRESS):
    return TextInImageDetector(GivenLines(lines), [WordDetector(words, entity_type)]).detect([FRAME])[0]


def test_only_the_private_part_of_a_line_is_reported():
    (detection,) = found([line("write to jane@example.com today", 100, 50)], "jane@example.com")
    assert detection.source is FindingSource.TEXT_IN_IMAGE
    assert detection.box.y0 == 50
    assert detection.box.x0 == pytest.approx(100 + 90 - 5, abs=1)
    assert detection.box.x1 == pytest.approx(100 + 250 + 5, abs=2)
    assert detection.outline is None


def test_what_goes_over_two_lines_is_covered_in_both():
    boxes = [each.box for each in found([line("call 415", 10, 10), line("555 2671 now", 10, 34)], "415\n555 2671")]
    assert sorted((box.y0, box.x0) for box in boxes) == [(10, 55), (34, 10)]


def test_a_column_is_read_down_as_well_as_its_rows_across():
    lines = [line("12 Elm", 10, 10), line("other", 300, 10), line("Street", 10, 34), line("words", 300, 34)]
    texts = [reading.text for reading in readings(lines)]
    assert texts == ["12 Elm other\nStreet words", "12 Elm\nStreet\n\nother\nwords"]
    assert len(found(lines, "12 Elm\nStreet")) == 2


def test_lines_that_read_alike_both_ways_are_judged_once():
    assert len(readings([line("one", 10, 10), line("two", 10, 34)])) == 1
    assert readings([]) == []


def test_sloping_lines_carry_their_outline():
    sloping = TextLine(((100, 100), (200, 150), (190, 170), (90, 120)), "jane@", (0.1, 0.3, 0.5, 0.7, 0.9), 0.9)
    (detection,) = found([sloping], "jane@")
    assert detection.outline == ((100, 100), (200, 150), (190, 170), (90, 120))
    assert (detection.box.x0, detection.box.y0) == (90, 100)


def test_amounts_below_each_other_are_no_telephone_number():
    lines = [line("15.00", 10, 10), line("7.00", 10, 34), line("18.00", 10, 58)]
    assert not found(lines, "15.00\n7.00\n18.00", entity_type=EntityType.PHONE_NUMBER)
    assert found(lines, "15.00\n7.00\n18.00", entity_type=EntityType.PERSON)


def test_a_text_that_cannot_be_judged_fails_the_frame():
    class Late(WordDetector):
        def detect(self, batch):
            return [DetectorTimeout("too long") for _ in batch]

    with pytest.raises(DetectorTimeout):
        TextInImageDetector(GivenLines([line("words", 1, 1)]), [Late(["words"])]).detect([FRAME])


def test_the_digest_changes_with_the_reader_and_with_the_text_detectors():
    one = TextInImageDetector(GivenLines([]), [WordDetector(["a"])])
    other_reader = GivenLines([])
    other_reader.digest = "1" * 64
    other_text = WordDetector(["a"])
    other_text.digest = "2" * 64
    digests = {one.digest, TextInImageDetector(other_reader, [WordDetector(["a"])]).digest}
    assert len(digests | {TextInImageDetector(GivenLines([]), [other_text]).digest}) == 3


@given(st.integers(0, 9), st.integers(1, 10))
def test_an_outline_lies_on_its_line_and_holds_its_characters(start, length):
    text = "abcdefghij"
    end = min(start + length, len(text))
    outline = line(text, 100, 50).outline(start, end)
    left, right = min(x for x, _ in outline), max(x for x, _ in outline)
    assert 100 <= left <= 100 + 10 * start
    assert 100 + 10 * end <= right <= 200


# ── what is covered ───────────────────────────────────────────────────────────────────────────────────────────────


@given(
    st.integers(0, 500),
    st.integers(0, 300),
    st.integers(4, 90),
    st.integers(4, 60),
    st.sampled_from([8, 16]),
    st.sampled_from([0.0, 0.3]),
)
def test_covered_text_reaches_a_block_further_and_not_much_more(x, y, width, height, block, margin):
    box = BoundingBox(x, y, x + width, y + height)
    area = covered_text(corners(box), margin, (600, 400), block)
    reach = block + int(-(-margin * (min(width, height) - 1) // 1))
    wanted = BoundingBox(box.x0 - reach, box.y0 - reach, box.x1 + reach, box.y1 + reach).clipped(600, 400)
    inside = area.mask[
        wanted.y0 - area.box.y0 : wanted.y1 - area.box.y0, wanted.x0 - area.box.x0 : wanted.x1 - area.box.x0
    ]
    assert inside.all()
    assert area.box.width <= width + 2 * (reach + TEXT_TILE)
    assert area.box.height <= height + 2 * (reach + TEXT_TILE)


def test_of_a_sloping_outline_the_corners_of_its_box_stay():
    area = covered_text(((100, 100), (300, 200), (290, 220), (90, 120)), 0.0, (600, 400), 8)
    assert area.mask[(100 - area.box.y0) + 10, (100 - area.box.x0) + 5]
    assert not area.mask[2, -2]
    assert not area.mask[-2, 2]
    assert 0.2 < area.mask.mean() < 0.75


def test_nothing_of_an_outline_outside_its_frame_is_covered():
    assert covered_text(((700, 10), (720, 10), (720, 30), (700, 30)), 0.0, (600, 400), 8) is None
