"""WebP, still or animated, lossy or lossless: parts, pixels, and a release encoded like the source."""

import io
from collections.abc import Iterator, Sequence

from PIL import Image

from filters.image.carried_read import exif_carried
from filters.image.colour import to_raster
from filters.image.compose import any_alpha, changed_area, cropped
from filters.image.container import (
    Container,
    DecodedImage,
    Dispose,
    EncodeHints,
    Frame,
    Raster,
    StoredFrame,
    corrupt,
    truncated,
)
from filters.image.formats import ImageFormat
from filters.image.metadata import TRAILING, webp_metadata, with_embedded
from filters.image.orientation import exif_orientation
from filters.image.vp8_quality import vp8_quality
from filters.image.webp_file import (
    ALPHA_FLAG,
    ANIMATION_FLAG,
    Chunk,
    bitstream_size,
    read_chunks,
    uint24,
    write_chunk,
    write_extended_header,
    write_file,
)
from filters.protocols import Pixels

_RIFF_HEADER = 12
_EXTENDED_HEADER = 10
_ANIMATION = 6
_FRAME_HEADER = 16
_BITSTREAMS = frozenset({b"VP8 ", b"VP8L"})
_EXIF = b"Exif\x00\x00"
_LOSSLESS_EFFORT = 50
_LOSSLESS_METHOD = 0
"""libwebp's fastest: a fifth larger than its default, in a sixth of the time."""
_LOSSY_METHOD = 2
_REPLACES, _TO_BACKGROUND = 2, 1
_MAX_DURATION = (1 << 24) - 1


class WebpCodec:
    """Lossy, lossless, with alpha, animated."""

    def parse(self, data: bytes) -> Container:
        """See `ImageCodec.parse`."""
        end = int.from_bytes(data[4:8], "little") + 8
        if end > len(data):
            raise truncated("image")
        chunks = read_chunks(data, _RIFF_HEADER, end)
        if not chunks:
            raise truncated("image")
        names = [TRAILING] if end < len(data) else []
        if chunks[0].name != b"VP8X":
            frame, more = _still(chunks[:1], None)
            names += more + _names(chunks[1:])
            return _container(frame.width, frame.height, [frame], chunks, names)
        return self._extended(chunks, names)

    def _extended(self, chunks: Sequence[Chunk], names: list[str]) -> Container:
        header = chunks[0].data
        if len(header) != _EXTENDED_HEADER:
            raise corrupt("extended header")
        width, height = (int.from_bytes(header[i : i + 3], "little") + 1 for i in (4, 7))
        if not header[0] & ANIMATION_FLAG:
            frame, more = _still(chunks[1:], (width, height))
            return _container(width, height, [frame], chunks, names + more)
        frames = []
        for chunk in chunks[1:]:
            if chunk.name == b"ANMF":
                frame, more = _animated(chunk.data, width, height)
                frames.append(frame)
                names += more
            elif chunk.name != b"ANIM":
                names += _names([chunk])
        if not frames:
            raise corrupt("an animation without frames")
        return _container(width, height, frames, chunks, names, loop=_loop(chunks))

    def decode(self, frame: StoredFrame, icc: bytes | None) -> Raster:
        """See `ImageCodec.decode`."""
        with Image.open(io.BytesIO(frame.data), formats=["WEBP"]) as image:
            image.load()
            return to_raster(image, icc)

    def encode(self, image: DecodedImage) -> bytes:
        """See `ImageCodec.encode`."""
        first = image.frames[0]
        quality = image.hints.webp_quality
        if image.loop is None:
            return _encode_still(first.pixels, first.alpha, quality)
        alpha = any_alpha(image.frames)
        header = write_extended_header(first.width, first.height, ANIMATION_FLAG | (ALPHA_FLAG if alpha else 0))
        control = write_chunk(b"ANIM", bytes(4) + image.loop.to_bytes(2, "little"))
        return write_file(header, control, *_encode_frames(image.frames, quality, with_alpha=alpha))


def _container(
    width: int,
    height: int,
    frames: Sequence[StoredFrame],
    chunks: Sequence[Chunk],
    names: Sequence[str],
    loop: int | None = None,
) -> Container:
    exif = _first(chunks, b"EXIF")
    return Container(
        format=ImageFormat.WEBP,
        width=width,
        height=height,
        frames=tuple(frames),
        hints=EncodeHints(webp_quality=_quality(frames)),
        orientation=exif_orientation(exif.removeprefix(_EXIF)),
        icc=_first(chunks, b"ICCP") or None,
        loop=loop,
        metadata=tuple(dict.fromkeys(names)),
        carried=exif_carried(exif.removeprefix(_EXIF), (chunk.data for chunk in chunks if chunk.name == b"XMP ")),
    )


