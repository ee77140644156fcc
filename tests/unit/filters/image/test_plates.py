"""Number plates, by the form of their line."""

import pytest

from filters.image.plates import GENERIC, NATIONAL, PlateTextDetector
from filters.records import PromptContent

NATIONAL_FORMS = [
    *("B-MW 1234", "M·AB 123E", "HH AB 12", "AB12 CDE", "AB-123-CD", "EK 482 RT", "1234 BCD", "12-ABC-3", "7ABC123"),
    *("ABC-1234", "KA 01 AB 1234", "京A·12345"),
]
OTHER_LINES = [
    *("RM 1234", "MAY 2018", "10:45 AM", "ABCDEF", "123456", "TABLE 12", "B-MW 1234 was seen", "b-mw 1234", "250 ML"),
    *("12.50", "2018-05-12", "GST 600", ""),
]


def found(text: str) -> list[tuple[str, float]]:
    (findings,) = PlateTextDetector().detect([PromptContent({"text": text})])
    return [(text[each.start : each.end], each.score) for each in findings]


@pytest.mark.parametrize(
    "plate",
    [
        "B-MW 1234",
        "M·AB 123E",
        "HH AB 12",
        "AB12 CDE",
        "AB-123-CD",
        "EK 482 RT",
        "1234 BCD",
        "12-ABC-3",
        "7ABC123",
        "ABC-1234",
        "KA 01 AB 1234",
        "京A·12345",
    ],
)
def test_national_forms(plate):
    """Alone on a line, whatever stands above and below."""
    assert found(f"CALIFORNIA\n  {plate} \nthe golden state") == [(plate, NATIONAL)]


@pytest.mark.parametrize("plate", ["WXY 12A", "4 ABC 56", "T 123 XY"])
def test_other_groups_are_less_sure(plate):
    assert found(plate) == [(plate, GENERIC)]


@pytest.mark.parametrize(
    "text",
    [
        "RM 1234",
        "MAY 2018",
        "10:45 AM",
        "ABCDEF",
        "123456",
        "TABLE 12",
        "B-MW 1234 was seen",
        "b-mw 1234",
        "250 ML",
        "12.50",
        "2018-05-12",
        "GST 600",
        "",
    ],
)
def test_other_lines_are_none(text):
    """Amounts, dates, units, words, and lines that hold more than a plate."""
    assert found(text) == []
