"""Sealed values open only for their tenant, key and verdict, and tell nothing otherwise."""

import pytest

from filters.errors import ConfigurationError
from filters.keys import TenantKeys
from streams.seal import OVERHEAD_BYTES, Sealer

KEY = bytes(range(32))
PLAINTEXT = b"a portrait of Zebulon Quackenbush"


@pytest.fixture
def sealer() -> Sealer:
    return Sealer(TenantKeys(KEY))


@pytest.mark.parametrize("plaintext", [b"", b"x", PLAINTEXT, bytes(1_000_000)])
@pytest.mark.parametrize("tenant", ["acme", None])
def test_what_is_sealed_opens_again(sealer, tenant, plaintext):
    sealed = sealer.seal(tenant, plaintext, b"verdict")
    assert sealer.open(tenant, sealed, b"verdict") == plaintext
    assert len(sealed) == len(plaintext) + OVERHEAD_BYTES


def test_the_same_plaintext_never_seals_to_the_same_bytes(sealer):
    sealed = {sealer.seal("acme", PLAINTEXT, b"v") for _ in range(100)}
    assert len(sealed) == 100
    assert all(b"Zebulon" not in one for one in sealed)


def test_every_altered_bit_is_noticed(sealer):
    sealed = sealer.seal("acme", b"secret", b"v")
    for at in range(len(sealed)):
        for bit in range(8):
            altered = bytearray(sealed)
            altered[at] ^= 1 << bit
            with pytest.raises(ValueError, match="sealed"):
                sealer.open("acme", bytes(altered), b"v")


def test_cut_and_extended_values_do_not_open(sealer):
    sealed = sealer.seal("acme", b"secret", b"v")
    for wrong in (*(sealed[:length] for length in range(len(sealed))), sealed + b"\0"):
        with pytest.raises(ValueError, match="sealed"):
            sealer.open("acme", wrong, b"v")


@pytest.mark.parametrize(("tenant", "aad"), [("other", b"v"), (None, b"v"), ("acme", b"w"), ("acme", b"")])
def test_another_tenant_or_verdict_opens_nothing(sealer, tenant, aad):
    with pytest.raises(ValueError, match="differ"):
        sealer.open(tenant, sealer.seal("acme", PLAINTEXT, b"v"), aad)


def test_another_master_key_opens_nothing(sealer):
    with pytest.raises(ValueError, match="differ"):
        Sealer(TenantKeys(KEY[::-1])).open("acme", sealer.seal("acme", PLAINTEXT, b"v"), b"v")


def test_digests_tell_equal_data_within_a_tenant_only(sealer):
    digest = sealer.digest("acme", PLAINTEXT)
    assert digest == sealer.digest("acme", PLAINTEXT)
    assert len(digest) == 64
    others = [
        sealer.digest("acme", PLAINTEXT + b"."),
        sealer.digest("other", PLAINTEXT),
        sealer.digest(None, PLAINTEXT),
        Sealer(TenantKeys(KEY[::-1])).digest("acme", PLAINTEXT),
    ]
    assert len({digest, *others}) == 5


def test_without_a_key_nothing_is_sealed_opened_or_digested():
    keyless = Sealer(TenantKeys(None))
    assert not keyless.available
    for call in (
        lambda: keyless.seal("acme", PLAINTEXT, b"v"),
        lambda: keyless.open("acme", bytes(64), b"v"),
        lambda: keyless.digest("acme", PLAINTEXT),
    ):
        with pytest.raises(ConfigurationError):
            call()
