"""The prompt parser and the prose view are total, exact and linear in time."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.text.prompt_syntax import MarkKind, parse
from filters.text.prose import prose_view

PIECES = ["(", ")", "[", "]", "{", "}", "|", ":", "::", ":1.3", "<lora:", ">", "__", "_", "\\", "BREAK", " ", ",", "$$"]
PIECES += [
    "jane",
    "JaneDoe",
    "4111",
    "--ar 3:2",
    "embedding:",
    "++",
    "@",
    "é",
    "\u200b",
    "🎨",
    "\n",
    "2$$",
    "Sampler: Euler",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=40)


@settings(max_examples=500)
@given(TEXTS)
def test_marks_are_in_order_and_brackets_are_paired(text):
    syntax = parse(text)
    end = 0
    for mark in syntax.marks:
        assert end <= mark.start < mark.end <= len(text)
        end = mark.end
    for index, group in enumerate(syntax.groups):
        members = [mark for mark in syntax.marks if mark.group == index]
        assert members[0].kind is MarkKind.OPEN
        assert [mark.kind for mark in members].count(MarkKind.CLOSE) == 1
        assert all(group.start <= mark.start and mark.end <= group.end for mark in members)


@settings(max_examples=500)
@given(TEXTS)
def test_the_prose_view_leads_back_to_its_own_characters(text):
    view = prose_view(text)
    if view is None:
        return
    assert view.text != text
    assert len(view.text) == len(view.origins) == len(view.reach)
    assert list(view.origins) == sorted(view.origins)
    assert all(origin < reach <= len(text) for origin, reach in zip(view.origins, view.reach, strict=True))
    for character, origin in zip(view.text, view.origins, strict=True):
        assert character in (text[origin], " ", ",")


HOSTILE = [
    "(",
    "[",
    "{a|",
    "((((a:1.3)",
    "__",
    "__a_",
    "<lora:",
    "<lora:a",
    "a_",
    "\\",
    "::",
    "--a ",
    ":1 ",
    "embedding:",
]
HOSTILE += ["(:1", "[:", "Sampler: euler ", "{1$$", "+", ")+", "JaneDoe", "()", "<a[", "[a:b:0.5", "{0.5::", "\u2014a="]


@pytest.mark.slow
@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_texts_take_no_longer_for_being_hostile(piece):
    """65,536 characters, the most that a prompt may have."""
    text = (piece * 65_536)[:65_536]
    started = time.process_time()
    prose_view(text)
    assert time.process_time() - started < 3
