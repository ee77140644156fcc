"""What an image's pixels can hide: messages in least significant bits, colours under transparent pixels."""

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from filters.image.container import Frame, Raster
from filters.image.metadata import HIDDEN_PIXELS, OPAQUE_ALPHA, STEALTH_ALPHA, STEALTH_RGB
from filters.protocols import Pixels

_SIGNATURES = frozenset({b"stealth_pnginfo", b"stealth_pngcomp", b"stealth_rgbinfo", b"stealth_rgbcomp"})
"""How image generators mark the prompt that they write into least significant bits."""
_SIGNATURE_BITS = 8 * len("stealth_pnginfo")
_NEARLY_OPAQUE = 254
_LOSSY_REACH = 24
"""Pixels around visible ones over which lossy WebP smears: a macroblock and its loop filter."""
_LOSSY_NOISE = 16


def hidden_content(raster: Raster, *, lossy: bool) -> list[str]:
    """Names for what a frame's pixels hold unseen."""
    names = []
    if any(_is_signed(bits) for bits in _low_bits(raster.pixels)):
        names.append(STEALTH_RGB)
    if raster.alpha is None:
        return names
    if any(_is_signed(bits) for bits in _low_bits(raster.alpha[..., None])):
        names.append(STEALTH_ALPHA)
    lowest = int(raster.alpha.min())
    if lowest == _NEARLY_OPAQUE:
        names.append(OPAQUE_ALPHA)
    if lowest == 0 and _has_hidden_colours(raster.pixels, raster.alpha, lossy=lossy):
        names.append(HIDDEN_PIXELS)
    return names


def _low_bits(channels: Pixels) -> Iterator[npt.NDArray[np.uint8]]:
    """The values that hold the first low bits of `(h, w, c)`: column by column, as generators write, and by rows."""
    height, width, count = channels.shape
    columns, rows = (-(-_SIGNATURE_BITS // (side * count)) for side in (height, width))
    yield channels[:, :columns].swapaxes(0, 1).ravel()[:_SIGNATURE_BITS]
    yield channels[:rows].ravel()[:_SIGNATURE_BITS]


def _is_signed(bits: npt.NDArray[np.uint8]) -> bool:
    return np.packbits(bits & 1).tobytes() in _SIGNATURES


def _has_hidden_colours(pixels: Pixels, alpha: Pixels, *, lossy: bool) -> bool:
    """Whether more than one colour lies under transparent pixels.

    Lossy coding smears visible colours over the edge, and leaves noise: neither counts.
    """
    unseen = alpha == 0
    if lossy:
        size = 2 * _LOSSY_REACH + 1
        unseen = cv2.erode(unseen.astype(np.uint8), np.ones((size, size), np.uint8)) > 0
    colours = pixels[unseen]
    if not colours.size:
        return False
    spread = colours.max(axis=0).astype(np.int16) - colours.min(axis=0)
    return bool(spread.max() > (_LOSSY_NOISE if lossy else 0))


def cleaned(frame: Frame, names: tuple[str, ...]) -> Frame:
    """The frame with black under transparent pixels, and without the messages in low bits that `names` tells of."""
    pixels, alpha = frame.pixels, frame.alpha
    if STEALTH_RGB in names:
        pixels = pixels & np.uint8(0xFE)
    if alpha is not None and STEALTH_ALPHA in names:
        alpha = np.where(alpha > 1, alpha | np.uint8(1), np.uint8(0))
    if alpha is not None and int(alpha.min()) >= _NEARLY_OPAQUE:
        alpha = None
    if alpha is not None:
        pixels = np.where(alpha[..., None] == 0, np.uint8(0), pixels)
    return Frame(pixels, alpha, frame.duration_ms)
