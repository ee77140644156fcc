"""YuNet: anchor-free heads at three strides (Wu et al., Machine Intelligence Research 20, 2023)."""

from collections.abc import Sequence

import numpy as np

from filters.protocols import Pixels
from models.boxes import Candidates, checked
from models.graph import with_free_axes
from models.manifest import Inputs
from models.resize import InputPlan, plan_looks, to_tensor
from models.session import Tensor
from models.tiles import plan_tiles

_STRIDES = (8, 16, 32)


class YuNet:
    """Takes BGR from 0 to 255, of any size in multiples of 32."""

    revision = 1
    outputs = tuple(f"{head}_{stride}" for stride in _STRIDES for head in ("cls", "obj", "bbox"))

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs

    def graph(self, model: bytes) -> bytes:
        return with_free_axes(model, (0, 2, 3))

    def looks(self, width: int, height: int, *, brief: bool) -> tuple[InputPlan, ...]:
        inputs = self._inputs.brief if brief else self._inputs
        return (*plan_looks(width, height, inputs), *plan_tiles(width, height, inputs))

    def tensor(self, frame: Pixels, plan: InputPlan) -> Tensor:
        return to_tensor(frame, plan, swap=True)

    def decode(self, outputs: Sequence[Tensor], plan: InputPlan, min_score: float) -> Candidates:
        """From class `(n, 1)`, objectness `(n, 1)` and box `(n, 4)` at each stride, cells in rows from the top left."""
        levels = [
            self._level(outputs[3 * index : 3 * index + 3], stride, plan.width // stride, min_score)
            for index, stride in enumerate(_STRIDES)
        ]
        return Candidates(
            np.concatenate([level.boxes for level in levels]), np.concatenate([level.scores for level in levels])
        )

    def _level(self, outputs: Sequence[Tensor], stride: int, columns: int, min_score: float) -> Candidates:
        classes, objects, regressions = outputs
        scores = np.sqrt(checked(classes)[:, 0].clip(0, 1) * checked(objects)[:, 0].clip(0, 1))
        (chosen,) = np.nonzero(scores >= min_score)
        cells = np.stack((chosen % columns, chosen // columns), axis=1).astype(np.float32)
        boxes = regressions[chosen]
        with np.errstate(over="ignore"):  # an infinite side is refused with the boxes
            half = np.exp(boxes[:, 2:]) * (stride / 2)
        centres = (cells + boxes[:, :2]) * stride
        return Candidates(np.concatenate((centres - half, centres + half), axis=1), scores[chosen])
