"""Detectors see every pixel upright, in 8-bit sRGB, as a viewer would show it."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from filters.errors import RecordError, UnsupportedMedia
from filters.image.orientation import exif_orientation
from tests.unit.filters.image.images import (
    FORMATS,
    decode,
    encoded,
    jpeg_segment,
    photograph,
    png_chunk,
    raw_png,
    release,
    riff_chunk,
    webp_file,
    with_chunks,
    with_segments,
)


def pixels_of(data: bytes) -> np.ndarray:
    return decode(data).frames[0].pixels


def oriented(form: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 95}, "PNG": {}, "WEBP": {"lossless": True}}[form]
    return encoded(photograph(60, 40), form, exif=exif.tobytes(), **options)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(form, orientation):
    """All eight EXIF orientations of every format give the frame that Pillow's own transposition gives."""
    data = oriented(form, orientation)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    assert np.array_equal(pixels_of(data), upright)


@pytest.mark.parametrize("form", FORMATS)
def test_a_release_is_upright_by_itself(form):
    """The release has the upright frame in its pixels and no orientation left to apply."""
    image = Image.open(io.BytesIO(release(oriented(form, 6))))
    assert image.size == (40, 60)
    assert image.getexif().get(0x0112) is None


@pytest.mark.parametrize(
    "tiff",
    [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"XX*\0\x08\0\0\0", b"MM\0*\0\0\0\x08\xff\xff" + b"\x01" * 40],
)
def test_broken_exif_is_upright(tiff):
    """EXIF that cannot be read turns nothing and raises nothing."""
    assert exif_orientation(tiff) == 1


def test_an_orientation_out_of_range_is_upright():
    """Only 1 to 8 are orientations."""
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, 9, 0, 0)
    assert exif_orientation(tiff) == 1


def test_sixteen_bit_greys_are_scaled():
    """A 16-bit ramp keeps its shades: Pillow's own conversion would make nearly all of it white."""
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    seen = pixels_of(encoded(Image.fromarray(ramp), "PNG"))[..., 0]
    assert np.abs(seen.astype(float) - ramp / 257).max() <= 0.5


def test_sixteen_bit_colours_are_scaled():
    """16-bit RGB and RGBA come out within one level of a division by 257."""
    deep = photograph(48, 48).astype(np.uint16) * 257
    _, rgb = cv2.imencode(".png", deep[..., ::-1])
    assert np.abs(pixels_of(rgb.tobytes()).astype(int) - photograph(48, 48)).max() <= 1


def test_a_sixteen_bit_transparent_grey_is_kept():
    """The one transparent shade of a 16-bit grey image is compared at 16 bits."""
    rows = b"".join(b"\0" + struct.pack(">4H", 1000, 1001, 65535, 0) for _ in range(4))
    frame = decode(raw_png(4, 4, 16, 0, rows, png_chunk(b"tRNS", struct.pack(">H", 1001)))).frames[0]
    assert frame.alpha[0].tolist() == [255, 0, 255, 255]


def test_palettes_are_resolved():
    """Palette images show their colours, and per-entry transparency becomes alpha."""
    indexed = Image.fromarray(photograph(64, 64)).quantize(32)
    assert np.array_equal(pixels_of(encoded(indexed, "PNG")), np.asarray(indexed.convert("RGB")))
    see_through = decode(encoded(indexed, "PNG", transparency=3)).frames[0]
    assert np.array_equal(see_through.alpha == 0, np.asarray(indexed) == 3)


