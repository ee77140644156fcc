"""Operators for text cover every character of a span, and nothing else."""

import re

import pytest

from filters.decide import Hit
from filters.errors import ConfigurationError, RedactionError
from filters.findings import BoundingBox, EntityType, ImageFinding, TextFinding
from filters.keys import TenantKeys
from filters.policy_operators import (
    EncryptText,
    FillRegion,
    GeneraliseText,
    HashText,
    MaskText,
    PseudonymText,
    RemoveText,
    ReplaceText,
)
from filters.records import PromptContent
from filters.text.cipher import TokenCipher
from filters.text.redact import redact_fields, redacted_content
from filters.verdict import Action

KEYS = TenantKeys(bytes(range(32)))
EMAIL, SSN, URL = EntityType.EMAIL_ADDRESS, EntityType.US_SSN, EntityType.URL


def hit(start, end, operator, entity=EMAIL, score=0.9, field="prompt"):
    return Hit(TextFinding(field, start, end, entity, score, "test"), Action.REDACT, "rule", operator)


def redacted(marked, operator, entity=EMAIL, tenant="acme", keys=KEYS):
    """Redact what stands between ⟦ and ⟧."""
    before, rest = marked.split("⟦")
    private, after = rest.split("⟧")
    text = before + private + after
    spans = [hit(len(before), len(before) + len(private), operator, entity)]
    return redact_fields({"prompt": text}, spans, keys, tenant)["prompt"]


@pytest.mark.parametrize(
    ("marked", "operator", "expected"),
    [
        ("a ⟦jane@x.com⟧, oil", ReplaceText(), "a <EMAIL_ADDRESS>, oil"),
        ("a ⟦jane@x.com⟧, oil", ReplaceText(text="somebody"), "a somebody, oil"),
        ("a ⟦jane@x.com⟧, oil", ReplaceText(text=""), "a , oil"),
        ("a ⟦jane@x.com⟧, oil", RemoveText(), "a , oil"),
        ("(⟦jane@x.com⟧:1.3)", RemoveText(), "( :1.3)"),
        ("⟦jane@x.com⟧", RemoveText(), ""),
        ("a ⟦jane@x.com⟧, oil", MaskText(), "a **********, oil"),
        ("a ⟦536-22-1234⟧, oil", MaskText(keep_last=4), "a ***-**-1234, oil"),
        ("a ⟦+1 (415) 555-2671⟧", MaskText(character="#", keep_last=2), "a +# (###) ###-##71"),
        ("a ⟦::1⟧", MaskText(keep_last=4), "a ***"),
        ("a ⟦jane@x.com⟧", MaskText(keep_last=4), "a *****x*com"),
    ],
)
def test_operators(marked, operator, expected):
    assert redacted(marked, operator) == expected


def test_a_mask_keeps_at_most_half():
    """`keep_last: 4` of a five-digit value would keep nearly all of it."""
    assert redacted("⟦12345⟧", MaskText(keep_last=4)) == "***45"


def test_a_hash_is_letters_of_the_asked_length_per_tenant():
    first, other = (redacted("⟦jane@x.com⟧", HashText(length=24), tenant=name) for name in ("acme", "bolt"))
    assert re.fullmatch(r"<[a-kowxyz]{24}>", first)
    assert first == redacted("⟦jane@x.com⟧", HashText(length=24))
    assert first != other
    assert first != redacted("⟦jane@x.org⟧", HashText(length=24))


def test_a_pseudonym_is_stable_for_the_tenant_and_the_kind():
    """However the value is written; another tenant, another key or another kind has others."""
    pseudonym = redacted("⟦jane@x.com⟧", PseudonymText())
    assert re.fullmatch(r"<EMAIL_ADDRESS-[a-kowxyz]{10}>", pseudonym)
    assert redacted("⟦JANE＠x.com⟧", PseudonymText()) == pseudonym
    assert redacted("⟦jane@x.com⟧", PseudonymText(), tenant="bolt") != pseudonym
    assert redacted("⟦jane@x.com⟧", PseudonymText(), keys=TenantKeys(bytes(32))) != pseudonym
    assert redacted("⟦jane@x.com⟧", PseudonymText(), URL)[4:] not in pseudonym


def test_keyed_operators_need_a_key():
    with pytest.raises(ConfigurationError):
        redacted("⟦jane@x.com⟧", HashText(), keys=TenantKeys(None))
    assert redacted("⟦jane@x.com⟧", ReplaceText(), keys=TenantKeys(None)) == "<EMAIL_ADDRESS>"


def test_overlapping_spans_are_covered_in_one_piece():
    """By the operator that reveals least, whatever the order of the hits."""
    text = "a jane@x.com/b c"
    hits = [hit(2, 12, MaskText()), hit(7, 14, ReplaceText(), URL)]
    for order in (hits, hits[::-1]):
        assert redact_fields({"prompt": text}, order, KEYS, "acme") == {"prompt": "a <URL> c"}


def test_among_equal_operators_the_longest_span_names_the_whole():
    hits = [hit(2, 12, ReplaceText()), hit(7, 12, ReplaceText(), URL)]
    assert redact_fields({"prompt": "a jane@x.com c"}, hits, KEYS, "acme")["prompt"] == "a <EMAIL_ADDRESS> c"


def test_a_stronger_mask_wins_over_one_that_keeps_more():
    hits = [hit(0, 8, MaskText(keep_last=4)), hit(0, 6, MaskText())]
    assert redact_fields({"prompt": "12345678"}, hits, KEYS, "acme")["prompt"] == "********"


def test_touching_spans_stay_two():
    hits = [hit(0, 3, ReplaceText()), hit(3, 6, ReplaceText(), URL)]
    assert redact_fields({"prompt": "abcdef"}, hits, KEYS, "acme")["prompt"] == "<EMAIL_ADDRESS><URL>"


