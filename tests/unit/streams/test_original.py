"""Originals come back to the byte, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.keys import TenantKeys
from streams.message import RawMessage
from streams.original import MAGIC, Original, open_original, pack, packed, unpack
from streams.seal import Sealer

SEALER = Sealer(TenantKeys(bytes(range(32))))
ORIGINAL = Original(b"key", b"value", (("ce_id", b"1"), ("empty", b""), ("null", None), ("ce_id", b"2")))
OPTIONAL_BYTES = st.none() | st.binary(max_size=50)
HEADERS = st.lists(st.tuples(st.text(st.characters(codec="utf-8"), max_size=10), OPTIONAL_BYTES), max_size=5)


@given(OPTIONAL_BYTES, OPTIONAL_BYTES, HEADERS.map(tuple))
def test_what_is_packed_comes_back_to_the_byte(key, value, headers):
    """Null and empty differ, headers repeat and keep their order."""
    original = Original(key, value, headers)
    assert unpack(pack(original)) == original


@given(st.binary(max_size=200))
def test_whatever_else_is_refused_and_nothing_else_raised(data):
    for given_data in (data, MAGIC + data):
        try:
            assert pack(unpack(given_data)) == given_data
        except ValueError:
            continue


def test_cut_or_extended_it_is_no_original():
    whole = pack(ORIGINAL)
    for wrong in (*(whole[:length] for length in range(len(whole))), whole + b"\0"):
        with pytest.raises(ValueError, match="original"):
            unpack(wrong)


def test_a_sealed_original_opens_with_key_tenant_and_verdict_and_is_little_larger_than_its_parts():
    raw = RawMessage("t", 0, 0, ORIGINAL.key, ORIGINAL.value, ORIGINAL.headers)
    sealed = SEALER.seal("acme", packed(raw), b"v")
    assert open_original(SEALER, "acme", sealed, "v") == ORIGINAL
    assert len(packed(raw)) <= 24 + 8 + 28 + 8 * 4
    with pytest.raises(ValueError, match="differ"):
        open_original(SEALER, "acme", sealed, "w")


def test_what_was_sealed_without_an_envelope_is_told_apart():
    with pytest.raises(ValueError, match="known format"):
        open_original(SEALER, "acme", SEALER.seal("acme", b"value alone", b"v"), "v")


def test_its_repr_shows_no_content():
    assert "value" not in repr(Original(b"key", b"value", (("name", b"value"),)))
