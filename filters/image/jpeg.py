"""JPEG: segments, pixels, and a release with the source's quantisation tables."""

import io
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image

from filters.carried import Carried
from filters.errors import PayloadTooLarge, UnsupportedMedia
from filters.image.carried_read import exif_carried
from filters.image.colour import to_raster
from filters.image.container import Container, DecodedImage, EncodeHints, Raster, StoredFrame, corrupt, truncated
from filters.image.formats import ImageFormat
from filters.image.limits import MAX_PARTS
from filters.image.metadata import TRAILING, jpeg_metadata, with_embedded
from filters.image.orientation import exif_orientation

_SOI, _EOI, _SOS, _DQT = 0xD8, 0xD9, 0xDA, 0xDB
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
_SUPPORTED_SOF = frozenset({0xC0, 0xC1, 0xC2})
_OTHER_SOF = frozenset(range(0xC0, 0xD0)) - _SUPPORTED_SOF - {0xC4, 0xC8, 0xCC}
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""A marker that ends a scan: stuffed zeros and restart markers (ITU T.81, B.1.1.2) belong to it.

Fill bytes in front are cut off afterwards: as part of the pattern they would be tried anew from each, in square time.
"""
_FILL = b"\xff"
_EXIF = b"Exif\x00"
_EXIF_HEADER = 6
_XMP = b"http://ns.adobe.com/xap/1.0/\x00"
_ICC = b"ICC_PROFILE\x00"
_ICC_HEADER = 14
_JFIF = b"JFIF\x00"
_ADOBE = b"Adobe"
_ADOBE_BYTES = 12
_SUBSAMPLING = {(1, 1): "4:4:4", (1, 2): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0"}
_DCT_SIZE = 8
_MIN_BLOCK = 16
_MIN_FRAME_HEADER = 9
_ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8))
"""Natural index of each value in the order in which a table is stored (ITU T.81, figure A.6)."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker segment. `raw` is all of it, with the entropy-coded data that follows a start of scan."""

    marker: int
    payload: bytes = field(repr=False)
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """A start-of-frame segment: sides in pixels; per component horizontal and vertical factor and table number."""

    width: int
    height: int
    components: tuple[tuple[int, int, int], ...]


def read_segments(data: bytes) -> tuple[list[Segment], list[str]]:
    """The segments between start and end of image, and names for bytes that belong to none.

    Raises:
        UnsupportedMedia: `truncated` or `corrupt`.
        PayloadTooLarge: `parts`.
    """
    segments: list[Segment] = []
    outside: list[str] = []
    position = 2
    while True:
        match = _NEXT_MARKER.search(data, position)
        if match is None:
            raise truncated("image")
        marker = data[match.end() - 1]
        between = data[position : match.start()].rstrip(_FILL)
        if segments and segments[-1].marker == _SOS:
            segments[-1] = Segment(_SOS, segments[-1].payload, segments[-1].raw + between)
        elif between:
            outside.append("stray bytes")
        if marker == _EOI:
            return segments, outside + ([TRAILING] if match.end() < len(data) else [])
        segment = _read_segment(data, marker, match.end())
        segments.append(segment)
        if len(segments) > MAX_PARTS:
            raise PayloadTooLarge("the image has too many segments", reason="parts")
        position = match.end() + 2 + len(segment.payload)


def _read_segment(data: bytes, marker: int, start: int) -> Segment:
    if marker == _SOI:
        raise corrupt("a second image begins inside the first")
    if marker < min(_SUPPORTED_SOF):
        raise corrupt("reserved marker")
    if start + 2 > len(data):
        raise truncated("image")
    (length,) = struct.unpack_from(">H", data, start)
    if length < 2:  # noqa: PLR2004  the length counts itself
        raise corrupt("segment length")
    if start + length > len(data):
        raise truncated("image")
    body = data[start : start + length]
    return Segment(marker, body[2:], bytes((0xFF, marker)) + body)


class JpegCodec:
    """Baseline, extended and progressive JPEG of 8 bits: grey, YCbCr, RGB, CMYK and YCCK."""

    def parse(self, data: bytes) -> Container:
        """See `ImageCodec.parse`."""
        segments, names = read_segments(data)
        header = _frame_header(segments)
        for segment in segments:
            if name := jpeg_metadata(segment.marker, segment.payload):
                names += with_embedded(name, segment.payload)
        file = b"\xff\xd8" + b"".join(_structure(segment) for segment in segments) + b"\xff\xd9"
        return Container(
            format=ImageFormat.JPEG,
            width=header.width,
            height=header.height,
            frames=(StoredFrame(header.width, header.height, file),),
            hints=_hints(header, segments),
            orientation=_orientation(segments),
            icc=_icc(segments),
            metadata=tuple(dict.fromkeys(names)),
            carried=_carried(segments),
            scans=sum(segment.marker == _SOS for segment in segments),
        )

    def decode(self, frame: StoredFrame, icc: bytes | None) -> Raster:
        """See `ImageCodec.decode`."""
        with Image.open(io.BytesIO(frame.data), formats=["JPEG"]) as image:
            image.load()
            return to_raster(image, icc)

    def encode(self, image: DecodedImage) -> bytes:
        """See `ImageCodec.encode`."""
        buffer = io.BytesIO()
        Image.fromarray(image.frames[0].pixels).save(
            buffer,
            "JPEG",
            qtables=[list(table) for table in image.hints.jpeg_tables],
            subsampling=image.hints.jpeg_subsampling,
        )
        return buffer.getvalue()


