"""The swap test: one scene, two faces in the same place, byte-identical releases."""

import functools
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from filters.findings import BoundingBox
from filters.image.container import DecodedImage, EncodeHints
from filters.policy_operators import BlurLook, CosmeticBlur, CosmeticMosaic, FillRegion, MosaicLook, Shape, Silhouette
from tests.unit.filters.image.images import (
    FACE_BOX,
    animated,
    decode,
    encoded,
    faces,
    hit,
    medium,
    photograph,
    release,
    scene_with,
)

SAFE = [
    pytest.param(kind(shape=shape, margin=margin), id=f"{kind.__name__}-{shape}-{margin}")
    for kind in (FillRegion, MosaicLook, BlurLook, Silhouette)
    for shape in Shape
    for margin in (0.0, 0.15)
]
COSMETIC = [
    pytest.param(kind(cosmetic=True, shape=shape), id=f"{kind.__name__}-{shape}")
    for kind in (CosmeticMosaic, CosmeticBlur)
    for shape in Shape
]
CODINGS = {
    "png": ("PNG", {}),
    "jpeg q50 4:2:0": ("JPEG", {"quality": 50}),
    "jpeg q85 4:2:0": ("JPEG", {"quality": 85}),
    "jpeg q30 4:4:4": ("JPEG", {"quality": 30, "subsampling": 0}),
    "jpeg q75 4:2:2 progressive": ("JPEG", {"quality": 75, "subsampling": 1, "progressive": True}),
    "webp lossless": ("WEBP", {"lossless": True}),
}
coded = pytest.mark.parametrize("coding", CODINGS)


@functools.cache
def files(coding: str, orientation: int = 1) -> tuple[bytes, ...]:
    """The two scenes, encoded before the filter sees them, so that what coding smears counts."""
    form, options = CODINGS[coding]
    exif = Image.Exif()
    exif[0x0112] = orientation
    return tuple(encoded(scene_with(face), form, exif=exif.tobytes(), **options) for face in faces())


@coded
@pytest.mark.parametrize("operator", SAFE)
def test_safe_operators_pass(coding, operator):
    """Releases under fill and mosaic look do not depend on one private pixel."""
    one, other = (release(data, hit(operator)) for data in files(coding))
    assert one == other


@coded
@pytest.mark.parametrize("operator", COSMETIC)
def test_cosmetic_operators_fail(coding, operator):
    """Releases under plain mosaic and blur do depend on them: the test can fail."""
    one, other = (release(data, hit(operator)) for data in files(coding))
    assert one != other


def test_jpeg_smears_faces_beyond_their_box():
    """The JPEG rows mean something: the inputs already differ outside the box, where the margin has to reach."""
    one, other = (decode(data).frames[0].pixels for data in files("jpeg q50 4:2:0"))
    differs = (one != other).any(axis=2)
    differs[FACE_BOX.y0 : FACE_BOX.y1, FACE_BOX.x0 : FACE_BOX.x1] = False
    assert differs.sum() > 500


def lossy(data: bytes, quality: int) -> DecodedImage:
    return replace(decode(data), hints=EncodeHints(webp_quality=quality))


@pytest.mark.parametrize("quality", [40, 80])
@pytest.mark.parametrize("operator", SAFE)
def test_safe_operators_pass_into_lossy_webp(quality, operator):
    """Encoding to lossy WebP brings nothing back.

    A lossy WebP *input* cannot be swapped: its encoder predicts every block from its neighbours, and two faces give
    other pixels all over the picture before the filter has seen it.
    """
    images = [lossy(data, quality) for data in files("webp lossless")]
    one, other = (medium().redact(image, [hit(operator)], "acme").data for image in images)
    assert one == other
    assert b"VP8 " in one


@pytest.mark.parametrize("orientation", [3, 6])
@pytest.mark.parametrize("operator", SAFE)
def test_safe_operators_pass_when_blocks_are_turned(orientation, operator):
    """A turned JPEG has its coding blocks off the upright frame's grid, and still nothing is left."""
    one, other = files("jpeg q50 4:2:0", orientation)
    size = 512
    box = {
        3: BoundingBox(size - FACE_BOX.x1, size - FACE_BOX.y1, size - FACE_BOX.x0, size - FACE_BOX.y0),
        6: BoundingBox(size - FACE_BOX.y1, FACE_BOX.x0, size - FACE_BOX.y0, FACE_BOX.x1),
    }[orientation]
    assert release(one, hit(operator, box)) == release(other, hit(operator, box))


