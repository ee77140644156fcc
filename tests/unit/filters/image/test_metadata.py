"""What lies in a file beyond its pixels is named, and none of it comes out again."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from filters.findings import EntityType, FindingSource
from filters.image.hidden import cleaned
from filters.image.metadata import jpeg_metadata, png_metadata
from tests.unit.filters.image.images import (
    FORMATS,
    METADATA_HIT,
    animated,
    decode,
    encoded,
    extended_webp,
    inflated,
    jpeg_segment,
    medium,
    photograph,
    png_chunk,
    release,
    riff_chunk,
    with_chunks,
    with_segments,
)

SECRET = b"Marker-7f3a"
PIXELS = photograph(64, 48)


def exif() -> bytes:
    """EXIF with the secret in the owner, the serial number, the place and the thumbnail's neighbourhood."""
    block = Image.Exif()
    block[0x010E] = block[0x013B] = block[0x8298] = SECRET.decode()
    block.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.6), 29: SECRET.decode()})
    block.get_ifd(0x8769).update({0xA431: SECRET.decode(), 0x9286: b"ASCII\0\0\0" + SECRET})
    return block.tobytes()


def jpeg() -> bytes:
    return encoded(PIXELS, "JPEG", quality=90)


def png() -> bytes:
    return encoded(PIXELS, "PNG")


def webp(*chunks: bytes) -> bytes:
    return extended_webp(encoded(PIXELS, "WEBP"), *chunks, width=64, height=48)


def text_chunk(name: bytes) -> bytes:
    deflated = zlib.compress(SECRET)
    bodies = {
        b"tEXt": b"parameters\0" + SECRET,
        b"zTXt": b"parameters\0\0" + deflated,
        b"iTXt": b"parameters\0\1\0\0\0" + deflated,
    }
    return png_chunk(name, bodies[name])


def mpo() -> bytes:
    """A JPEG with a second one behind it, announced as multi-picture."""
    second = with_segments(jpeg(), jpeg_segment(0xFE, SECRET))
    return with_segments(jpeg(), jpeg_segment(0xE2, b"MPF\0" + SECRET)) + second


def signed_low_bits(channels: np.ndarray, signature: bytes) -> np.ndarray:
    """The signature, a length and the secret in the least significant bits, column by column."""
    message = signature + struct.pack(">I", 8 * len(SECRET)) + SECRET
    bits = np.unpackbits(np.frombuffer(message, np.uint8))
    columns = np.ascontiguousarray(channels.swapaxes(0, 1))
    flat = columns.reshape(-1)
    flat[: len(bits)] = flat[: len(bits)] & 0xFE | bits
    return np.ascontiguousarray(columns.swapaxes(0, 1))


