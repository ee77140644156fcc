"""Laws of areas, lossless releases, animations and operators, for any numbers."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from filters.findings import BoundingBox
from filters.image.compose import changed_area
from filters.image.container import DecodedImage, Frame
from filters.image.formats import ImageFormat
from filters.image.medium import ImageMedium
from filters.image.operators import fill, mosaic_look
from filters.image.png_file import encode_png
from filters.image.regions import TILE, covered_area, quantum, union
from filters.policy_operators import Shape
from filters.records import ImageContent

shapes = st.sampled_from(list(Shape))
margins = st.floats(0, 1)


@st.composite
def boxes(draw, width: int = 200, height: int = 160) -> BoundingBox:
    x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return BoundingBox(x0, y0, draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height)))


def pictures(height: int, width: int) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.uint8, (height, width, 3))


@given(boxes(), margins, shapes)
def test_an_area_covers_the_box_its_margin_and_a_coding_unit(box, margin, shape):
    """Whatever the shape: every pixel of the box, widened by the margin and by 16 pixels, as far as the frame goes."""
    area = covered_area(box, margin, shape, (200, 160))
    wide = int(margin * max(box.width, box.height)) + TILE
    inner = BoundingBox(box.x0 - wide, box.y0 - wide, box.x1 + wide, box.y1 + wide).clipped(200, 160)
    covered = union([area], 200, 160)
    assert covered[inner.y0 : inner.y1, inner.x0 : inner.x1].all()
    assert area.mask.shape == (area.box.height, area.box.width)


@given(boxes(), margins)
def test_a_box_area_lies_on_its_grid(box, margin):
    """Edges are multiples of the grid, or the frame's own."""
    area = covered_area(box, margin, Shape.BOX, (200, 160))
    grid = quantum(box)
    assert all(side % grid == 0 or side in (200, 160) for side in (area.box.x0, area.box.y0, area.box.x1, area.box.y1))


@settings(deadline=None, max_examples=60)
@given(boxes(96, 80), margins, shapes, pictures(80, 96), pictures(80, 96))
def test_safe_operators_do_not_read_private_pixels(box, margin, shape, one, other):
    """Two pictures that agree outside the area are equal after fill and after mosaic look."""
    area = covered_area(box, margin, shape, (96, 80))
    covered = union([area], 96, 80)
    other = np.where(covered[..., None], other, one)
    looks = []
    for picture in (one, other):
        filled, look = picture.copy(), picture.copy()
        fill(filled, area, "#102030")
        mosaic_look(look, picture, area, covered)
        looks.append((filled, look))
    assert np.array_equal(looks[0][0], looks[1][0])
    assert np.array_equal(looks[0][1], looks[1][1])


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40).flatmap(lambda width: st.integers(1, 30).flatmap(lambda height: pictures(height, width))))
def test_png_releases_are_lossless(pixels):
    """Any array of any size comes back from the encoder as it was."""
    decoded = ImageMedium(()).decode(ImageContent(encode_png(pixels, None)))
    assert np.array_equal(decoded.frames[0].pixels, pixels)
    assert decoded.metadata == ()


frames = st.lists(arrays(np.uint8, (9, 13, 4), elements=st.sampled_from([0, 1, 128, 255])), min_size=1, max_size=5)
durations = st.lists(st.integers(0, 60_000), min_size=5, max_size=5)


@settings(deadline=None, max_examples=60)
@given(frames, durations, st.sampled_from([ImageFormat.PNG, ImageFormat.WEBP]), st.integers(0, 65_535))
def test_animations_come_back(rgba, times, form, loop):
    """Any frames with any alpha, time and loop come back, though only their differences are stored."""
    written = tuple(
        Frame(one[..., :3] * (one[..., 3:] > 0), one[..., 3].copy(), time)
        for one, time in zip(rgba, times, strict=False)
    )
    medium = ImageMedium(())
    again = medium.decode(medium.redact(DecodedImage(form, written, loop=loop), (), "acme"))
    assert again.loop == loop
    assert [frame.duration_ms for frame in again.frames] == [frame.duration_ms for frame in written]
    for one, other in zip(written, again.frames, strict=True):
        alpha = np.full((9, 13), 255) if other.alpha is None else other.alpha
        opaque_enough = one.alpha.min() >= 254
        assert np.array_equal(alpha, np.full_like(alpha, 255) if opaque_enough else one.alpha)
        assert np.array_equal(one.pixels, other.pixels)


@given(arrays(np.uint8, (6, 8, 3), elements=st.integers(0, 1)), arrays(np.uint8, (6, 8, 3), elements=st.integers(0, 1)))
def test_nothing_differs_outside_the_changed_area(one, other):
    """The area that an animation stores holds every pixel that changes, and starts on an even place if asked."""
    for step in (1, 2):
        box = changed_area(Frame(one), Frame(other), step)
        rest = (one != other).any(axis=2)
        rest[box.y0 : box.y1, box.x0 : box.x1] = False
        assert not rest.any()
        assert box.x0 % step == box.y0 % step == 0
