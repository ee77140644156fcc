"""The gate never hides a match: with it and without it the findings are the same."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filters.findings import EntityType
from filters.text.gate import GATES, Features
from filters.text.presidio_recognizers import FEWEST_LICENCE_CHARACTERS, PatternScanner, predefined, scanner
from tests.support.prompts import detector, findings, ungated

SCANNERS = {f"{s.name}": s for s in map(scanner, predefined()) if isinstance(s, PatternScanner)}
PATTERNS = [
    (scanner.entity_type, pattern.compiled)
    for scanner in SCANNERS.values()
    for pattern in scanner._patterns
    if scanner.entity_type is not EntityType.URL
]

WORDS = ["portrait", "lantern", "meadow", "seed", "steps", "hash", "passport", "nhs", "account", "call", "v1", "--ar"]
PIECES = [
    *["4111 1111 1111 1111", "378282246310005", "DE89 3704 0044 0532 0130 00", "536-22-1234", "912-70-1234"],
    *["jane.doe@example.com", "https://example.com/x", "artstation.com", "192.168.1.17", "fe80::1", "face::2"],
    *["00:1A:2B:3C:4D:5E", "415-555-2671", "+44 20 7946 0958", "(030) 901820", "4155552671", "1980-02-29"],
    *["A12345678", "AB123456C", "RSSMRA85T10A562S", "44051401359", "12345678Z", "S1234567D", "51 824 753 556"],
    *["131052-308T", "900101-1234568", "KA01AB1234", "ABCPL1234C", "L01X00T44", "BB1388568", "MORGA657054SM9IJ"],
    *[
        "2223 0000 4840 0011",
        "gb50mvfc38361978683032",
        "536/22/1234",
        "(88) 684-334",
        "jane@corp.local",
        "D400-7836-0001",
    ],
    *["512x768", "85mm", "f/1.8", "#ff8800", "v1-5-pruned.safetensors", "16:9", "Seed: 42", "Steps: 20", "415", "55"],
]
GLUE = ["", " ", ", ", "-", ".", ":", "/", "\n", "\u00a0", "(", ")", " - ", "x", "\u200b", "５", "٣"]
PROMPTS = st.lists(
    st.one_of(
        st.sampled_from(PIECES),
        st.sampled_from(WORDS),
        st.sampled_from(GLUE),
        st.text("0123456789 -.,:/abAZ@", max_size=6),
        st.text(max_size=3),
    ),
    max_size=14,
)


def as_generator(pattern):
    """The pattern for the standard library's engine, which wants its inline flag in front."""
    return re.compile(pattern.pattern.replace("(?i)", ""), re.IGNORECASE if pattern.flags & re.IGNORECASE else 0)


@pytest.mark.parametrize(("entity", "pattern"), PATTERNS, ids=lambda value: str(value)[:24])
def test_no_gate_is_shut_over_a_match(entity, pattern):
    """Strings made from each of Presidio's patterns, with letters and digits of any script where it takes them."""

    @settings(max_examples=15, deadline=None)
    @given(st.from_regex(as_generator(pattern)))
    def holds(text):
        for match in pattern.finditer(text):
            short = entity is EntityType.US_DRIVER_LICENSE and len(match.group()) < FEWEST_LICENCE_CHARACTERS
            assert short or GATES[entity].opens(Features.of(text))

    holds()


@settings(max_examples=300, deadline=None)
@given(PROMPTS)
@example(["--ar 16:9 ", "415-555-2671"])
@example(["seed 415", "-", "555-2671"])
@example(["Steps: 20", " ", "12345678"])
@example(["passport ", "a1234567f"])
@example(["seed 123", " ", "456789"])
@example(["12", "-JAN-", "2020"])
def test_the_gate_changes_no_finding(pieces):
    text = "".join(pieces)
    assert findings(text) == findings(text, ungated())


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_judged_without_error(text):
    """Spans lie inside the text and are in order."""
    found = detector().detect([_prompt(text)])[0]
    assert all(0 <= f.start < f.end <= len(text) for f in found)
    assert [f.start for f in found] == sorted(f.start for f in found)


def _prompt(text):
    from filters.records import PromptContent

    return PromptContent({"prompt": text})
