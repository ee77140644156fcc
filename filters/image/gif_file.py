"""GIF89a as a sequence of blocks: reading them, and writing a file of few (Graphics Interchange Format, 1990)."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from filters.errors import PayloadTooLarge
from filters.image.container import Dispose, corrupt, truncated
from filters.image.limits import MAX_PARTS

SIGNATURE = b"GIF89a"
TRAILER = b";"
_IMAGE, _EXTENSION = b",", b"!"
_CONTROL, _COMMENT, _PLAIN_TEXT, _APPLICATION = 0xF9, 0xFE, 0x01, 0xFF
_CONTROL_BYTES = 6
_TABLE = 0x80
_TRANSPARENT = 0x01
_CENTISECOND = 10
LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_CODE_SIZES = range(2, 9)
_LARGEST_CODE = 12
_FULL = 1 << _LARGEST_CODE
_CHECKED_BYTES = 1 << 22
"""Compressed pixels of a frame whose end is looked for; beyond, there may be something behind it."""


@dataclass(frozen=True, slots=True)
class GifImage:
    """One image of the file: its place on the canvas, its own colours, and how it is shown.

    `flags` are those of the image descriptor; `data` is the code size and the sub-blocks, as stored.
    """

    x: int
    y: int
    width: int
    height: int
    flags: int
    table: bytes = field(repr=False)
    data: bytes = field(repr=False)
    duration_ms: float = 0.0
    dispose: Dispose = Dispose.NONE
    transparent: int | None = None


@dataclass(frozen=True, slots=True)
class GifFile:
    """The blocks of a file. `metadata` names what is no structure; `loop` is None where the file does not say."""

    width: int
    height: int
    table: bytes = field(repr=False)
    images: tuple[GifImage, ...]
    loop: int | None
    metadata: tuple[str, ...]


def read_gif(data: bytes) -> GifFile:
    """Walk all blocks.

    Raises:
        UnsupportedMedia: `truncated` or `corrupt`.
        PayloadTooLarge: `parts`.
    """
    return _Walk(data).file()


class _Walk:
    """Reads a file from front to back."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 6
        self._images: list[GifImage] = []
        self._names: list[str] = []
        self._loop: int | None = None
        self._control: tuple[float, Dispose, int | None] | None = None

    def file(self) -> GifFile:
        width, height, flags, _, _ = struct.unpack("<HHBBB", self._take(7))
        table = self._table(flags)
        for parts in range(MAX_PARTS + 1):
            if parts == MAX_PARTS:
                raise PayloadTooLarge(f"the image has more than {MAX_PARTS} parts", reason="parts")
            kind = self._take(1)
            if kind == TRAILER:
                break
            if kind == _IMAGE:
                self._image(width, height)
            elif kind == _EXTENSION:
                self._extension()
            else:
                raise corrupt("unknown block")
        if not self._images:
            raise corrupt("no pixels")
        if self._at < len(self._data):
            self._names.append("trailing_bytes")
        return GifFile(width, height, table, tuple(self._images), self._loop, tuple(dict.fromkeys(self._names)))

    def _take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise truncated("image")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def _table(self, flags: int) -> bytes:
        return self._take(3 << (flags & 7) + 1) if flags & _TABLE else b""

    def _blocks(self) -> bytes:
        """Sub-blocks with their lengths, the empty last one included."""
        start = self._at
        while size := self._take(1)[0]:
            self._take(size)
        return self._data[start : self._at]

    def _image(self, width: int, height: int) -> None:
        x, y, wide, high, flags = struct.unpack("<HHHHB", self._take(9))
        if wide == 0 or high == 0 or x + wide > width or y + high > height:
            raise corrupt("an image outside of its canvas")
        table = self._table(flags)
        data = self._take(1) + self._blocks()
        duration, dispose, transparent = self._control or (0.0, Dispose.NONE, None)
        self._control = None
        self._images.append(GifImage(x, y, wide, high, flags, table, data, duration, dispose, transparent))

    def _extension(self) -> None:
        label = self._take(1)[0]
        if label == _CONTROL:
            self._control = self._graphic_control()
            return
        body = b"".join(sub_blocks(self._blocks()))
        if label == _APPLICATION and body[:11] in LOOPS and len(body) == len(LOOPS[0]) + 3 and body[11] == 1:
            self._loop = struct.unpack("<H", body[12:])[0]
            return
        names = {_COMMENT: "COM", _PLAIN_TEXT: "plain text"}
        xmp = label == _APPLICATION and body.startswith(b"XMP DataXMP")
        self._names.append("XMP" if xmp else names.get(label, "other block"))

    def _graphic_control(self) -> tuple[float, Dispose, int | None]:
        body = self._blocks()
        if body[:1] != b"\x04" or len(body) != _CONTROL_BYTES:
            raise corrupt("a graphic control extension")
        flags, delay, index = struct.unpack("<BHB", body[1:5])
        method = flags >> 2 & 7
        dispose = {2: Dispose.BACKGROUND, 3: Dispose.PREVIOUS}.get(method, Dispose.NONE)
        return float(delay * _CENTISECOND), dispose, index if flags & _TRANSPARENT else None


