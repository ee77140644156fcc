"""Several looks become one list of boxes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.boxes import Candidates
from models.votes import calibrated, fused, surer_of_upright


def seen(*rows: tuple[float, float, float, float, float]) -> Candidates:
    """x0, y0, x1, y1 and score a row."""
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Candidates(table[:, :4], table[:, 4])


def test_what_all_looks_see_stays_and_what_one_sees_loses():
    both, once = (10, 10, 30, 30, 0.6), (100, 100, 120, 120, 0.9)
    result = fused([seen(both, once), seen((11, 10, 31, 30, 0.4)), seen(both)], 0.4)
    scores = dict(zip(result.boxes[:, 0].round().tolist(), result.scores.tolist(), strict=True))
    assert scores == {10.0: pytest.approx(1.6 / 3), 100.0: pytest.approx(0.3)}


def test_boxes_are_averaged_by_their_scores():
    (box,) = fused([seen((0, 0, 20, 20, 0.8)), seen((4, 0, 24, 20, 0.2))], 0.4).boxes
    assert box == pytest.approx([4 * 0.04 / 0.68, 0, 20 + 4 * 0.04 / 0.68, 20])


def test_neighbours_are_not_taken_for_one():
    result = fused([seen((0, 0, 20, 20, 0.8), (16, 0, 36, 20, 0.7)), seen((0, 0, 20, 20, 0.8))], 0.4)
    assert len(result.scores) == 2


def test_a_single_look_is_what_it_was():
    look = seen((0, 0, 20, 20, 0.8), (50, 50, 60, 60, 0.3))
    result = fused([look], 0.4)
    assert (result.boxes.tolist(), result.scores.tolist()) == (look.boxes.tolist(), look.scores.tolist())


def test_looks_that_see_nothing_make_nothing():
    assert len(fused([seen(), seen()], 0.4).scores) == 0


def test_turned_faces_need_a_better_score():
    """0.45 counts as 0.3, and the order stays."""
    given = Candidates(np.zeros((3, 4), np.float32), np.array([0.2, 0.45, 1.0], np.float32))
    assert surer_of_upright(given).scores.round(2).tolist() == pytest.approx([0.09, 0.3, 1.0])


def test_scores_of_large_boxes_rise_and_those_of_small_ones_stay():
    result = calibrated(seen((0, 0, 16, 16, 0.1), (0, 0, 60, 50, 0.1), (0, 0, 200, 16, 0.1)), 1.0, 0.5)
    assert result.scores.tolist() == pytest.approx([0.1, 0.1**0.5, 0.1])
    assert calibrated(seen((0, 0, 60, 60, 0.1)), 0.2, 0.5).scores[0] == pytest.approx(0.1)  # small as the model sees it


@given(
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90), st.floats(0.125, 1.0, width=32)), max_size=30),
    st.integers(1, 3),
)
def test_no_score_exceeds_the_best_vote_and_no_box_leaves_its_members(rows, looks):
    boxes = [(x, y, x + 15, y + 15, score) for x, y, score in rows]
    result = fused([seen(*boxes[index::looks]) for index in range(looks)], 0.4)
    if boxes:
        assert result.scores.max() <= max(score for *_, score in boxes) + 1e-6
        assert (result.boxes.min(axis=0) >= np.array(boxes)[:, :4].min(axis=0) - 1e-3).all()
        assert (result.boxes.max(axis=0) <= np.array(boxes)[:, :4].max(axis=0) + 1e-3).all()
