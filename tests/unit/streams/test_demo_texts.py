"""Texts before and after are cut where the findings are, and invisible characters are shown."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.demo.texts import Piece, folded, pieces, spans_of, visible

TEXTS = st.text(max_size=60)


@st.composite
def redactions(draw):
    """A text, disjoint spans with text between them, and a substitute for each that is marked unmistakably."""
    parts = draw(st.lists(st.tuples(TEXTS, st.text(min_size=1, max_size=20)), max_size=4))
    tail = draw(TEXTS)
    before, after, spans = "", "", []
    for kept, private in parts:
        before, after = before + kept, after + kept
        spans.append((len(before), len(before) + len(private)))
        before, after = before + private, after + "\ue000"
    return before + tail, after + tail, spans


@given(redactions())
def test_pieces_add_up_to_both_texts(case):
    """Nothing is lost, whatever lies between the spans."""
    before, after, spans = case
    cut = pieces(before, after, spans)
    if cut is None:  # two spans that touch became one, and one substitute stands for both
        assert any(end == start for (_, end), (start, _) in pairwise(spans))
        return
    assert "".join(piece.before for piece in cut) == before
    assert "".join(piece.after for piece in cut) == after
    assert all(piece.before == piece.after for piece in cut if not piece.changed)


def test_a_change_outside_of_the_spans_is_noticed():
    """One letter is enough, and so is a letter too many at the end."""
    assert pieces("a red fox, x@y.example", "a red fax, <E>", [(11, 22)]) is None
    assert pieces("x@y.example, a fox", "<E>, a fox!", [(0, 11)]) is None
    assert pieces("a fox", "a fax", []) is None


def test_overlapping_spans_are_one():
    assert pieces("ab123cd", "ab<X>cd", [(2, 4), (3, 5)]) == [
        Piece("ab", "ab", changed=False),
        Piece("123", "<X>", changed=True),
        Piece("cd", "cd", changed=False),
    ]


def test_spans_are_those_of_the_field():
    findings = [{"field": "prompt", "start": 1, "end": 2}, {"field": "negative_prompt", "start": 3, "end": 4}]
    assert spans_of("negative_prompt", findings) == [(3, 4)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u200bb", "a‹200B›b"),
        ("exam\u00adple", "exam‹00AD›ple"),
        ("one\ntwo", "one⏎two"),
        ("\u202eevil", "‹202E›evil"),
        ("🏔️ ２", "🏔️ ２"),
    ],
)
def test_what_cannot_be_seen_is_shown(text, shown):
    assert visible(text) == shown


@pytest.mark.parametrize("text", ["Jane@Example.com", "jane@\u200bexample.com", "ｊａｎｅ@exam\u00adple.com"])
def test_spellings_of_one_address_fold_alike(text):
    """A leak in another spelling is a leak."""
    assert folded(text) == "jane@example.com"
