"""What detectors are shown of a frame, and how their answers on several views of it become one."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from filters.errors import InferenceError
from filters.findings import BoundingBox, Detection
from filters.image.container import Frame
from filters.protocols import Pixels

_SAME_THING = 0.5
"""Share of common pixels (intersection over union) from which two views' boxes are taken for one thing."""
_WHITE = 255


def views(frame: Frame) -> Iterator[Pixels]:
    """The colours as stored, and where there is alpha, laid on white and on black.

    What is drawn in alpha alone shows only on a background; what lies under transparent pixels shows only without.
    """
    yield frame.pixels
    if frame.alpha is None:
        return
    alpha = frame.alpha[..., None].astype(np.uint16)
    on_black = (frame.pixels * alpha + 127) // _WHITE
    yield (on_black + (_WHITE - alpha)).clip(0, _WHITE).astype(np.uint8)
    yield on_black.astype(np.uint8)


def same_frame(one: Frame, other: Frame) -> bool:
    """Whether two frames show the same pixels."""
    if (one.alpha is None) != (other.alpha is None):
        return False
    same_alpha = one.alpha is None or other.alpha is None or np.array_equal(one.alpha, other.alpha)
    return same_alpha and np.array_equal(one.pixels, other.pixels)


def merged(answers: Sequence[Sequence[Detection]], width: int, height: int) -> list[Detection]:
    """One list for all views of a frame, with whole-pixel boxes inside it.

    The same thing seen in two views becomes one box around both, with the higher score.

    Raises:
        InferenceError: a box has a side that is no finite number.
    """
    detections = [inside for answer in answers for one in answer if (inside := _clipped(one, width, height))]
    if len(answers) == 1:
        return detections
    kept: list[Detection] = []
    for detection in sorted(detections, key=lambda one: -one.score):
        for index, other in enumerate(kept):
            if _same_kind(other, detection) and _overlap(other.box, detection.box) >= _SAME_THING:
                outline = other.outline if other == detection else None
                kept[index] = replace(other, box=_around(other.box, detection.box), outline=outline)
                break
        else:
            kept.append(detection)
    return kept


def _clipped(detection: Detection, width: int, height: int) -> Detection | None:
    box = detection.box
    if not all(math.isfinite(side) for side in (box.x0, box.y0, box.x1, box.y1)):
        raise InferenceError("a detector gave a box that is no number", reason="invalid_box")
    whole = BoundingBox(math.floor(box.x0), math.floor(box.y0), math.ceil(box.x1), math.ceil(box.y1))
    inside = whole.clipped(width, height)
    return replace(detection, box=inside) if inside else None


def _same_kind(one: Detection, other: Detection) -> bool:
    return (one.entity_type, one.source) == (other.entity_type, other.source)


def _overlap(one: BoundingBox, other: BoundingBox) -> float:
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / (one.width * one.height + other.width * other.height - common)


def _around(one: BoundingBox, other: BoundingBox) -> BoundingBox:
    return BoundingBox(min(one.x0, other.x0), min(one.y0, other.y0), max(one.x1, other.x1), max(one.y1, other.y1))
