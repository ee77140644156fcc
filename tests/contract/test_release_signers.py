"""What every `ReleaseSigner` promises, with every kind of key that the settings name."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from filters.carried import Carried
from filters.errors import RedactionError
from filters.image.credentials import ReleaseSigner, signed
from filters.image.formats import ImageFormat
from tests.fakes import ChunkSigner
from tests.support.certificates import identity
from tests.unit.filters.image.images import decode, encoded, photograph

pytest.importorskip("c2pa", reason="c2pa-python is not installed")
PNG = encoded(photograph(64, 48), "PNG")
KEYS = {
    "es256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "es384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "es512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ps256": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


@pytest.fixture(scope="module", params=[*KEYS, "fake"])
def signer(request) -> ReleaseSigner:
    if request.param == "fake":
        return ChunkSigner()
    from streams.content_credentials import C2paSigner

    return C2paSigner(*identity(KEYS[request.param]()), request.param)


@pytest.mark.parametrize("word", [None, "trainedAlgorithmicMedia"])
def test_one_manifest_is_added_and_nothing_else(signer, word):
    """`signed` compares the files part by part; the pixels are the same."""
    data = signed(PNG, ImageFormat.PNG, Carried((), word), signer)
    (frame,), (before,) = decode(data).frames, decode(PNG).frames
    assert (frame.pixels == before.pixels).all()


def test_it_signs_for_several_threads(signer):
    with ThreadPoolExecutor(4) as threads:
        files = list(threads.map(lambda _: signed(PNG, ImageFormat.PNG, Carried(), signer), range(12)))
    assert all(b"caBX" in data for data in files)


def test_what_cannot_be_signed_is_an_error(signer):
    with pytest.raises(RedactionError) as refused:
        signer.sign(b"no image", ImageFormat.PNG, Carried())
    assert refused.value.reason == "unsigned"
