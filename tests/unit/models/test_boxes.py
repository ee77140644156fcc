"""Boxes: suppression as its definition says, rounding that never uncovers a pixel, no numbers that are none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from filters.errors import InferenceError
from filters.findings import EntityType
from models.boxes import MAX_CANDIDATES, Candidates, in_frame, merged, suppress, to_detections
from models.resize import InputPlan

SIDES = st.integers(0, 60).map(float)
SCORES = st.integers(1, 10).map(lambda tenth: tenth / 10)


@st.composite
def candidates(draw: st.DrawFn) -> Candidates:
    count = draw(st.integers(0, 12))
    corners = draw(arrays(np.float32, (count, 2), elements=SIDES))
    sides = draw(arrays(np.float32, (count, 2), elements=SIDES))
    scores = draw(arrays(np.float32, (count,), elements=SCORES))
    return Candidates(np.concatenate((corners, corners + sides), axis=1), scores)


def iou(a: list[float], b: list[float]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0, width) * max(0, height)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union if union else 1.0


@given(candidates(), st.sampled_from([0.25, 0.3, 0.5, 0.9]))
def test_suppression_is_greedy(seen: Candidates, limit: float) -> None:
    """Box by box, surest first, a box stays if it overlaps none that stayed: checked against that sentence in loops."""
    kept: list[list[float]] = []
    order = sorted(range(len(seen.scores)), key=lambda index: -seen.scores[index])
    boxes = seen.boxes.astype(float).tolist()
    near = [abs(iou(a, b) - limit) < 1e-6 for a in boxes for b in boxes]
    if any(near):  # float32 and float64 may fall on either side
        return
    for index in order:
        if all(iou(boxes[index], other) <= limit for other in kept):
            kept.append(boxes[index])
    assert suppress(seen, limit).boxes.astype(float).tolist() == kept


def test_nothing_seen_is_nothing_reported() -> None:
    """No candidates are no error."""
    nothing = Candidates(np.empty((0, 4), np.float32), np.empty(0, np.float32))
    assert to_detections(suppress(merged([nothing, nothing]), 0.3), 10, 10, EntityType.FACE) == []


def test_too_many_boxes_are_an_error() -> None:
    """A flood of boxes fails closed and in bounded time, instead of losing some."""
    count = MAX_CANDIDATES + 1
    flood = Candidates(np.zeros((count, 4), np.float32), np.ones(count, np.float32))
    with pytest.raises(InferenceError) as caught:
        suppress(flood, 0.3)
    assert caught.value.reason == "too_many_boxes"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_boxes_without_numbers_are_an_error(number: float) -> None:
    """A box that is nowhere must not vanish."""
    box = np.array([[1, 1, number, 5]], np.float32)
    with pytest.raises(InferenceError) as caught:
        in_frame(Candidates(box, np.ones(1, np.float32)), InputPlan(10, 10, 10, 10, 10, 10, smallest=4))
    assert caught.value.reason == "not_finite"


CORNER = st.floats(-50, 150, width=32)


@given(st.tuples(CORNER, CORNER, CORNER, CORNER), st.integers(1, 100), st.integers(1, 100))
def test_rounding_covers_the_box(corners: tuple[float, float, float, float], width: int, height: int) -> None:
    """Each pixel of the frame that the box touches lies in the reported one, and no other frame's."""
    x0, y0, x1, y1 = corners
    seen = Candidates(np.array([corners], np.float32), np.array([0.5], np.float32))
    found = to_detections(seen, width, height, EntityType.FACE)
    touched = [
        (x, y)
        for x in range(max(0, int(x0) - 2), min(width, int(x1) + 3))
        for y in (max(0, int(y0) - 2), min(height, int(y1) + 2) - 1)
        if x0 < x + 1 and x < x1 and y0 < y + 1 and y < y1 and 0 <= y < height
    ]
    if not found:
        assert not touched
        return
    box = found[0].box
    assert box.clipped(width, height) == box
    assert all(box.x0 <= x < box.x1 and box.y0 <= y < box.y1 for x, y in touched)


def test_small_boxes_are_left_to_the_other_look() -> None:
    """A look reports boxes from its smallest size on, measured in its input, and gives them in frame pixels."""
    plan = InputPlan(100, 200, 50, 100, 50, 100, smallest=10)
    boxes = np.array([[0, 0, 9, 9], [0, 0, 4, 10], [10, 20, 30, 40]], np.float32)
    seen = in_frame(Candidates(boxes, np.array([0.9, 0.8, 0.7], np.float32)), plan)
    assert seen.boxes.tolist() == [[0, 0, 8, 20], [20, 40, 60, 80]]
    assert seen.scores.tolist() == pytest.approx([0.8, 0.7])
