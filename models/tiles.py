"""Large frames in parts: small faces keep the pixels that shrinking the whole frame would take from them."""

import itertools
import math
from dataclasses import replace

from models.manifest import SIDE_STEP, Inputs
from models.resize import InputPlan

WORTHWHILE = 1.25
"""Times as large as the largest look at the whole frame has to be, before parts of it show what that look does not."""
OVERLAP = 128
"""Input pixels that neighbouring tiles share."""
LARGEST = 96
"""Input pixels of a box's longer side: such a face lies whole in some tile. Larger ones are seen in the whole frame."""
_SHRINK = 0.98


def plan_tiles(width: int, height: int, inputs: Inputs) -> tuple[InputPlan, ...]:
    """Overlapping parts that cover the frame, at most `inputs.tiles`, each at most `inputs.long_side` on a side.

    They show the frame in its own pixels, or shrunk as far as it takes to keep to the number. None for frames of which
    the looks at the whole show as much.
    """
    longer, largest_look = max(width, height), WORTHWHILE * max(inputs.long_side, inputs.fine)
    scale = 1.0
    while inputs.tiles and scale * longer > largest_look:
        columns, rows = (_number(math.ceil(scale * side), inputs.long_side) for side in (width, height))
        if columns * rows <= inputs.tiles:
            across, down = _parts(width, columns, scale), _parts(height, rows, scale)
            return tuple(
                replace(_tile(x, y, scale), cut=(x[0] > 0, y[0] > 0, sum(x) < width, sum(y) < height))
                for y, x in itertools.product(down, across)
            )
        scale *= _SHRINK
    return ()


def _number(side: int, tile: int) -> int:
    """Of tiles along a side of the shrunk frame."""
    return 1 if side <= tile else math.ceil((side - OVERLAP) / (tile - OVERLAP))


def _parts(side: int, number: int, scale: float) -> list[tuple[int, int]]:
    """Start and length of each part, in frame pixels; all equally long."""
    shared = math.ceil(OVERLAP / scale)
    length = math.ceil((side + (number - 1) * shared) / number)
    return [(round(index * (side - length) / max(number - 1, 1)), length) for index in range(number)]


def _tile(across: tuple[int, int], down: tuple[int, int], scale: float) -> InputPlan:
    (left, width), (top, height) = across, down
    inputs = [max(1, math.floor(side * scale / SIDE_STEP + 0.5)) * SIDE_STEP for side in (width, height)]
    return replace(
        InputPlan(width, height, inputs[0], inputs[1], inputs[0], inputs[1]),
        left=left,
        top=top,
        largest=LARGEST,
        votes=False,
    )