def _structure(segment: Segment) -> bytes:
    """What a decoder needs of a segment; nothing of metadata."""
    if segment.marker == _APP0 and segment.payload.startswith(_JFIF) and len(segment.payload) >= _ADOBE_BYTES:
        return b"\xff\xe0\x00\x10" + segment.payload[:12] + b"\x00\x00"
    if segment.marker == _APP14 and segment.payload.startswith(_ADOBE) and len(segment.payload) >= _ADOBE_BYTES:
        return b"\xff\xee\x00\x0e" + segment.payload[:_ADOBE_BYTES]
    if jpeg_metadata(segment.marker, segment.payload) or segment.marker in {_APP0, _APP14}:
        return b""
    return segment.raw


def _frame_header(segments: Sequence[Segment]) -> FrameHeader:
    if any(segment.marker in _OTHER_SOF for segment in segments):
        raise UnsupportedMedia("the JPEG coding process is not supported", reason="unsupported_coding")
    payloads = [segment.payload for segment in segments if segment.marker in _SUPPORTED_SOF]
    if len(payloads) != 1:
        raise corrupt(f"{len(payloads)} frame headers")
    payload = payloads[0]
    if len(payload) < _MIN_FRAME_HEADER or len(payload) != 6 + 3 * payload[5]:
        raise corrupt("frame header")
    precision, height, width, count = struct.unpack_from(">BHHB", payload)
    if precision != _DCT_SIZE or count not in {1, 3, 4}:
        raise UnsupportedMedia("the JPEG precision or component count is not supported", reason="unsupported_coding")
    if not any(segment.marker == _SOS for segment in segments):
        raise truncated("image")
    components = tuple((payload[i + 1] >> 4, payload[i + 1] & 15, payload[i + 2]) for i in range(6, 6 + 3 * count, 3))
    if not all(1 <= factor <= 4 for component in components for factor in component[:2]):  # noqa: PLR2004  T.81, B.2.2
        raise corrupt("sampling factors")
    return FrameHeader(width, height, components)


def _hints(header: FrameHeader, segments: Sequence[Segment]) -> EncodeHints:
    tables = _tables(segments)
    used = [tables[number] for _, _, number in header.components[:3] if number in tables]
    if not used:
        raise corrupt("no quantisation table")
    while len(used) > 1 and used[-1] == used[-2]:
        used.pop()  # the encoder gives the last table to all further components
    (h0, v0, _), (h1, v1, _) = header.components[0], header.components[min(1, len(header.components) - 1)]
    factors = (h0 // h1, v0 // v1) if len(header.components) > 1 else (2, 2)
    largest = max(max(h, v) for h, v, _ in header.components)
    return EncodeHints(
        jpeg_tables=tuple(used),
        jpeg_subsampling=_SUBSAMPLING.get(factors, "4:2:0"),
        block=max(_MIN_BLOCK, _DCT_SIZE * largest),
    )


def _tables(segments: Sequence[Segment]) -> dict[int, tuple[int, ...]]:
    """Quantisation tables by number, in natural order, clamped to what a baseline file can hold."""
    tables: dict[int, tuple[int, ...]] = {}
    for payload in (segment.payload for segment in segments if segment.marker == _DQT):
        position = 0
        while position < len(payload):
            number, wide = payload[position] & 15, payload[position] >> 4
            form = ">64H" if wide else ">64B"
            if position + 1 + struct.calcsize(form) > len(payload):
                raise corrupt("quantisation table")
            stored = struct.unpack_from(form, payload, position + 1)
            natural = dict(zip(_ZIGZAG, stored, strict=True))
            tables[number] = tuple(min(max(natural[index], 1), 255) for index in range(64))
            position += 1 + struct.calcsize(form)
    return tables


def _orientation(segments: Sequence[Segment]) -> int:
    for segment in segments:
        if segment.marker == _APP1 and segment.payload.startswith(_EXIF):
            return exif_orientation(segment.payload[_EXIF_HEADER:])
    return 1


def _carried(segments: Sequence[Segment]) -> Carried:
    blocks = [segment.payload for segment in segments if segment.marker == _APP1]
    exif = next((block for block in blocks if block.startswith(_EXIF)), b"")
    return exif_carried(exif[_EXIF_HEADER:], (block for block in blocks if block.startswith(_XMP)))


def _icc(segments: Sequence[Segment]) -> bytes | None:
    """The profile, put together from its numbered parts."""
    parts = [segment.payload for segment in segments if segment.marker == _APP2 and segment.payload.startswith(_ICC)]
    ordered = sorted((part for part in parts if len(part) > _ICC_HEADER), key=lambda part: part[len(_ICC)])
    return b"".join(part[_ICC_HEADER:] for part in ordered) or None
