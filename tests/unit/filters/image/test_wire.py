"""What comes back from a process that decodes is taken as hostile: an image within the limits, or nothing."""

import json
import mmap
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.carried import Carried, CarriedText
from filters.errors import PayloadTooLarge, UnsupportedMedia
from filters.image import wire
from filters.image.carried_read import KEYS
from filters.image.container import DecodedImage, EncodeHints, Frame
from filters.image.formats import ImageFormat
from filters.image.limits import ImageLimits
from filters.image.wire import REFUSALS, WireError, read_image, refusal, refusal_number, write_image

LIMITS = ImageLimits(max_pixels=5000, max_side=100, max_frames=4, max_bytes=10_000, max_decoded_bytes=20_000)
SIZES = st.tuples(st.integers(1, 30), st.integers(1, 30))
TABLES = st.lists(st.lists(st.integers(1, 255), min_size=64, max_size=64).map(tuple), max_size=4).map(tuple)


def region() -> mmap.mmap:
    return mmap.mmap(-1, wire.region_bytes(LIMITS))


def image(*frames: Frame, **others: object) -> DecodedImage:
    return DecodedImage(ImageFormat.PNG, frames or (Frame(np.zeros((4, 6, 3), np.uint8)),), **others)


def received(shared: mmap.mmap, header: object, release: ImageFormat = ImageFormat.JPEG) -> DecodedImage:
    """What the filter makes of a header that a process wrote."""
    written = header if isinstance(header, bytes) else json.dumps(header).encode()
    shared[: len(written)] = written
    return read_image(shared, len(written), ImageFormat.PNG, release, LIMITS)


CARRIED = st.builds(
    Carried,
    st.lists(st.builds(CarriedText, st.sampled_from(sorted(KEYS)), st.text()), max_size=4).map(tuple),
    st.sampled_from([None, "digitalCapture"]),
)


def good_header() -> dict:
    shared = region()
    return json.loads(shared[: write_image(shared, image())])


@given(st.data())
def test_what_is_written_is_read(data):
    """Frames byte for byte, times, loops, hints and metadata: every field of the image."""
    made = np.random.default_rng(data.draw(st.integers(0, 99)))
    frames = []
    for width, height in data.draw(st.lists(SIZES, min_size=1, max_size=4)):
        alpha = made.integers(0, 256, (height, width), dtype=np.uint8) if data.draw(st.booleans()) else None
        pixels = made.integers(0, 256, (height, width, 3), dtype=np.uint8)
        frames.append(Frame(pixels, alpha, data.draw(st.floats(0, 1e6))))
    hints = EncodeHints(data.draw(TABLES), "4:2:2", data.draw(st.one_of(st.none(), st.integers(0, 100))), 64)
    sent = image(
        *frames,
        hints=hints,
        loop=data.draw(st.one_of(st.none(), st.integers(0, 65535))),
        default_outside=data.draw(st.booleans()),
        metadata=("EXIF", "JFIF thumbnail"),
        carried=data.draw(CARRIED),
        kept=Carried((CarriedText("parameters", "unjudged"),)),
    )
    shared = region()
    got = read_image(shared, write_image(shared, sent), ImageFormat.PNG, ImageFormat.JPEG, LIMITS)
    assert (got.format, got.hints, got.loop) == (sent.format, sent.hints, sent.loop)
    assert (got.default_outside, got.metadata) == (sent.default_outside, sent.metadata)
    assert (got.carried, got.kept) == (sent.carried, Carried())
    for one, other in zip(got.frames, frames, strict=True):
        assert one.duration_ms == other.duration_ms
        assert np.array_equal(one.pixels, other.pixels)
        assert (one.alpha is None) == (other.alpha is None)
        assert one.alpha is None or np.array_equal(one.alpha, other.alpha)


def test_what_was_read_does_not_change_any_more():
    """The process may write on: the filter judges and encodes its own copy."""
    shared = region()
    got = read_image(shared, write_image(shared, image()), ImageFormat.PNG, ImageFormat.JPEG, LIMITS)
    shared[:] = b"\xff" * len(shared)
    assert not got.frames[0].pixels.any()