def _names(chunks: Sequence[Chunk]) -> list[str]:
    return [name for chunk in chunks for name in with_embedded(webp_metadata(chunk.name), chunk.data)]


def _still(chunks: Sequence[Chunk], size: tuple[int, int] | None) -> tuple[StoredFrame, list[str]]:
    """A frame from its bitstream and alpha, and names for what else there is; `size` is what it must have."""
    bitstream = next((chunk for chunk in chunks if chunk.name in _BITSTREAMS), None)
    if bitstream is None:
        raise corrupt("no bitstream")
    width, height = bitstream_size(bitstream)
    if not (width and height) or size not in {None, (width, height)}:
        raise corrupt("the frame has not the announced size")
    parts = [write_chunk(bitstream.name, bitstream.data)]
    used = {id(bitstream)}
    alpha = next((chunk for chunk in chunks if chunk.name == b"ALPH"), None)
    if alpha is not None and bitstream.name == b"VP8 ":
        used.add(id(alpha))
        parts = [write_extended_header(width, height, ALPHA_FLAG), write_chunk(b"ALPH", alpha.data), *parts]
    names = _names([chunk for chunk in chunks if id(chunk) not in used])
    return StoredFrame(width, height, write_file(*parts)), names


def _animated(data: bytes, canvas_width: int, canvas_height: int) -> tuple[StoredFrame, list[str]]:
    """A frame from an `ANMF` chunk."""
    if len(data) < _FRAME_HEADER:
        raise truncated("frame")
    x, y, width, height, duration = (int.from_bytes(data[i : i + 3], "little") for i in range(0, 15, 3))
    x, y, width, height, flags = 2 * x, 2 * y, width + 1, height + 1, data[15]
    if x + width > canvas_width or y + height > canvas_height:
        raise corrupt("a frame leaves the canvas")
    frame, names = _still(read_chunks(data, _FRAME_HEADER, len(data)), (width, height))
    placed = StoredFrame(
        width=width,
        height=height,
        data=frame.data,
        x=x,
        y=y,
        duration_ms=duration,
        dispose=Dispose.BACKGROUND if flags & _TO_BACKGROUND else Dispose.NONE,
        blend=not flags & _REPLACES,
    )
    return placed, names


def _loop(chunks: Sequence[Chunk]) -> int:
    body = _first(chunks, b"ANIM")
    if len(body) != _ANIMATION:
        raise corrupt("animation control")
    return int.from_bytes(body[4:], "little")


def _first(chunks: Sequence[Chunk], name: bytes) -> bytes:
    return next((chunk.data for chunk in chunks if chunk.name == name), b"")


def _quality(frames: Sequence[StoredFrame]) -> int | None:
    """The quality of the first lossy frame; None where all are lossless."""
    for frame in frames:
        bitstream = _first(read_chunks(frame.data, _RIFF_HEADER, len(frame.data)), b"VP8 ")
        if bitstream:
            return vp8_quality(bitstream)
    return None


def _encode_still(pixels: Pixels, alpha: Pixels | None, quality: int | None) -> bytes:
    image = Image.fromarray(pixels)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    buffer = io.BytesIO()
    if quality is None:
        image.save(buffer, "WEBP", lossless=True, quality=_LOSSLESS_EFFORT, method=_LOSSLESS_METHOD, exact=True)
    else:
        image.save(buffer, "WEBP", quality=quality, method=_LOSSY_METHOD, alpha_quality=100, exact=True)
    return buffer.getvalue()


def _encode_frames(frames: Sequence[Frame], quality: int | None, *, with_alpha: bool) -> Iterator[bytes]:
    """An `ANMF` chunk a frame, each with the area that differs from the one before; offsets are even."""
    before: Frame | None = None
    for frame in frames:
        box = changed_area(before, frame, step=2)
        file = _encode_still(*cropped(frame, box, with_alpha=with_alpha), quality)
        chunks = read_chunks(file, _RIFF_HEADER, len(file))
        body = b"".join(
            write_chunk(chunk.name, chunk.data) for chunk in chunks if chunk.name in {b"ALPH", *_BITSTREAMS}
        )
        duration = min(round(frame.duration_ms), _MAX_DURATION)
        numbers = (box.x0 // 2, box.y0 // 2, box.width - 1, box.height - 1, duration)
        yield write_chunk(b"ANMF", b"".join(uint24(number) for number in numbers) + bytes([_REPLACES]) + body)
        before = frame
