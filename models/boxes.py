"""Boxes between a model's input and a frame: overlap, rounding, clipping."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from filters.errors import InferenceError
from filters.findings import BoundingBox, Detection, EntityType
from models.resize import InputPlan
from models.session import Tensor

_SCORE_DIGITS = 4
MAX_CANDIDATES = 40_000
"""Bounds the time of suppression (some seconds at worst). A picture tiled with faces makes about 5,000; noise, which
YuNet takes for faces with small scores, 30,000."""


class Candidates(NamedTuple):
    """What a model saw in one input: boxes `(n, 4)` as x0, y0, x1, y1 in input pixels, and scores `(n,)`."""

    boxes: Tensor
    scores: Tensor


def checked(answers: Tensor) -> Tensor:
    """The answers, all of them numbers.

    Raises:
        InferenceError: one is not. Compared with a threshold it would pass for "no face".
    """
    if not np.isfinite(answers).all():
        raise InferenceError("the model answered with something that is no number", reason="not_finite")
    return answers


def in_frame(candidates: Candidates, plan: InputPlan) -> Candidates:
    """The candidates that are this look's to report, with their boxes in frame pixels.

    Raises:
        InferenceError: a box holds something that is no number.
    """
    boxes, scores = checked(candidates.boxes), candidates.scores
    longer = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
    chosen = (longer >= plan.smallest) & (longer <= plan.largest) & ~_cut_off(boxes, plan)
    scale = np.array([plan.scale_x, plan.scale_y] * 2, np.float32)
    placed = boxes[chosen] / scale
    if plan.mirrored:
        placed[:, [0, 2]] = plan.frame_width - placed[:, [2, 0]]
    placed = _turned_back(placed, plan)
    return Candidates(placed + np.array([plan.left, plan.top] * 2, np.float32), scores[chosen])


def _turned_back(boxes: Tensor, plan: InputPlan) -> Tensor:
    x0, y0, x1, y1 = boxes.T
    width, height = plan.frame_width, plan.frame_height
    upright = {
        0: (x0, y0, x1, y1),
        1: (height - y1, x0, height - y0, x1),
        2: (width - x1, height - y1, width - x0, height - y0),
        3: (y0, width - x1, y1, width - x0),
    }
    return np.stack(upright[plan.turns], axis=1)


def _cut_off(boxes: Tensor, plan: InputPlan) -> npt.NDArray[np.bool_]:
    """Which boxes touch an edge beyond which the frame goes on."""
    limits = (0.0, 0.0, plan.content_width, plan.content_height)
    beyond = [boxes[:, side] <= limits[side] for side in (0, 1)] + [boxes[:, side] >= limits[side] for side in (2, 3)]
    touched: npt.NDArray[np.bool_] = np.any(np.array(plan.cut)[:, None] & np.array(beyond), axis=0)
    return touched


def merged(several: Sequence[Candidates]) -> Candidates:
    """The candidates of several looks at one frame."""
    return Candidates(
        np.concatenate([each.boxes for each in several]), np.concatenate([each.scores for each in several])
    )


def overlaps(box: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Intersection over union of one box with each of `others`, `(n, 4)`."""
    sides = np.clip(np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]), 0.0, None)
    shared = sides.prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod()
    result: npt.NDArray[np.float64] = shared / np.maximum(areas - shared, 1e-9)
    return result


def at_least(candidates: Candidates, score: float) -> Candidates:
    """Those with at least this score."""
    chosen = candidates.scores >= score
    return Candidates(candidates.boxes[chosen], candidates.scores[chosen])


def suppress(candidates: Candidates, max_overlap: float) -> Candidates:
    """Greedy non-maximum suppression: of two boxes whose IoU exceeds `max_overlap` the surer one stays.

    The kept ones come surest first, equal scores in the model's order. Scores of 0 are no faces.

    Raises:
        InferenceError: there are more than `MAX_CANDIDATES`; dropping some would hide faces.
    """
    boxes, scores = candidates
    if len(boxes) > MAX_CANDIDATES:
        raise InferenceError(f"the model answered with more than {MAX_CANDIDATES} boxes", reason="too_many_boxes")
    corners = boxes.astype(np.float64)
    rectangles = np.concatenate((corners[:, :2], corners[:, 2:] - corners[:, :2]), axis=1)
    kept = cv2.dnn.NMSBoxes(rectangles, scores.tolist(), score_threshold=0.0, nms_threshold=max_overlap)  # type: ignore[arg-type]
    chosen = np.array(kept, np.intp)
    return Candidates(boxes[chosen], scores[chosen])


def to_detections(candidates: Candidates, width: int, height: int, entity_type: EntityType) -> list[Detection]:
    """Boxes in whole pixels of a `width` × `height` frame, rounded outward and clipped; those outside are dropped."""
    detections = []
    for corners, score in zip(candidates.boxes.tolist(), candidates.scores.tolist(), strict=True):
        box = _rounded_outward(*corners).clipped(width, height)
        if box is not None:
            detections.append(Detection(box, entity_type, round(min(1.0, max(0.0, score)), _SCORE_DIGITS)))
    return detections


def _rounded_outward(x0: float, y0: float, x1: float, y1: float) -> BoundingBox:
    left, top = math.floor(x0), math.floor(y0)
    # Empty or inverted boxes still mark a place: they cover at least the pixel there.
    return BoundingBox(left, top, max(math.ceil(x1), left + 1), max(math.ceil(y1), top + 1))
