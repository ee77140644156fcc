"""The lowest layer of PNG: chunks in, chunks out, and how many bytes a frame's pixels inflate to."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np

from filters.errors import PayloadTooLarge, RedactionError
from filters.image.container import corrupt, truncated
from filters.image.limits import MAX_PARTS
from filters.protocols import Pixels

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_OVERHEAD = 12
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column, first row, column step, row step of each pass (PNG, 8.1)."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_INFLATE_STEP = 1 << 20
_COMPRESSION = 1
"""zlib level: 6 takes four times as long for a tenth less."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk's four-letter name and its data."""

    name: bytes
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What `IHDR` says."""

    width: int
    height: int
    depth: int
    colour_type: int
    interlaced: bool

    @property
    def indexed(self) -> bool:
        return self.colour_type == 3  # noqa: PLR2004  PNG, table 11.1

    def resized(self, width: int, height: int) -> bytes:
        """The data of an `IHDR` for a frame of another size."""
        return struct.pack(">IIBBBBB", width, height, self.depth, self.colour_type, 0, 0, int(self.interlaced))


def read_chunks(data: bytes) -> tuple[list[Chunk], int]:
    """The chunks to `IEND`, and where they end.

    Raises:
        UnsupportedMedia: `truncated`, or `corrupt` where the checksum of a critical chunk is wrong.
        PayloadTooLarge: `parts`.
    """
    chunks: list[Chunk] = []
    position = len(SIGNATURE)
    while not chunks or chunks[-1].name != b"IEND":
        if position + _OVERHEAD > len(data):
            raise truncated("image")
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + _OVERHEAD + length
        if end > len(data):
            raise truncated("image")
        body = data[position + 8 : end - 4]
        if _is_decoded(name) and zlib.crc32(body, zlib.crc32(name)) != int.from_bytes(data[end - 4 : end]):
            raise corrupt("chunk checksum")
        chunks.append(Chunk(name, body))
        if len(chunks) > MAX_PARTS:
            raise PayloadTooLarge("the image has too many chunks", reason="parts")
        position = end
    return chunks, position


def _is_decoded(name: bytes) -> bool:
    """Critical chunks have a capital first letter; the others named are needed as well."""
    return name[:1].isupper() or name in {b"tRNS", b"acTL", b"fcTL", b"fdAT"}


def read_header(chunks: list[Chunk]) -> ImageHeader:
    """`IHDR`, which comes first and once.

    Raises:
        UnsupportedMedia: `corrupt`.
    """
    if chunks[0].name != b"IHDR" or len(chunks[0].data) != 13:  # noqa: PLR2004  PNG, 11.2.1
        raise corrupt("no image header")
    width, height, depth, colour_type, compression, filtering, interlace = struct.unpack(">IIBBBBB", chunks[0].data)
    if depth not in _DEPTHS.get(colour_type, ()) or compression or filtering or interlace > 1:
        raise corrupt("image header")
    return ImageHeader(width, height, depth, colour_type, bool(interlace))


def write_chunk(name: bytes, data: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return struct.pack(">I4s", len(data), name) + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))


def inflates_exactly(deflated: bytes, header: ImageHeader) -> bool:
    """Whether the stream ends where the pixels do; False where data follows them. Nothing is kept in memory.

    Raises:
        UnsupportedMedia: `truncated` where pixels are missing.
        zlib.error: the stream is malformed.
    """
    missing = _raw_size(header)
    stream = zlib.decompressobj()
    rest = deflated
    while missing > 0:
        missing -= (step := len(stream.decompress(rest, min(missing, _INFLATE_STEP))))
        rest = stream.unconsumed_tail
        if not step and (stream.eof or not rest):
            raise truncated("pixel data")
    surplus = stream.decompress(rest, 1)
    return stream.eof and not surplus and not stream.unused_data


def _raw_size(header: ImageHeader) -> int:
    """Bytes of all filtered scan lines (PNG, 9 and 8.1)."""
    bits = header.depth * _CHANNELS[header.colour_type]
    passes: Iterator[tuple[int, int]] = iter([(header.width, header.height)])
    if header.interlaced:
        passes = (
            (-(-(header.width - x) // dx), -(-(header.height - y) // dy))
            for x, y, dx, dy in _ADAM7
            if header.width > x and header.height > y
        )
    return sum((1 + -(-width * bits // 8)) * height for width, height in passes)


def encode_png(pixels: Pixels, alpha: Pixels | None) -> bytes:
    """A PNG file of RGB, or of RGBA where there is an alpha.

    Raises:
        RedactionError: the encoder failed.
    """
    colours = pixels[..., ::-1] if alpha is None else np.dstack([pixels[..., ::-1], alpha])
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(colours), [cv2.IMWRITE_PNG_COMPRESSION, _COMPRESSION])
    if not done:
        raise RedactionError("the PNG encoder failed", reason="encoder")
    return encoded.tobytes()
