"""Encrypted tokens open under their tenant's key and type, and under no other."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.errors import ConfigurationError
from filters.keys import TenantKeys
from filters.text.cipher import TokenCipher
from tests.support.prompts import findings

KEYS = TenantKeys(bytes(range(32)))
CIPHER = TokenCipher(KEYS, "acme")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_what_was_encrypted_comes_back(private, around):
    """Whatever stands around it; the same text gives the same token."""
    token = CIPHER.token(private, "PERSON")
    assert token == TokenCipher(KEYS, "acme").token(private, "PERSON")
    around = around.replace("<", "")
    revealed = CIPHER.reveal(f"{around}{token}{around}")
    assert (revealed.text, revealed.opened, revealed.closed) == (f"{around}{private}{around}", 1, 0)


@pytest.mark.parametrize(
    "other",
    [TokenCipher(KEYS, "bolt"), TokenCipher(TenantKeys(bytes(32)), "acme")],
    ids=["another tenant", "another key"],
)
def test_a_token_does_not_open_for_others(other):
    text = f"to {CIPHER.token('jane@x.com', 'EMAIL_ADDRESS')}"
    assert (other.reveal(text).text, other.reveal(text).closed) == (text, 1)


def test_an_altered_token_does_not_open():
    """Another type, another letter, one letter less or more."""
    token = CIPHER.token("jane@x.com", "EMAIL_ADDRESS")
    letter = "b" if token[20] == "a" else "a"
    for altered in (
        token.replace("EMAIL_ADDRESS", "PERSON"),
        token[:20] + letter + token[21:],
        f"{token[:-2]}>",
        f"{token[:-1]}a>",
    ):
        assert CIPHER.reveal(altered).text == altered


def test_a_token_in_a_tag_of_the_prompt_opens_without_its_brackets():
    token = CIPHER.token("jane", "PERSON").strip("<>")
    assert CIPHER.reveal(f"<lora:{token}:0.8>").text == "<lora:jane:0.8>"


def test_equal_texts_of_two_types_have_different_tokens():
    assert CIPHER.token("jane", "PERSON").split("=")[1] != CIPHER.token("jane", "USERNAME").split("=")[1]


@given(st.binary(min_size=1, max_size=60).map(bytes.hex))
@settings(max_examples=100, deadline=None)
def test_no_recognizer_finds_anything_in_a_token(private):
    """Redacting what was redacted changes nothing."""
    assert findings(f"photo of {CIPHER.token(private, 'PERSON')}, oil") == []


def test_without_a_master_key_there_is_no_cipher():
    with pytest.raises(ConfigurationError):
        TokenCipher(TenantKeys(None), "acme")
