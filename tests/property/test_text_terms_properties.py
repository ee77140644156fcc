"""The automaton finds what a naive search finds."""

from hypothesis import given, settings
from hypothesis import strategies as st

from filters.policy_terms import TermList
from filters.text.folding import folded
from filters.text.terms import RegexBudget, TermMatcher

LETTERS = st.text("abAB", min_size=2, max_size=5)
TEXTS = st.lists(st.one_of(LETTERS, st.sampled_from([" ", "  ", "_", "-", ", ", "ß", "é", "\u200b", "9"])), max_size=14)


def naive(text: str, words: tuple[str, ...], *, whole: bool) -> set[tuple[int, int]]:
    """Every occurrence in the folded text, by slicing."""
    plain = folded(text)
    spans = set()
    for word in {folded(word).text for word in words}:
        for start in range(len(plain.text) - len(word) + 1):
            end = start + len(word)
            before, after = plain.text[max(0, start - 1) : start], plain.text[end : end + 1]
            alone = not before.isalnum() and not after.isalnum()
            if plain.text[start:end] == word and (alone or not whole):
                spans.add(plain.span(start, end))
    return {span for span in spans if not any(inside(span, other) for other in spans)}


def inside(span, other):
    return span != other and other[0] <= span[0] and span[1] <= other[1]


@settings(max_examples=300, deadline=None)
@given(TEXTS.map("".join).map(lambda text: text.replace("\u200b", "")), st.lists(LETTERS, min_size=1), st.booleans())
def test_words_are_those_of_a_naive_search(text, words, whole):
    matcher = TermMatcher((TermList(name="words", words=tuple(words), whole_words=whole),))
    assert {(each.start, each.end) for each in matcher.matches(text, RegexBudget(1))} == naive(
        text, tuple(words), whole=whole
    )


@settings(max_examples=300)
@given(st.text(max_size=40))
def test_folding_maps_every_character_back_in_order(text):
    view = folded(text)
    assert len(view.text) == len(view.origins) == len(view.reach)
    assert list(view.origins) == sorted(view.origins)
    assert all(0 <= origin < reach <= len(text) for origin, reach in zip(view.origins, view.reach, strict=True))
    assert folded(view.text).text == view.text
