"""DBNet: one map of how likely each pixel is text, from which lines are cut (Liao et al., arXiv 1911.08947)."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from filters.errors import InferenceError
from filters.protocols import Pixels
from models.boxes import checked
from models.manifest import Inputs, Thresholds
from models.resize import MAX_ENLARGEMENT, InputPlan, plan_stretched, to_tensor
from models.session import Tensor

TEXT_PIXEL = 0.3
"""Probability from which a pixel belongs to text; PaddleOCR's `thresh`."""
_UNCLIP = 1.6
"""The model was taught shrunken lines: what they grow by, as area over perimeter; PaddleOCR's `unclip_ratio`."""
_LEAST_SIDE = 3.0
"""Input pixels; PaddleOCR's `min_size`."""
MAX_LINES = 1_000
"""Of one frame; PaddleOCR's `max_candidates`. A dense page of print has about 100."""
_MIDDLE = 127.5

Quad = npt.NDArray[np.float32]
"""`(4, 2)` as x, y: the corners of a line, clockwise from the one where its text begins, or the opposite one."""


_Points = npt.NDArray[np.integer[Any] | np.floating[Any]]


class Line(NamedTuple):
    """A line of text: its corners in frame pixels, as tight as the model tells, and its score."""

    corners: Quad
    score: float


class DbNet:
    """Takes BGR from −1 to 1, of any size in multiples of 32."""

    revision = 1

    def __init__(self, inputs: Inputs, thresholds: Thresholds) -> None:
        self._inputs = inputs
        self._thresholds = thresholds

    def look(self, width: int, height: int) -> InputPlan:
        """How to bring a frame of this size to the model."""
        longer = max(width, height)
        enlarged = min(MAX_ENLARGEMENT * longer, max(longer, self._inputs.enlarge_to))
        return plan_stretched(width, height, min(enlarged, self._inputs.long_side))

    def tensor(self, frame: Pixels, plan: InputPlan) -> Tensor:
        """The input `(3, height, width)`."""
        return to_tensor(frame, plan, swap=True, mean=_MIDDLE, scale=1 / _MIDDLE)

    def decode(self, answer: Tensor, plan: InputPlan) -> list[Line]:
        """The lines of one map `(1, height, width)`, from the top down.

        Raises:
            InferenceError: the map holds something that is no number, or more than `MAX_LINES` lines.
        """
        likely = checked(answer)[0]
        text = cv2.dilate((likely >= TEXT_PIXEL).astype(np.uint8), np.ones((2, 2), np.uint8))
        outlines, _ = cv2.findContours(text, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        scale = np.array([plan.scale_x, plan.scale_y], np.float32)
        lines = [Line(corners / scale, score) for corners, score in self._cut(likely, outlines)]
        if len(lines) > MAX_LINES:
            raise InferenceError(f"more than {MAX_LINES} lines of text in one frame", reason="too_many_lines")
        return sorted(lines, key=lambda line: (float(line.corners[:, 1].min()), float(line.corners[:, 0].min())))

    def _cut(self, likely: Tensor, outlines: Sequence[_Points]) -> Iterator[tuple[Quad, float]]:
        for outline in outlines:
            (x, y), (width, height), angle = cv2.minAreaRect(outline)
            if min(width, height) < _LEAST_SIDE:
                continue
            score = _mean_inside(likely, outline)
            if score < self._thresholds.min_score:
                continue
            grown = _UNCLIP * width * height / (2 * (width + height))
            yield _upright(cv2.boxPoints(((x, y), (width + 2 * grown, height + 2 * grown), angle))), score


def _mean_inside(likely: Tensor, outline: _Points) -> float:
    """The mean probability inside an outline."""
    x, y, width, height = cv2.boundingRect(outline)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [outline - np.array([x, y], np.int32)], 1)
    return float(cv2.mean(likely[y : y + height, x : x + width], mask)[0])


def _upright(points: _Points) -> Quad:
    """The corners clockwise from the top left of the line's own reading direction, taken to lie within ±45° of
    rightward, or for lines that stand, of downward: then the first side is still the upper one of the standing box."""
    centre = points.mean(axis=0)
    angles = [math.atan2(y - centre[1], x - centre[0]) for x, y in points]
    clockwise = points[np.argsort(angles)]
    sums = clockwise.sum(axis=1)
    start = int(np.argmin(sums))
    return np.roll(clockwise, -start, axis=0).astype(np.float32)
