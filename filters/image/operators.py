"""The image operators. Each paints one area of a frame, in place.

`fill` and the looks never read a pixel inside any area; `mosaic` and `blur` do, and are cosmetic.
"""

from dataclasses import dataclass, field

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
_CONTRAST = 60.0
"""Grey levels between a silhouette and what surrounds it."""
_SUBPIXEL_BITS = 4
_SUBPIXELS = 1 << _SUBPIXEL_BITS
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SMALLEST_LETTERS, _LARGEST_LETTERS = 0.35, 3.0


def fill(pixels: Pixels, area: Area, colour: str) -> None:
    """One opaque colour, `#rrggbb`."""
    shade = np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)
    np.copyto(_inside(pixels, area), shade, where=area.mask[..., None])


def mosaic_look(pixels: Pixels, original: Pixels, area: Area, covered: Mask) -> None:
    """Squares whose colours run in from around the area; `covered` masks every area of the frame.

    Colours come from cells around the area, weighted by their visible pixels, and spread inward; a fixed pattern as
    strong as the surroundings are varied makes the squares stand out.
    """
    near = _surroundings(original, area, covered)
    cell, top, left = near.cell, near.top, near.left
    pattern = _pattern(near.weights.shape, left // cell, top // cell, _texture(near.means, near.weights))
    colours = _levels(near.colours + pattern[..., None])
    rows = (np.arange(area.box.y0, area.box.y1) - top) // cell
    columns = (np.arange(area.box.x0, area.box.x1) - left) // cell
    np.copyto(_inside(pixels, area), colours[rows][:, columns], where=area.mask[..., None])


def blur_look(pixels: Pixels, original: Pixels, area: Area, covered: Mask) -> None:
    """Colours that run in smoothly from around the area, as if it were out of focus; see `mosaic_look`."""
    np.copyto(_inside(pixels, area), _smooth(original, area, covered), where=area.mask[..., None])


def silhouette(pixels: Pixels, original: Pixels, area: Area, covered: Mask) -> None:
    """An abstract head with shoulders, upright, as large as the area, on the smooth colours of the surroundings.

    Its tones are the surroundings' mean, lighter or darker: place and size of the area are all that it tells. It has
    no features: with eyes and a mouth, face detectors took it for a face.
    """
    canvas = np.ascontiguousarray(_smooth(original, area, covered))
    mean = canvas.reshape(-1, 3).mean(axis=0)
    step = _CONTRAST if mean.mean() < _GREY else -_CONTRAST
    body, head = (tuple(float(level) for level in np.clip(mean + step * share, 0, 255).round()) for share in (0.7, 1.0))
    height, width = canvas.shape[:2]
    centre = (width / 2, height * 0.44)
    radii = (min(width * 0.3, height * 0.28), min(height * 0.34, width * 0.4))
    _ellipse(canvas, (width / 2, height * 1.02), (min(width * 0.52, radii[0] * 2.1), height * 0.27), body)
    _ellipse(canvas, (centre[0], centre[1] + radii[1] * 0.9), (radii[0] * 0.45, radii[1] * 0.5), body)
    _ellipse(canvas, centre, radii, head)
    np.copyto(_inside(pixels, area), canvas, where=area.mask[..., None])


def label(pixels: Pixels, area: Area, text: str) -> None:
    """A word in the middle of a filled area, in black or white; nothing where it would be too small to read."""
    inside = _inside(pixels, area)
    canvas = np.ascontiguousarray(inside)
    (wide, high), base = cv2.getTextSize(text, _FONT, 1.0, 1)
    scale = min(0.8 * inside.shape[1] / wide, 0.5 * inside.shape[0] / (high + base), _LARGEST_LETTERS)
    if scale < _SMALLEST_LETTERS:
        return
    thickness = max(1, round(scale))
    shade = (0.0, 0.0, 0.0) if canvas.mean() > _GREY else (255.0, 255.0, 255.0)
    at = (round((inside.shape[1] - wide * scale) / 2), round((inside.shape[0] + high * scale) / 2))
    cv2.putText(canvas, text, at, _FONT, scale, shade, thickness, cv2.LINE_AA)
    np.copyto(inside, canvas, where=area.mask[..., None])


def _smooth(original: Pixels, area: Area, covered: Mask) -> Pixels:
    """`(height, width, 3)` of the area's box: the surroundings' colours without edges between cells."""
    near = _surroundings(original, area, covered)
    rows, columns = near.colours.shape[:2]
    size = (columns * near.cell, rows * near.cell)
    large: _Cells = cv2.resize(near.colours, size, interpolation=cv2.INTER_LINEAR).astype(np.float64, copy=False)
    top, left = area.box.y0 - near.top, area.box.x0 - near.left
    return _levels(large[top : top + area.box.height, left : left + area.box.width])


def _levels(colours: _Cells) -> Pixels:
    levels: Pixels = colours.round().clip(0, 255).astype(np.uint8)
    return levels


def _ellipse(canvas: Pixels, centre: tuple[float, float], radii: tuple[float, float], shade: tuple[float, ...]) -> None:
    """Filled and smooth; coordinates in sixteenths of a pixel."""
    x, y = (round(part * _SUBPIXELS) for part in centre)
    axes = tuple(max(1, round(part * _SUBPIXELS)) for part in radii)
    cv2.ellipse(canvas, (x, y), axes, 0, 0, 360, shade, cv2.FILLED, cv2.LINE_AA, _SUBPIXEL_BITS)


@dataclass(frozen=True, slots=True, eq=False)
class _Surroundings:
    """Cells of a window around an area, whose first pixel is `(left, top)`: means of what is visible, and its shares;
    `colours` has one for every cell."""

    cell: int
    top: int
    left: int
    means: _Cells = field(repr=False)
    weights: _Cells = field(repr=False)
    colours: _Cells = field(repr=False)


def _surroundings(original: Pixels, area: Area, covered: Mask) -> _Surroundings:
    cell = max(_MIN_CELL, area.quantum // 2)
    height, width = covered.shape
    reach = 4 * cell
    top, left = max(0, area.box.y0 - reach) // cell * cell, max(0, area.box.x0 - reach) // cell * cell
    bottom, right = min(height, area.box.y1 + reach), min(width, area.box.x1 + reach)
    window = (slice(top, bottom), slice(left, right))
    means, weights = _cell_means(original[window], covered[window], cell)
    return _Surroundings(cell, top, left, means, weights, _spread(means, weights))


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
