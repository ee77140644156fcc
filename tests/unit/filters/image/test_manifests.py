"""C2PA manifests as the reference library signs them: read by it before, and gone after a release."""

import datetime as dt
import io

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from filters.findings import UNSEEN_DETECTOR
from filters.image.carried_read import XMP_KEYWORD
from tests.unit.filters.image.images import FORMATS, METADATA_HIT, decode, encoded, medium, photograph, release

c2pa = pytest.importorskip("c2pa", reason="c2pa-python is not installed")
MARK = "Marker-7f3a"
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def certificate(name, key, issuer=None, issuer_key=None):
    """A certificate as C2PA asks for: without an issuer an authority's, otherwise a signer's."""
    now = dt.datetime.now(dt.UTC)
    authority = issuer is None
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "T")]
    )
    signing = issuer_key or key
    usage = x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder(issuer.subject if issuer else subject, subject, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .add_extension(usage, critical=True)
    )
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(signing, hashes.SHA256())


@pytest.fixture(scope="module")
def signer():
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = certificate("root", root_key)
    leaf = certificate("leaf", key, root, root_key)
    chain = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in (leaf, root))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, private, None)) as made:
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
