"""The image operators. Each paints one area of a frame, in place.

`fill` and `mosaic_look` never read a pixel inside any area; `mosaic` and `blur` do, and are cosmetic.
"""

import cv2
import numpy as np
import numpy.typing as npt

from filters.image.regions import Area, Mask
from filters.protocols import Pixels

_Cells = npt.NDArray[np.float64]

_MIN_CELL = 8
_GREY = 128.0
_SMOOTHING = 24
_TEXTURE = 0.5
_LEAST_TEXTURE, _MOST_TEXTURE = 3.0, 14.0
_SMALL_SIGMA = 6.0


def fill(pixels: Pixels, area: Area, colour: str) -> None:
    """One opaque colour, `#rrggbb`."""
    shade = np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)
    np.copyto(_inside(pixels, area), shade, where=area.mask[..., None])


def mosaic_look(pixels: Pixels, original: Pixels, area: Area, covered: Mask) -> None:
    """Squares whose colours run in from around the area; `covered` masks every area of the frame.

    Colours come from cells around the area, weighted by their visible pixels, and spread inward; a fixed pattern as
    strong as the surroundings are varied makes the squares stand out.
    """
    cell = max(_MIN_CELL, area.quantum // 2)
    height, width = covered.shape
    reach = 4 * cell
    top, left = max(0, area.box.y0 - reach) // cell * cell, max(0, area.box.x0 - reach) // cell * cell
    bottom, right = min(height, area.box.y1 + reach), min(width, area.box.x1 + reach)
    window = (slice(top, bottom), slice(left, right))
    means, weights = _cell_means(original[window], covered[window], cell)
    colours = _spread(means, weights)
    colours += _pattern(weights.shape, left // cell, top // cell, _texture(means, weights))[..., None]
    colours = colours.round().clip(0, 255).astype(np.uint8)
    rows = (np.arange(area.box.y0, area.box.y1) - top) // cell
    columns = (np.arange(area.box.x0, area.box.x1) - left) // cell
    np.copyto(_inside(pixels, area), colours[rows][:, columns], where=area.mask[..., None])


def cosmetic_mosaic(pixels: Pixels, area: Area, blocks: int, where: Mask) -> None:
    """The mean of each square of private pixels; `where` (as the area's mask) is painted."""
    inside = _inside(pixels, area)
    side = -(-max(inside.shape[:2]) // blocks)
    small = (-(-inside.shape[1] // side), -(-inside.shape[0] // side))
    means = cv2.resize(inside, small, interpolation=cv2.INTER_AREA)
    squares = cv2.resize(means, inside.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    np.copyto(inside, squares, where=where[..., None])


def cosmetic_blur(pixels: Pixels, area: Area, sigma: float, where: Mask) -> None:
    """A Gaussian of `sigma` pixels over private pixels; wide ones are made on a smaller copy."""
    inside = _inside(pixels, area)
    shrink = max(1.0, sigma / _SMALL_SIGMA)
    small = (max(1, round(inside.shape[1] / shrink)), max(1, round(inside.shape[0] / shrink)))
    blurred = cv2.GaussianBlur(cv2.resize(inside, small, interpolation=cv2.INTER_AREA), (0, 0), sigma / shrink)
    smooth = cv2.resize(blurred, inside.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    np.copyto(inside, smooth, where=where[..., None])


def _inside(pixels: Pixels, area: Area) -> Pixels:
    return pixels[area.box.y0 : area.box.y1, area.box.x0 : area.box.x1]


def _cell_means(pixels: Pixels, covered: Mask, cell: int) -> tuple[_Cells, _Cells]:
    """Mean colour of the visible pixels of each cell `(rows, columns, 3)`, and their share `(rows, columns)`."""
    height, width = covered.shape
    rows, columns = -(-height // cell), -(-width // cell)
    visible = np.zeros((rows * cell, columns * cell, 4), np.uint8)
    visible[:height, :width, :3] = pixels
    visible[:height, :width, 3] = 1
    visible[:height, :width][covered] = 0
    strips = visible.reshape(rows, cell, columns * cell * 4).sum(axis=1, dtype=np.int32)
    sums = strips.reshape(rows, columns, cell, 4).sum(axis=2, dtype=np.int64)
    counts = sums[..., 3]
    means: _Cells = sums[..., :3] / np.maximum(counts, 1)[..., None]
    return means, counts / cell**2


def _spread(means: _Cells, weights: _Cells) -> _Cells:
    """Colours for all cells: coarser and coarser weighted means fill what has none, then the seams are smoothed."""
    if not weights.any():
        return np.full_like(means, _GREY)
    colours = _pulled(means, weights)
    known = (weights > 0)[..., None]
    for _ in range(_SMOOTHING):
        colours = np.where(known, means, cv2.blur(colours, (3, 3), borderType=cv2.BORDER_REPLICATE))
    return colours


def _pulled(means: _Cells, weights: _Cells) -> _Cells:
    if min(weights.shape) == 1 or (weights > 0).all():
        total = weights.sum()
        mean = (means * weights[..., None]).sum(axis=(0, 1)) / total
        return np.where((weights > 0)[..., None], means, mean)
    rows, columns = (side + side % 2 for side in weights.shape)
    padding = ((0, rows - weights.shape[0]), (0, columns - weights.shape[1]))
    pooled_weights = _pooled(np.pad(weights, padding)[..., None])[..., 0]
    pooled = _pooled(np.pad(means * weights[..., None], (*padding, (0, 0))))
    coarse = _pulled(pooled / np.maximum(pooled_weights, 1e-9)[..., None], np.minimum(pooled_weights, 1.0))
    finer = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return np.where((weights > 0)[..., None], means, finer[: weights.shape[0], : weights.shape[1]])


def _pooled(cells: _Cells) -> _Cells:
    rows, columns, channels = cells.shape
    pooled: _Cells = cells.reshape(rows // 2, 2, columns // 2, 2, channels).sum(axis=(1, 3))
    return pooled


def _texture(means: _Cells, weights: _Cells) -> float:
    """How far squares differ from their neighbours, in grey levels: half as far as the visible ones do."""
    levels = means.mean(axis=2)[weights > 0]
    spread = float(levels.std()) if levels.size else 0.0
    return min(max(_TEXTURE * spread, _LEAST_TEXTURE), _MOST_TEXTURE)


def _pattern(shape: tuple[int, ...], left: int, top: int, strength: float) -> _Cells:
    """A fixed pattern of values in ±`strength`, by the cell's place in the frame alone."""
    rows = np.arange(top, top + shape[0], dtype=np.uint32)[:, None]
    columns = np.arange(left, left + shape[1], dtype=np.uint32)[None, :]
    mixed = rows * np.uint32(0x9E3779B1) ^ columns * np.uint32(0x85EBCA77)
    mixed = (mixed ^ mixed >> np.uint32(15)) * np.uint32(0x2C1B3C6D)
    mixed = (mixed ^ mixed >> np.uint32(12)) * np.uint32(0x297A2D39)
    pattern: _Cells = ((mixed >> np.uint32(16)) / 0xFFFF * 2.0 - 1.0) * strength
    return pattern
