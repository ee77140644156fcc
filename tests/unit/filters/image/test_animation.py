"""Animations: every frame is seen as a viewer shows it, and released with its time."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageSequence

from filters.errors import UnsupportedMedia
from filters.findings import BoundingBox
from filters.image.compose import compose
from filters.image.container import DecodedImage, Dispose, EncodeHints, Frame, Raster, StoredFrame
from filters.image.formats import ImageFormat
from filters.policy_operators import FillRegion
from tests.unit.filters.image.images import (
    EVAL,
    METADATA_HIT,
    animated,
    decode,
    encoded,
    hit,
    inflated,
    medium,
    needs_eval,
    photograph,
    png_chunk,
    release,
    with_chunks,
)

DURATIONS = [40, 120, 1000, 20]
ANIMATED = ["PNG", "WEBP"]


def moving_frames() -> list[np.ndarray]:
    """A photograph over which a square moves; the last frame is like the one before."""
    frames = []
    for step in (0, 30, 60, 60):
        frame = photograph(160, 120)
        frame[20:60, 10 + step : 50 + step] = (250, 40, 40)
        frames.append(frame)
    return frames


def movie(form: str, **options: object) -> bytes:
    lossless = {"lossless": True} if form == "WEBP" else {}
    return animated(moving_frames()[:3], form, duration=DURATIONS[:3], loop=3, **lossless, **options)


@pytest.mark.parametrize("form", ANIMATED)
def test_every_frame_is_decoded_with_its_time(form):
    """Frames, durations and loop count are those that were written."""
    decoded = decode(movie(form))
    assert [frame.duration_ms for frame in decoded.frames] == DURATIONS[:3]
    assert decoded.loop == 3
    for frame, written in zip(decoded.frames, moving_frames(), strict=False):
        assert np.array_equal(frame.pixels, written)


@pytest.mark.parametrize("form", ANIMATED)
def test_every_frame_is_released_redacted_with_its_time(form):
    """A hit in the middle frame covers that frame, and time, loop and all other pixels stay."""
    box = BoundingBox(100, 80, 120, 100)
    before = decode(movie(form))
    after = decode(release(movie(form), hit(FillRegion(), box, frame=1)))
    assert [frame.duration_ms for frame in after.frames] == DURATIONS[:3]
    assert after.loop == 3
    assert after.frames[1].pixels[80:100, 100:120].max() == 0
    for index in (0, 2):
        assert np.array_equal(after.frames[index].pixels, before.frames[index].pixels)


@pytest.mark.parametrize("form", ANIMATED)
def test_a_face_in_every_frame_is_gone_from_every_frame(form):
    """With a hit in each frame, no viewer of any frame sees the area, Pillow's included."""
    box = BoundingBox(100, 80, 120, 100)
    hits = [hit(FillRegion(), box, frame=index) for index in range(3)]
    frames = ImageSequence.Iterator(Image.open(io.BytesIO(release(movie(form), *hits))))
    shown = [np.asarray(frame.convert("RGB"))[80:100, 100:120] for frame in frames]
    assert len(shown) == 3
    assert max(int(area.max()) for area in shown) == 0


@pytest.mark.parametrize("form", ANIMATED)
def test_like_frames_stay_two_frames(form):
    """A frame that repeats the one before is written as one, so that findings and times keep their places."""
    frames = tuple(Frame(pixels, None, time) for pixels, time in zip(moving_frames(), DURATIONS, strict=True))
    image = DecodedImage(ImageFormat(f"image/{form.lower()}"), frames, loop=0)
    again = decode(medium().redact(image, [METADATA_HIT], "acme").data)
    assert [frame.duration_ms for frame in again.frames] == DURATIONS
    assert np.array_equal(again.frames[3].pixels, frames[3].pixels)


