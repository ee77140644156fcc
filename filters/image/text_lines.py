"""Lines of text in a frame: what a reader reports, and the part of a line that a few of its characters take."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from filters.findings import Outline
from filters.protocols import Pixels

Point = tuple[float, float]
_SPARE = 0.5
"""Of a character, on either side: where a reader puts its middle is true to about so much."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line as it was read.

    `corners` are in pixels of the frame, clockwise from where the text begins: the first side is the upper one.
    `centres` has the middle of each character of `text` along the line, ascending from 0 to 1. `score` is 0–1.

    Raises:
        ValueError: characters and centres differ in number.
    """

    corners: tuple[Point, Point, Point, Point]
    text: str = field(repr=False)
    centres: tuple[float, ...] = field(repr=False)
    score: float

    def __post_init__(self) -> None:
        if len(self.text) != len(self.centres):
            raise ValueError(f"{len(self.text)} characters and {len(self.centres)} centres")

    def outline(self, start: int, end: int) -> Outline:
        """The four corners, in whole pixels, around the characters `[start, end)`, with half a character to spare."""
        left, right = self._edge(start), self._edge(end)
        spare = _SPARE * max(right - left, 1e-6) / max(end - start, 1)
        left, right = max(left - spare, 0.0), min(right + spare, 1.0)
        if start == 0:
            left = 0.0
        if end == len(self.text):
            right = 1.0
        top, bottom = self.corners[:2], (self.corners[3], self.corners[2])
        ends = (_between(*top, left), _between(*top, right), _between(*bottom, right), _between(*bottom, left))
        return tuple((round(x), round(y)) for x, y in ends)

    def _edge(self, index: int) -> float:
        """Between the characters before and at `index`."""
        if index <= 0:
            return 0.0
        if index >= len(self.centres):
            return 1.0
        return (self.centres[index - 1] + self.centres[index]) / 2


class LineReader(Protocol):
    """Finds and reads the lines of text in frames. Called from several threads at a time."""

    @property
    def name(self) -> str:
        """Stable identifier, as it stands in findings and metrics."""

    @property
    def digest(self) -> str:
        """Hex digest of what the answers depend on."""

    def read(self, batch: Sequence[Pixels]) -> Sequence[Sequence[TextLine]]:
        """The lines of each frame, in the order of `batch`; frames differ in size; may raise anything."""


def _between(start: Point, end: Point, share: float) -> Point:
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share
