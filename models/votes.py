"""Several looks at one frame vote: what most of them see is surer than what one of them sees very well.

As in weighted boxes fusion (Solovyev et al., Image and Vision Computing 107, 2021), the boxes of one thing are averaged
by their scores, and looks that do not see it count as 0.
"""

from collections.abc import Sequence

import numpy as np

from models.boxes import Candidates, merged, overlaps, suppress

FLOOR = 0.06
"""Scores from which on a look votes."""
SAME_THING = 0.45
"""Intersection over union from which on boxes of different looks are one thing."""
_LARGE_FROM, _LARGE = 24.0, 40.0
"""Input pixels of a box's shorter side, between which the exponent for large boxes comes into force."""
_HUGE_FROM, _HUGE, _HUGE_SHARE = 64.0, 128.0, 0.7
"""Between which it goes back to this share of its force: faces as large are seen well, and so are cats."""
_TURNED_EXPONENT = 1.5
"""Of the scores of turned looks: 0.45 becomes 0.3."""


def fused(looks: Sequence[Candidates], max_overlap: float) -> Candidates:
    """One list for all looks: mean boxes, weighted by squared scores, and the mean of each look's best score.

    Raises:
        InferenceError: a look has too many boxes.
    """
    kept = [suppress(look, max_overlap) for look in looks]
    if len(kept) == 1:
        return kept[0]
    everything = merged(kept)
    owners = np.concatenate([np.full(len(look.scores), index) for index, look in enumerate(kept)])
    order = np.argsort(-everything.scores, kind="stable")
    boxes, scores, owners = everything.boxes[order].astype(np.float64), everything.scores[order], owners[order]
    free = np.ones(len(scores), bool)
    fused_boxes, fused_scores = [], []
    for index in range(len(scores)):
        if not free[index]:
            continue
        members = np.flatnonzero(free & (overlaps(boxes[index], boxes) >= SAME_THING))
        members = np.union1d(members, index)
        free[members] = False
        best = np.zeros(len(kept))
        np.maximum.at(best, owners[members], scores[members])
        fused_boxes.append(np.average(boxes[members], axis=0, weights=scores[members].astype(np.float64) ** 2))
        fused_scores.append(best.mean())
    return Candidates(np.array(fused_boxes, np.float32).reshape(-1, 4), np.array(fused_scores, np.float32))


def calibrated(candidates: Candidates, scale: float, exponent: float) -> Candidates:
    """The same with the scores of large boxes raised to `exponent`: false boxes are small, as a rule, so that a small
    score says more of a large box.

    Args:
        scale: input pixels a frame pixel.
    """
    sides = (candidates.boxes[:, 2:] - candidates.boxes[:, :2]).min(axis=1, initial=np.inf) * scale
    share = np.clip(np.log2(np.maximum(sides, 1.0) / _LARGE_FROM) / np.log2(_LARGE / _LARGE_FROM), 0.0, 1.0)
    share *= np.interp(sides, [_HUGE_FROM, _HUGE], [1.0, _HUGE_SHARE])
    raised = candidates.scores.clip(0.0, 1.0) ** (1.0 + (exponent - 1.0) * share)
    return Candidates(candidates.boxes, raised.astype(np.float32))


def surer_of_upright(candidates: Candidates) -> Candidates:
    """The same from a turned frame with smaller scores: few faces are turned, so that what looks like one is more often
    none."""
    return Candidates(candidates.boxes, candidates.scores.clip(0.0, 1.0) ** np.float32(_TURNED_EXPONENT))
