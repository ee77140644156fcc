"""What every `Reader` promises, in the process that calls it or in processes of its own; and that both see the same."""

import io
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pillow_heif
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from filters.errors import PayloadTooLarge, RecordError, UnsupportedMedia
from filters.image.codecs import build_codecs
from filters.image.container import Reader
from filters.image.decode import ImageReader
from filters.image.decode_child import Order
from filters.image.formats import ImageFormat
from filters.image.isolation import IsolatedReader
from filters.image.limits import ImageLimits
from filters.records import ImageContent
from tests.fakes import CollectingDecodeObserver
from tests.property.test_image_fuzz import KINDS, damage, seed_file
from tests.unit.filters.image.images import EVAL, animated, encoded, needs_eval, photograph

LIMITS = ImageLimits(max_bytes=2_000_000, max_pixels=4_000_000, max_side=3000, max_frames=64)
MORE_KINDS = ("tiff", "pages", "bmp", "palette bmp", "profile", "avif", "heic")
MATERIAL = ("malformed", "metadata", "frames")
WAYS = ("inline", "isolated")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
"""Pillow warns of odd tags; what counts is what becomes of the file."""


@pytest.fixture(scope="module")
def readers() -> Iterator[dict[str, Reader]]:
    order = Order(LIMITS, ImageFormat.JPEG, memory_bytes=512 << 20, seconds=20.0)
    observer = CollectingDecodeObserver()
    with IsolatedReader(order, 2, observer) as isolated:
        yield {"inline": ImageReader(build_codecs(), LIMITS), "isolated": isolated}
    assert observer.causes == [], "no file of this module may end a process"


@pytest.fixture(params=WAYS)
def reader(request, readers) -> Reader:
    return readers[request.param]


def valid_file(kind: str) -> bytes:
    pixels = photograph(48, 40)
    makers = {
        "tiff": lambda: encoded(pixels, "TIFF", compression="tiff_lzw"),
        "pages": lambda: animated([pixels, pixels[:20].copy()], "TIFF"),
        "bmp": lambda: encoded(pixels, "BMP"),
        "palette bmp": lambda: encoded(Image.fromarray(pixels).quantize(16), "BMP"),
        "profile": lambda: encoded(pixels, "TIFF", icc_profile=srgb_profile()),
        "avif": lambda: encoded(pixels, "AVIF"),
        "heic": lambda: heic(pixels),
    }
    return makers[kind]() if kind in makers else seed_file(kind)


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def heic(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(buffer)
    return buffer.getvalue()


def outcome(reader: Reader, data: bytes) -> object:
    """Everything that can be told of a file: the image down to its bytes, or the error."""
    try:
        image = reader.decode(ImageContent(data))
    except RecordError as error:
        return type(error), error.reason
    frames = [
        (one.pixels.shape, one.pixels.tobytes(), None if one.alpha is None else one.alpha.tobytes(), one.duration_ms)
        for one in image.frames
    ]
    return image.format, frames, image.hints, image.loop, image.default_outside, image.metadata


@pytest.mark.parametrize("kind", [*KINDS, *MORE_KINDS])
def test_every_format_is_read_and_weighed(reader, kind):
    content = ImageContent(valid_file(kind))
    image = reader.decode(content)
    assert reader.pixels(content) >= sum(frame.width * frame.height for frame in image.frames) > 0
    assert all(frame.pixels.flags.c_contiguous and frame.pixels.dtype == np.uint8 for frame in image.frames)


@pytest.mark.parametrize(
    ("data", "declared", "error", "reason"),
    [
        (b"", None, UnsupportedMedia, "empty"),
        (b"no image", None, UnsupportedMedia, "unknown_format"),
        (seed_file("png"), "image/jpeg", UnsupportedMedia, "media_type_mismatch"),
        (seed_file("png")[:-20], None, UnsupportedMedia, "truncated"),
        (seed_file("jpeg")[:100], None, UnsupportedMedia, "truncated"),
        (b"\xff\xd8\xff" + bytes(2_000_000), None, PayloadTooLarge, "bytes"),
        (encoded(np.zeros((1, 3100, 3), np.uint8), "PNG"), None, PayloadTooLarge, "side"),
        (encoded(np.zeros((1, 200, 3), np.uint8), "PNG"), None, PayloadTooLarge, "aspect"),
        (encoded(np.zeros((2100, 2000, 3), np.uint8), "PNG"), None, PayloadTooLarge, "pixels"),
        (b"BM" + zlib.compress(b"x"), None, UnsupportedMedia, None),
    ],
)
def test_what_is_refused_is_refused_with_its_reason(reader, data, declared, error, reason):
    for look in (reader.pixels, reader.decode):
        with pytest.raises(error) as caught:
            look(ImageContent(data, declared))
        assert type(caught.value) is error
        assert reason is None or caught.value.reason == reason


def test_threads_each_get_their_own_image(reader):
    """Forty images, eight threads: each gets back the one colour that it sent."""

    def colour_of(value: int) -> int:
        data = encoded(np.full((64 + value, 64, 3), value, np.uint8), "PNG")
        (frame,) = reader.decode(ImageContent(data)).frames
        assert frame.pixels.shape == (64 + value, 64, 3)
        return int(frame.pixels.min()) if frame.pixels.min() == frame.pixels.max() else -1

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(colour_of, range(40))) == list(range(40))


@pytest.mark.parametrize("kind", [*KINDS, *MORE_KINDS])
def test_both_see_the_same_bytes(readers, kind):
    inline, isolated = (outcome(readers[way], valid_file(kind)) for way in WAYS)
    assert inline == isolated
    assert isinstance(inline[0], ImageFormat)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "BMP"])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_pixels_arrive_byte_for_byte(readers, form, data):
    """Lossless files of any size and alpha: both readers give the very pixels that were written."""
    width, height = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 90))
    channels = 3 if form == "BMP" else data.draw(st.sampled_from([3, 4]))
    pixels = np.random.default_rng(data.draw(st.integers(0, 99))).integers(
        0, 256, (height, width, channels), dtype=np.uint8
    )
    file = encoded(pixels, form, **({"lossless": True, "exact": True} if form == "WEBP" else {}))
    inline, isolated = (outcome(readers[way], file) for way in WAYS)
    assert inline == isolated
    assert inline[1][0][1] == pixels[..., :3].tobytes()


@pytest.mark.parametrize("kind", [*KINDS, *MORE_KINDS])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_both_refuse_or_read_damaged_files_alike(readers, kind, data):
    file = damage(data.draw, valid_file(kind))
    assert outcome(readers["inline"], file) == outcome(readers["isolated"], file)


@needs_eval
@pytest.mark.slow
@pytest.mark.parametrize("part", MATERIAL)
def test_both_see_the_same_in_the_evaluation_material(readers, part):
    files = sorted(path for path in (EVAL / part).rglob("*") if path.is_file() and path.stat().st_size < 2_000_000)
    different = [
        path.name
        for path in files
        if outcome(readers["inline"], path.read_bytes()) != outcome(readers["isolated"], path.read_bytes())
    ]
    assert files
    assert different == []
