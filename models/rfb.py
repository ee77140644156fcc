"""Ultra-Light RFB-640: an anchor detector of one fixed input, its boxes decoded inside the graph."""

from collections.abc import Sequence

import numpy as np

from filters.protocols import Pixels
from models.boxes import Candidates, checked
from models.graph import with_free_axes
from models.manifest import Inputs
from models.resize import InputPlan, plan_boxed, to_tensor
from models.session import Tensor

_WIDTH, _HEIGHT = 640, 480
_MEAN, _DEVIATION = 127.0, 128.0


class Rfb:
    """Takes RGB from −1 to 1, 640 × 480: the graph holds the anchors of that size."""

    revision = 1
    outputs = ("scores", "boxes")

    def __init__(self, inputs: Inputs) -> None:
        """`inputs` has nothing to choose here."""

    def graph(self, model: bytes) -> bytes:
        return with_free_axes(model, (0,))

    def looks(self, width: int, height: int, *, brief: bool) -> tuple[InputPlan, ...]:  # noqa: ARG002  there is but one
        return (plan_boxed(width, height, _WIDTH, _HEIGHT),)

    def tensor(self, frame: Pixels, plan: InputPlan) -> Tensor:
        return to_tensor(frame, plan, swap=False, mean=_MEAN, scale=1 / _DEVIATION)

    def decode(self, outputs: Sequence[Tensor], plan: InputPlan, min_score: float) -> Candidates:
        """From scores `(n, 2)` as background, face, and boxes `(n, 4)` in shares of the input's sides."""
        scores = checked(outputs[0])[:, 1]
        chosen = scores >= min_score
        sides = np.array([plan.width, plan.height] * 2, np.float32)
        return Candidates(outputs[1][chosen] * sides, scores[chosen])
