"""Signed releases: what the reference library reads in them, and what happens where nothing can be signed."""

import io
import json

import pytest

from filters.carried import Carried
from filters.errors import ConfigurationError, PolicyError, RedactionError
from filters.findings import BoundingBox, Detection, EntityType
from filters.image.credentials import signed
from filters.image.formats import ImageFormat
from filters.image.medium import ImageMedium
from filters.pipeline import FilterPipeline, capabilities
from filters.policy import check_capabilities
from filters.records import ImageContent, Record, RecordContext, SourcePosition
from filters.verdict import Action
from streams.content_credentials import C2paSigner, signer_from_files
from streams.settings import load_settings
from tests.fakes import CollectingObserver, StaticPolicies, policy
from tests.support.certificates import identity
from tests.unit.filters.image.images import RegionDetector, encoded, photograph, png_chunk

c2pa = pytest.importorskip("c2pa", reason="c2pa-python is not installed")
MARK = "Marker-7f3a"
WORD = "trainedAlgorithmicMedia"
SOURCE_TYPE = f"http://cv.iptc.org/newscodes/digitalsourcetype/{WORD}"
SIGNED = ["JPEG", "PNG", "WEBP"]
METADATA_ONLY = [("c2pa.edited.metadata", None)]
REDACTED = [("c2pa.edited", None), ("c2pa.redacted", "c2pa.PII.present")]
PLACE = BoundingBox(40, 20, 80, 60)


@pytest.fixture(scope="module")
def own():
    return identity()


@pytest.fixture(scope="module")
def signer(own):
    return C2paSigner(*own, "es256")


@pytest.fixture(scope="module")
def source(own):
    """A photograph in a format, with somebody else's manifest."""

    def made(form: str) -> bytes:
        created = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE}
        manifest = {"title": MARK, "assertions": [{"label": "c2pa.actions", "data": {"actions": [created]}}]}
        target = io.BytesIO()
        info = c2pa.C2paSignerInfo(b"es256", own.chain, own.private_key, None)
        with c2pa.Signer.from_info(info) as other, c2pa.Builder(manifest) as builder:
            builder.sign(other, f"image/{form.lower()}", io.BytesIO(encoded(photograph(128, 96), form)), target)
        return target.getvalue()

    return made


def manifest_store(data: bytes, form: str) -> dict:
    with c2pa.Reader(f"image/{form.lower()}", io.BytesIO(data)) as reader:
        return json.loads(reader.json())


def lit(pixels) -> list[Detection]:
    """A face in `PLACE`, until it is covered."""
    bright = pixels[PLACE.y0 : PLACE.y1, PLACE.x0 : PLACE.x1].mean() > 30
    return [Detection(PLACE, EntityType.FACE, 0.9)] if bright else []


def judged(data: bytes, signer, asked: str = "sign", rules=()):
    pipeline = FilterPipeline(
        [ImageMedium([RegionDetector(lit)], signer=signer)],
        StaticPolicies(policy(images={"content_credentials": asked, "rules": list(rules)})),
        CollectingObserver(),
    )
    context = RecordContext(SourcePosition("images", 0, 0), "acme", "request")
    (outcome,) = pipeline.process_batch([Record(context, ImageContent(data, None))])
    return outcome


@pytest.mark.parametrize(
    ("rules", "done"),
    [([{"entities": ["FACE"], "action": "redact"}], REDACTED), ([], METADATA_ONLY)],
    ids=["a face", "metadata only"],
)
@pytest.mark.parametrize("form", SIGNED)
def test_a_new_manifest_stands_in_the_place_of_the_old(signer, source, form, rules, done):
    """It is valid but for the unknown root, says what was done, and holds nothing of the source's."""
    outcome = judged(source(form), signer, rules=rules)
    assert outcome.verdict.action is Action.REDACT
    store = manifest_store(outcome.content.data, form)
    assert store["validation_state"] == "Valid"
    assert [each["code"] for each in store["validation_status"]] == ["signingCredential.untrusted"]
    (manifest,) = store["manifests"].values()
    assert manifest["claim_generator_info"][0]["name"] == "Veilstream"
    (actions,) = [each["data"]["actions"] for each in manifest["assertions"] if "actions" in each["label"]]
    assert [(each["action"], each.get("reason")) for each in actions] == [
        ("c2pa.opened", None),
        *done,
    ]
    assert "thumbnail" not in manifest
    assert MARK.encode() not in outcome.content.data


