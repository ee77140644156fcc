"""GIF: every frame is judged as it is seen, timing is kept, nothing but pixels is released."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from filters.errors import RecordError, UnsupportedMedia
from filters.findings import BoundingBox
from filters.image.gif_file import LOOPS, ends_with_its_pixels, read_gif
from filters.image.medium import ImageMedium
from filters.image.metadata import HIDDEN_DATA, TRAILING
from filters.policy_operators import FillRegion, MosaicLook
from filters.records import ImageContent
from tests.unit.filters.image.images import METADATA_HIT, hit, photograph

FRAMES = Path(__file__).parents[5] / "shared" / "eval" / "frames"
needs_material = pytest.mark.skipif(not FRAMES.is_dir(), reason="no material beside the checkout (../shared/eval)")


def medium() -> ImageMedium:
    return ImageMedium([])


def decoded(data: bytes):
    return medium().decode(ImageContent(data, "image/gif"))


def released(data: bytes, *hits) -> bytes:
    return medium().redact(decoded(data), list(hits), "acme").data


def pictures(count: int, colours: int = 40) -> list[Image.Image]:
    """Frames of few colours that differ."""
    base = Image.fromarray(photograph(96, 80)).quantize(colours).convert("RGB")
    frames = []
    for index in range(count):
        frame = base.copy()
        frame.paste((255 - 20 * index, 10 * index, 0), (8 * index, 5, 8 * index + 20, 25))
        frames.append(frame)
    return frames


def animation(count: int = 4, **options) -> bytes:
    first, *rest = pictures(count)
    out = io.BytesIO()
    given = {"duration": [100, 250, 40, 500][:count], "loop": 0, "save_all": True, "append_images": rest} | options
    first.save(out, "GIF", **given)
    return out.getvalue()


def still(**options) -> bytes:
    out = io.BytesIO()
    pictures(1)[0].save(out, "GIF", **options)
    return out.getvalue()


def seen(data: bytes) -> list[np.ndarray]:
    """Every frame as another reader shows it, RGBA."""
    with Image.open(io.BytesIO(data)) as image:
        return [np.asarray(frame.convert("RGBA")) for frame in ImageSequence.Iterator(image)]


def test_every_frame_is_decoded_with_its_time():
    image = decoded(animation())
    assert [frame.duration_ms for frame in image.frames] == [100, 250, 40, 500]
    assert image.loop == 0
    for frame, other in zip(image.frames, seen(animation()), strict=True):
        assert (frame.pixels == other[..., :3]).all()


def test_a_release_keeps_frames_times_loops_and_few_colours():
    data = animation(loop=3)
    again = released(data)
    assert decoded(again).loop == decoded(data).loop == 4
    assert [frame.duration_ms for frame in decoded(again).frames] == [100, 250, 40, 500]
    for one, other in zip(seen(data), seen(again), strict=True):
        assert (one == other).all()
    assert released(data) == again


def test_an_animation_that_plays_once_has_no_loop():
    data = animation(loop=None)
    assert decoded(data).loop == 1
    assert not any(name in released(data) for name in LOOPS)


def test_a_hit_is_covered_in_its_frame_only():
    data = animation()
    box = BoundingBox(40, 30, 60, 50)
    out = decoded(released(data, hit(FillRegion(color="#ff00ff", margin=0.0), box))).frames
    assert (out[0].pixels[35:45, 45:55] == (255, 0, 255)).all()
    assert (out[1].pixels == decoded(data).frames[1].pixels).all()


def test_transparency_survives():
    frame = np.dstack([photograph(40, 40), np.full((40, 40), 255, np.uint8)])
    frame[:10, :, 3] = 0
    out = io.BytesIO()
    Image.fromarray(frame).save(out, "GIF")
    (before,), (after,) = decoded(out.getvalue()).frames, decoded(released(out.getvalue())).frames
    assert (before.alpha == after.alpha).all()
    assert (after.alpha[:10] == 0).all()


@pytest.mark.parametrize(
    ("added", "name"),
    [
        (b"!\xfe\x05jane!\x00", "COM"),
        (b"!\xff\x0bXMP DataXMP\x03<x>\x00", "XMP"),
        (b"!\x01\x0c" + bytes(12) + b"\x04jane\x00", "plain text"),
        (b"!\xff\x0bNETSCAPE2.0\x09\x01\x00\x00secret\x00", "other block"),
        (b"!\x42\x04jane\x00", "other block"),
    ],
)
def test_what_is_no_structure_is_metadata_and_gone(added, name):
    data = still()[:-1] + added + b";"
    assert name in decoded(data).metadata
    out = released(data, METADATA_HIT)
    assert b"jane" not in out
    assert b"secret" not in out
    assert b"XMP" not in out
    assert decoded(out).metadata == ()


def test_bytes_behind_the_end_and_behind_the_pixels_are_noticed():
    assert decoded(still()).metadata == ()
    assert TRAILING in decoded(still() + b"jane").metadata
    data = still()
    end = data.rindex(b"\x00;")
    smuggled = data[:end] + b"\x04jane\x00;"
    assert HIDDEN_DATA in decoded(smuggled).metadata
    assert b"jane" not in released(smuggled, METADATA_HIT)
    (image,) = read_gif(data).images
    assert ends_with_its_pixels(image)


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (300, 200)])
@pytest.mark.parametrize("colours", [2, 5, 255])
def test_the_end_of_the_pixels_is_found_for_any_size_and_depth(size, colours):
    rng = np.random.default_rng(3)
    picture = Image.fromarray(rng.integers(0, colours, size[::-1], np.uint8), mode="P")
    picture.putpalette(bytes(range(256)) * 3)
    out = io.BytesIO()
    picture.save(out, "GIF")
    (image,) = read_gif(out.getvalue()).images
    assert ends_with_its_pixels(image)


def test_many_colours_are_reduced_and_the_same_twice():
    out = io.BytesIO()
    Image.fromarray(photograph(128, 128)).save(out, "GIF")
    mosaic = hit(MosaicLook(), BoundingBox(40, 40, 80, 80))
    assert released(out.getvalue(), mosaic) == released(out.getvalue(), mosaic)


@pytest.mark.parametrize(
    "data",
    [
        b"GIF89a",
        still()[:40],
        still()[:-1] + b"?",
        b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0, 0, 0) + b";",
        b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0, 0, 0) + b"," + struct.pack("<HHHHB", 2, 2, 4, 4, 0) + b"\x02\x00;",
    ],
)
def test_malformed_files_are_refused(data):
    with pytest.raises(UnsupportedMedia):
        decoded(data)


@needs_material
def test_every_file_of_the_material_is_read_as_others_read_it_or_refused():
    read = 0
    for path in sorted(FRAMES.glob("*.gif")):
        try:
            image = decoded(path.read_bytes())
        except RecordError:
            continue
        read += 1
        again = decoded(released(path.read_bytes(), METADATA_HIT))
        assert len(again.frames) == len(image.frames), path.name
        assert [frame.duration_ms for frame in again.frames] == [frame.duration_ms for frame in image.frames]
        assert again.metadata == (), path.name
    assert read >= 15
