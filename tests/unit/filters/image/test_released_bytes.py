"""Which bytes go out: the very ones that came where nothing is to be taken, and none that hide anything."""

import struct

import numpy as np
import pytest
from PIL import Image

from filters.decide import decide
from filters.findings import UNSEEN_DETECTOR
from filters.image.exif_file import write_exif
from filters.image.medium import ImageMedium
from filters.pipeline import FilterPipeline
from filters.records import ContentKind, ImageContent, Record, RecordContext, SourcePosition
from filters.verdict import Action, Outcome
from tests.fakes import CollectingObserver, StaticPolicies, policy
from tests.unit.filters.image.images import (
    animated,
    decode,
    encoded,
    extended_webp,
    jpeg_segment,
    medium,
    photograph,
    png_chunk,
    riff_chunk,
    with_chunks,
    with_segments,
)
from tests.unit.filters.image.test_metadata import SECRET, signed_low_bits

PIXELS = photograph(64, 48)
FRAMES = [PIXELS, PIXELS[::-1].copy()]
RGBA = np.dstack([PIXELS, np.tile(np.linspace(1, 250, 64).astype(np.uint8), (48, 1))])


def judged(data: bytes, **images: object) -> Outcome:
    """The outcome of the real pipeline under a policy without rules for images."""
    document = policy(images={"rules": []} | images)
    pipeline = FilterPipeline([ImageMedium([])], StaticPolicies(document), CollectingObserver())
    (outcome,) = pipeline.process_batch(
        [Record(RecordContext(SourcePosition("in", 0, 0), "acme", "1"), ImageContent(data))]
    )
    return outcome


CLEAN = {
    "jpeg": encoded(PIXELS, "JPEG"),
    "jpeg progressive": encoded(PIXELS, "JPEG", progressive=True),
    "jpeg grey": encoded(Image.fromarray(PIXELS).convert("L"), "JPEG"),
    "png": encoded(PIXELS, "PNG"),
    "png alpha": encoded(RGBA, "PNG"),
    "png sixteen bits": encoded(Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257), "PNG"),
    "apng": animated(FRAMES, "PNG", duration=100),
    "webp": encoded(PIXELS, "WEBP"),
    "webp lossless": encoded(RGBA, "WEBP", lossless=True),
    "webp animated": animated(FRAMES, "WEBP", duration=100),
    "gif": encoded(Image.fromarray(PIXELS).quantize(256), "GIF"),
    "gif animated": animated(FRAMES, "GIF", duration=100, loop=0),
    "bmp": encoded(PIXELS, "BMP"),
    "tiff": encoded(PIXELS, "TIFF"),
    "tiff deflated": encoded(PIXELS, "TIFF", compression="tiff_adobe_deflate"),
}


@pytest.mark.parametrize("keep", [[], ["generation", "digital_source_type"]], ids=["strip", "keep some"])
@pytest.mark.parametrize("name", CLEAN)
def test_nothing_to_take_is_released_byte_for_byte(name, keep):
    """In every format: no finding and no metadata means the very bytes that came in, whatever the policy would keep."""
    outcome = judged(CLEAN[name], keep_metadata=keep)
    assert (outcome.verdict.action, outcome.changed) == (Action.ALLOW, False)
    assert outcome.content.data is CLEAN[name]


STEALTH = [
    *[(signature, "RGB", form) for signature in (b"stealth_rgbinfo", b"stealth_rgbcomp") for form in ("PNG", "WEBP")],
    *[(signature, "A", form) for signature in (b"stealth_pnginfo", b"stealth_pngcomp") for form in ("PNG", "WEBP")],
]


@pytest.mark.parametrize("rows", [False, True], ids=["columns", "rows"])
@pytest.mark.parametrize(("signature", "where", "form"), STEALTH)
def test_a_prompt_in_low_bits_is_not_released(signature, where, form, rows):
    """With nothing else to find: the image is encoded anew, and no order of its low bits spells the prompt."""
    pixels = RGBA.copy()
    if where == "A":
        pixels[..., 3] = 254
    channels = pixels[..., :3] if where == "RGB" else pixels[..., 3:]
    turned = channels.swapaxes(0, 1) if rows else channels
    signed = signed_low_bits(np.ascontiguousarray(turned), signature)
    if where == "RGB":
        pixels[..., :3] = signed.swapaxes(0, 1) if rows else signed
    else:
        pixels[..., 3:] = signed.swapaxes(0, 1) if rows else signed
    options = {} if form == "PNG" else {"lossless": True, "exact": True}
    data = encoded(pixels, form, **options)
    assert spelled(data, signature)
    outcome = judged(data)
    assert outcome.verdict.action is Action.REDACT
    assert outcome.verdict.failure is None
    for words in (signature, SECRET, b"stealth"):
        assert not spelled(outcome.content.data, words)