@pytest.mark.parametrize("form", ANIMATED)
def test_metadata_of_animations_is_stripped(form):
    """The comment of an animation is named and gone; its frames are pixel-identical."""
    secret = b"Marker-7f3a"
    data = movie(form, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0" + secret)
    out = release(data, METADATA_HIT)
    assert secret in data
    assert secret not in out + inflated(out)
    assert decode(out).metadata == ()
    for one, other in zip(decode(data).frames, decode(out).frames, strict=True):
        assert np.array_equal(one.pixels, other.pixels)


def test_a_lossy_animation_stays_lossy():
    """Frames of a lossy WebP are lossy again, and close to what was decoded."""
    data = animated(moving_frames()[:3], "WEBP", duration=50, quality=80)
    before, after = decode(data), decode(release(data, METADATA_HIT))
    assert after.hints.webp_quality is not None
    for one, other in zip(before.frames, after.frames, strict=True):
        assert np.abs(one.pixels.astype(int) - other.pixels).mean() < 6


def see_through(frames: list[np.ndarray]) -> list[Image.Image]:
    alpha = np.tile(np.linspace(0, 255, 160).astype(np.uint8), (120, 1))
    return [
        Image.fromarray(np.dstack([frame, np.roll(alpha, 40 * index, axis=1)])) for index, frame in enumerate(frames)
    ]


@pytest.mark.parametrize(("disposal", "blend"), [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)])
def test_frames_are_composed_as_pillow_composes_them(disposal, blend):
    """Disposal and blending of APNG frames with holes give what Pillow shows.

    Holes only, and not `previous` with `over`: there Pillow does not do what the APNG specification says.
    """
    images = see_through(moving_frames()[:3])
    for image in images:
        image.putalpha(image.getchannel("A").point(lambda alpha: 255 if alpha > 128 else 0))
    options = {"save_all": True, "append_images": images[1:], "disposal": disposal, "blend": blend}
    data = encoded(images[0], "PNG", duration=50, **options)
    shown = [np.asarray(frame.convert("RGBA")) for frame in ImageSequence.Iterator(Image.open(io.BytesIO(data)))]
    decoded = decode(data)
    assert len(decoded.frames) == len(shown) == 3
    for frame, rgba in zip(decoded.frames, shown, strict=True):
        visible = rgba[..., 3] > 0
        assert np.array_equal(np.full_like(visible, 255) if frame.alpha is None else frame.alpha > 0, visible)
        assert np.array_equal(frame.pixels[visible], rgba[visible][:, :3])


def test_a_frame_disposed_to_the_previous_leaves_no_trace():
    """After `previous` the next frame is laid over what was there before, also where frames have holes."""
    hole = np.array([[255, 0]], np.uint8)
    shades = [np.full((1, 2, 3), shade, np.uint8) for shade in (10, 20, 30)]
    rasters = [Raster(shades[0]), Raster(shades[1], hole), Raster(shades[2], hole[:, ::-1])]
    disposals = (Dispose.NONE, Dispose.PREVIOUS, Dispose.NONE)
    stored = [StoredFrame(2, 1, b"", dispose=dispose, blend=True) for dispose in disposals]
    shown = [frame.pixels[0, :, 0].tolist() for frame in compose(2, 1, zip(stored, rasters, strict=True))]
    assert shown == [[10, 10], [20, 10], [10, 30]]


def test_half_transparent_frames_are_laid_over():
    """Half of red over half of blue is three quarters opaque, two thirds red and a third blue (APNG, `over`)."""
    pixel = np.zeros((1, 1, 4), np.uint8)
    raster = [
        Raster(pixel[..., :3] + np.uint8(colour), pixel[..., 3] + np.uint8(128))
        for colour in ([0, 0, 255], [255, 0, 0])
    ]
    stored = StoredFrame(1, 1, b"", blend=True)
    *_, last = compose(1, 1, [(stored, one) for one in raster])
    assert last.alpha.item() == round(255 * (1 - (127 / 255) ** 2))
    assert np.abs(last.pixels[0, 0].astype(int) - [170, 0, 85]).max() <= 1


@pytest.mark.parametrize("form", ANIMATED)
def test_transparent_animations_come_back(form):
    """Alpha survives decode and release, frame by frame, with black under what is transparent."""
    first, *more = see_through(moving_frames()[:3])
    lossless = {"lossless": True, "exact": True} if form == "WEBP" else {}
    data = encoded(first, form, save_all=True, append_images=more, duration=50, **lossless)
    before, after = decode(data), decode(release(data, METADATA_HIT))
    assert after.metadata == ()
    for one, other in zip(before.frames, after.frames, strict=True):
        assert np.array_equal(one.alpha, other.alpha)
        assert np.array_equal(one.pixels * (one.alpha > 0)[..., None], other.pixels)