def test_fields_without_hits_come_back_as_they_are():
    fields = {"prompt": "jane", "negative_prompt": "bl\u200burry  \r\n"}
    assert redact_fields(fields, [hit(0, 4, RemoveText())], KEYS, "acme") == {**fields, "prompt": ""}


@pytest.mark.parametrize(
    ("marked", "expected"),
    [("a⟦e⟧\u0301b", "a<EMAIL_ADDRESS>b"), ("⟦x\r⟧\ny", "<EMAIL_ADDRESS>y"), ("⟦5⟧\ufe0f\u20e3!", "<EMAIL_ADDRESS>!")],
)
def test_no_grapheme_is_split(marked, expected):
    assert redacted(marked, ReplaceText()) == expected


@pytest.mark.parametrize("bad", [hit(0, 9, RemoveText()), hit(0, 1, RemoveText(), field="other")])
def test_a_hit_without_a_place_is_an_error(bad):
    with pytest.raises(RedactionError) as caught:
        redact_fields({"prompt": "short"}, [bad], KEYS, "acme")
    assert caught.value.reason == "no_such_span"


def test_operators_and_findings_of_images_are_refused():
    box = ImageFinding(0, BoundingBox(0, 0, 1, 1), EntityType.FACE, 0.9, "test")
    with pytest.raises(RedactionError):
        redact_fields({"prompt": "x"}, [Hit(box, Action.REDACT, "rule", RemoveText())], KEYS, "acme")
    with pytest.raises(RedactionError):
        redact_fields({"prompt": "x"}, [hit(0, 1, FillRegion())], KEYS, "acme")


def test_what_was_encrypted_is_revealed_with_the_key():
    released = redacted("mail ⟦jane@x.com⟧, oil", EncryptText())
    assert re.fullmatch(r"mail <EMAIL_ADDRESS=[a-kowxyzA-KOWXYZ]{42}>, oil", released)
    assert TokenCipher(KEYS, "acme").reveal(released).text == "mail jane@x.com, oil"


def test_a_person_keeps_one_invented_name():
    """In each prompt and each spelling; other types get a token."""
    name = redacted("⟦Jane Doe⟧", PseudonymText(style="name"), EntityType.PERSON)
    assert re.fullmatch(r"[A-Z][a-z]+ [A-Z][a-z]+", name)
    assert redacted("of ⟦JANE  DOE⟧.", PseudonymText(style="name"), EntityType.PERSON) == f"of {name}."
    assert redacted("⟦Doe⟧", PseudonymText(style="name"), EntityType.PERSON) == name.split()[1]
    assert redacted("⟦jane@x.com⟧", PseudonymText(style="name")).startswith("<EMAIL_ADDRESS-")


def test_generalise_keeps_the_shared_part_or_names_the_type():
    address = EntityType.ADDRESS
    assert redacted("at ⟦Hauptstraße 5, 10115 Berlin⟧", GeneraliseText(), address) == "at Berlin"
    assert redacted("at ⟦Hauptstraße 5⟧", GeneraliseText(), address) == "at <ADDRESS>"
    assert redacted("born ⟦1980-02-29⟧", GeneraliseText(), EntityType.DATE_OF_BIRTH) == "born 1980s"


def test_findings_of_two_types_in_one_piece_share_nothing():
    """A name beside a postcode is no town."""
    text = "10115 Jane Doe"
    hits = [hit(0, 14, GeneraliseText(), EntityType.ADDRESS), hit(6, 14, GeneraliseText(), EntityType.PERSON)]
    assert redact_fields({"prompt": text}, hits, KEYS, "acme")["prompt"] == "<ADDRESS>"


def test_a_second_pass_takes_substitutes_whole():
    """A cover that reaches into one covers all of it; the other places move along."""
    first = redacted_content(
        PromptContent({"prompt": "a@x.com met b@x.com"}),
        [hit(0, 7, ReplaceText()), hit(12, 19, ReplaceText())],
        KEYS,
        "acme",
    )
    assert first.fields["prompt"] == "<EMAIL_ADDRESS> met <EMAIL_ADDRESS>"
    again = redacted_content(first, [hit(10, 19, ReplaceText(), URL)], KEYS, "acme")
    assert again.fields["prompt"] == "<URL> <EMAIL_ADDRESS>"
    assert [(span.start, span.end) for span in again.written] == [(0, 5), (6, 21)]


def test_substitutes_in_tags_and_json_are_known_by_their_places():
    """As they stand in the field: without brackets in a tag, as a string for a number."""
    tag = PromptContent({"prompt": "<lora:jane:0.8> jane"})
    name = PseudonymText(style="name")
    hits = [hit(6, 10, name, EntityType.PERSON), hit(16, 20, name, EntityType.PERSON)]
    released = redacted_content(tag, hits, KEYS, "acme")
    own = [released.fields["prompt"][span.start : span.end] for span in released.written]
    assert len(own) == 2
    assert own[0] == own[1]
    document = PromptContent({"prompt": '{"text": "mail jane@x.com", "phone": 4155552671}'})
    hits = [hit(15, 25, ReplaceText()), hit(37, 47, ReplaceText(), EntityType.PHONE_NUMBER)]
    released = redacted_content(document, hits, KEYS, "acme")
    assert released.fields["prompt"] == '{"text": "mail <EMAIL_ADDRESS>", "phone": "<PHONE_NUMBER>"}'
    own = [released.fields["prompt"][span.start : span.end] for span in released.written]
    assert own == ["<EMAIL_ADDRESS>", '"<PHONE_NUMBER>"']
