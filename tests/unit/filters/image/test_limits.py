"""Nothing is spent on an image that is too large, and no file takes a decoder past its size."""

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from filters.errors import ConfigurationError, PayloadTooLarge
from filters.image.jpeg import read_segments
from filters.image.limits import ImageLimits
from filters.records import ImageContent
from tests.unit.filters.image.images import (
    animated,
    encoded,
    medium,
    photograph,
    png_chunk,
    raw_png,
    riff_chunk,
    webp_file,
    with_chunks,
)

PEAK_OF_DECODE = """
import resource, sys
from filters.errors import PayloadTooLarge
from filters.image.medium import ImageMedium
from filters.records import ImageContent
content = ImageContent(open(sys.argv[1], "rb").read())
medium = ImageMedium(())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    medium.decode(content)
except PayloadTooLarge as error:
    print(error.reason, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def too_large(data: bytes, **limits: int) -> str:
    with pytest.raises(PayloadTooLarge) as caught:
        medium(**limits).decode(ImageContent(data))
    return caught.value.reason


def png_of(width: int, height: int) -> bytes:
    """A header and no pixels to speak of."""
    return raw_png(width, height, 8, 2, b"\0")


def jpeg_of(width: int, height: int) -> bytes:
    data = encoded(photograph(16, 16), "JPEG")
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def webp_of(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    return webp_file(riff_chunk(b"VP8L", b"\x2f" + struct.pack("<I", bits)))


@pytest.mark.parametrize("make", [png_of, jpeg_of, webp_of])
@pytest.mark.parametrize(
    ("size", "reason"),
    [((10_000, 10_000), "pixels"), ((12_001, 1000), "side"), ((8, 12_001), "side"), ((1, 5000), "aspect")],
)
def test_headers_are_enough_to_refuse(make, size, reason):
    """Sides, pixels and proportions are judged by the header, with no pixel in the file."""
    assert too_large(make(*size)) == reason


def test_a_hundred_megapixel_bomb_costs_no_memory(tmp_path: Path):
    """100 kB that open to 300 MB are refused for less than 16 MB."""
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(raw_png(10_000, 10_000, 8, 2, bytes(30_001 * 10_000)))
    assert bomb.stat().st_size < 500_000
    done = subprocess.run(
        [sys.executable, "-c", PEAK_OF_DECODE, str(bomb)], capture_output=True, text=True, check=True, timeout=60
    )
    reason, megabytes = done.stdout.split()
    assert reason == "pixels"
    assert int(megabytes) < 16


def test_bytes_are_limited():
    """One byte over the limit is refused, the limit itself is not."""
    data = encoded(photograph(64, 64), "PNG")
    assert too_large(data, max_bytes=len(data) - 1) == "bytes"
    assert medium(max_bytes=len(data)).decode(ImageContent(data)).frames


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_frames_are_limited_in_number_and_in_sum(form):
    """An animation counts with all its frames at the size of its canvas."""
    frames = [np.full((40, 50, 3), 20 * index, np.uint8) for index in range(6)]
    data = animated(frames, form, duration=50)
    assert too_large(data, max_frames=5) == "frames"
    assert too_large(data, max_pixels=40 * 50 * 6 - 1) == "pixels"
    assert too_large(data, max_decoded_bytes=4 * 40 * 50 * 6 - 1) == "decoded_bytes"
    enough = {"max_frames": 6, "max_pixels": 40 * 50 * 6, "max_decoded_bytes": 4 * 40 * 50 * 6}
    assert len(medium(**enough).decode(ImageContent(data)).frames) == 6


def test_scans_are_limited():
    """A progressive JPEG cannot make the decoder pass over 36 megapixels five hundred times."""
    data = encoded(photograph(16, 16), "JPEG", progressive=True)
    at = data.index(b"\xff\xc2") + 5
    data = data[:at] + struct.pack(">HH", 6000, 6000) + data[at + 4 :]
    last = read_segments(data)[0][-1].raw
    assert too_large(data[:-2] + last * 500 + b"\xff\xd9") == "scans"


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_parts_are_limited(kind):
    """A file of a million empty parts is refused before a million objects exist."""
    files = {
        "jpeg": b"\xff\xd8" + b"\xff\xfe\x00\x02" * 30_000 + encoded(photograph(16, 16), "JPEG")[2:],
        "png": with_chunks(encoded(photograph(16, 16), "PNG"), png_chunk(b"tEXt", b"") * 30_000),
        "webp": webp_file(encoded(photograph(16, 16), "WEBP")[12:], riff_chunk(b"abcd", b"") * 30_000),
    }
    assert too_large(files[kind]) == "parts"


def test_a_pixel_stream_that_never_ends_is_not_inflated():
    """64 MB of zeros behind the pixels of a small PNG are noticed, not unpacked."""
    data = raw_png(16, 16, 8, 2, bytes(16 * 49) + bytes(64 * 1024 * 1024))
    assert len(data) < 100_000
    assert "data_after_pixels" in medium().decode(ImageContent(data)).metadata


def test_a_profile_that_never_ends_is_not_inflated():
    """A colour profile of 64 MB is cut at the bound, and then does not apply."""
    profile = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(64 * 1024 * 1024)))
    pixels = photograph(16, 16)
    decoded = medium().decode(ImageContent(with_chunks(encoded(pixels, "PNG"), profile)))
    assert np.array_equal(decoded.frames[0].pixels, pixels)


@pytest.mark.parametrize("limits", [{"max_pixels": 0}, {"max_side": -1}, {"max_pixels": 90_000_000}])
def test_senseless_limits_are_refused_at_start(limits):
    """Limits below one, or above where Pillow starts to warn, do not start."""
    with pytest.raises(ConfigurationError):
        ImageLimits(**limits)