def sub_blocks(blocks: bytes) -> Iterator[bytes]:
    """The contents of sub-blocks."""
    at = 0
    while at < len(blocks) and (size := blocks[at]):
        yield blocks[at + 1 : at + 1 + size]
        at += 1 + size


def ends_with_its_pixels(image: GifImage) -> bool:
    """Whether the compressed data ends where the image is full: behind that, anything can be stored unseen.

    Walks the codes of GIF's LZW (appendix F) and counts what they stand for, without making it.
    """
    least = image.data[0]
    data = b"".join(sub_blocks(image.data[1:]))
    if least not in _CODE_SIZES or len(data) > _CHECKED_BYTES:
        return False
    bits = _Codes(data, least).end(image.width * image.height)
    return bits is not None and len(data) - -(-bits // 8) <= 1


class _Codes:
    """The codes of compressed pixels, least significant bits first."""

    def __init__(self, data: bytes, least: int) -> None:
        self._data = data
        self._clear = 1 << least
        self._lengths = [1] * self._clear + [0, 0]
        self._size = least + 1
        self._before = 0
        self._buffer = self._held = self._at = self._bits = 0

    def end(self, wanted: int) -> int | None:
        """The bit behind the end code; None where there is none, or the codes are not those of so many pixels."""
        seen = 0
        while (code := self._next()) is not None:
            if code == self._clear + 1:
                return self._bits if seen == wanted else None
            if code == self._clear:
                self._reset()
                continue
            length = self._length(code)
            seen += length
            if not length or seen > wanted:
                return None
        return None

    def _next(self) -> int | None:
        while self._held < self._size:
            if self._at >= len(self._data):
                return None
            self._buffer |= self._data[self._at] << self._held
            self._held, self._at = self._held + 8, self._at + 1
        code = self._buffer & (1 << self._size) - 1
        self._buffer >>= self._size
        self._held, self._bits = self._held - self._size, self._bits + self._size
        return code

    def _reset(self) -> None:
        del self._lengths[self._clear + 2 :]
        self._size, self._before = self._clear.bit_length(), 0

    def _length(self, code: int) -> int:
        """How many pixels a code stands for; 0 where it stands for none yet."""
        if self._before and len(self._lengths) < _FULL:
            self._lengths.append(self._before + 1)
            if len(self._lengths) == 1 << self._size and self._size < _LARGEST_CODE:
                self._size += 1
        self._before = self._lengths[code] if code < len(self._lengths) else 0
        return self._before


def write_gif(width: int, height: int, images: Sequence[GifImage], loop: int | None) -> bytes:
    """A file of these images, each with a table of its own, and nothing else."""
    parts = [SIGNATURE, struct.pack("<HHBBB", width, height, 0x70, 0, 0)]
    if loop is not None:
        parts += [b"!\xff\x0b", LOOPS[0], b"\x03\x01", struct.pack("<H", loop), b"\x00"]
    for image in images:
        parts += [_control_block(image), _IMAGE]
        parts += [struct.pack("<HHHHB", image.x, image.y, image.width, image.height, image.flags)]
        parts += [image.table, image.data]
    return b"".join([*parts, TRAILER])


def _control_block(image: GifImage) -> bytes:
    method = {Dispose.NONE: 1, Dispose.BACKGROUND: 2, Dispose.PREVIOUS: 3}[image.dispose]
    flags = method << 2 | (image.transparent is not None)
    delay = min(0xFFFF, round(image.duration_ms / _CENTISECOND))
    return b"!\xf9\x04" + struct.pack("<BHB", flags, delay, image.transparent or 0) + b"\x00"
