"""The demo's own look at faces tells what is covered from what can be made out."""

import io

import pytest
from PIL import Image, ImageFilter

from filters.decide import Hit
from filters.findings import EntityType, ImageFinding
from filters.image.medium import ImageMedium
from filters.policy_operators import CosmeticMosaic, FillRegion, MosaicLook, Shape
from filters.verdict import Action
from streams.demo import drawings, files
from streams.demo.faces import likeness
from streams.demo.leaks import _MOST_LIKENESS

SCENES = [drawings.astronaut, drawings.two_people, drawings.spectator, drawings.closeup, drawings.identity_card]


def covered(scene, operator):
    """The scene's first frame behind the real image operators."""
    medium = ImageMedium([])
    decoded = medium.decode(files.jpeg(scene))
    findings = [ImageFinding(0, face.box, EntityType.FACE, 1.0, "test") for face in scene.faces]
    released = medium.redact(decoded, [Hit(one, Action.REDACT, "faces", operator) for one in findings], "acme")
    with Image.open(io.BytesIO(released.data)) as image:
        return image.convert("RGB")


def most_likeness(scene, image):
    return max(likeness(scene.frames[0], image, face.box) for face in scene.faces)


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("operator", [FillRegion(), MosaicLook(margin=0.25, shape=Shape.ELLIPSE)])
def test_safe_operators_leave_no_face(scene, operator):
    """With room to spare under the demo's limit."""
    drawn = scene()
    assert most_likeness(drawn, covered(drawn, operator)) < 0.75 * _MOST_LIKENESS


@pytest.mark.parametrize("scene", SCENES)
def test_a_plain_mosaic_is_still_a_face(scene):
    """The cosmetic operator would fail the demo's claim."""
    drawn = scene()
    assert most_likeness(drawn, covered(drawn, CosmeticMosaic(cosmetic=True, blocks=12))) > 2 * _MOST_LIKENESS


@pytest.mark.parametrize("scene", SCENES)
def test_a_blurred_and_recompressed_face_is_still_a_face(scene):
    drawn = scene()
    blurred = drawn.frames[0].filter(ImageFilter.GaussianBlur(drawn.faces[0].box.width / 10))
    data = io.BytesIO()
    blurred.save(data, "JPEG", quality=40)
    assert most_likeness(drawn, Image.open(data)) > 2 * _MOST_LIKENESS
