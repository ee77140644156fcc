"""How a frame becomes a model's input, and how boxes find their way back."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from filters.protocols import Pixels
from models.manifest import SIDE_STEP, Inputs
from models.session import Tensor

MAX_ENLARGEMENT = 2
"""Beyond, interpolation adds cost and no detail."""
FINE_ENLARGEMENT = 1.6
"""Of the frame: the detectors see faces of 15 pixels better than of 10."""

CLOSE_UP_SHARE = 0.2
"""Of the longer side: smaller faces are seen better in the first look, and the second would add false ones."""

SMALLEST_TURNED = 16
"""Input pixels: what is smaller in a turned frame is as a rule no face."""


@dataclass(frozen=True, slots=True)
class InputPlan:
    """Sides in pixels. The frame, or a part, is resized to the content, at the top left of the input; the rest is 0."""

    frame_width: int
    frame_height: int
    content_width: int
    content_height: int
    width: int
    height: int
    smallest: float = 0.0
    """Input pixels; boxes whose longer side is below are another look's to report."""
    largest: float = math.inf
    """Input pixels; boxes whose longer side is above are another look's to report."""
    votes: bool = True
    """Whether it is one of those that vote on each other's boxes; close-ups and tiles see what the others cannot."""
    left: int = 0
    """Frame pixels: where the part begins."""
    top: int = 0
    cut: tuple[bool, bool, bool, bool] = (False, False, False, False)
    """Whether the frame goes on beyond the part's left, upper, right and lower edge; another part shows what is cut."""
    mirrored: bool = False
    """Whether the model is shown the mirror image."""
    turns: int = 0
    """Quarters of a turn against the clock by which the frame is turned; all sides are those of the turned frame."""

    @property
    def longer(self) -> int:
        """Pixels of the input's longer side."""
        return max(self.width, self.height)

    @property
    def scale_x(self) -> float:
        """Input pixels a frame pixel, across."""
        return self.content_width / self.frame_width

    @property
    def scale_y(self) -> float:
        """Input pixels a frame pixel, down."""
        return self.content_height / self.frame_height


def plan_looks(width: int, height: int, inputs: Inputs) -> tuple[InputPlan, ...]:
    """The looks at a frame of a model whose input may have any size in steps; no two are alike."""
    longer = max(width, height)
    enlarged = min(MAX_ENLARGEMENT * longer, max(longer, inputs.enlarge_to))
    looks = [plan_stretched(width, height, min(enlarged, inputs.long_side))]
    if inputs.fine:
        fine = plan_stretched(width, height, min(math.ceil(FINE_ENLARGEMENT * longer), inputs.fine))
        if fine.longer > looks[0].longer:
            looks.append(fine)
        looks.append(replace(looks[-1], mirrored=True))
    if inputs.turned:
        looks += [_turned(width, height, min(enlarged, inputs.turned), turns) for turns in (1, 2, 3)]
    if inputs.close_up:
        close = plan_stretched(width, height, min(enlarged, inputs.close_up))
        if close != looks[0]:
            looks.append(replace(close, smallest=CLOSE_UP_SHARE * close.longer, votes=False))
    return tuple(looks)


def _turned(width: int, height: int, long_side: int, turns: int) -> InputPlan:
    plan = plan_stretched(height, width, long_side) if turns % 2 else plan_stretched(width, height, long_side)
    return replace(plan, turns=turns, smallest=SMALLEST_TURNED, votes=False)


def plan_stretched(width: int, height: int, long_side: int) -> InputPlan:
    """Resized to `long_side` on the longer side, both then stretched to the next multiple of `SIDE_STEP`."""
    longer = max(width, height)
    across, down = (max(1, -(-side * long_side // (longer * SIDE_STEP))) * SIDE_STEP for side in (width, height))
    return InputPlan(width, height, across, down, across, down)


def plan_boxed(width: int, height: int, input_width: int, input_height: int) -> InputPlan:
    """Resized to fit one fixed input, its proportions kept as far as whole pixels allow."""
    scale = min(input_width / width, input_height / height)
    across, down = max(1, round(width * scale)), max(1, round(height * scale))
    return InputPlan(width, height, across, down, input_width, input_height)


def to_tensor(frame: Pixels, plan: InputPlan, *, swap: bool, mean: float = 0.0, scale: float = 1.0) -> Tensor:
    """`(3, height, width)`: `(pixel − mean) × scale`, RGB, or BGR where `swap`."""
    frame = np.rot90(frame, plan.turns)
    frame = frame[plan.top : plan.top + plan.frame_height, plan.left : plan.left + plan.frame_width]
    frame = np.ascontiguousarray(frame[:, ::-1] if plan.mirrored else frame)
    content = (plan.content_width, plan.content_height)
    if content != (plan.frame_width, plan.frame_height):
        shrinks = content[0] < plan.frame_width and content[1] < plan.frame_height
        # Averaging keeps small faces from falling between the sampled pixels.
        frame = cv2.resize(frame, content, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)  # type: ignore[assignment]
    missing = (plan.height - plan.content_height, plan.width - plan.content_width)
    if any(missing):
        frame = np.pad(frame, ((0, missing[0]), (0, missing[1]), (0, 0)))
    blob = cv2.dnn.blobFromImage(frame, scale, mean=(mean, mean, mean), swapRB=swap, crop=False)
    tensor: Tensor = blob[0]
    return tensor
