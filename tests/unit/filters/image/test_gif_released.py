"""GIF: every frame is judged, and a release holds its frames, its timing and nothing else."""

import io

import numpy as np
import pytest
from PIL import Image

from filters.errors import UnsupportedMedia
from filters.image.container import DecodedImage, EncodeHints, Frame
from filters.image.formats import ImageFormat
from filters.image.gif import GifCodec
from filters.image.redact import redacted
from filters.policy_operators import FillRegion
from tests.unit.filters.image.images import EVAL, METADATA_HIT, decode, encoded, hit, photograph, release, scene_with
from tests.unit.filters.image.images import faces as two_faces

SECRET = b"jane.doe@example.com"


def animation(loop: int = 0, comment: bytes = b"") -> bytes:
    """Three frames of 100, 200 and 300 ms; the middle one is green."""
    frames = [Image.new("P", (40, 30), index) for index in range(3)]
    for frame in frames:
        frame.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    extra = {"comment": comment} if comment else {}
    return encoded(
        frames[0], "GIF", save_all=True, append_images=frames[1:], duration=[100, 200, 300], loop=loop, **extra
    )


def test_every_frame_is_seen_and_timed():
    """Frames, their pixels, their durations and the loop count come out of the file."""
    image = decode(animation(loop=4))
    assert [tuple(frame.pixels[5, 5]) for frame in image.frames] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    assert [frame.duration_ms for frame in image.frames] == [100, 200, 300]
    assert image.loop == 5


@pytest.mark.parametrize("loop", [0, 1, 65_535])
def test_timing_and_loops_survive_a_release(loop):
    """Another reader finds the same frames, durations and loop count."""
    released = release(animation(loop, SECRET), METADATA_HIT)
    with Image.open(io.BytesIO(released)) as image:
        assert image.n_frames == 3
        assert image.info["loop"] == loop
        durations = []
        for index in range(3):
            image.seek(index)
            durations.append(image.info["duration"])
    assert durations == [100, 200, 300]
    assert SECRET not in released


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data + SECRET,
        lambda data: data[:-1] + b"\x21\xfe" + bytes((len(SECRET),)) + SECRET + b"\0;",
        lambda data: data[:-1] + b"\x21\xff\x0bXMP DataXMP" + bytes((len(SECRET),)) + SECRET + b"\0;",
    ],
    ids=["trailing", "comment", "application"],
)
def test_words_outside_pixels_are_metadata_and_go(spoil):
    """Each place for words is told of, and none is copied."""
    spoiled = spoil(animation())
    assert decode(spoiled).metadata
    assert SECRET not in release(spoiled, METADATA_HIT)


def test_data_after_the_last_pixel_is_noticed():
    """Decoders stop at the last pixel; what follows it inside the same sub-blocks is told of."""
    clean = release(encoded(photograph(64, 48), "GIF"), METADATA_HIT)
    assert decode(clean).metadata == ()
    spoiled = clean[:-2] + bytes((len(SECRET),)) + SECRET + clean[-2:]
    assert decode(spoiled).metadata == ("data_after_pixels",)
    assert SECRET not in release(spoiled, METADATA_HIT)


def test_unused_palette_entries_go():
    """A palette is made anew from pixels that are released."""
    image = Image.new("P", (20, 20), 0)
    image.putpalette(b"\xff\0\0" + b"\x01\x02\x03" + SECRET.ljust(21, b"x"))
    spoiled = encoded(image, "GIF", optimize=False)
    assert SECRET in spoiled
    assert "unused_palette_entries" in decode(spoiled).metadata
    assert SECRET not in release(spoiled, METADATA_HIT)


def test_swapped_faces_give_the_same_file():
    """With more colours than a palette holds, the palette depends on nothing private either."""
    shades = np.tile(np.arange(256, dtype=np.uint8), (512, 2))[..., None].repeat(3, axis=2)
    released = set()
    for face in two_faces():
        frame = Frame(np.where(np.indices((512, 512))[0][..., None] < 300, scene_with(face), shades))
        image = DecodedImage(ImageFormat.GIF, (frame,), EncodeHints(block=1))
        released.add(GifCodec().encode(redacted(image, [hit(FillRegion(type="fill", color="#000000"))])))
    assert len(released) == 1


def test_transparency_that_comes_and_goes():
    """Each frame is seen as composed, before and after a release."""
    opaque = np.full((8, 8, 3), 200, np.uint8)
    half = np.full((8, 8), 255, np.uint8)
    half[:4] = 0
    frames = tuple(Frame(np.where(a[..., None] > 0, opaque, 0).astype(np.uint8), a, 40.0) for a in (half, half[::-1]))
    again = decode(GifCodec().encode(DecodedImage(ImageFormat.GIF, frames, loop=0)))
    for given, found in zip(frames, again.frames, strict=True):
        assert np.array_equal(given.alpha, found.alpha)
        assert np.array_equal(given.pixels[given.alpha > 0], found.pixels[given.alpha > 0])


@pytest.mark.parametrize("cut", [10, 14, 30, 60, -2])
def test_a_cut_file_is_refused(cut):
    """Every cut has a code, and none a crash."""
    with pytest.raises(UnsupportedMedia):
        decode(animation()[:cut])


@pytest.mark.skipif(not EVAL.exists(), reason="no evaluation material")
def test_odd_files_keep_frames_and_pixels():
    """Every readable GIF of the material: as many frames, timed and drawn alike, after a release."""
    read = 0
    for path in sorted((EVAL / "frames").glob("*.gif")):
        try:
            before = decode(path.read_bytes())
        except UnsupportedMedia:
            continue
        read += 1
        after = decode(release(path.read_bytes(), METADATA_HIT))
        assert [frame.duration_ms for frame in before.frames] == [frame.duration_ms for frame in after.frames]
        for one, other in zip(before.frames, after.frames, strict=True):
            seen = np.ones(one.pixels.shape[:2], bool) if one.alpha is None else one.alpha > 0
            difference = np.abs(one.pixels[seen].astype(int) - other.pixels[seen])
            assert not seen.any() or difference.mean() < 2  # frames of more than 256 colours are reduced
    assert read >= 19
