"""C2PA manifests as the reference library signs them: read by it before, and gone after a release."""

import io

import pytest
from PIL import Image

from filters.findings import UNSEEN_DETECTOR
from filters.image.carried_read import XMP_KEYWORD
from tests.support.certificates import identity
from tests.unit.filters.image.images import FORMATS, METADATA_HIT, decode, encoded, medium, photograph, release

c2pa = pytest.importorskip("c2pa", reason="c2pa-python is not installed")
MARK = "Marker-7f3a"
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


@pytest.fixture(scope="module")
def signer():
    given = identity()
    with c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", given.chain, given.private_key, None)) as made:
        yield made


def signed(signer, form: str) -> bytes:
    """A photograph with a manifest that names a person."""
    created = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE}
    manifest = {
        "claim_generator_info": [{"name": "test", "version": "1"}],
        "title": MARK,
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [created]}}],
    }
    source, target = io.BytesIO(encoded(photograph(128, 128), form)), io.BytesIO()
    with c2pa.Builder(manifest) as builder:
        builder.sign(signer, f"image/{form.lower()}", source, target)
    return target.getvalue()


@pytest.mark.parametrize("form", FORMATS)
def test_a_signed_manifest_is_gone(signer, form):
    """The library finds its manifest in the source and none in the release, which is unseen data under any policy."""
    data, kind = signed(signer, form), f"image/{form.lower()}"
    with c2pa.Reader(kind, io.BytesIO(data)) as reader:
        assert MARK in reader.json()
    findings = medium().own_findings(decode(data))
    assert [finding.detector for finding in findings] == [UNSEEN_DETECTOR]
    out = release(data, METADATA_HIT)
    assert MARK.encode() not in out
    assert XMP_KEYWORD not in out
    assert b"c2pa" not in out.lower()
    with pytest.raises(c2pa.C2paError):
        c2pa.Reader(kind, io.BytesIO(out))
    with Image.open(io.BytesIO(out)) as image:
        assert image.size == (128, 128)
