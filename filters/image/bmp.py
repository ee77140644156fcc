"""BMP: the Windows bitmap, uncompressed or run-length coded; released with 24 bits, or 32 where it is transparent."""

import io
import struct
from dataclasses import dataclass

import numpy as np
from PIL import Image

from filters.errors import UnsupportedMedia
from filters.image.colour import to_raster
from filters.image.container import Container, DecodedImage, EncodeHints, Raster, StoredFrame, corrupt, truncated
from filters.image.formats import ImageFormat
from filters.image.metadata import HIDDEN_DATA, TRAILING, UNUSED_COLOURS

_FILE_HEADER = 14
_CORE, _INFO = 12, 40
_HEADERS = frozenset({_CORE, _INFO, 52, 56, 108, 124})
_RGB, _RLE8, _RLE4, _BITFIELDS, _ALPHA_BITFIELDS = 0, 1, 2, 3, 6
_CODINGS = {
    _RGB: {1, 4, 8, 16, 24, 32},
    _RLE8: {8},
    _RLE4: {4},
    _BITFIELDS: {16, 32},
    _ALPHA_BITFIELDS: {16, 32},
}
_INDEXED = 8
_MASKS = {_BITFIELDS: 12, _ALPHA_BITFIELDS: 16}


@dataclass(frozen=True, slots=True)
class _Header:
    size: int
    width: int
    height: int
    depth: int
    coding: int
    colours: int
    offset: int
    masks: bytes

    @property
    def stride(self) -> int:
        """Bytes of a row, which ends on a multiple of four."""
        return (self.width * self.depth + 31) // 32 * 4

    @property
    def palette_bytes(self) -> int:
        entry = 3 if self.size == _CORE else 4
        return entry * (self.colours or 1 << self.depth) if self.depth <= _INDEXED else 0


class BmpCodec:
    """Every depth and coding that Windows defined, without JPEG and PNG inside."""

    def parse(self, data: bytes) -> Container:
        """See `ImageCodec.parse`."""
        header = _read_header(data)
        names = []
        begin = _FILE_HEADER + header.size + len(header.masks) * (header.size == _INFO) + header.palette_bytes
        if header.offset != begin or header.size > _INFO:
            names.append("other chunk")
        plain = header.coding not in {_RLE8, _RLE4}
        end = header.offset + header.stride * header.height if plain else len(data)
        if end > len(data):
            raise truncated("image")
        if end < len(data):
            names.append(TRAILING)
        if not plain or _has_spare_bits(data, header):
            names.append(HIDDEN_DATA)
        return Container(
            format=ImageFormat.BMP,
            width=header.width,
            height=header.height,
            frames=(StoredFrame(header.width, header.height, data[:end]),),
            hints=EncodeHints(block=1),
            metadata=tuple(names),
        )

    def decode(self, frame: StoredFrame, icc: bytes | None) -> Raster:
        """See `ImageCodec.decode`."""
        header = _read_header(frame.data)
        with Image.open(io.BytesIO(frame.data), formats=["BMP"]) as image:
            image.load()
            raster = to_raster(image, icc)
            spare = header.depth <= _INDEXED and _has_unused_colours(image, frame.data, header)
        return Raster(raster.pixels, raster.alpha, (UNUSED_COLOURS,) if spare else ())

    def encode(self, image: DecodedImage) -> bytes:
        """See `ImageCodec.encode`."""
        frame = image.frames[0]
        channels = frame.pixels if frame.alpha is None else np.dstack([frame.pixels, frame.alpha])
        buffer = io.BytesIO()
        Image.fromarray(channels).save(buffer, "BMP")
        return buffer.getvalue()


def _read_header(data: bytes) -> _Header:
    try:
        offset, size = struct.unpack_from("<II", data, 10)
        if size not in _HEADERS:
            raise UnsupportedMedia("the BMP header is not supported", reason="unsupported_coding")
        if size == _CORE:
            width, height, planes, depth = struct.unpack_from("<HHHH", data, 18)
            coding = colours = 0
        else:
            width, height, planes, depth, coding = struct.unpack_from("<iiHHI", data, 18)
            (colours,) = struct.unpack_from("<I", data, 46)
    except struct.error:
        raise truncated("image") from None
    if coding not in _CODINGS or depth not in _CODINGS[coding] or (coding == _ALPHA_BITFIELDS and size == _CORE):
        raise UnsupportedMedia("the BMP coding is not supported", reason="unsupported_coding")
    start = _FILE_HEADER + _INFO
    masks = data[start : start + _MASKS.get(coding, 0)]
    header = _Header(size, width, abs(height), depth, coding, colours, offset, masks)
    if planes != 1 or width < 1 or height == 0 or (depth <= _INDEXED and colours > 1 << depth):
        raise corrupt("header")
    if offset < _FILE_HEADER + size + header.palette_bytes or offset > len(data):
        raise corrupt("header")
    return header


def _has_spare_bits(data: bytes, header: _Header) -> bool:
    """Whether bits that show nothing are set: the filling of rows, and the fourth byte of a pixel without alpha."""
    rows = np.frombuffer(data, np.uint8, header.stride * header.height, header.offset)
    rows = rows.reshape(header.height, header.stride)
    used, rest = divmod(header.width * header.depth, 8)
    if rest and (rows[:, used] & (0xFF >> rest)).any():
        return True
    if rows[:, used + (rest > 0) :].any():
        return True
    if header.coding == _RGB and header.depth == 32:  # noqa: PLR2004  bits
        fourth = rows[:, 3::4]
        return bool(fourth.any()) and bool((fourth != 0xFF).any())  # noqa: PLR2004  opaque
    return header.coding != _RGB or header.depth == 16  # noqa: PLR2004  bits that a mask may leave out


def _has_unused_colours(image: Image.Image, data: bytes, header: _Header) -> bool:
    """Whether palette entries that no pixel uses hold anything; also the fourth byte of an entry counts."""
    start = _FILE_HEADER + header.size
    stored = data[start : start + header.palette_bytes]
    if header.size != _CORE:
        entries = np.frombuffer(stored, np.uint8).reshape(-1, 4)
        if entries[:, 3].any():
            return True
        stored = entries[:, :3].tobytes()
    colours = {tuple(colour[::-1]) for colour in np.frombuffer(stored, np.uint8).reshape(-1, 3).tolist()}
    seen = np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)
    return bool(colours - {tuple(colour) for colour in seen.tolist()} - {(0, 0, 0), (255, 255, 255)})
