"""However a file is damaged: a picture within its limits, or a record error with a reason, soon."""

import functools
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from filters.errors import RecordError
from filters.image.limits import ImageLimits
from filters.image.medium import ImageMedium
from filters.policy_operators import FillRegion
from filters.records import ImageContent
from tests.unit.filters.image.images import BoundingBox, animated, encoded, hit, photograph

LIMITS = ImageLimits(max_bytes=100_000, max_pixels=200_000, max_side=1000, max_frames=8)
KINDS = ["jpeg", "progressive", "cmyk", "png", "palette", "deep", "apng", "webp", "lossless", "alpha", "animated"]
KINDS += ["gif", "animated gif"]


@functools.cache
def seed_file(kind: str) -> bytes:
    pixels = photograph(48, 40)
    exif = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"
    frames = [pixels, pixels[::-1].copy(), pixels[:, ::-1].copy()]
    alpha = Image.fromarray(np.dstack([pixels, pixels[..., :1]]))
    makers = {
        "jpeg": lambda: encoded(pixels, "JPEG", exif=exif),
        "progressive": lambda: encoded(pixels, "JPEG", progressive=True, restart_marker_rows=1),
        "cmyk": lambda: encoded(Image.fromarray(pixels).convert("CMYK"), "JPEG"),
        "png": lambda: encoded(pixels, "PNG", exif=exif),
        "palette": lambda: encoded(Image.fromarray(pixels).quantize(16), "PNG", transparency=1),
        "deep": lambda: encoded(Image.fromarray(pixels[..., 0].astype(np.uint16) * 257), "PNG"),
        "apng": lambda: animated(frames, "PNG", duration=40),
        "webp": lambda: encoded(pixels, "WEBP", exif=exif),
        "lossless": lambda: encoded(pixels, "WEBP", lossless=True),
        "alpha": lambda: encoded(alpha, "WEBP", quality=70),
        "animated": lambda: animated(frames, "WEBP", duration=40),
        "gif": lambda: encoded(Image.fromarray(pixels).quantize(16), "GIF", comment=b"jane"),
        "animated gif": lambda: animated(frames, "GIF", duration=40),
    }
    return makers[kind]()


def damage(draw, data: bytes) -> bytes:
    """Flip, replace, cut, double or remove bytes, mostly near the beginning, where headers are."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        if not changed:
            break
        place = draw(st.one_of(st.integers(0, min(120, len(changed) - 1)), st.integers(0, len(changed) - 1)))
        match draw(st.integers(0, 5)):
            case 0:
                changed[place] ^= 1 << draw(st.integers(0, 7))
            case 1:
                changed[place] = draw(st.sampled_from([0, 1, 127, 128, 254, 255]))
            case 2:
                changed[place : place + 4] = draw(st.binary(min_size=4, max_size=4))
            case 3:
                del changed[place:]
            case 4:
                length = draw(st.integers(1, 64))
                changed[place:place] = changed[place : place + length]
            case 5:
                del changed[place : place + draw(st.integers(1, 32))]
    return bytes(changed)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_files_raise_record_errors_alone(kind, data):
    """Decoding and, where that works, releasing: nothing but record errors, nothing over the limits, within 2 s."""
    file = damage(data.draw, seed_file(kind))
    medium = ImageMedium((), LIMITS)
    started = time.perf_counter()
    try:
        decoded = medium.decode(ImageContent(file))
    except RecordError:
        decoded = None
    assert time.perf_counter() - started < 2
    if decoded is None:
        return
    assert 0 < sum(frame.width * frame.height for frame in decoded.frames) <= LIMITS.max_pixels
    released = medium.redact(decoded, [hit(FillRegion(), BoundingBox(0, 0, 1, 1))], "acme")
    again = medium.decode(ImageContent(released.data))
    assert again.metadata == ()
    assert len(again.frames) == len(decoded.frames)


@pytest.mark.parametrize(
    "prefix", [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", b"RIFF\xff\0\0\0WEBPVP8X"]
)
@settings(max_examples=60, deadline=None)
@given(rest=st.binary(max_size=300))
def test_noise_behind_a_magic_number_is_refused(prefix, rest):
    """Random bytes are no picture, and weigh nothing."""
    medium = ImageMedium((), LIMITS)
    content = ImageContent(prefix + rest)
    with pytest.raises(RecordError):
        medium.decode(content)
    assert medium.weight(content) >= 0
