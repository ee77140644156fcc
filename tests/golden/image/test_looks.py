"""The looks of releases, against pictures that a person has looked at."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from filters.findings import BoundingBox
from filters.policy_operators import BlurLook, CosmeticBlur, CosmeticMosaic, FillRegion, MosaicLook, Shape, Silhouette
from tests.unit.filters.image.images import decode, encoded, hit, photograph, release

LOOKS = {
    "fill_box": FillRegion(),
    "fill_ellipse": FillRegion(shape=Shape.ELLIPSE, color="#2f4f6f"),
    "mosaic_look_box": MosaicLook(),
    "mosaic_look_ellipse": MosaicLook(shape=Shape.ELLIPSE),
    "blur_look_box": BlurLook(),
    "silhouette_box": Silhouette(),
    "cosmetic_mosaic": CosmeticMosaic(cosmetic=True),
    "cosmetic_blur": CosmeticBlur(cosmetic=True, shape=Shape.ELLIPSE),
}
FACE = BoundingBox(181, 62, 266, 178)
CROP = (slice(0, 288), slice(96, 368))


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_is_the_one_that_was_approved(name):
    """The photograph's redacted part is, within two levels for other processors' rounding, the approved one."""
    pixels = decode(release(encoded(photograph(), "PNG"), hit(LOOKS[name], FACE))).frames[0].pixels[CROP]
    with Image.open(Path(__file__).with_name(f"{name}.png")) as approved:
        assert np.abs(pixels.astype(int) - np.asarray(approved)).max() <= 2