@pytest.mark.parametrize("form", SIGNED)
def test_it_is_bound_to_the_pixels(signer, source, form):
    """One changed byte of the picture, and it is no longer valid."""
    data = bytearray(judged(source(form), signer).content.data)
    data[-40] ^= 1
    assert manifest_store(bytes(data), form)["validation_state"] == "Invalid"


@pytest.mark.parametrize("form", SIGNED)
def test_nothing_but_the_manifest_is_added(signer, form):
    """Signing twice gives two files that differ; what was signed is in both, and the source type where it is kept."""
    data = encoded(photograph(64, 64), form)
    first, second = (signed(data, ImageFormat(f"image/{form.lower()}"), Carried((), WORD), signer) for _ in range(2))
    assert first != second
    assert SOURCE_TYPE in json.dumps(manifest_store(first, form))


def test_releases_are_unsigned_unless_asked_for(signer, source):
    with pytest.raises(c2pa.C2paError):
        manifest_store(judged(source("PNG"), signer, "strip").content.data, "PNG")


def test_formats_without_a_place_go_out_unsigned(signer):
    data = encoded(photograph(32, 32), "GIF", comment=b"somebody")
    outcome = judged(data, signer)
    assert outcome.verdict.action is Action.REDACT
    assert b"c2pa" not in outcome.content.data


def test_what_passes_byte_for_byte_is_not_signed(signer):
    data = encoded(photograph(32, 32), "PNG")
    assert judged(data, signer).content.data == data


class Signer:
    """`ReleaseSigner` that answers with what it was given."""

    def __init__(self, answer):
        self._answer = answer

    def sign(self, data, form, carried):
        del form, carried
        return self._answer(data)


def raising(data: bytes) -> bytes:
    raise RuntimeError(len(data))


def with_manifests(data: bytes, number: int) -> bytes:
    return data[:33] + number * png_chunk(b"caBX", b"manifest") + data[33:]


@pytest.mark.parametrize(
    "answer",
    [
        lambda data: data,
        lambda data: with_manifests(data, 2),
        lambda data: with_manifests(data, 1) + b"more",
        lambda data: with_manifests(data[:33] + png_chunk(b"tEXt", b"a\x00b") + data[33:], 1),
        lambda data: b"",
        raising,
    ],
    ids=["none", "two", "bytes after the end", "another chunk", "nothing", "raises"],
)
def test_a_signer_that_does_anything_else_fails_closed(source, answer):
    """No release, signed or not: `on_error` decides."""
    outcome = judged(source("PNG"), Signer(answer))
    assert (outcome.verdict.action, outcome.content) == (Action.REJECT, None)
    assert isinstance(outcome.error, RedactionError)


def test_a_policy_that_signs_needs_a_certificate(signer):
    asking = policy(images={"content_credentials": "sign"}, prompts=None)
    with pytest.raises(PolicyError, match="VEILSTREAM_CONTENT_CREDENTIALS__CERTIFICATE") as refused:
        check_capabilities(asking, capabilities([ImageMedium([])], has_key=True))
    assert refused.value.reason == "certificate_missing"
    check_capabilities(asking, capabilities([ImageMedium([], signer=signer)], has_key=True))


def test_a_certificate_that_does_not_fit_is_refused_at_the_start(own, tmp_path):
    """Somebody else's key, or no file: an error that names the setting and holds nothing of the key."""
    chain, key, others = tmp_path / "chain.pem", tmp_path / "key.pem", tmp_path / "others.pem"
    chain.write_bytes(own.chain)
    key.write_bytes(own.private_key)
    others.write_bytes(identity().private_key)
    signer_from_files(chain, key, "es256")
    for wrong in (others, tmp_path / "missing.pem"):
        with pytest.raises(ConfigurationError, match="content_credentials") as refused:
            signer_from_files(chain, wrong, "es256")
        assert "PRIVATE" not in str(refused.value)


@pytest.mark.parametrize("age", [-1, 4], ids=["not yet", "no longer"])
def test_a_certificate_that_is_not_valid_today_is_refused_at_the_start(age):
    with pytest.raises(ConfigurationError, match="valid today"):
        C2paSigner(*identity(age=age), "es256")


def test_an_algorithm_that_is_not_the_keys_is_refused_at_the_start(own):
    with pytest.raises(ConfigurationError, match="algorithm"):
        C2paSigner(*own, "ed25519")


def test_certificate_and_key_go_together(tmp_path):
    with pytest.raises(ConfigurationError, match="go together"):
        load_settings(content_credentials={"certificate": tmp_path / "chain.pem"})
