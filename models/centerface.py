"""CenterFace: one heat map of face centres, with size and offset at each (Xu et al., arXiv 1911.03599)."""

from collections.abc import Sequence

import numpy as np

from filters.protocols import Pixels
from models.boxes import Candidates, checked
from models.graph import with_free_axes
from models.manifest import Inputs
from models.resize import InputPlan, plan_looks, to_tensor
from models.session import Tensor
from models.tiles import plan_tiles

_STRIDE = 4
"""Input pixels a cell of the heat map."""


class CenterFace:
    """Takes RGB from 0 to 255, of any size in multiples of 32."""

    revision = 1
    outputs = ("537", "538", "539")  # heat map, log sizes, centre offsets; "540" is landmarks

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs

    def graph(self, model: bytes) -> bytes:
        """The published file declares ten frames of 32 × 32: open the batch and both sides."""
        return with_free_axes(model, (0, 2, 3))

    def looks(self, width: int, height: int, *, brief: bool) -> tuple[InputPlan, ...]:
        inputs = self._inputs.brief if brief else self._inputs
        return (*plan_looks(width, height, inputs), *plan_tiles(width, height, inputs))

    def tensor(self, frame: Pixels, plan: InputPlan) -> Tensor:
        return to_tensor(frame, plan, swap=False)

    def decode(self, outputs: Sequence[Tensor], plan: InputPlan, min_score: float) -> Candidates:
        """From heat map `(1, h, w)`, sizes and offsets `(2, h, w)` as y, x; h and w are a quarter of the input's."""
        heat, sizes, offsets = checked(outputs[0])[0], outputs[1], outputs[2]
        rows, columns = np.nonzero(heat >= min_score)
        cells = np.stack((rows, columns)).astype(np.float32)
        with np.errstate(over="ignore"):  # an infinite side covers the input
            half = np.exp(sizes[:, rows, columns]) * (_STRIDE / 2)
        centres = (cells + offsets[:, rows, columns] + 0.5) * _STRIDE
        limits = np.array([[plan.height], [plan.width]], np.float32)
        low, high = np.clip(centres - half, 0, limits), np.clip(centres + half, 0, limits)
        boxes = np.stack((low[1], low[0], high[1], high[0]), axis=1).astype(np.float32)
        return Candidates(boxes, heat[rows, columns])
