"""GIF, still or animated: every image on its canvas, and a release with colours of its own."""

import io
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from filters.image.colour import to_raster
from filters.image.container import Container, DecodedImage, Dispose, Frame, Raster, StoredFrame
from filters.image.formats import ImageFormat
from filters.image.gif_file import GifFile, GifImage, ends_with_its_pixels, read_gif, write_gif
from filters.image.metadata import HIDDEN_DATA, UNUSED_COLOURS
from filters.protocols import Pixels

_MOST_COLOURS = 255
"""The last of 256 is for what is transparent."""
_SEEN = 128
"""GIF knows no half transparency."""
_INTERLACED, _SORTED = 0x40, 0x20


class GifCodec:
    """Still and animated GIF."""

    def parse(self, data: bytes) -> Container:
        """See `ImageCodec.parse`."""
        found = read_gif(data)
        hidden = () if all(map(ends_with_its_pixels, found.images)) else (HIDDEN_DATA,)
        animated = len(found.images) > 1 or found.loop is not None
        return Container(
            format=ImageFormat.GIF,
            width=found.width,
            height=found.height,
            frames=tuple(_stored(found, image) for image in found.images),
            loop=_plays(found.loop) if animated or _is_partial(found) else None,
            metadata=(*found.metadata, *hidden),
        )

    def decode(self, frame: StoredFrame, icc: bytes | None) -> Raster:
        """See `ImageCodec.decode`."""
        with Image.open(io.BytesIO(frame.data), formats=["GIF"]) as image:
            image.load()
            raster = to_raster(image, icc)
            return Raster(raster.pixels, raster.alpha, _unused_colours(image, read_gif(frame.data)))

    def encode(self, image: DecodedImage) -> bytes:
        """See `ImageCodec.encode`: whole frames; 255 colours, or 256 where all is seen, are kept."""
        frames = [_image(frame) for frame in image.frames]
        if any(frame.transparent is not None for frame in frames):
            frames = [replace(frame, dispose=Dispose.BACKGROUND) for frame in frames]  # nothing shows through
        first = image.frames[0]
        return write_gif(first.width, first.height, frames, _repeats(image.loop))


def _unused_colours(image: Image.Image, file: GifFile) -> tuple[str, ...]:
    """Entries of the table that this image does not use can hold words; zeros are padding."""
    if image.mode not in {"L", "P"}:
        return (UNUSED_COLOURS,)
    used = np.bincount(np.asarray(image).ravel(), minlength=256) > 0
    entries = np.frombuffer(file.images[0].table, np.uint8).reshape(-1, 3)
    return (UNUSED_COLOURS,) if entries[~used[: len(entries)]].any() else ()


def _plays(repeats: int | None) -> int:
    """How often an animation plays, 0 for ever; browsers count the extension's number beyond the first time."""
    return 1 if repeats is None else repeats + 1 if repeats else 0


def _repeats(plays: int | None) -> int | None:
    return None if plays in (None, 1) else plays - 1 if plays else 0


def _is_partial(found: GifFile) -> bool:
    """Whether a single image covers a part of the canvas only."""
    one = found.images[0]
    return (one.width, one.height) != (found.width, found.height)


def _stored(found: GifFile, image: GifImage) -> StoredFrame:
    """The image as a file of its own, at the origin, with the table that it uses."""
    table = image.table or found.table
    size = max(1, (len(table) // 3 - 1).bit_length()) - 1
    alone = replace(image, x=0, y=0, flags=image.flags & (_INTERLACED | _SORTED) | 0x80 | size, table=table)
    if not table:
        alone = replace(alone, flags=image.flags & _INTERLACED)
    data = write_gif(image.width, image.height, [alone], None)
    return StoredFrame(image.width, image.height, data, image.x, image.y, image.duration_ms, image.dispose, blend=True)


def _image(frame: Frame) -> GifImage:
    """A frame with at most 255 colours and one for what is not seen, compressed by Pillow."""
    indices, table = _indexed(frame.pixels, _MOST_COLOURS + (frame.alpha is None))
    transparent = None
    if frame.alpha is not None:
        transparent = _MOST_COLOURS
        indices = np.where(frame.alpha < _SEEN, np.uint8(transparent), indices)
    picture = Image.fromarray(indices, mode="P")
    picture.putpalette(table.ljust(768, b"\0"))
    out = io.BytesIO()
    picture.save(out, "GIF", optimize=False, interlace=0)
    (written,) = read_gif(out.getvalue()).images
    return GifImage(
        0,
        0,
        frame.width,
        frame.height,
        0x87,
        table.ljust(768, b"\0"),
        written.data,
        frame.duration_ms,
        Dispose.BACKGROUND if transparent is not None else Dispose.NONE,
        transparent,
    )


def _indexed(pixels: Pixels, room: int) -> tuple[npt.NDArray[np.uint8], bytes]:
    """Indices `(height, width)` and the colours, sorted: the picture's own where they are few."""
    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colours, indices = np.unique(packed, return_inverse=True)
    if len(colours) <= room:
        table = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1).astype(np.uint8)
        return indices.reshape(packed.shape).astype(np.uint8), table.tobytes()
    reduced = Image.fromarray(pixels).quantize(room, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    return _indexed(np.asarray(reduced.convert("RGB")), room)
