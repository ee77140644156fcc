"""Each piece of prompt grammar is seen where it stands; what only looks like it is text."""

import pytest

from filters.text.prompt_syntax import MarkKind, parse

OPEN, CLOSE, BAR, WEIGHT = MarkKind.OPEN, MarkKind.CLOSE, MarkKind.BAR, MarkKind.WEIGHT


def marks(text):
    return [(mark.kind, text[mark.start : mark.end]) for mark in parse(text).marks]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(x:1.3)", [(OPEN, "("), (WEIGHT, ":1.3"), (CLOSE, ")")]),
        ("((x))", [(OPEN, "("), (OPEN, "("), (CLOSE, ")"), (CLOSE, ")")]),
        ("[x]", [(OPEN, "["), (CLOSE, "]")]),
        ("[a|b]", [(OPEN, "["), (BAR, "|"), (CLOSE, "]")]),
        ("[a:b:0.5]", [(OPEN, "["), (MarkKind.SCHEDULE, ":"), (MarkKind.SCHEDULE, ":0.5"), (CLOSE, "]")]),
        ("[a::10]", [(OPEN, "["), (MarkKind.SCHEDULE, "::10"), (CLOSE, "]")]),
        ("{a|b}", [(OPEN, "{"), (BAR, "|"), (CLOSE, "}")]),
        ("{2$$a|b}", [(OPEN, "{"), (MarkKind.QUANTITY, "2$$"), (BAR, "|"), (CLOSE, "}")]),
        ("{1-2$$, $$a|b}", [(OPEN, "{"), (MarkKind.QUANTITY, "1-2$$, $$"), (BAR, "|"), (CLOSE, "}")]),
        ("(x)1.3", [(OPEN, "("), (CLOSE, ")"), (WEIGHT, "1.3")]),
        ("(x)++", [(OPEN, "("), (CLOSE, ")"), (WEIGHT, "++")]),
        (r"\(x\)", [(MarkKind.ESCAPE, r"\("), (MarkKind.ESCAPE, r"\)")]),
        ("__colour__", [(MarkKind.WILDCARD, "__colour__")]),
        ("<lora:x:0.8>", [(MarkKind.TAG, "<lora:x:0.8>")]),
        ("<embedding:x>", [(MarkKind.TAG, "<embedding:x>")]),
        ("<fromto[0.5]:a,b>", [(MarkKind.TAG, "<fromto[0.5]:a,b>")]),
        ("embedding:x, y", [(MarkKind.EMBEDDING, "embedding:x")]),
        ("a BREAK b AND c", [(MarkKind.KEYWORD, "BREAK"), (MarkKind.KEYWORD, "AND")]),
        ("x --ar 3:2", [(MarkKind.FLAG, "--ar 3:2")]),
        ("x::2 y", [(MarkKind.FACTOR, "::2")]),
    ],
)
def test_each_form_is_seen(text, expected):
    assert marks(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a (b",
        "a) b",
        ")(",
        "at 12:30",
        "<PERSON> and <EMAIL_ADDRESS>",
        "break and and",
        "std::vector, fe80::1",
        "2001:db8::8a2e:370:7334",
        "snake__case__name",
        "a - b -- c",
        "[a:b]"[1:-1],
    ],
)
def test_what_only_looks_like_it_is_text(text):
    assert marks(text) == []


def test_names_in_tags_end_at_the_first_colon():
    text = "<lora:jane_doe:0.8:1> embedding:jane __a/jane__"
    names = [text[slice(*mark.name)] for mark in parse(text).marks]
    assert names == ["jane_doe", "jane", "a/jane"]


def test_marks_know_their_pair():
    text = "((a) b:1.2) [c|{d|e}]"
    syntax = parse(text)
    groups = {text[group.start : group.end]: group.carries for group in syntax.groups}
    assert groups == {"(a)": False, "((a) b:1.2)": True, "{d|e}": False, "[c|{d|e}]": False}
    bars = [syntax.groups[mark.group].bracket for mark in syntax.marks if mark.kind is BAR]
    assert bars == ["[", "{"]


def test_brackets_of_two_kinds_may_cross():
    assert [kind for kind, _ in marks("( [ ) ]")] == [OPEN, OPEN, CLOSE, CLOSE]


def test_a_colon_in_brackets_without_a_time_is_text():
    assert marks("[a:b]") == [(OPEN, "["), (CLOSE, "]")]
    assert marks("(a:b)") == [(OPEN, "("), (CLOSE, ")")]
