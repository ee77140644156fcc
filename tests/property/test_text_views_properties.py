"""Every view maps back: total and monotone, whatever it was made over; redaction through views is idempotent."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filters.decide import decide
from filters.policy import FilterPolicy
from filters.records import ContentKind, PromptContent
from filters.text.confusables import LOOKS_LATIN
from filters.text.normalize import View
from filters.text.redact import redact_fields
from filters.text.views import reading_of, views_of
from tests.property.test_text_redact_properties import KEYS
from tests.support.evasions import VALUES, evasions
from tests.support.prompts import detector

PIECES = st.sampled_from(
    [
        *[
            "＠",
            "\u200b",
            "\U000e0041",
            "\ufe0f\u20e3",
            "а",
            "Ⓙ",
            "🅰",
            "\\",
            "\n",
            "  ",
            "_",
            "%40",
            "&#64;",
            "\\u0040",
        ],
        *[
            "j a n e",
            "4_1_1_1_1",
            "one two three four five six seven",
            " at ",
            " dot ",
            "j4ne",
            "4O15-555-2671",
            "U+0040",
        ],
        *["amFuZS5kb2VAZXhhbXBsZS5jb20=", "6a616e652e646f65406578616d706c652e636f6d", "wnar@rknzcyr.pbz", "(x:1.2)"],
        *["<lora:jane_doe_v2:0.8>", "BREAK", "@example.com", "GB29_NWBK_6016_1331", "double five", "null eins zwei"],
        *["(a:1.1) (b:1.2)", "[at]", "1 2 3 4  5 6 7", "ﷺ", "é", "🎨", "(jane:1.2) (@example.com:1)"],
    ]
)
TEXTS = st.lists(st.one_of(st.text(max_size=4), PIECES), max_size=8).map("".join)
EVASIONS = sorted({evasion.text for evasion in evasions(2)})
POLICY = FilterPolicy.model_validate(
    {
        "apiVersion": "veilstream/v1",
        "kind": "FilterPolicy",
        "metadata": {"tenant": "acme", "version": 1},
        "spec": {
            "mode": "enforce",
            "on_error": "reject",
            "prompts": {
                "rules": [{"entities": sorted(set(VALUES) - {"PERSON"}), "min_score": 0.4, "action": "redact"}]
            },
        },
    }
)


def all_views(text: str) -> list[View]:
    reading = reading_of(text)
    return [*views_of(text), *([reading] if reading else [])]


@settings(max_examples=300)
@given(TEXTS)
@example("amFuZS5kb2VAZXhhbXBsZS5jb20=" * 3)
@example("%25%34%30" * 4)
@example("(jane:1.2) (@example.com:1)")
def test_every_view_maps_back_totally_and_monotonely(text):
    for view in all_views(text):
        assert len(view.text) == len(view.origins) == len(view.reach), view.name
        assert list(view.origins) == sorted(view.origins), view.name
        assert list(view.reach) == sorted(view.reach), view.name
        assert all(0 <= start < end <= len(text) for start, end in zip(view.origins, view.reach, strict=True))
        assert view.text != text


@settings(max_examples=200)
@given(TEXTS, st.data())
def test_a_span_of_a_view_holds_what_it_stands_for(text, data):
    for view in all_views(text):
        if not view.text:
            continue
        start = data.draw(st.integers(0, len(view.text) - 1))
        end = data.draw(st.integers(start + 1, len(view.text)))
        first, last = view.span(start, end)
        assert 0 <= first < last <= len(text)
        assert all(first <= view.origins[index] < last for index in range(start, end))


def redacted(text: str) -> tuple[str, bool]:
    found = detector().detect([PromptContent({"prompt": text})])[0]
    hits = decide(found, POLICY, ContentKind.PROMPT).hits
    return redact_fields({"prompt": text}, hits, KEYS, "acme")["prompt"], bool(hits)


@settings(max_examples=150)
@given(st.lists(st.one_of(st.sampled_from(EVASIONS), PIECES), min_size=1, max_size=3).map(" ; ".join))
def test_redaction_of_what_is_disguised_is_idempotent_and_leaves_the_rest(text):
    once, found = redacted(text)
    assert found or once == text, "a text without a finding is untouched"
    assert redacted(once)[0] == once


@pytest.mark.parametrize("character", sorted(LOOKS_LATIN))
def test_a_look_alike_is_one_ascii_character(character):
    assert len(character) == 1
    assert not character.isascii()
    assert len(LOOKS_LATIN[character]) == 1
    assert LOOKS_LATIN[character].isascii()