@pytest.mark.parametrize("mode", ["1", "L", "LA"])
def test_greys_are_spread_over_three_channels(mode):
    """Bitmaps and greys come as RGB with equal channels."""
    image = Image.fromarray(photograph(64, 64)).convert(mode)
    pixels = pixels_of(encoded(image, "PNG"))
    assert np.array_equal(pixels, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_jpeg_colour_spaces_are_converted(mode):
    """Grey and CMYK JPEGs look as Pillow converts them."""
    data = encoded(Image.fromarray(photograph(64, 64)).convert(mode), "JPEG", quality=95)
    assert np.array_equal(pixels_of(data), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def test_interlaced_pngs_are_read_whole():
    """All seven passes of a 5 × 5 interlaced PNG count as its pixels, and none is taken for hidden data."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    picture = np.arange(25, dtype=np.uint8).reshape(5, 5) * 10
    lines = b"".join(
        b"\0" + picture[row, x::dx].tobytes() for x, y, dx, dy in passes if x < 5 for row in range(y, 5, dy)
    )
    decoded = decode(raw_png(5, 5, 8, 0, lines, lace=1))
    assert np.array_equal(decoded.frames[0].pixels[..., 0], picture)
    assert decoded.metadata == ()


def swapped_profile() -> bytes:
    """sRGB with the red and the blue primary exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", profile, 128)
    tags = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    red, blue = tags[b"rXYZ"] + 4, tags[b"bXYZ"] + 4
    profile[red : red + 8], profile[blue : blue + 8] = profile[blue : blue + 8], profile[red : red + 8]
    return bytes(profile)


@pytest.mark.parametrize("form", FORMATS)
def test_colour_profiles_are_applied(form):
    """A profile that calls blue what is stored as red makes it blue for the detector, and for the release."""
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 250
    data = encoded(red, form, icc_profile=swapped_profile())
    for seen in (pixels_of(data), pixels_of(release(data))):
        assert seen[..., 2].min() > 200
        assert seen[..., 0].max() < 60


@pytest.mark.parametrize("profile", [b"nonsense", bytes(200), swapped_profile()[:300]])
def test_broken_profiles_are_ignored(profile):
    """A profile that cannot be read changes no pixel and raises nothing."""
    pixels = photograph(32, 32)
    assert np.array_equal(pixels_of(encoded(pixels, "PNG", icc_profile=profile)), pixels)


def test_a_profile_for_another_colour_space_is_ignored():
    """A profile of RGB does not fit a grey image."""
    grey = Image.fromarray(photograph(32, 32)).convert("L")
    data = encoded(grey, "PNG", icc_profile=swapped_profile())
    assert np.array_equal(pixels_of(data)[..., 1], np.asarray(grey))


def test_an_opaque_alpha_is_no_alpha():
    """An alpha of 255 everywhere is dropped, so that detectors need not look three times."""
    assert decode(encoded(Image.fromarray(photograph(32, 32)).convert("RGBA"), "PNG")).frames[0].alpha is None


def reason(data: bytes) -> str:
    with pytest.raises(RecordError) as caught:
        decode(data)
    return caught.value.reason


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_truncated_files_are_refused(form, share):
    """However much is missing, there is a reason and no half-grey picture."""
    data = encoded(photograph(64, 64), form)
    assert reason(data[: max(12, int(len(data) * share))]) in {"truncated", "corrupt"}


def test_a_png_without_all_its_rows_is_refused():
    """A stream that ends before the last row is truncated even where the chunks are complete."""
    assert reason(raw_png(8, 8, 8, 2, bytes(25 * 7))) == "truncated"


@pytest.mark.parametrize(
    "data",
    [
        raw_png(8, 8, 7, 2, bytes(25 * 8)),
        raw_png(0, 8, 8, 2, bytes(8)),
        raw_png(2, 2, 8, 2, b"\x09" * 14),
        raw_png(2, 2, 8, 3, b"\0\1\1" * 2),
        with_chunks(raw_png(2, 2, 8, 0, b"\0\1\1" * 2), png_chunk(b"ABCD", b"")),
        with_chunks(raw_png(2, 2, 8, 0, b"\0\1\1" * 2), png_chunk(b"IDAT", b""), png_chunk(b"tRNS", b"\0\0")),
        raw_png(2, 2, 8, 0, b"\0\1\1" * 2).replace(b"IDAT", b"IDAX"),
        webp_file(riff_chunk(b"VP8X", bytes(10))),
        webp_file(riff_chunk(b"VP8 ", bytes(10))),
        webp_file(riff_chunk(b"VP8L", b"\x2f\x0f\xc0\x03\0" + bytes(9))),
        b"\xff\xd8\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\x02\0\2\xff\xd9",
    ],
)
def test_files_against_their_format_are_refused(data):
    """Contradictions inside a file have a reason; no library's exception comes through."""
    assert reason(data) in {"truncated", "corrupt"}


def test_a_second_frame_header_is_refused():
    """A JPEG that two decoders could read as two pictures is none."""
    small, large = encoded(photograph(16, 16), "JPEG"), encoded(photograph(32, 32), "JPEG")
    at = large.index(b"\xff\xc0")
    assert reason(with_segments(small, large[at : at + 19])) == "corrupt"


def test_coding_processes_that_viewers_lack_are_refused():
    """Arithmetic, lossless and 12-bit JPEG are unsupported, not half supported."""
    data = encoded(photograph(16, 16), "JPEG")
    at = data.index(b"\xff\xc0")
    for changed in (data[: at + 1] + b"\xc9" + data[at + 2 :], data[: at + 4] + b"\x0c" + data[at + 5 :]):
        with pytest.raises(UnsupportedMedia) as caught:
            decode(changed)
        assert caught.value.reason == "unsupported_coding"


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_rows": 1}, {"optimize": True}])
def test_jpeg_variants_decode_like_the_original(options):
    """Progressive files, restart markers and own Huffman tables lose nothing on the way through the walk."""
    data = encoded(photograph(100, 70), "JPEG", **options)
    assert np.array_equal(pixels_of(data), np.asarray(Image.open(io.BytesIO(data))))


def test_an_adobe_marker_is_honoured():
    """RGB stored as RGB is not taken for YCbCr."""
    data = encoded(photograph(64, 64), "JPEG", keep_rgb=True, quality=95)
    assert np.abs(pixels_of(data).astype(int) - photograph(64, 64)).mean() < 4


def test_messages_hold_no_content():
    """What is said of a broken file quotes none of its bytes."""
    data = with_segments(encoded(photograph(16, 16), "JPEG"), jpeg_segment(0xFE, b"SECRETWORD"))[:200]
    with pytest.raises(RecordError) as caught:
        decode(data)
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_wrong_checksum_is_refused():
    """A flipped bit in the pixels of a PNG is a broken file."""
    data = bytearray(encoded(photograph(32, 32), "PNG"))
    data[100] ^= 1
    assert reason(bytes(data)) == "corrupt"
    assert zlib.crc32(data) != 0
