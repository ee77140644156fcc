"""PNG and APNG: parts, pixels, and a lossless release."""

import io
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from filters.image.apng import animation_control, read_animation, write_animation
from filters.image.carried_read import png_carried
from filters.image.colour import MAX_ICC_BYTES, to_raster
from filters.image.container import Container, DecodedImage, Raster, StoredFrame, corrupt
from filters.image.formats import ImageFormat
from filters.image.metadata import HIDDEN_DATA, TRAILING, UNUSED_COLOURS, png_metadata, with_embedded
from filters.image.orientation import exif_orientation
from filters.image.png_file import (
    SIGNATURE,
    Chunk,
    ImageHeader,
    encode_png,
    inflates_exactly,
    read_chunks,
    read_header,
    write_chunk,
)

_TRUECOLOUR = 2
_SIXTEEN = 16
_ANIMATION = frozenset({b"acTL", b"fcTL", b"fdAT"})


class PngCodec:
    """Every colour type and depth, still or animated."""

    def parse(self, data: bytes) -> Container:
        """See `ImageCodec.parse`."""
        chunks, end = read_chunks(data)
        header = read_header(chunks)
        _check_order(chunks, header)
        animated = any(chunk.name == b"acTL" for chunk in chunks)
        names = _metadata(chunks, header, animated=animated) + ([TRAILING] if end < len(data) else [])
        still = _StillFile(chunks, header)
        frames, outside = (
            read_animation(chunks, header, still)
            if animated
            else (
                [StoredFrame(header.width, header.height, still(header.width, header.height, _pixels(chunks)))],
                False,
            )
        )
        return Container(
            format=ImageFormat.PNG,
            width=header.width,
            height=header.height,
            frames=tuple(frames),
            orientation=exif_orientation(_first(chunks, b"eXIf")),
            icc=_icc(_first(chunks, b"iCCP")),
            loop=animation_control(chunks)[1] if animated else None,
            default_outside=outside,
            metadata=tuple(dict.fromkeys(names)),
            carried=png_carried((chunk.name, chunk.data) for chunk in chunks),
        )

    def decode(self, frame: StoredFrame, icc: bytes | None) -> Raster:
        """See `ImageCodec.decode`."""
        chunks, _ = read_chunks(frame.data)
        exact = inflates_exactly(b"".join(_pixels(chunks)), read_header(chunks))
        with Image.open(io.BytesIO(frame.data), formats=["PNG"]) as image:
            image.load()
            raster = to_raster(image, icc)
            hidden = [] if exact else [HIDDEN_DATA]
            return Raster(raster.pixels, raster.alpha, (*hidden, *_unused_colours(image)))

    def encode(self, image: DecodedImage) -> bytes:
        """See `ImageCodec.encode`."""
        if image.loop is None:
            return encode_png(image.frames[0].pixels, image.frames[0].alpha)
        return write_animation(image.frames, image.loop, default_outside=image.default_outside)


class _StillFile:
    """Makes a still PNG file of a frame, with the palette and transparency that all frames share."""

    def __init__(self, chunks: Sequence[Chunk], header: ImageHeader) -> None:
        # Pillow compares a 16-bit colour key with 8-bit pixels; without the key all pixels are seen, and judged
        unreadable = {b"tRNS"} if header.colour_type == _TRUECOLOUR and header.depth == _SIXTEEN else set()
        wanted = {b"PLTE", b"tRNS"} - unreadable
        self._header = header
        self._shared = b"".join(write_chunk(chunk.name, chunk.data) for chunk in chunks if chunk.name in wanted)

    def __call__(self, width: int, height: int, data: Sequence[bytes]) -> bytes:
        header = write_chunk(b"IHDR", self._header.resized(width, height))
        return SIGNATURE + header + self._shared + write_chunk(b"IDAT", b"".join(data)) + write_chunk(b"IEND", b"")


def _check_order(chunks: Sequence[Chunk], header: ImageHeader) -> None:
    """Refuse files that two decoders could read as two images (PNG, 5.6)."""
    names = [chunk.name for chunk in chunks]
    if b"IDAT" not in names:
        raise corrupt("no pixels")
    if header.indexed and b"PLTE" not in names:
        raise corrupt("no palette")
    first = names.index(b"IDAT")
    count = names.count(b"IDAT")
    if any(name != b"IDAT" for name in names[first : first + count]):
        raise corrupt("pixels in more than one place")
    if names.count(b"IHDR") > 1 or any(names.count(name) > 1 or name in names[first:] for name in (b"PLTE", b"tRNS")):
        raise corrupt("chunk order")
    if any(name[:1].isupper() and name not in {b"IHDR", b"PLTE", b"IDAT", b"IEND"} for name in names):
        raise corrupt("unknown critical chunk")


def _metadata(chunks: Sequence[Chunk], header: ImageHeader, *, animated: bool) -> list[str]:
    structure = {b"IHDR", b"IDAT", b"IEND", b"tRNS"} | (_ANIMATION if animated else set())
    if header.indexed:
        structure.add(b"PLTE")
    seen: set[bytes] = set()
    names = []
    for chunk in chunks:
        if chunk.name in structure:
            continue
        name = png_metadata(chunk.name, len(chunk.data), repeated=chunk.name in seen)
        seen.add(chunk.name)
        if name:
            names += with_embedded(name, chunk.data)
    return names + (["IEND data"] if chunks[-1].data else [])


def _pixels(chunks: Sequence[Chunk]) -> list[bytes]:
    return [chunk.data for chunk in chunks if chunk.name == b"IDAT"]


def _first(chunks: Sequence[Chunk], name: bytes) -> bytes:
    return next((chunk.data for chunk in chunks if chunk.name == name), b"")


def _icc(body: bytes) -> bytes | None:
    """The profile of an `iCCP` chunk: a name, a zero, a method, then deflated data, inflated within bounds."""
    _, separator, deflated = body.partition(b"\x00")
    if not separator:
        return None
    stream = zlib.decompressobj()
    try:
        return stream.decompress(deflated[1:], MAX_ICC_BYTES) or None
    except zlib.error:
        return None


def _unused_colours(image: Image.Image) -> list[str]:
    """Palette entries that no pixel uses can hold words; zeros are padding."""
    palette = image.palette
    if image.mode != "P" or palette is None:
        return []
    used = np.bincount(np.asarray(image).ravel(), minlength=256) > 0
    entries = np.frombuffer(bytes(palette.palette), np.uint8)
    entries = entries[: len(entries) // 3 * 3].reshape(-1, 3)
    unused = entries[~used[: len(entries)]]
    return [UNUSED_COLOURS] if unused.any() else []