JPEGS = {
    "EXIF": with_segments(jpeg(), jpeg_segment(0xE1, b"Exif\0\0" + exif().removeprefix(b"Exif\0\0"))),
    "XMP": with_segments(jpeg(), jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET)),
    "IPTC": with_segments(jpeg(), jpeg_segment(0xED, b"Photoshop 3.0\x008BIM" + SECRET)),
    "ICC": with_segments(jpeg(), jpeg_segment(0xE2, b"ICC_PROFILE\0\1\1" + SECRET)),
    "JUMBF": with_segments(jpeg(), jpeg_segment(0xEB, b"JP\0\1" + SECRET)),
    "COM": with_segments(jpeg(), jpeg_segment(0xFE, SECRET)),
    "APP5": with_segments(jpeg(), jpeg_segment(0xE5, SECRET)),
    "APP0": with_segments(jpeg(), jpeg_segment(0xE0, b"JFXX\0\x10" + SECRET)),
    "APP14": with_segments(jpeg(), jpeg_segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + SECRET)),
    "JFIF thumbnail": with_segments(jpeg(), jpeg_segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\2\2" + SECRET + b"\0")),
    "other segment": with_segments(jpeg(), jpeg_segment(0xF7, SECRET)),
    "trailing_bytes": jpeg() + SECRET,
    "stray bytes": jpeg()[:20] + SECRET + jpeg()[20:],
    "MPF": mpo(),
}
PNGS = {
    "tEXt": with_chunks(png(), text_chunk(b"tEXt"), text_chunk(b"tEXt")),
    "zTXt": with_chunks(png(), text_chunk(b"zTXt")),
    "iTXt": with_chunks(png(), text_chunk(b"iTXt"), after_pixels=True),
    "eXIf": with_chunks(png(), png_chunk(b"eXIf", exif().removeprefix(b"Exif\0\0"))),
    "iCCP": with_chunks(png(), png_chunk(b"iCCP", SECRET + b"\0\0" + zlib.compress(SECRET))),
    "caBX": with_chunks(png(), png_chunk(b"caBX", SECRET)),
    "tIME": with_chunks(png(), png_chunk(b"tIME", struct.pack(">HBBBBB", 2024, 5, 1, 12, 30, 15))),
    "fdAT": with_chunks(png(), png_chunk(b"fdAT", bytes(4) + SECRET), after_pixels=True),
    "other chunk": with_chunks(png(), png_chunk(b"prVt", SECRET)),
    "trailing_bytes": png() + SECRET,
    "IEND data": png()[:-12] + png_chunk(b"IEND", SECRET),
}
WEBPS = {
    "EXIF": webp(riff_chunk(b"EXIF", exif())),
    "XMP": webp(riff_chunk(b"XMP ", SECRET)),
    "ICC": webp(riff_chunk(b"ICCP", SECRET)),
    "C2PA": webp(riff_chunk(b"C2PA", SECRET)),
    "other chunk": webp(riff_chunk(b"prvt", SECRET)),
    "trailing_bytes": encoded(PIXELS, "WEBP") + SECRET,
}
CASES = [(name, data) for group in (JPEGS, PNGS, WEBPS) for name, data in group.items()]


@pytest.mark.parametrize(("name", "data"), CASES, ids=[name for name, _ in CASES])
def test_every_place_is_named_and_emptied(name, data):
    """A marker in any place of a file is named, and stands in the release neither raw nor inflated."""
    assert name == "tIME" or SECRET in data + inflated(data)
    assert name in decode(data).metadata
    out = release(data, METADATA_HIT)
    assert SECRET not in out + inflated(out)
    assert decode(out).metadata == ()


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in PNGS.items()])
def test_stripping_a_png_keeps_every_pixel(data):
    """A PNG without its metadata is the same picture, to the pixel."""
    assert np.array_equal(decode(release(data, METADATA_HIT)).frames[0].pixels, PIXELS)


def test_stripping_a_jpeg_keeps_its_tables_and_sampling():
    """A JPEG is encoded again with its own quantisation tables, so that hardly a pixel moves."""
    for options in ({"quality": 93, "subsampling": 0}, {"quality": 70, "subsampling": 1}, {"quality": 40}):
        data = encoded(PIXELS, "JPEG", comment=SECRET, **options)
        before, after = (Image.open(io.BytesIO(file)) for file in (data, release(data, METADATA_HIT)))
        assert before.quantization == after.quantization
        assert before.layer == after.layer
        assert np.abs(np.asarray(before).astype(int) - np.asarray(after)).mean() < 1.0


def test_stripping_a_webp_keeps_its_kind():
    """Lossless stays lossless, to the pixel; lossy stays lossy, near its quality."""
    lossless = encoded(PIXELS, "WEBP", lossless=True, exif=exif())
    out = release(lossless, METADATA_HIT)
    assert b"VP8L" in out
    assert np.array_equal(decode(out).frames[0].pixels, PIXELS)
    for quality in (20, 50, 75, 90):
        lossy = encoded(photograph(), "WEBP", quality=quality, exif=exif())
        assert abs(decode(lossy).hints.webp_quality - quality) <= 8
        assert b"VP8 " in release(lossy, METADATA_HIT)