def spelled(data: bytes, words: bytes) -> bool:
    """Whether low bits spell the words, in columns or rows of colours or alpha."""
    frame = decode(data).frames[0]
    planes = [frame.pixels] + ([] if frame.alpha is None else [frame.alpha[..., None]])
    orders = [order for plane in planes for order in (plane, plane.swapaxes(0, 1))]
    return any(words in np.packbits(order.ravel() & 1).tobytes() for order in orders)


def jumbf(body: bytes) -> bytes:
    """A C2PA manifest store (ISO 19566-5 superbox, `c2pa`) with a thumbnail assertion's content box."""
    description = struct.pack(">I4s", 33, b"jumd") + b"c2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\3c2pa\0"[:25]
    thumbnail = struct.pack(">I4s", 8 + len(body), b"bidb") + body
    inner = description.ljust(33, b"\0") + thumbnail
    return struct.pack(">I4s", 8 + len(inner), b"jumb") + inner


FACE = encoded(photograph(16, 16), "JPEG") + SECRET
C2PA = {
    "jpeg": with_segments(CLEAN["jpeg"], jpeg_segment(0xEB, b"JP\0\1" + struct.pack(">I", 1) + jumbf(FACE))),
    "png": with_chunks(CLEAN["png"], png_chunk(b"caBX", jumbf(FACE))),
    "webp": extended_webp(CLEAN["webp"], riff_chunk(b"C2PA", jumbf(FACE)), width=64, height=48),
}


@pytest.mark.parametrize("metadata", ["strip", "keep"])
@pytest.mark.parametrize("name", C2PA)
def test_a_manifest_is_never_released(name, metadata):
    """Manifests hold thumbnails of what the picture was: they go under either setting."""
    outcome = judged(C2PA[name], metadata=metadata)
    assert (outcome.verdict.action, outcome.verdict.failure) == (Action.REDACT, None)
    for trace in (SECRET, b"jumb", b"c2pa", FACE[-80:]):
        assert trace not in outcome.content.data


def exif_with(tag: int, value: bytes) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[tag] = value
    return exif.tobytes()


def thumbnail_exif() -> bytes:
    """A directory of one text, and a second directory as cameras write it for thumbnails."""
    block = write_exif({0x0110: b"Camera"})
    place = 8 + 2 + 12
    return b"Exif\0\0" + block[:place] + struct.pack("<I", len(block)) + block[place + 4 :] + bytes(6) + FACE


EMBEDDED = {
    "thumbnail": with_segments(CLEAN["jpeg"], jpeg_segment(0xE1, thumbnail_exif())),
    "maker notes": encoded(PIXELS, "JPEG", exif=exif_with(0x927C, b"Canon" + SECRET)),
    "unreadable EXIF": with_segments(CLEAN["jpeg"], jpeg_segment(0xE1, b"Exif\0\0II*\0" + SECRET)),
    "JFIF thumbnail": with_segments(CLEAN["jpeg"], jpeg_segment(0xE0, b"JFXX\0\x10" + FACE)),
    "Photoshop": with_segments(CLEAN["jpeg"], jpeg_segment(0xED, b"Photoshop 3.0\x008BIM\x04\x0c\0\0" + FACE)),
    "XMP thumbnail": with_segments(
        CLEAN["jpeg"], jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<xmpGImg:image>" + b"/9j/" * 400)
    ),
    "unknown segment": with_segments(CLEAN["jpeg"], jpeg_segment(0xE7, SECRET)),
    "png EXIF": with_chunks(CLEAN["png"], png_chunk(b"eXIf", thumbnail_exif()[6:])),
    "png raw profile": with_chunks(
        CLEAN["png"], png_chunk(b"tEXt", b"Raw profile type exif\0" + SECRET.hex().encode())
    ),
    "png deflated": with_chunks(CLEAN["png"], png_chunk(b"zTXt", b"Comment\0\0" + SECRET)),
    "png unknown": with_chunks(CLEAN["png"], png_chunk(b"prVt", SECRET)),
    "webp EXIF": encoded(PIXELS, "WEBP", exif=exif_with(0x927C, SECRET)),
}


@pytest.mark.parametrize("name", EMBEDDED)
def test_what_may_hold_a_picture_goes_even_under_keep(name):
    """Thumbnails and what nobody can read may show a face that no detector saw."""
    findings = medium().own_findings(decode(EMBEDDED[name]))
    assert [finding.detector for finding in findings] == [UNSEEN_DETECTOR]
    outcome = judged(EMBEDDED[name], metadata="keep")
    assert (outcome.verdict.action, outcome.verdict.failure) == (Action.REDACT, None)
    assert decode(outcome.content.data).metadata == ()


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_plain_texts_are_kept_under_keep(form):
    """EXIF without pictures, which `keep` is for, leaves the bytes alone."""
    data = encoded(PIXELS, form, exif=b"Exif\0\0" + write_exif({0x010F: b"Canon", 0x0110: b"EOS 40D"}))
    assert judged(data, metadata="keep").content.data is data
    findings = medium().own_findings(decode(data))
    assert decide(findings, policy(images={"rules": []}), ContentKind.IMAGE).action is Action.REDACT
