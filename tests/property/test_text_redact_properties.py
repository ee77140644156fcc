"""Redacted text: nothing left to find, nothing else changed, the same twice."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.decide import Hit, decide
from filters.findings import EntityType, TextFinding
from filters.keys import TenantKeys
from filters.policy import FilterPolicy
from filters.policy_operators import (
    EncryptText,
    GeneraliseText,
    HashText,
    MaskText,
    PseudonymText,
    RemoveText,
    ReplaceText,
)
from filters.records import ContentKind, PromptContent
from filters.text.medium import PromptMedium, TextLimits
from filters.text.redact import redact_fields, redacted_content
from filters.verdict import Action
from tests.support.prompts import detector

KEYS = TenantKeys(bytes(range(32)))
OPERATORS = [
    ReplaceText(),
    RemoveText(),
    MaskText(),
    MaskText(keep_last=4),
    MaskText(character="#", keep_last=2),
    MaskText(character="█", keep_last=1),
    HashText(),
    HashText(length=64),
    EncryptText(),
    PseudonymText(),
    PseudonymText(style="name"),
    GeneraliseText(),
]
PRIVATE = [
    *["4111 1111 1111 1111", "378282246310005", "DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432"],
    *["536-22-1234", "912-70-1234", "jane.doe@example.com", "jane\\_doe@example.com", "info@studio.example.co.uk"],
    *["https://example.com/jane", "www.janedoe.com", "192.168.1.17", "2001:db8::8a2e:370:7334", "00:1A:2B:3C:4D:5E"],
    *["415-555-2671", "+44 20 7946 0958", "(030) 901820", "wallet 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "1980-02-29"],
    *["passport A12345678", "nhs 943 476 5919", "AB123456C", "RSSMRA85T10A562S", "44051401359", "12345678Z"],
    *[
        "131052-308T",
        "900101-1234568",
        "KA01AB1234",
        "jane＠exam\u200bple.com",
        "５３６-２２-１２３４",
        "4111\u00a01111 1111 1111",
    ],
]
PLAIN = [
    "portrait of a sailor",
    "oil on canvas",
    "(detailed:1.3)",
    "Steps: 20",
    "<lora:x:0.8>",
    "35mm",
    "émigré 🎨",
    "a",
]
PROMPTS = st.lists(st.sampled_from([*PRIVATE, *PLAIN]), min_size=1, max_size=6).map(", ".join)


def policy_of(operator, min_score):
    """Every type that the detector knows, redacted."""
    rule = {
        "entities": sorted(detector().entities),
        "action": "redact",
        "min_score": min_score,
        "operator": operator.model_dump(),
    }
    return FilterPolicy.model_validate(
        {
            "apiVersion": "veilstream/v1",
            "kind": "FilterPolicy",
            "metadata": {"tenant": "acme", "version": 1},
            "spec": {"prompts": {"rules": [rule]}},
        }
    )


def hits_of(text, policy):
    return decide(detector().detect([PromptContent({"prompt": text})])[0], policy, ContentKind.PROMPT).hits


def left_of(content, policy):
    """What verification would find."""
    (answer,) = PromptMedium([], KEYS, TextLimits()).detect(detector(), [content])
    return decide(answer, policy, ContentKind.PROMPT).hits


@pytest.mark.parametrize("min_score", [0.0, 0.4])
@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: f"{operator.type}")
def test_nothing_is_found_in_what_was_redacted(operator, min_score):
    """With every type redacted, whatever its score: no substitute looks like anything."""
    policy = policy_of(operator, min_score)

    @settings(max_examples=25, deadline=None)
    @given(PROMPTS)
    def holds(text):
        content = redacted_content(PromptContent({"prompt": text}), hits_of(text, policy), KEYS, "acme")
        released = content.fields["prompt"]
        assert left_of(content, policy) == ()
        assert redact_fields({"prompt": released}, (), KEYS, "acme")["prompt"] == released
        if not isinstance(operator, GeneraliseText):  # `1980s` is a date to whoever did not write it
            assert hits_of(released, policy) == ()

    holds()


SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12), st.sampled_from(OPERATORS)), max_size=6)
TEXTS = st.text(min_size=1, max_size=40)
WITHOUT_SYNTAX = st.text(st.characters(exclude_characters='()[]{}<>|:\\"_-+'), min_size=1, max_size=40)
"""Syntax may stay, or go with what it escapes: see tests/unit/filters/text/test_covers.py."""


def hits_from(text, spans):
    entities = [EntityType.EMAIL_ADDRESS, EntityType.URL, EntityType.PERSON]
    for index, (start, length, operator) in enumerate(spans):
        begin = start % len(text)
        finding = TextFinding("prompt", begin, min(len(text), begin + length), entities[index % 3], 0.5, "test")
        yield Hit(finding, Action.REDACT, "rule", operator)


@settings(max_examples=200)
@given(TEXTS, SPANS, st.randoms())
def test_the_order_of_hits_does_not_matter(text, spans, random):
    hits = list(hits_from(text, spans))
    shuffled = random.sample(hits, len(hits))
    assert redact_fields({"prompt": text}, hits, KEYS, "t") == redact_fields({"prompt": text}, shuffled, KEYS, "t")


@settings(max_examples=200)
@given(WITHOUT_SYNTAX, SPANS)
def test_no_character_of_a_span_survives_and_every_other_does(text, spans):
    """With an operator that leaves a mark which no text holds, the marks split the original around the spans."""
    mark = "\ue000"
    replace = [(start, length, ReplaceText(text=mark)) for start, length, _ in spans]
    hits = list(hits_from(text.replace(mark, "x"), replace))
    plain = text.replace(mark, "x")
    released = redact_fields({"prompt": plain}, hits, KEYS, "t")["prompt"]
    covered = {index for hit in hits for index in range(hit.finding.start, hit.finding.end)}
    kept = [character for index, character in enumerate(plain) if index not in covered]
    left = released.replace(mark, "")
    assert len(left) <= len(kept)
    if plain.isascii() and "\r" not in plain:
        assert left == "".join(kept)
    position = 0
    for piece in released.split(mark):
        position = plain.index(piece, position) + len(piece)


@settings(max_examples=100)
@given(TEXTS)
def test_without_hits_nothing_changes(text):
    assert redact_fields({"prompt": text}, (), KEYS, "t") == {"prompt": text}


@settings(max_examples=300)
@given(TEXTS, SPANS, SPANS)
def test_the_places_of_substitutes_are_known_after_each_pass(text, first, second):
    """What stands at them was written: with every substitute one mark, all marks and nothing else lie in them."""
    mark = "\ue000"
    text = text.replace(mark, "x")
    content = PromptContent({"prompt": text})
    for spans in (first, second):
        now = content.fields["prompt"]
        if not now:
            return
        hits = [Hit(hit.finding, hit.action, hit.rule, ReplaceText()) for hit in hits_from(now, spans)]
        content = redacted_content(content, hits, KEYS, "t")
    released = content.fields["prompt"]
    for span in sorted(content.written, key=lambda each: -each.start):
        assert re.fullmatch(r"<[A-Z_]+>", released[span.start : span.end])
        released = released[: span.start] + mark + released[span.end :]
    assert len(re.findall(r"<(EMAIL_ADDRESS|URL|PERSON)>", released)) == 0
