"""How lines belong together: by rows of the page, and by blocks, in which an address goes on over several lines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from filters.image.text_lines import TextLine

_SAME_ROW = 0.5
"""Of the smaller line's height: how far apart the middles of lines of one row may lie."""
_NEXT_LINE = 1.2
"""Of the larger line's height: the widest gap between lines of one block."""
_LIKE_SIZE = 1.8
"""Lines of one block differ in height by no more than this factor."""
_COMMON = 0.3
"""Of the narrower line's width: what lines of one block share at least."""


@dataclass(frozen=True, slots=True)
class _Extent:
    """Where a line lies, in pixels of the frame."""

    index: int
    left: float
    right: float
    top: float
    bottom: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


@dataclass(frozen=True, slots=True)
class JoinedText:
    """Lines as one text. `origins` has, for each character, its line's index and its place there; None for those
    that join."""

    text: str = field(repr=False)
    origins: tuple[tuple[int, int] | None, ...] = field(repr=False)

    def parts(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """The lines that `[start, end)` takes part of: index, first and behind-last character."""
        spans: dict[int, tuple[int, int]] = {}
        for origin in self.origins[start:end]:
            if origin is not None:
                line, place = origin
                first, last = spans.get(line, (place, place + 1))
                spans[line] = (min(first, place), max(last, place + 1))
        for line, (first, last) in spans.items():
            yield line, first, last


def readings(lines: Sequence[TextLine]) -> list[JoinedText]:
    """The lines as one text: by rows, and by blocks where that is another text. Empty without lines."""
    extents = [_extent(index, line) for index, line in enumerate(lines)]
    orders = [_rows(extents), _blocks(extents)]
    texts = [_joined(lines, order) for order in orders if lines]
    return texts[:1] if len(texts) == 2 and texts[0].text == texts[1].text else texts  # noqa: PLR2004


def _extent(index: int, line: TextLine) -> _Extent:
    across, down = [x for x, _ in line.corners], [y for _, y in line.corners]
    return _Extent(index, min(across), max(across), min(down), max(down))


def _rows(extents: Sequence[_Extent]) -> list[list[list[int]]]:
    rows: list[list[_Extent]] = []
    for extent in sorted(extents, key=lambda each: each.middle):
        if rows and abs(rows[-1][-1].middle - extent.middle) < _SAME_ROW * min(rows[-1][-1].height, extent.height):
            rows[-1].append(extent)
        else:
            rows.append([extent])
    return [[[each.index for each in sorted(row, key=lambda each: each.left)] for row in rows]]


def _blocks(extents: Sequence[_Extent]) -> list[list[list[int]]]:
    """Each line goes below the nearest one above it that it can go on from."""
    below: dict[int, _Extent] = {}
    heads: list[_Extent] = []
    ordered = sorted(extents, key=lambda each: (each.top, each.left))
    for place, extent in enumerate(ordered):
        above = [each for each in ordered[:place] if each.index not in below and _goes_on(each, extent)]
        if above:
            below[max(above, key=lambda each: each.bottom).index] = extent
        else:
            heads.append(extent)
    return [[[each.index] for each in _chain(head, below)] for head in heads]


def _goes_on(upper: _Extent, lower: _Extent) -> bool:
    tall, low = max(upper.height, lower.height), min(upper.height, lower.height)
    common = min(upper.right, lower.right) - max(upper.left, lower.left)
    narrower = min(upper.right - upper.left, lower.right - lower.left)
    near = -low / 2 <= lower.top - upper.bottom <= _NEXT_LINE * tall
    return near and tall <= _LIKE_SIZE * low and common >= _COMMON * narrower


def _chain(head: _Extent, below: dict[int, _Extent]) -> Iterator[_Extent]:
    current: _Extent | None = head
    while current is not None:
        yield current
        current = below.get(current.index)


def _joined(lines: Sequence[TextLine], blocks: Sequence[Sequence[Sequence[int]]]) -> JoinedText:
    """Lines of a row with a space between, rows with a line break, blocks with two."""
    text: list[str] = []
    origins: list[tuple[int, int] | None] = []
    for block in blocks:
        _join(text, origins, "\n\n")
        for number, row in enumerate(block):
            _join(text, origins, "\n" if number else "")
            for place, index in enumerate(row):
                _join(text, origins, " " if place else "")
                text.append(lines[index].text)
                origins += [(index, character) for character in range(len(lines[index].text))]
    return JoinedText("".join(text), tuple(origins))


def _join(text: list[str], origins: list[tuple[int, int] | None], by: str) -> None:
    if text:
        text.append(by)
        origins += [None] * len(by)