@pytest.mark.parametrize("operator", SAFE)
def test_a_face_at_the_edge_of_a_frame_passes(operator):
    """An area that is cut by the frame's edge is covered to the edge."""
    scenes = []
    for face in faces():
        scene = photograph(333, 251)
        scene[-100:, -80:] = face[:100, :80]
        scenes.append(encoded(scene, "JPEG", quality=60))
    box = BoundingBox(253, 151, 333, 251)
    assert release(scenes[0], hit(operator, box)) == release(scenes[1], hit(operator, box))


@pytest.mark.parametrize("operator", SAFE)
def test_a_face_that_fills_the_frame_passes(operator):
    """With no surroundings at all, the release still does not depend on the face."""
    one, other = (encoded(face, "PNG") for face in faces())
    box = BoundingBox(0, 0, FACE_BOX.width, FACE_BOX.height)
    assert release(one, hit(operator, box)) == release(other, hit(operator, box))


@pytest.mark.parametrize("operator", SAFE)
def test_two_faces_side_by_side_pass(operator):
    """One face's surroundings are never taken from inside another's area."""
    first, second = faces()
    right = BoundingBox(FACE_BOX.x1 + 20, FACE_BOX.y0, FACE_BOX.x1 + 20 + FACE_BOX.width, FACE_BOX.y1)
    scenes = []
    for left_face, right_face in ((first, second), (second, first)):
        scene = scene_with(left_face)
        scene[right.y0 : right.y1, right.x0 : right.x1] = right_face
        scenes.append(encoded(scene, "PNG"))
    hits = (hit(operator), hit(operator, right))
    assert release(scenes[0], *hits) == release(scenes[1], *hits)


@pytest.mark.parametrize("safe", SAFE)
def test_a_cosmetic_neighbour_brings_nothing_back(safe):
    """Where a blurred area overlaps a filled one, nothing of the filled face runs into the blur."""
    wide = BoundingBox(FACE_BOX.x1, FACE_BOX.y0, FACE_BOX.x1 + 150, FACE_BOX.y1)
    hits = (hit(CosmeticBlur(cosmetic=True, margin=0.5), wide), hit(safe))
    one, other = (release(data, *hits) for data in files("png"))
    assert one == other


@functools.cache
def movies(form: str) -> tuple[bytes, ...]:
    """Two animations whose first and, mirrored, last frame hold a face."""
    options = {"lossless": True} if form == "WEBP" else {}
    scenes = [[scene_with(face), photograph(), scene_with(face)[:, ::-1].copy()] for face in faces()]
    return tuple(animated(frames, form, duration=80, **options) for frames in scenes)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
@pytest.mark.parametrize("operator", SAFE)
def test_animations_pass(form, operator):
    """Every frame that holds the face is clean; the frames stored as differences tell nothing either."""
    one, other = movies(form)
    mirrored = BoundingBox(512 - FACE_BOX.x1, FACE_BOX.y0, 512 - FACE_BOX.x0, FACE_BOX.y1)
    hits = (hit(operator), hit(operator, mirrored, frame=2))
    assert release(one, *hits) == release(other, *hits)


@pytest.mark.parametrize("operator", SAFE)
def test_faces_in_alpha_pass(operator):
    """A face drawn in alpha alone is covered opaquely."""
    scenes = []
    for face in faces():
        alpha = np.full((512, 512), 200, np.uint8)
        alpha[FACE_BOX.y0 : FACE_BOX.y1, FACE_BOX.x0 : FACE_BOX.x1] = face.mean(axis=2)
        scenes.append(encoded(Image.fromarray(np.dstack([photograph(), alpha])), "PNG"))
    assert release(scenes[0], hit(operator)) == release(scenes[1], hit(operator))


@coded
def test_same_file_same_bytes(coding):
    """A release is a function of the file and the hits."""
    (data, _) = files(coding)
    assert release(data, hit(MosaicLook())) == release(data, hit(MosaicLook()))