@pytest.mark.parametrize(
    "change",
    [
        {"frames": []},
        {"frames": [{"width": 101, "height": 1, "alpha": False, "duration_ms": 0.0}]},
        {"frames": [{"width": 100, "height": 51, "alpha": False, "duration_ms": 0.0}]},
        {"frames": [{"width": 50, "height": 50, "alpha": True, "duration_ms": 0.0}] * 3},
        {"frames": [{"width": 1, "height": 1, "alpha": False, "duration_ms": 0.0}] * 5},
        {"frames": [{"width": 0, "height": 1, "alpha": False, "duration_ms": 0.0}]},
        {"frames": [{"width": -4, "height": -4, "alpha": False, "duration_ms": 0.0}]},
        {"frames": [{"width": 1e3, "height": 1, "alpha": False, "duration_ms": 0.0}]},
        {"frames": [{"width": 1, "height": 1, "alpha": False, "duration_ms": -1.0}]},
        {"frames": [{"width": 1, "height": 1, "alpha": False, "duration_ms": 1e300}]},
        {"frames": [{"width": "1", "height": 1, "alpha": False, "duration_ms": 0.0}]},
        {"format": "image/gif"},
        {"format": "image/avif"},
        {"format": "text/html"},
        {"hints": None},
        {"loop": -1},
        {"loop": 1 << 40},
        {"metadata": ["jane.doe@example.com"]},
        {"metadata": ["x" * 41]},
        {"metadata": ["EXIF"] * 65},
        {"carried": {"texts": [], "digital_source_type": "JaneDoe"}},
        {"carried": {"texts": [{"key": "jane", "text": ""}], "digital_source_type": None}},
        {"carried": {"texts": [{"key": "parameters", "text": ""}] * 17, "digital_source_type": None}},
        {"more": 1},
    ],
)
def test_a_header_beyond_the_form_or_the_limits_is_refused(change):
    with pytest.raises(WireError) as caught:
        received(region(), good_header() | change)
    assert "jane" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"jpeg_tables": [[0] * 64]},
        {"jpeg_tables": [[1] * 63]},
        {"jpeg_tables": [[1] * 64] * 5},
        {"jpeg_subsampling": "4:1:1"},
        {"webp_quality": 101},
        {"block": 0},
        {"block": 1 << 30},
    ],
)
def test_hints_that_an_encoder_would_choke_on_are_refused(change):
    header = good_header()
    with pytest.raises(WireError):
        received(region(), header | {"hints": header["hints"] | change})


@pytest.mark.parametrize("header", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"[" * 5000])
def test_what_is_no_header_is_refused(header):
    with pytest.raises(WireError):
        received(region(), header)


@pytest.mark.parametrize("size", [0, wire.MAX_HEADER_BYTES + 1, 1 << 60])
def test_a_length_that_no_header_has_is_refused(size):
    with pytest.raises(WireError):
        read_image(region(), size, ImageFormat.PNG, ImageFormat.JPEG, LIMITS)


def test_the_untouched_header_is_read():
    """The negative of the tests above: what they change is what is refused."""
    assert received(region(), good_header()).frames[0].width == 6


def test_an_image_that_does_not_fit_is_not_written():
    with pytest.raises(WireError):
        write_image(mmap.mmap(-1, 4096), image(Frame(np.zeros((100, 50, 3), np.uint8))))


def test_every_refusal_of_the_reading_code_has_a_number():
    """A reason without one would arrive as `corrupt`."""
    folder = Path(wire.__file__).parent
    writing = {"encoder", "invalid_box", "metadata_left", "no_operator", "no_place", "wrong_count", "wrong_kind"}
    writing |= {"unsigned"}
    outside = {"decode_platform", "decode_process", "decode_seconds", "decode_memory"}
    outside |= {"decoder_crashed", "decoder_unavailable"}
    named = {reason for path in folder.glob("*.py") for reason in re.findall(r'reason="(\w+)"', path.read_text())}
    assert named - writing - outside <= {reason for _, reason in REFUSALS}


def test_errors_arrive_as_they_were_raised():
    for number, (kind, reason) in enumerate(REFUSALS):
        error = refusal(number)
        assert (type(error), error.reason) == (kind, reason)
        assert refusal_number(error) == number
    assert refusal_number(UnsupportedMedia("x", reason="bytes")) == 0
    with pytest.raises(WireError):
        refusal(len(REFUSALS))
    assert isinstance(refusal(refusal_number(PayloadTooLarge("", reason="scans"))), PayloadTooLarge)
