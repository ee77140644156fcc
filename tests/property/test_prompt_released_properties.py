"""Released prompts are valid for the generator: brackets, weights, tags and JSON as they were."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.decide import Hit
from filters.findings import EntityType, TextFinding
from filters.keys import TenantKeys
from filters.policy import HashText, MaskText, PseudonymText, RemoveText, ReplaceText
from filters.text.prompt_syntax import MarkKind, parse
from filters.text.redact import redact_fields
from filters.verdict import Action

KEYS = TenantKeys(bytes(range(32)))
OPERATORS = [ReplaceText(), ReplaceText(text="[x"), RemoveText(), MaskText(), MaskText(character="("), HashText()]
OPERATORS += [PseudonymText(), ReplaceText(text="a:b|c")]
OPEN, CLOSE = "⟦", "⟧"

WORDS = st.sampled_from(["ada", "lace", "4111 1111", "sea at night", "Ünal", r"bo\_ro"])
LEAVES = (
    WORDS
    | st.sampled_from(["<lora:ada_lace:0.8>", "embedding:ada", "__ada__"])
    | st.sampled_from(["oil BREAK sea", "x::2 y", "sea --ar 3:2"])
)


def wrapped(inner):
    several = st.lists(inner, min_size=2, max_size=3)
    weight = st.sampled_from([":1.3", ":0.9", ":.5", ""])
    return st.one_of(
        st.builds("({}{})".format, inner, weight),
        st.builds("[{}]".format, inner),
        several.map(lambda options: f"[{'|'.join(options)}]"),
        several.map(lambda options: f"{{{'|'.join(options)}}}"),
        several.map(lambda options: f"{{2$${'|'.join(options)}}}"),
        st.builds("[{}:{}:0.5]".format, WORDS, WORDS),
        several.map(", ".join),
        several.map(" ".join),
    )


PROMPTS = st.recursive(LEAVES, wrapped, max_leaves=8)
CUTS = st.tuples(st.integers(0, 200), st.integers(0, 200))


def released(text, spans, operator, field="prompt"):
    hits = [
        Hit(TextFinding(field, start, end, EntityType.PERSON, 0.9, "test"), Action.REDACT, "rule", operator)
        for start, end in spans
    ]
    return redact_fields({field: text}, hits, KEYS, "acme")[field]


def shape(text):
    """What the generator makes of the text beside words: pairs by bracket, and every number that weighs something."""
    syntax = parse(text)
    kinds = (MarkKind.WEIGHT, MarkKind.SCHEDULE, MarkKind.QUANTITY, MarkKind.FACTOR, MarkKind.FLAG)
    numbers = [text[mark.start : mark.end] for mark in syntax.marks if mark.kind in kinds]
    carrying = Counter(group.bracket for group in syntax.groups if group.carries)
    return numbers, carrying


def balance(text):
    """The depth of each kind of bracket behind the text, and the least on the way."""
    depths = {}
    for opening, closing in ("()", "[]", "{}"):
        depth = least = 0
        plain = text.replace("\\" + opening, "").replace("\\" + closing, "")
        for character in plain:
            depth += (character == opening) - (character == closing)
            least = min(least, depth)
        depths[opening] = depth, least
    return depths


def word_characters(text):
    """Where a detector's span may begin and end: in words and in names of tags."""
    syntax = [mark for mark in parse(text).marks if mark.kind is not MarkKind.KEYWORD]
    taken = {place for mark in syntax for place in range(mark.start, mark.end)}
    named = {place for mark in syntax if mark.name for place in range(*mark.name)}
    return [place for place, character in enumerate(text) if character.isalnum() and place not in taken - named]


@pytest.mark.parametrize("operator", OPERATORS, ids=str)
def test_brackets_and_weights_are_as_they_were(operator):
    @settings(max_examples=300, deadline=None)
    @given(PROMPTS, CUTS)
    def holds(text, cut):
        places = word_characters(text)
        start, last = sorted(places[edge % len(places)] for edge in cut)
        end = last + 1
        out = released(text, [(start, end)], operator)
        assert balance(out) == balance(text)
        assert shape(out) == shape(text) or isinstance(operator, RemoveText)
        assert out.startswith(text[:start]) or isinstance(operator, RemoveText)
        assert out.endswith(text[end:]) or isinstance(operator, RemoveText)

    holds()


VALUES = st.recursive(
    st.text(max_size=12) | st.integers(-(10**17), 10**17) | st.booleans() | st.none() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
PRIVATE = 'Zaphod "B" \\ é🎨'


@settings(max_examples=300, deadline=None)
@given(VALUES, st.sampled_from(OPERATORS), st.booleans(), st.sampled_from([None, 1]), st.integers(0, 2))
def test_json_stays_valid_and_untouched_elsewhere(value, operator, ascii_only, indent, nesting):
    """A private value in any document, in strings of strings of it, is replaced where it stands and nowhere else."""
    document = {"a": value, "private": PRIVATE, "b": value}
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    literal = json.dumps(PRIVATE, ensure_ascii=ascii_only)
    for _ in range(nesting):
        text, literal = (json.dumps(each, ensure_ascii=ascii_only) for each in (text, literal))
        literal = literal[1:-1]
        text = '{"outer": ' + text + "}"
    quote = len(literal) - len(literal.lstrip('\\"'))
    start = text.index(literal) + quote
    end = start + len(literal) - 2 * quote
    out = released(text, [(start, end)], operator)
    assert out.startswith(text[:start])
    assert out.endswith(text[end:])
    read = out
    for _ in range(nesting):
        read = json.loads(read)["outer"]
    read = json.loads(read)
    assert {key: read[key] for key in ("a", "b")} == {"a": value, "b": value}
    assert "Zaphod" not in read["private"]
