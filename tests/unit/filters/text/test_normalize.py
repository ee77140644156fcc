"""The view reads as a person reads, and leads back to the original characters."""

import pytest

from filters.text.normalize import view_of


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("ｊａｎｅ＠ｅｘ．ｃｏｍ", "jane@ex.com"),
        ("ja\u200bne", "jane"),
        ("ja\u00adne", "jane"),
        ("a\u202eb\u2066c", "abc"),
        ("a\U000e0041b", "ab"),
        ("1️⃣2️⃣", "12"),
        ("٣۴५", "345"),
        ("𝟏𝟚", "12"),
        ("4\u00a05\u20036", "4 5 6"),
        ("5‐6‑7–8−9", "5-6-7-8-9"),
        ("a。b", "a.b"),
        ("a｡b", "a.b"),
        ("ﬁne", "fine"),
        ("a\\_b\\(c\\)", "a_b(c)"),
    ],
)
def test_reads_as_a_person_reads(text, plain):
    view = view_of(text)
    assert view is not None
    assert view.text == plain


@pytest.mark.parametrize("text", ["", "plain, ascii", "ñandú", "写真", "C:\\path", "emoji 🎨", "end \\"])
def test_there_is_no_view_where_nothing_changes(text):
    assert view_of(text) is None


def test_a_span_takes_invisible_characters_along_but_no_backslash():
    """Those within and those after; a backslash before a bracket belongs to the bracket."""
    text = "x a\u200bb\u200b\\) y"
    view = view_of(text)
    assert view.text == "x ab) y"
    assert text[slice(*view.span(2, 4))] == "a\u200bb\u200b"


def test_a_ligature_maps_to_its_one_character():
    text = "aﬁb"
    view = view_of(text)
    assert [view.span(index, index + 1) for index in range(4)] == [(0, 1), (1, 2), (1, 2), (2, 3)]
