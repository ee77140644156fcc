"""A redacted prompt stays a prompt: brackets, weights, tags and JSON are as they were."""

import json

import pytest

from filters.decide import Hit
from filters.errors import RedactionError
from filters.findings import EntityType, TextFinding
from filters.keys import TenantKeys
from filters.policy import HashText, MaskText, PseudonymText, RemoveText, ReplaceText
from filters.text.redact import redact_fields
from filters.verdict import Action

KEYS = TenantKeys(bytes(range(32)))
PERSON = EntityType.PERSON


def released(text, *spans, operator=None, entity=PERSON):
    hits = [
        Hit(TextFinding("prompt", start, end, entity, 0.9, "test"), Action.REDACT, "rule", operator or ReplaceText())
        for start, end in spans
    ]
    return redact_fields({"prompt": text}, hits, KEYS, "acme")["prompt"]


def redacted(marked, operator=None, entity=PERSON):
    """Redact what stands between ⟦ and ⟧."""
    before, rest = marked.split("⟦")
    private, after = rest.split("⟧")
    return released(
        before + private + after, (len(before), len(before) + len(private)), operator=operator, entity=entity
    )


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("(⟦john:1.2) (smith⟧:1.3)", "(<PERSON>:1.2) (<PERSON>:1.3)"),
        ("(⟦john) doe⟧", "(<PERSON>) <PERSON>"),
        ("[⟦john|smith⟧]", "[<PERSON>|<PERSON>]"),
        ("{⟦john|smith⟧|x}", "{<PERSON>|<PERSON>|x}"),
        ("[⟦john:smith⟧:0.5]", "[<PERSON>:<PERSON>:0.5]"),
        ("⟦john (smith:1.3)⟧, oil", "<PERSON> (<PERSON>:1.3), oil"),
        ("⟦john (the) smith⟧, oil", "<PERSON>, oil"),
        ("⟦john BREAK smith⟧, oil", "<PERSON>, oil"),
        ("⟦john::2 smith⟧, oil", "<PERSON>::2 <PERSON>, oil"),
        ("⟦john --ar 3:2 smith⟧", "<PERSON> --ar 3:2 <PERSON>"),
        ("<lora:⟦jane_doe⟧_v2:0.8>", "<lora:PERSON_v2:0.8>"),
        ("⟦<lora:jane_doe:0.8>⟧", "<lora:PERSON:0.8>"),
        ("⟦jane <lora:doe:0.8>⟧", "<PERSON> <lora:PERSON:0.8>"),
        ("(embedding:⟦jane⟧:1.1)", "(embedding:PERSON:1.1)"),
        ("__⟦jane_doe⟧__", "__PERSON__"),
        ("⟦jane_doe⟧.safetensors", "PERSON.safetensors"),
        (r"\(⟦jane\) doe⟧", r"\(<PERSON>"),
        (r"\⟦(jane doe⟧", "<PERSON>"),
        ("a ( ⟦john ] smith⟧", "a ( <PERSON>"),
    ],
)
def test_syntax_stays(marked, expected):
    assert redacted(marked) == expected


@pytest.mark.parametrize(
    ("marked", "entity", "expected"),
    [
        ("call (⟦415) 555-2671⟧", EntityType.PHONE_NUMBER, "call <PHONE_NUMBER>"),
        ("(⟦00:1A:2B:3C:4D:55⟧)", EntityType.MAC_ADDRESS, "(<MAC_ADDRESS>)"),
        ("(⟦2001:db8::8a2e:370:73⟧)", EntityType.IP_ADDRESS, "(<IP_ADDRESS>)"),
        ("⟦cafe::1⟧", EntityType.IP_ADDRESS, "<IP_ADDRESS>"),
        ("⟦4111 BREAK 1111 BREAK 1111 BREAK 1111⟧", EntityType.CREDIT_CARD, "<CREDIT_CARD>"),
        ("{⟦jane@|example.com⟧}", EntityType.EMAIL_ADDRESS, "{<EMAIL_ADDRESS>|<EMAIL_ADDRESS>}"),
    ],
)
def test_private_characters_that_look_like_syntax_go(marked, entity, expected):
    assert redacted(marked, entity=entity) == expected


def test_a_mask_over_several_pieces_keeps_its_last_characters_once():
    card = "(⟦4111:1.1) 1111 1111 (1111⟧:1.2)"
    masked = redacted(card, MaskText(keep_last=4), EntityType.CREDIT_CARD)
    assert masked == "(****:1.1) **** **** (1111:1.2)"


@pytest.mark.parametrize("character", "([{<|")
def test_a_mask_is_no_bracket(character):
    assert redacted("(⟦jane⟧:1.3)", MaskText(character=character)) == "(****:1.3)"


def test_a_pseudonym_is_that_of_the_whole_name():
    whole = redacted("⟦john smith⟧", PseudonymText())
    assert redacted("(⟦john:1.2) (smith⟧:1.3)", PseudonymText()) == f"({whole}:1.2) ({whole}:1.3)"


def test_a_tag_without_a_name_is_taken_out_whole():
    assert redacted("a <lora:⟦jane_doe⟧:0.8> b", RemoveText()) == "a  b"
    assert redacted("a (embedding:⟦jane⟧:1.1)", RemoveText()) == "a ( :1.1)"


@pytest.mark.parametrize(
    ("fixed", "expected"),
    [("[redacted]", "([redacted]:1.2)"), (":(", "(:1.2)"), ("a|b:c", "(abc:1.2)"), ("nobody", "(nobody:1.2)")],
)
def test_fixed_texts_break_nothing(fixed, expected):
    assert redacted("(⟦john⟧:1.2)", ReplaceText(text=fixed)) == expected


DOCUMENT = (
    '{"6": {"inputs": {"text": "photo of J\\u0061ne \\"Roe\\" \\u00e9\\u00e8", "n": 4111111111111111}, "x":[1, 2.50 ]}}'
)


def test_what_stands_in_a_json_string_is_written_as_one():
    start, end = DOCUMENT.index("J\\u0061ne"), DOCUMENT.index(" \\u00e9")
    out = released(DOCUMENT, (start, end), operator=ReplaceText(text='"né\\'))
    assert out == DOCUMENT.replace('J\\u0061ne \\"Roe\\"', '\\"n\\u00e9')
    assert json.loads(out)["6"]["inputs"]["text"] == 'photo of "né éè'


def test_a_json_number_turns_into_a_string():
    start = DOCUMENT.index("4111")
    out = released(DOCUMENT, (start, start + 16))
    assert json.loads(out)["6"]["inputs"]["n"] == "<PERSON>"
    assert out == DOCUMENT.replace("4111111111111111", '"<PERSON>"')


def test_json_in_json_in_json_is_written_back_through_all_strings():
    inner = json.dumps({"text": 'a "jane" b', "n": 4111111111111111})
    middle = json.dumps({"inner": inner})
    outer = json.dumps({"middle": middle})
    name, number = outer.index("jane"), outer.index("4111")
    out = json.loads(
        json.loads(json.loads(released(outer, (name, name + 4), (number, number + 16)))["middle"])["inner"]
    )
    assert out == {"text": 'a "<PERSON>" b', "n": "<PERSON>"}


def test_a_finding_between_texts_is_refused():
    """Nothing private stands there: whoever says so is mistaken about the text."""
    with pytest.raises(RedactionError):
        released(DOCUMENT, (0, 1))


def test_a_keyed_hash_in_a_tag_is_a_name():
    out = redacted("<lora:⟦jane⟧:0.8>", HashText(length=8))
    assert out.startswith("<lora:")
    assert out.count("<") == out.count(">") == 1
