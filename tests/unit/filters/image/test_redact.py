"""What the operators paint, where, and what they refuse."""

import io

import numpy as np
import pytest
from PIL import Image

from filters.decide import Hit
from filters.errors import RedactionError
from filters.findings import BoundingBox, EntityType, ImageFinding, TextFinding
from filters.image.operators import mosaic_look
from filters.image.regions import covered_area, quantum, union
from filters.policy_operators import (
    BlurLook,
    CosmeticBlur,
    CosmeticMosaic,
    FillRegion,
    MosaicLook,
    ReplaceText,
    Shape,
    Silhouette,
)
from filters.verdict import Action
from tests.unit.filters.image.images import FACE_BOX, METADATA_HIT, decode, encoded, hit, photograph, release

OPERATORS = [
    FillRegion(),
    FillRegion(label=True),
    MosaicLook(),
    BlurLook(),
    Silhouette(),
    CosmeticMosaic(cosmetic=True),
    CosmeticBlur(cosmetic=True),
]


def released(pixels: np.ndarray | Image.Image, *hits: Hit) -> np.ndarray:
    return decode(release(encoded(pixels, "PNG"), *hits)).frames[0].pixels


@pytest.mark.parametrize(
    ("sides", "grid"),
    [((10, 10), 16), ((95, 60), 16), ((96, 10), 32), ((191, 191), 32), ((192, 1), 64), ((40, 800), 256)],
)
def test_the_grid_is_a_third_of_the_longer_side(sides, grid):
    """The largest of 16, 32, 64, … pixels that is at most a third of the longer side, and never below 16."""
    assert quantum(BoundingBox(0, 0, *sides)) == grid


def test_a_box_is_snapped_outward_with_a_coding_unit_around():
    """Margin, sixteen pixels more, then outward to the grid, then cut by the frame."""
    area = covered_area(BoundingBox(100, 100, 150, 140), 0.1, Shape.BOX, (512, 150))
    assert area.box == BoundingBox(64, 64, 176, 150)
    assert area.mask.all()
    assert area.quantum == 16


def test_boxes_a_few_pixels_apart_cover_the_same():
    """Where exactly a detector put its box, a function of private pixels, does not show in the area."""
    places = {
        covered_area(BoundingBox(131 + dx, 131 + dy, 229 + dx, 231), 0.15, Shape.BOX, (512, 512)).box
        for dx in range(4)
        for dy in range(4)
    }
    assert len(places) == 1


def test_an_ellipse_goes_around_the_box():
    """The ellipse covers the box's corners and a coding unit beyond, and less than the box around itself."""
    area = covered_area(FACE_BOX, 0.0, Shape.ELLIPSE, (512, 512))
    covered = union([area], 512, 512)
    assert covered[FACE_BOX.y0 - 16 : FACE_BOX.y1 + 16, FACE_BOX.x0 - 16 : FACE_BOX.x1 + 16].all()
    assert 0.6 < area.mask.mean() < 0.95
    assert not area.mask[0, 0]


def test_wide_coding_blocks_are_covered_whole():
    """A source of 32-pixel coding units gets a ring of 32 pixels."""
    area = covered_area(BoundingBox(100, 100, 110, 110), 0.0, Shape.BOX, (512, 512), block=32)
    assert area.box.x0 <= 68
    assert area.box.x1 >= 142


def test_fill_has_its_colour_and_nothing_else_changes():
    """Inside the area one colour; outside every pixel of a lossless format stays."""
    pixels = photograph()
    out = released(pixels, hit(FillRegion(color="#3366cc")))
    covered = union([covered_area(FACE_BOX, 0.15, Shape.BOX, (512, 512))], 512, 512)
    assert np.unique(out[covered], axis=0).tolist() == [[0x33, 0x66, 0xCC]]
    assert np.array_equal(out[~covered], pixels[~covered])


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("shape", Shape)
def test_every_operator_stays_in_its_area(operator, shape):
    """No operator changes a pixel outside the area, and each changes most of those inside."""
    pixels = photograph()
    out = released(pixels, hit(operator.model_copy(update={"shape": shape})))
    covered = union([covered_area(FACE_BOX, 0.15, shape, (512, 512))], 512, 512)
    assert np.array_equal(out[~covered], pixels[~covered])
    assert (out != pixels).any(axis=2)[covered].mean() > 0.9


