"""Technical tokens are recognised for what they are, and are no way out for private data."""

import pytest

from filters.findings import EntityType
from filters.text.plausibility import is_branded_card
from filters.text.technical import TokenKind, speaks_for, technical_tokens, without_labelled_numbers
from tests.support.prompts import findings


@pytest.mark.parametrize(
    ("kind", "token"),
    [
        (TokenKind.SEED, "Seed: 1234567890"),
        (TokenKind.SEED, "seed=-1"),
        (TokenKind.SEED, "Variation seed: 42"),
        (TokenKind.SEED, 'noise_seed": 18446744073709551615'),
        (TokenKind.PARAMETER, "Steps: 20"),
        (TokenKind.PARAMETER, "CFG scale: 7.5"),
        (TokenKind.PARAMETER, "Size: 512x768"),
        (TokenKind.PARAMETER, "Denoising strength: 0.55"),
        (TokenKind.FLAG, "--ar 16:9"),
        (TokenKind.FLAG, "--v 6"),
        (TokenKind.FLAG, "--stylize 750"),
        (TokenKind.SIZE, "1920x1080"),
        (TokenKind.SIZE, "8k"),
        (TokenKind.OPTICS, "f/1.8"),
        (TokenKind.OPTICS, "85mm"),
        (TokenKind.OPTICS, "ISO 800"),
        (TokenKind.HASH, "Model hash: 6ce0161689"),
        (TokenKind.COLOUR, "#ff8800"),
        (TokenKind.HEX, "7c6bad76eb54"),
        (TokenKind.HEX, "1b3b1f0e-4d5a-4a0b-9c1d-123456789012"),
        (TokenKind.MODEL, "v1-5-pruned-emaonly.safetensors"),
        (TokenKind.MODEL, "realisticVisionV51_v51VAE.ckpt"),
        (TokenKind.TAG, "<lora:janedoe_v2:0.8>"),
        (TokenKind.WEIGHT, "face::2"),
        (TokenKind.WEIGHT, "::-0.5"),
        (TokenKind.VERSION, "ver 2.1.0"),
        (TokenKind.CAMERA, "Fujifilm X-T4"),
        (TokenKind.SITE, "artstation.com"),
    ],
)
def test_each_kind_is_recognised_as_a_whole(kind, token):
    """Alone, and inside a prompt."""
    for text in (token, f"a house, {token}, oil"):
        (found,) = technical_tokens(text)
        assert (found.kind, text[found.start : found.end]) == (kind, token)


@pytest.mark.parametrize(
    "text",
    [
        "jane@artstation.com",
        "https://www.artstation.com/jane",
        "artstation.com/jane",
        "notartstation.com",
        "fe80::1",
        "192.168.1.1",
        "birdseed 12",
        "a house on a hill",
    ],
)
def test_what_only_looks_technical_is_not(text):
    assert technical_tokens(text) == []


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("seed 4111111111111111", EntityType.CREDIT_CARD),
        ("Seed: 378282246310005", EntityType.CREDIT_CARD),
        ("Model hash: DE89370400440532013000", EntityType.IBAN_CODE),
        ("seed: jane@example.com", EntityType.EMAIL_ADDRESS),
        ("<lora:jane@example.com:1>", EntityType.EMAIL_ADDRESS),
        ("--seed 415-555-2671", EntityType.PHONE_NUMBER),
        ("seed 536-22-1234", EntityType.US_SSN),
        ("<lora:415-555-2671:0.8>", EntityType.PHONE_NUMBER),
        ("passport a12345678", EntityType.US_PASSPORT),
        ("version 192.168.17.4", EntityType.IP_ADDRESS),
    ],
)
def test_a_technical_label_is_no_way_out(text, entity):
    """What is validated, or written as no technical value is, is found all the same."""
    assert entity in {f.entity_type for f in findings(text)}


def test_a_long_seed_that_is_no_brands_card_is_a_seed():
    """Luhn holds, but no brand has fifteen digits that begin with 4."""
    assert findings("seed 411111111111116") == []
    assert EntityType.CREDIT_CARD in {f.entity_type for f in findings("411111111111116")}


@pytest.mark.parametrize(
    ("number", "branded"),
    [
        ("4111 1111 1111 1111", True),
        ("5555-5555-5555-4444", True),
        ("2223003122003222", True),
        ("378282246310005", True),
        ("6011111111111117", True),
        ("30569309025904", True),
        ("3530111333300000", True),
        ("1111111111111117", False),
        ("37828224631000", False),
        ("9999999999999995", False),
    ],
)
def test_card_brands(number, branded):
    assert is_branded_card(number) is branded


def test_only_labelled_tokens_speak_against_a_context_word():
    (colour,) = technical_tokens("#ff8800")
    (seed,) = technical_tokens("seed 12")
    assert speaks_for(colour, EntityType.US_DRIVER_LICENSE, supported=False)
    assert not speaks_for(colour, EntityType.US_DRIVER_LICENSE, supported=True)
    assert speaks_for(seed, EntityType.US_DRIVER_LICENSE, supported=True)
    assert not speaks_for(seed, EntityType.EMAIL_ADDRESS, supported=False)


@pytest.mark.parametrize(
    ("text", "left"),
    [("Steps: 20, cat", "         , cat"), ("seed 415 555 2671", "seed 415 555 2671"), ("#ff8800", "#ff8800")],
)
def test_numbers_that_may_go_on_stay_for_the_gate(text, left):
    assert without_labelled_numbers(text, technical_tokens(text)) == left


@pytest.mark.parametrize("text", ["v1", "driving a BMW M3", "driver of an F150", "license X-T4", "permit D850"])
def test_short_letter_digit_names_are_no_licences(text):
    assert findings(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9434765919", 0.3),
        ("943 476 5919", 0.3),
        ("nhs 9434765919", 1.0),
    ],
)
def test_one_check_digit_is_not_evidence_enough(text, expected):
    """One random ten-digit number in eleven is a valid NHS number."""
    (found,) = [f for f in findings(text) if f.entity_type is EntityType.UK_NHS]
    assert found.score == expected