def test_a_default_image_outside_the_animation_is_judged_and_kept():
    """The picture that only simple viewers show is frame 0, is redacted as such, and stays outside."""
    first, *more = (Image.fromarray(frame) for frame in moving_frames()[:3])
    data = encoded(first, "PNG", save_all=True, append_images=more, default_image=True, duration=50)
    decoded = decode(data)
    assert decoded.default_outside
    assert len(decoded.frames) == 3
    out = release(data, hit(FillRegion(color="#00ff00"), BoundingBox(100, 80, 120, 100)))
    assert decode(out).default_outside
    assert tuple(decode(out).frames[0].pixels[90, 110]) == (0, 255, 0)
    assert Image.open(io.BytesIO(out)).n_frames == 3


def test_odd_delays_keep_their_length():
    """A thirtieth of a second, a minute, and the longest delay come back as they were."""
    frames = tuple(Frame(photograph(16, 16), None, time) for time in (1000 / 30, 60_000.0, 65_535_000.0))
    frames = tuple(replace(frame, pixels=np.roll(frame.pixels, i, axis=0)) for i, frame in enumerate(frames))
    image = DecodedImage(ImageFormat.PNG, frames, EncodeHints(), loop=0)
    again = decode(medium().redact(image, [], "acme").data)
    assert [round(frame.duration_ms, 3) for frame in again.frames] == [33.333, 60_000, 65_535_000]


def test_animation_chunks_out_of_sequence_are_refused():
    """Where viewers disagree on what is shown, nothing is released."""
    data = movie("PNG")
    second_control = with_chunks(data, data[data.index(b"acTL") - 4 : data.index(b"acTL") + 16])
    lost_frame = data.replace(b"fdAT", b"fdAX", 1)
    foreign = with_chunks(data, png_chunk(b"fcTL", bytes(26)), after_pixels=True)
    for broken in (second_control, lost_frame, foreign):
        with pytest.raises(UnsupportedMedia):
            decode(broken)


PILLOW_IS_WRONG = {"mode_palette_1bit_alpha.png"}
"""Pillow shows half-transparent palette frames without what lies below them."""


@needs_eval
@pytest.mark.parametrize(
    "path",
    [path for path in sorted((EVAL / "frames").glob("*.png")) if path.name not in PILLOW_IS_WRONG],
    ids=lambda path: path.name,
)
def test_animations_of_other_makers_are_shown_whole_or_refused(path):
    """Pillow's collection of odd APNGs: refused with a reason, or as many frames as Pillow shows, alike."""
    data = path.read_bytes()
    try:
        decoded = decode(data)
    except UnsupportedMedia:
        return  # with what reason, test_malformed.py asks
    with Image.open(io.BytesIO(data)) as image:
        shown = [np.asarray(frame.convert("RGBA")).astype(int) for frame in ImageSequence.Iterator(image)]
    assert len(decoded.frames) == len(shown)
    for frame, rgba in zip(decoded.frames, shown, strict=True):
        drift = np.abs(frame.pixels - rgba[..., :3]) * (rgba[..., 3:] / 255)
        assert drift.max() <= 2


@pytest.mark.parametrize("alphas", [[255], [0], [0, 255], [0, 1, 128, 254, 255]])
def test_an_area_is_laid_over_by_the_formula_of_the_specification(alphas):
    """APNG's `over`, pixel by pixel in exact fractions, whatever short way is taken where nothing is half seen."""
    made = np.random.default_rng(len(alphas))
    ground, laid = (made.integers(0, 256, (6, 7, 4), dtype=np.uint8) for _ in range(2))
    ground[..., 3], laid[..., 3] = made.choice([0, 77, 255], (6, 7)), made.choice(alphas, (6, 7))
    parts = [
        (StoredFrame(7, 6, b"", blend=blend), Raster(np.ascontiguousarray(each[..., :3]), each[..., 3]))
        for each, blend in ((ground, False), (laid, True))
    ]
    *_, seen = compose(7, 6, parts)
    for row, column in np.ndindex(6, 7):
        front, back = laid[row, column].astype(float), ground[row, column].astype(float)
        share = front[3] / 255
        rest = back[3] / 255 * (1 - share)
        expected = (front[:3] * share + back[:3] * rest) / (share + rest) if share + rest else back[:3]
        if share:
            assert np.abs(seen.pixels[row, column] - expected).max() <= 0.51
        else:
            assert np.array_equal(seen.pixels[row, column], ground[row, column, :3])
        alpha = 255 if seen.alpha is None else seen.alpha[row, column]
        assert abs(alpha - 255 * (share + rest)) <= 0.51
