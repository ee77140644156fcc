"""Reading a line: a CRNN with CTC, as PaddleOCR exports it (Shi et al., arXiv 1507.05717; Graves et al., ICML 2006)."""

import math
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from filters.errors import ModelError
from filters.protocols import Pixels
from models.boxes import checked
from models.dbnet import Quad
from models.session import Tensor

HEIGHT = 48
"""Pixels: of the model's input."""
_LEAST_WIDTH, _MOST_WIDTH, WIDTH_STEP = 48, 2_400, 64
"""Pixels. Longer lines are squeezed; with few different widths, few plans are made."""
GLANCE_WIDTH = 192
_MOST_OVERSAMPLING = 8
_MIDDLE = 127.5
_BLANK = 0


class Reading(NamedTuple):
    """What a line says: `centres` has the place of each character's middle along the line, from 0 to 1."""

    text: str
    centres: tuple[float, ...]
    score: float


class Strip(NamedTuple):
    """A line cut out and brought to the model's height: `(3, 48, width)`, of which `content` columns are the line."""

    tensor: Tensor
    content: int


class Ctc:
    """Takes BGR from −1 to 1, 48 pixels high, of any width.

    Args:
        characters: as the model's metadata list them, one a line, without the blank and the space.

    Raises:
        ModelError: the list is empty.
    """

    revision = 1

    def __init__(self, characters: str) -> None:
        if not characters:
            raise ModelError("the text recognition model lists no characters in its metadata", reason="no_characters")
        self._characters = ["", *characters.splitlines(), " "]

    def strip(self, frame: Pixels, corners: Quad) -> Strip:
        """The line cut out of a frame, its reading direction rightward."""
        across = max(1.0, math.dist(corners[0], corners[1]), math.dist(corners[3], corners[2]))
        down = max(1.0, math.dist(corners[0], corners[3]), math.dist(corners[1], corners[2]))
        content = min(max(round(HEIGHT * across / down), _LEAST_WIDTH), _MOST_WIDTH)
        line = _cut_out(frame, corners, content, max(1, min(int(down) // HEIGHT, _MOST_OVERSAMPLING)))
        tensor = np.zeros((3, HEIGHT, -(-content // WIDTH_STEP) * WIDTH_STEP), np.float32)
        tensor[:, :, :content] = (line[:, :, ::-1].transpose(2, 0, 1).astype(np.float32) - _MIDDLE) / _MIDDLE
        return Strip(tensor, content)

    def glance(self, strip: Strip) -> Tensor:
        """The beginning of a line, `(3, 48, 192)`, for a model that tells whether it stands on its head."""
        tensor = np.zeros((3, HEIGHT, GLANCE_WIDTH), np.float32)
        shown = min(strip.content, GLANCE_WIDTH)
        tensor[:, :, :shown] = strip.tensor[:, :, :shown]
        return tensor

    def read(self, answer: Tensor, strip: Strip) -> Reading:
        """The text of one answer `(steps, characters)`: repeats and blanks are dropped.

        Raises:
            InferenceError: the answer holds something that is no number.
        """
        steps = checked(answer)
        best = steps.argmax(axis=1)
        starts = [
            step for step in range(len(best)) if best[step] != _BLANK and (not step or best[step - 1] != best[step])
        ]
        ends = [_end(best, start) for start in starts]
        scale = strip.tensor.shape[2] / len(best) / strip.content
        centres = [min((start + end) / 2 * scale, 1.0) for start, end in zip(starts, ends, strict=True)]
        text = [self._characters[int(best[start])] for start in starts]
        scores = [float(steps[start:end, best[start]].max()) for start, end in zip(starts, ends, strict=True)]
        return Reading("".join(text), tuple(centres), sum(scores) / len(scores) if scores else 0.0)


def _cut_out(frame: Pixels, corners: Quad, width: int, oversampling: int) -> Pixels:
    """`(48, width, 3)`; large lines are averaged, so that thin strokes do not fall between the sampled pixels."""
    size = (width * oversampling, HEIGHT * oversampling)
    target = np.array([[0, 0], [size[0], 0], size, [0, size[1]]], np.float32)
    forth = cv2.getPerspectiveTransform(corners, target)
    line = cv2.warpPerspective(frame, forth, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(line, (width, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def _end(best: npt.NDArray[np.intp], start: int) -> int:
    end = start + 1
    while end < len(best) and best[end] == best[start]:
        end += 1
    return end