def test_the_mosaic_look_is_squares_in_the_colours_around():
    """Squares of one colour each, near the surroundings in tone, and not one flat patch."""
    pixels = np.full((256, 256, 3), (200, 120, 60), np.uint8)
    pixels[100:140, 100:140] = 0
    area = covered_area(BoundingBox(100, 100, 140, 140), 0.15, Shape.BOX, (256, 256))
    out = pixels.copy()
    mosaic_look(out, pixels, area, union([area], 256, 256))
    inside = out[area.box.y0 : area.box.y1, area.box.x0 : area.box.x1]
    cells = inside.reshape(inside.shape[0] // 8, 8, inside.shape[1] // 8, 8, 3)
    assert (cells == cells[:, :1, :, :1]).all()
    assert np.abs(inside.reshape(-1, 3).mean(axis=0) - (200, 120, 60)).max() < 4
    assert len(np.unique(inside)) > 6


def test_the_mosaic_look_follows_its_surroundings():
    """Between a dark left and a bright right side the squares brighten from left to right."""
    pixels = np.zeros((256, 256, 3), np.uint8)
    pixels[:, 128:] = 220
    out = released(pixels, hit(MosaicLook(), BoundingBox(98, 98, 158, 158)))
    assert out[128, 72].mean() + 80 < out[128, 180].mean()


def test_covered_alpha_is_opaque():
    """Nothing shines through a redaction, and transparency elsewhere stays."""
    alpha = np.full((512, 512), 128, np.uint8)
    data = encoded(Image.fromarray(np.dstack([photograph(), alpha])), "PNG")
    frame = decode(release(data, hit(FillRegion()))).frames[0]
    covered = union([covered_area(FACE_BOX, 0.15, Shape.BOX, (512, 512))], 512, 512)
    assert (frame.alpha[covered] == 255).all()
    assert (frame.alpha[~covered] == 128).all()


def test_a_face_under_transparent_pixels_is_covered_and_cleared():
    """A hit under alpha 0 becomes opaque fill; the rest of what is transparent becomes black."""
    data = encoded(Image.fromarray(np.dstack([photograph(), np.zeros((512, 512), np.uint8)])), "PNG")
    image = Image.open(io.BytesIO(release(data, hit(FillRegion(color="#ffffff")))))
    covered = union([covered_area(FACE_BOX, 0.15, Shape.BOX, (512, 512))], 512, 512)
    out = np.asarray(image)
    assert (out[covered] == 255).all()
    assert (out[~covered] == 0).all()


def test_metadata_covers_nothing():
    """A hit of the file, with a rule's operator or without one, leaves all pixels as they are."""
    by_rule = Hit(METADATA_HIT.finding, Action.REDACT, "images.rules[0]", FillRegion())
    assert np.array_equal(released(photograph(), METADATA_HIT, by_rule), photograph())


@pytest.mark.parametrize(
    "wrong",
    [
        hit(None),
        hit(FillRegion(), box=None),
        hit(FillRegion(), frame=1),
        hit(FillRegion(), frame=-1),
        hit(FillRegion(), BoundingBox(600, 600, 700, 700)),
        Hit(ImageFinding(0, FACE_BOX, EntityType.FACE, 0.9, "t"), Action.REDACT, "r", ReplaceText()),
        Hit(TextFinding("prompt", 0, 4, EntityType.PERSON, 0.9, "t"), Action.REDACT, "r", FillRegion()),
    ],
)
def test_a_hit_that_cannot_be_covered_is_an_error(wrong):
    """Nothing is released as redacted that was not."""
    with pytest.raises(RedactionError):
        release(encoded(photograph(), "PNG"), wrong)


@pytest.mark.parametrize(("color", "letters"), [("#000000", 255), ("#e0e0e0", 0)])
def test_a_label_is_written_where_it_can_be_read(color, letters):
    """In black or white, whichever stands out; not in an area too small for it."""
    pixels = np.full((256, 256, 3), 120, np.uint8)
    plain = released(pixels, hit(FillRegion(color=color), BoundingBox(60, 60, 180, 180)))
    labelled = released(pixels, hit(FillRegion(color=color, label=True), BoundingBox(60, 60, 180, 180)))
    assert (labelled == letters).all(axis=2).sum() > 200
    assert ((labelled != plain).any(axis=2) & (plain == 120).all(axis=2)).sum() == 0, "nothing outside of the area"
    small = BoundingBox(8, 8, 10, 10)
    tiny = hit(FillRegion(color=color, label=True), small)
    narrow = pixels[:20, :20]
    assert (released(narrow, tiny) == released(narrow, hit(FillRegion(color=color), small))).all()


def test_a_silhouette_stands_out_and_tells_only_place_and_size():
    """A lighter or darker figure of one tone in the middle; the same over any content of the area."""
    pixels = photograph(256, 256)
    box = BoundingBox(90, 60, 170, 170)
    out = released(pixels, hit(Silhouette(), box))
    other = pixels.copy()
    other[box.y0 : box.y1, box.x0 : box.x1] = 255 - other[box.y0 : box.y1, box.x0 : box.x1]
    assert (released(other, hit(Silhouette(), box)) == out).all()
    middle = out[105:125, 120:140].reshape(-1, 3)
    assert (middle == middle[0]).all()
