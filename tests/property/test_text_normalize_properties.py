"""The view's mapping is total and monotone, and text without a finding is untouched."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from filters.text.normalize import view_of

ODD = st.sampled_from("\u200b\u200d\u00ad\ufe0f\u20e3\U000e0041\u00a0\u2011。＠ﷺﬁ５٣\\_(é\u0301🎨")
TEXTS = st.lists(st.one_of(st.text(max_size=4), ODD)).map("".join)


@settings(max_examples=300)
@given(TEXTS)
@example("\u200b")
@example("\\" * 5)
def test_the_mapping_is_total_and_monotone(text):
    """Every character of the view has one place in the original, in order; no place lies outside."""
    view = view_of(text)
    if view is None:
        return
    assert len(view.text) == len(view.origins) == len(view.reach)
    assert list(view.origins) == sorted(view.origins)
    assert list(view.reach) == sorted(view.reach)
    assert all(0 <= start < end <= len(text) for start, end in zip(view.origins, view.reach, strict=True))


@settings(max_examples=300)
@given(TEXTS, st.data())
def test_a_span_holds_every_character_that_it_stands_for(text, data):
    """What lies outside of the mapped span is not part of the view's span."""
    view = view_of(text)
    if view is None or not view.text:
        return
    start = data.draw(st.integers(0, len(view.text) - 1))
    end = data.draw(st.integers(start + 1, len(view.text)))
    first, last = view.span(start, end)
    assert 0 <= first < last <= len(text)
    assert all(first <= view.origins[index] < last for index in range(start, end))
    inside = view_of(text[first:last])
    assert view.text[start:end] in (inside.text if inside else text[first:last])


@given(st.text(st.characters(max_codepoint=127, exclude_characters="\\")))
def test_plain_ascii_has_no_view(text):
    assert view_of(text) is None


@given(TEXTS)
def test_a_view_differs_from_its_text(text):
    view = view_of(text)
    assert view is None or view.text != text