@pytest.mark.parametrize("name", ["EXIF", "MPF", "trailing_bytes"])
def test_a_released_jpeg_begins_once(name):
    """Thumbnails and second pictures are gone: one start of image in the whole file."""
    thumbnail = encoded(photograph(16, 16), "JPEG")
    data = JPEGS[name] + (thumbnail if name != "EXIF" else b"")
    if name == "EXIF":
        data = with_segments(jpeg(), jpeg_segment(0xE1, b"Exif\0\0" + exif().removeprefix(b"Exif\0\0") + thumbnail))
    assert data.count(b"\xff\xd8\xff") > 1
    assert release(data, METADATA_HIT).count(b"\xff\xd8\xff") == 1


STRUCTURAL = {
    "jpeg": jpeg(),
    "jpeg with Adobe": encoded(PIXELS, "JPEG", keep_rgb=True),
    "jpeg progressive": encoded(PIXELS, "JPEG", progressive=True),
    "jpeg cmyk": encoded(Image.fromarray(PIXELS).convert("CMYK"), "JPEG"),
    "png": png(),
    "png with dpi": encoded(PIXELS, "PNG", dpi=(72, 72)),
    "png palette": encoded(Image.fromarray(PIXELS).quantize(16), "PNG", transparency=2),
    "png with colour space": with_chunks(
        png(), png_chunk(b"sRGB", b"\0"), png_chunk(b"gAMA", struct.pack(">I", 45455)), png_chunk(b"cHRM", bytes(32))
    ),
    "apng": animated([PIXELS, PIXELS[::-1].copy()], "PNG", duration=100),
    "webp": encoded(PIXELS, "WEBP"),
    "webp lossless": encoded(PIXELS, "WEBP", lossless=True),
    "webp with alpha": encoded(Image.fromarray(np.dstack([PIXELS, np.full((48, 64), 90, np.uint8)])), "WEBP"),
    "webp animated": animated([PIXELS, PIXELS[::-1].copy()], "WEBP", duration=100),
}


@pytest.mark.parametrize("data", STRUCTURAL.values(), ids=STRUCTURAL)
def test_structure_is_no_metadata(data):
    """A file of pixels and structure alone has no finding, and may go out byte for byte."""
    assert medium().own_findings(decode(data)) == ()


def test_metadata_is_one_finding_of_the_file():
    """However much there is, it is one finding without a box, that any rule for METADATA can name."""
    (finding,) = medium().own_findings(decode(with_segments(JPEGS["EXIF"], jpeg_segment(0xFE, SECRET))))
    assert (finding.frame, finding.box, finding.score) == (0, None, 1.0)
    assert (finding.entity_type, finding.source) == (EntityType.METADATA, FindingSource.FILE)


@pytest.mark.parametrize(
    ("name", "length", "named"),
    [(b"pHYs", 9, None), (b"pHYs", 500, "other chunk"), (b"sRGB", 1, None), (b"gAMA", 40, "other chunk")],
)
def test_structure_has_a_length(name, length, named):
    """A structural chunk that is longer than its definition holds something else."""
    assert png_metadata(name, length, repeated=False) == named
    assert png_metadata(name, length, repeated=True) is not None


def test_names_are_never_the_files_own_words():
    """A private chunk's name, which its author chose, is not repeated."""
    assert png_metadata(b"jANE", 5, repeated=False) == "other chunk"
    assert jpeg_metadata(0xE7, b"JaneDoe") == "APP7"


