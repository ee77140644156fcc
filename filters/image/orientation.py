"""EXIF orientation: read the one tag, turn the pixels upright."""

import struct

import numpy as np

from filters.protocols import Pixels

_ORIENTATION_TAG = 0x0112
_SHORT = 3
_MAX_ENTRIES = 1024


def exif_orientation(tiff: bytes) -> int:
    """The orientation (1–8) of a TIFF-structured EXIF block; 1 where it has none that can be read."""
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (offset,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, offset)
        for index in range(min(count, _MAX_ENTRIES)):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, offset + 2 + 12 * index)
            if tag == _ORIENTATION_TAG and kind == _SHORT:
                return value if 1 <= value <= 8 else 1  # noqa: PLR2004  EXIF 2.32, 4.6.5.1.9
    except struct.error:
        return 1
    return 1


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """An `(height, width, …)` array as it is meant to be seen."""
    match orientation:
        case 2:
            pixels = pixels[:, ::-1]
        case 3:
            pixels = pixels[::-1, ::-1]
        case 4:
            pixels = pixels[::-1]
        case 5:
            pixels = pixels.swapaxes(0, 1)
        case 6:
            pixels = np.rot90(pixels, -1)
        case 7:
            pixels = np.rot90(pixels, 2).swapaxes(0, 1)
        case 8:
            pixels = np.rot90(pixels)
        case _:
            pass
    return np.ascontiguousarray(pixels)
