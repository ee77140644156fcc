"""GIF: frames with their timing and disposal, and a release whose palettes are made from what is released."""

import io
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from filters.image.colour import to_raster
from filters.image.compose import any_alpha, changed_area, cropped
from filters.image.container import Container, DecodedImage, Dispose, EncodeHints, Frame, Raster, StoredFrame
from filters.image.formats import ImageFormat
from filters.image.gif_file import GifFile, GifImage, Screen, read_gif, sub_blocks, write_gif
from filters.image.metadata import HIDDEN_DATA, UNUSED_COLOURS
from filters.protocols import Pixels

_DISPOSE = {2: Dispose.BACKGROUND, 3: Dispose.PREVIOUS}
_MS = 10
_MAX_DELAY = 65_535
_MAX_REPEATS = 65_535
_COLOURS = 256
_CODE_BITS = 8
_LAST_CODES = 4
"""Bytes that hold the last pixel's code for sure: two codes of 12 bits and what fills the last byte."""
_HALF = 128


class GifCodec:
    """GIF87a and GIF89a, still or animated. A canvas grows to hold frames that leave it: all of it is judged."""

    def parse(self, data: bytes) -> Container:
        """See `ImageCodec.parse`."""
        file = read_gif(data)
        animated = _animated(file)
        return Container(
            format=ImageFormat.GIF,
            width=max(file.screen.width, *(image.x + image.width for image in file.images)),
            height=max(file.screen.height, *(image.y + image.height for image in file.images)),
            frames=tuple(_stored(file, image) for image in file.images),
            hints=EncodeHints(block=1),
            loop=_plays(file.repeats) if animated else None,
            metadata=tuple(dict.fromkeys(file.names)),
        )

    def decode(self, frame: StoredFrame, icc: bytes | None) -> Raster:
        """See `ImageCodec.decode`."""
        with Image.open(io.BytesIO(frame.data), formats=["GIF"]) as image:
            image.load()
            raster = to_raster(image, icc)
            notes = _unused_colours(image, read_gif(frame.data).screen.palette)
        spare = [HIDDEN_DATA] if _has_spare_data(frame.data) else []
        return Raster(raster.pixels, raster.alpha, (*spare, *notes))

    def encode(self, image: DecodedImage) -> bytes:
        """See `ImageCodec.encode`."""
        first = image.frames[0]
        screen = Screen(first.width, first.height, b"")
        if image.loop is None:
            return write_gif(screen, [_written(first, first.pixels, first.alpha)], None)
        repeats = {0: 0, 1: None}.get(image.loop, min(image.loop - 1, _MAX_REPEATS))
        return write_gif(screen, _written_frames(image.frames), repeats)


def _animated(file: GifFile) -> bool:
    screen = file.screen
    images = file.images
    whole = (0, 0, screen.width, screen.height)
    return len(images) > 1 or (images[0].x, images[0].y, images[0].width, images[0].height) != whole


def _plays(repeats: int | None) -> int:
    """Times that it plays; the stored number counts what follows the first."""
    if repeats is None:
        return 1
    return repeats + 1 if repeats else 0


def _stored(file: GifFile, image: GifImage) -> StoredFrame:
    palette = image.palette or file.screen.palette
    alone = replace(image, x=0, y=0, palette=b"", delay=0, dispose=0)
    return StoredFrame(
        width=image.width,
        height=image.height,
        data=write_gif(Screen(image.width, image.height, palette), [alone], None),
        x=image.x,
        y=image.y,
        duration_ms=float(image.delay * _MS),
        dispose=_DISPOSE.get(image.dispose, Dispose.NONE),
        blend=True,
    )


def _has_spare_data(data: bytes) -> bool:
    """Whether all pixels are there without the bytes that hold the last codes: then more follows them."""
    file = read_gif(data)
    (image,) = file.images
    body = b"".join(sub_blocks(image.coded[1:]))
    short = _coded(image.coded[0], body[: max(len(body) - _LAST_CODES, 0)])
    shortened = write_gif(file.screen, [replace(image, coded=short)], None)
    try:
        with Image.open(io.BytesIO(shortened), formats=["GIF"]) as opened:
            opened.load()
    except (OSError, EOFError, ValueError):
        return False
    return len(body) > _LAST_CODES


def _coded(bits: int, body: bytes) -> bytes:
    parts = [body[start : start + 255] for start in range(0, len(body), 255)]
    return bytes((bits,)) + b"".join(bytes((len(part),)) + part for part in parts) + b"\0"


def _unused_colours(image: Image.Image, palette: bytes) -> list[str]:
    """Palette entries that this frame does not use can hold words; zeros are padding."""
    if image.mode not in {"P", "L"}:
        return [UNUSED_COLOURS]
    used = np.bincount(np.asarray(image).ravel(), minlength=_COLOURS) > 0
    entries = np.frombuffer(palette, np.uint8).reshape(-1, 3)
    return [UNUSED_COLOURS] if entries[~used[: len(entries)]].any() else []


def _written_frames(frames: tuple[Frame, ...]) -> list[GifImage]:
    """Where something is transparent every frame is whole and cleared away after; else only what changes is stored."""
    with_alpha = any_alpha(frames)
    images = []
    before: Frame | None = None
    for frame in frames:
        box = changed_area(None if with_alpha else before, frame)
        image = _written(frame, *cropped(frame, box, with_alpha=with_alpha))
        images.append(replace(image, x=box.x0, y=box.y0, dispose=2 if with_alpha else 1))
        before = frame
    return images


def _written(frame: Frame, pixels: Pixels, alpha: Pixels | None) -> GifImage:
    clear = None if alpha is None else alpha < _HALF
    indices, colours = _indexed(pixels, clear)
    palette = np.zeros((_COLOURS, 3), np.uint8)
    palette[: len(colours)] = colours
    size = 1 << max(1, (len(colours) + (clear is not None) - 1).bit_length())
    height, width = indices.shape
    return GifImage(
        *(0, 0, width, height, False, palette[:size].tobytes(), _compressed(indices)),
        delay=min(round(frame.duration_ms / _MS), _MAX_DELAY),
        transparent=None if clear is None else len(colours),
    )


def _indexed(pixels: Pixels, clear: npt.NDArray[np.bool_] | None) -> tuple[Pixels, Pixels]:
    """Indices `(h, w)` and colours `(n, 3)`: all of them where they fit, else the nearest of a median cut.

    The index after the last colour stands for what is clear.
    """
    room = _COLOURS if clear is None else _COLOURS - 1
    if clear is not None:
        pixels = np.where(clear[..., None], pixels[~clear][:1] if (~clear).any() else np.uint8(0), pixels)
    packed = pixels.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    values, inverse = np.unique(packed, return_inverse=True)
    if len(values) > room:
        small = Image.fromarray(np.ascontiguousarray(pixels)).quantize(room, Image.Quantize.MEDIANCUT)
        chosen = np.asarray(small.convert("RGB")).astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
        values, inverse = np.unique(chosen, return_inverse=True)
    indices = inverse.reshape(packed.shape).astype(np.uint8)
    colours = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=1).astype(np.uint8)
    if clear is not None:
        indices[clear] = len(values)
    return indices, colours


def _compressed(indices: Pixels) -> bytes:
    """Coded pixels with 8-bit codes, as Pillow's encoder writes them."""
    buffer = io.BytesIO()
    Image.fromarray(indices).save(buffer, "GIF", optimize=False, interlace=False)
    coded = read_gif(buffer.getvalue()).images[0].coded
    if coded[0] != _CODE_BITS:
        raise ValueError("code size")
    return coded
