"""The directories of a TIFF file (TIFF 6.0), walked, and written again with structure only."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from filters.errors import UnsupportedMedia
from filters.image.container import corrupt, truncated
from filters.image.limits import MAX_PARTS

WIDTH, HEIGHT, BITS, COMPRESSION = 256, 257, 258, 259
STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES = 273, 279, 324, 325
ORIENTATION, SAMPLE_FORMAT, ICC, EXTRA_SAMPLES = 274, 339, 34675, 338
STRUCTURE = frozenset(
    {254, WIDTH, HEIGHT, BITS, COMPRESSION, 262, 266, STRIP_OFFSETS, ORIENTATION, 277, 278, STRIP_BYTES}
    | {282, 283, 284, 292, 293, 296, 317, 320, 322, 323, TILE_OFFSETS, TILE_BYTES, 332, EXTRA_SAMPLES, SAMPLE_FORMAT}
    | {347, 529, 530, 531, 532, ICC}
)
"""Tags that pixels need: sides, samples, coding, places, colours, and the resolution."""
SUB_DIRECTORIES = frozenset({330, 34665, 34853, 40965})
MAX_PAGES = 4096
_ORDERS = {b"II*\x00": "<", b"MM\x00*": ">"}
_HEADER = 8
_ENTRY = 12
_INLINE = 4
"""Bytes of a value that lies in its entry; longer ones lie elsewhere."""
_ALIGNMENT = 16
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_INTEGERS = {1: "B", 3: "H", 4: "I"}
_MAX_VALUES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Tag:
    """A field of a directory: its type, count and value as stored."""

    kind: int
    count: int
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """A directory and the strips or tiles that it points to; `order` is `<` or `>`."""

    order: str
    tags: dict[int, Tag] = field(repr=False)
    pieces: tuple[bytes, ...] = field(repr=False)

    def integers(self, number: int) -> tuple[int, ...]:
        """The values of a tag of whole numbers; none where it is absent."""
        return _integers(self.order, self.tags.get(number))

    def first(self, number: int, default: int) -> int:
        """The first value of a tag."""
        return next(iter(self.integers(number)), default)


class _Coverage:
    """Which bytes of a file belong to something. What claims more than the file has, again and again, is refused."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._spans: list[tuple[int, int]] = []
        self._claimed = 0

    def claim(self, start: int, end: int) -> None:
        """Raises UnsupportedMedia (`corrupt`): parts lie over each other, or are too many."""
        end = min(end, len(self._data))
        self._spans.append((start, end))
        self._claimed += max(end - start, 0)
        if self._claimed > 2 * len(self._data) or len(self._spans) > MAX_PARTS:
            raise corrupt("parts lie over each other")

    def is_whole(self) -> bool:
        """Whether nothing is left out but the few zeros that align one part with the next."""
        reached = 0
        for start, end in [*sorted(self._spans), (len(self._data), len(self._data))]:
            gap = self._data[reached:start]
            if len(gap) >= _ALIGNMENT or any(gap):
                return False
            reached = max(reached, end)
        return True


def read_pages(data: bytes) -> tuple[list[Page], bool]:
    """The pages in their order, and whether every byte of the file belongs to one of them.

    Raises:
        UnsupportedMedia: `truncated`, `corrupt`, or `unsupported_coding` where the file has no pixels.
    """
    order = _ORDERS[data[:4]]
    try:
        return _read(data, order)
    except struct.error:
        raise truncated("image") from None


def _read(data: bytes, order: str) -> tuple[list[Page], bool]:
    (position,) = struct.unpack_from(f"{order}I", data, 4)
    spans = _Coverage(data)
    spans.claim(0, _HEADER)
    pages: list[Page] = []
    known: set[int] = set()
    while position:
        if position in known or len(known) >= MAX_PAGES:
            raise corrupt("the directories go round")
        known.add(position)
        (count,) = struct.unpack_from(f"{order}H", data, position)
        end = position + 2 + _ENTRY * count
        spans.claim(position, end + 4)
        tags = _tags(data, order, position + 2, count, spans)
        pages.append(Page(order, tags, tuple(_pieces(data, order, tags, spans))))
        (position,) = struct.unpack_from(f"{order}I", data, end)
    if not pages:
        raise corrupt("no page")
    return pages, spans.is_whole()


