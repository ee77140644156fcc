"""The lowest layer of WebP: RIFF chunks in and out, sizes and quality from the bitstream headers."""

import struct
from dataclasses import dataclass, field

from filters.errors import PayloadTooLarge
from filters.image.container import corrupt, truncated
from filters.image.limits import MAX_PARTS

_HEADER = 8
_VP8_START = b"\x9d\x01\x2a"
_VP8_HEADER = 10
_VP8L_SIGNATURE = 0x2F
_VP8L_HEADER = 5
_FOURTEEN_BITS = 0x3FFF
ALPHA_FLAG, ANIMATION_FLAG = 0x10, 0x02


@dataclass(frozen=True, slots=True)
class Chunk:
    """A RIFF chunk's four-letter name and its data."""

    name: bytes
    data: bytes = field(repr=False)


def read_chunks(data: bytes, start: int, end: int) -> list[Chunk]:
    """The chunks of `data[start:end]`, padded to even sizes.

    Raises:
        UnsupportedMedia: `truncated`.
        PayloadTooLarge: `parts`.
    """
    chunks: list[Chunk] = []
    position = start
    while position < end:
        if position + _HEADER > end:
            raise truncated("image")
        name, size = struct.unpack_from("<4sI", data, position)
        if position + _HEADER + size > end:
            raise truncated("image")
        chunks.append(Chunk(name, data[position + _HEADER : position + _HEADER + size]))
        if len(chunks) > MAX_PARTS:
            raise PayloadTooLarge("the image has too many chunks", reason="parts")
        position += _HEADER + size + (size & 1)
    return chunks


def write_chunk(name: bytes, data: bytes) -> bytes:
    """A chunk with its size and padding."""
    return struct.pack("<4sI", name, len(data)) + data + b"\x00" * (len(data) & 1)


def write_file(*chunks: bytes) -> bytes:
    """A WebP file of written chunks."""
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def write_extended_header(width: int, height: int, flags: int) -> bytes:
    """A `VP8X` chunk."""
    return write_chunk(b"VP8X", struct.pack("<I", flags) + uint24(width - 1) + uint24(height - 1))


def uint24(value: int) -> bytes:
    """Three bytes, the lowest first."""
    return value.to_bytes(3, "little")


def bitstream_size(chunk: Chunk) -> tuple[int, int]:
    """Width and height that a `VP8 ` or `VP8L` chunk announces.

    Raises:
        UnsupportedMedia: `corrupt` or `truncated`.
    """
    data = chunk.data
    if len(data) < (_VP8L_HEADER if chunk.name == b"VP8L" else _VP8_HEADER):
        raise truncated("bitstream")
    if chunk.name == b"VP8L":
        bits = int.from_bytes(data[1:5], "little")
        if data[0] != _VP8L_SIGNATURE:
            raise corrupt("bitstream")
        return (bits & _FOURTEEN_BITS) + 1, (bits >> 14 & _FOURTEEN_BITS) + 1
    if data[3:6] != _VP8_START or data[0] & 1:
        raise corrupt("bitstream")
    width, height = struct.unpack_from("<HH", data, 6)
    return width & _FOURTEEN_BITS, height & _FOURTEEN_BITS
