"""No look of a redaction is taken for a face: what is looked at again must not be covered for ever."""

import numpy as np
import pytest

from filters.findings import BoundingBox
from filters.policy_operators import BlurLook, FillRegion, MosaicLook, Shape, Silhouette
from models.face import build_face_detector
from models.manifest import load_manifest
from models.session import Device
from models.weights import WeightStore
from tests.unit.filters.image.images import decode, encoded, hit, photograph, release

FACE = BoundingBox(181, 62, 266, 178)
BOXES = [FACE, BoundingBox(150, 40, 300, 220), BoundingBox(300, 300, 340, 350), BoundingBox(20, 20, 60, 75)]
OPERATORS = [
    FillRegion(label=True),
    MosaicLook(),
    BlurLook(),
    Silhouette(),
    Silhouette(margin=0.3),
    Silhouette(shape=Shape.ELLIPSE),
]
LEAST = 0.2


@pytest.mark.slow
@pytest.mark.parametrize("operator", OPERATORS, ids=lambda each: f"{each.type}-{each.shape}-{each.margin}")
def test_a_covered_face_is_no_face(operator):
    """Of the built-in face detector, at the lowest score that it reports."""
    entry = load_manifest().entry("centerface")
    detector = build_face_detector(entry, WeightStore().path(entry), Device.CPU)
    for box in BOXES:
        frame = decode(release(encoded(photograph(), "PNG"), hit(operator, box))).frames[0].pixels
        (found,) = detector.detect([np.ascontiguousarray(frame)])
        inside = [one.score for one in found if _overlap(one.box, box) > 0]
        assert not [score for score in inside if score >= LEAST], box


def _overlap(one: BoundingBox, other: BoundingBox) -> int:
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return max(0, width) * max(0, height)