def _tags(data: bytes, order: str, start: int, count: int, spans: _Coverage) -> dict[int, Tag]:
    tags: dict[int, Tag] = {}
    for position in range(start, start + _ENTRY * count, _ENTRY):
        number, kind, values = struct.unpack_from(f"{order}HHI", data, position)
        size = _SIZES.get(kind, 0) * values
        place = position + 8
        if size > _INLINE:
            (place,) = struct.unpack_from(f"{order}I", data, place)
            spans.claim(place, place + size)
        if number not in STRUCTURE:
            tags.setdefault(number, Tag(kind, values, b""))
            continue
        if number in tags or size > _MAX_VALUES or place + size > len(data) or not size:
            raise corrupt("a field")
        tags[number] = Tag(kind, values, data[place : place + size])
    return tags


def _integers(order: str, tag: Tag | None) -> tuple[int, ...]:
    if tag is None:
        return ()
    if tag.kind not in _INTEGERS:
        raise corrupt("the type of a field")
    return struct.unpack(f"{order}{tag.count}{_INTEGERS[tag.kind]}", tag.value)


def _pieces(data: bytes, order: str, tags: dict[int, Tag], spans: _Coverage) -> Iterable[bytes]:
    for offsets, sizes in ((STRIP_OFFSETS, STRIP_BYTES), (TILE_OFFSETS, TILE_BYTES)):
        starts, lengths = _integers(order, tags.get(offsets)), _integers(order, tags.get(sizes))
        if not starts:
            continue
        if len(starts) != len(lengths):
            raise UnsupportedMedia("a page does not tell the sizes of its strips", reason="unsupported_coding")
        if sum(lengths) > len(data) or len(starts) > MAX_PARTS:
            raise corrupt("strips")
        for start, length in zip(starts, lengths, strict=True):
            if start + length > len(data):
                raise truncated("strip")
            spans.claim(start, start + length)
            yield data[start : start + length]
        return
    raise UnsupportedMedia("a page has no pixels", reason="unsupported_coding")


def write_pages(pages: Sequence[Page], drop: frozenset[int] = frozenset()) -> bytes:
    """A TIFF file of pages in one order of bytes: structural tags, strips or tiles, and nothing else."""
    order = pages[0].order
    output = [(b"II*\x00" if order == "<" else b"MM\x00*") + struct.pack(f"{order}I", _HEADER)]
    position = _HEADER
    for page in pages:
        written = _written(page, drop, position, last=page is pages[-1])
        output.append(written)
        position += len(written)
    return b"".join(output)


def _written(page: Page, drop: frozenset[int], begin: int, *, last: bool) -> bytes:
    """A directory that begins at `begin`, its values and its pieces, of an even number of bytes."""
    tiled = TILE_OFFSETS in page.tags
    offsets, sizes = (TILE_OFFSETS, TILE_BYTES) if tiled else (STRIP_OFFSETS, STRIP_BYTES)
    apart = {STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES} | drop
    tags = {number: tag for number, tag in page.tags.items() if number in STRUCTURE - apart}
    order, count = page.order, len(page.pieces)
    lengths = [len(piece) for piece in page.pieces]
    tags[sizes] = Tag(4, count, struct.pack(f"{order}{count}I", *lengths))
    tags[offsets] = Tag(4, count, bytes(4 * count))
    values = begin + 2 + _ENTRY * len(tags) + 4
    first = values + sum(_even(tag.value) for tag in tags.values() if len(tag.value) > _INLINE)
    starts = list(accumulate(lengths, initial=first))
    tags[offsets] = Tag(4, count, struct.pack(f"{order}{count}I", *starts[:-1]))
    end = starts[-1] + starts[-1] % 2
    body = _directory(order, tags, values, 0 if last else end) + b"".join(page.pieces)
    return body.ljust(end - begin, b"\0")


def _even(value: bytes) -> int:
    return len(value) + len(value) % 2


def _directory(order: str, tags: dict[int, Tag], outside: int, following: int) -> bytes:
    entries, values = [], []
    for number, tag in sorted(tags.items()):
        stored = tag.value.ljust(_INLINE, b"\0")
        if len(tag.value) > _INLINE:
            values.append(tag.value.ljust(_even(tag.value), b"\0"))
            stored = struct.pack(f"{order}I", outside)
            outside += len(values[-1])
        entries.append(struct.pack(f"{order}HHI", number, tag.kind, tag.count) + stored)
    end = struct.pack(f"{order}I", following)
    return struct.pack(f"{order}H", len(tags)) + b"".join(entries) + end + b"".join(values)