@pytest.mark.parametrize("signature", [b"stealth_pnginfo", b"stealth_pngcomp"])
@pytest.mark.parametrize(
    "options", [("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("WEBP", {"quality": 80})]
)
def test_prompts_in_the_low_bits_of_alpha_are_cleared(signature, options):
    """The alpha's least significant bits, which survive even lossy WebP, carry nothing out."""
    alpha = signed_low_bits(np.full((48, 64, 1), 254, np.uint8), signature)
    data = encoded(Image.fromarray(np.dstack([PIXELS, alpha])), options[0], **options[1])
    assert "stealth_alpha" in decode(data).metadata
    assert_low_bits_are_clear(release(data, METADATA_HIT))


@pytest.mark.parametrize("signature", [b"stealth_rgbinfo", b"stealth_rgbcomp"])
@pytest.mark.parametrize("options", [("PNG", {}), ("WEBP", {"lossless": True})])
def test_prompts_in_the_low_bits_of_colours_are_cleared(signature, options):
    """The colours' least significant bits carry nothing out of a lossless format, and nothing else changes."""
    data = encoded(signed_low_bits(PIXELS, signature), options[0], **options[1])
    assert "stealth_rgb" in decode(data).metadata
    out = release(data, METADATA_HIT)
    assert_low_bits_are_clear(out)
    assert np.array_equal(decode(out).frames[0].pixels, PIXELS & 0xFE)


def assert_low_bits_are_clear(data: bytes) -> None:
    frame = decode(data).frames[0]
    for channels in (frame.pixels, frame.alpha):
        if channels is not None:
            bits = channels.swapaxes(0, 1).ravel() & 1
            assert SECRET not in np.packbits(bits).tobytes()
            assert b"stealth" not in np.packbits(bits).tobytes()


def test_a_half_transparent_stealth_alpha_keeps_its_shape():
    """Clearing the low bits moves no alpha by more than one level, and keeps what is transparent transparent."""
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))[..., None]
    signed = signed_low_bits(ramp.copy(), b"stealth_pnginfo")
    decoded = decode(encoded(Image.fromarray(np.dstack([PIXELS, signed])), "PNG"))
    alpha = cleaned(decoded.frames[0], decoded.metadata).alpha
    assert np.abs(alpha.astype(int) - signed[..., 0]).max() <= 1


def test_an_alpha_that_only_looks_opaque_is_metadata():
    """An alpha of 254 and 255 shows nothing and can say anything."""
    alpha = np.random.default_rng(1).integers(254, 256, (48, 64, 1), dtype=np.uint8)
    data = encoded(Image.fromarray(np.dstack([PIXELS, alpha])), "PNG")
    assert decode(data).metadata == ("alpha_payload",)
    assert decode(release(data, METADATA_HIT)).frames[0].alpha is None


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
@pytest.mark.parametrize("lossless", [True, False])
def test_colours_under_transparent_pixels_are_cleared(form, lossless):
    """A picture under alpha 0 is named, and is black in the release; what is visible stays."""
    pixels = photograph(256, 256)
    alpha = np.full((256, 256), 255, np.uint8)
    alpha[:, 96:] = 0
    options = {} if form == "PNG" else {"lossless": lossless, "exact": True, "quality": 80}
    data = encoded(Image.fromarray(np.dstack([pixels, alpha])), form, **options)
    assert "hidden_pixels" in decode(data).metadata
    out = release(data, METADATA_HIT)
    assert decode(out).metadata == ()
    under = np.asarray(Image.open(io.BytesIO(out)).convert("RGBA"))[:, 128:, :3]
    assert under.max() <= (0 if form == "PNG" or lossless else 8)


def test_one_colour_under_transparent_pixels_is_no_metadata():
    """What drawing programs leave, one colour everywhere, says nothing."""
    pixels = PIXELS.copy()
    alpha = np.full((48, 64), 255, np.uint8)
    alpha[10:20], pixels[10:20] = 0, 255
    assert decode(encoded(Image.fromarray(np.dstack([pixels, alpha])), "PNG")).metadata == ()


def test_unused_palette_entries_are_cleared():
    """Words in palette entries that no pixel uses do not come out."""
    image = Image.new("P", (8, 8))
    image.putpalette(b"\1\2\3" + SECRET + b"\0" * 100)
    data = encoded(image, "PNG")
    assert SECRET in data
    assert decode(data).metadata == ("unused_palette_entries",)
    assert SECRET not in release(data, METADATA_HIT)


@pytest.mark.parametrize("form", FORMATS)
def test_a_release_is_never_the_source(form):
    """Even without a hit, `redact` encodes from arrays: it has nothing of the file left to copy."""
    data = {"JPEG": JPEGS["EXIF"], "PNG": PNGS["tEXt"], "WEBP": WEBPS["EXIF"]}[form]
    assert SECRET not in release(data) + inflated(release(data))
