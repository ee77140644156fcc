"""The area that a redaction covers: a private box, its margin, and what coding smeared around it.

Where a detector puts its box depends on the private pixels, by a few pixels. Areas are therefore snapped outward to a
coarse grid, so that they hardly do.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from filters.findings import BoundingBox, Outline
from filters.policy_operators import Shape

Mask = npt.NDArray[np.bool_]

TILE = 16
"""Pixels: the side of a JPEG coding unit at 4:2:0, and of a WebP macroblock. Grids are multiples of it."""


TEXT_TILE = 8
"""Pixels, for lines of text: the side of what a JPEG transforms at a time. On the coarser grid, one private line would
take those above and below with it."""


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """Pixels of one frame to cover: `mask` is `(box.height, box.width)`, `quantum` the grid in pixels."""

    box: BoundingBox
    mask: Mask = field(repr=False)
    quantum: int


def quantum(box: BoundingBox) -> int:
    """The grid for a box: the largest of 16, 32, 64, … pixels that is at most a third of its longer side, or 16."""
    side = TILE
    while 2 * side * 3 <= max(box.width, box.height):
        side *= 2
    return side


def covered_area(
    box: BoundingBox, margin: float, shape: Shape, frame_size: tuple[int, int], block: int = TILE
) -> Area | None:
    """What to cover for a private box; None where nothing of it lies in the frame.

    Args:
        box: in pixels of the upright frame.
        margin: added on every side, as a share of the longer side.
        shape: the box, or the ellipse through its corners.
        frame_size: width and height.
        block: the source's coding block in pixels; one more than the margin is covered on every side.
    """
    grid = quantum(box)
    wide = _grown(box, -int(-margin * max(box.width, box.height) // 1))
    ring = max(TILE, -(-block // TILE) * TILE)
    if shape is Shape.BOX:
        outer = _snapped(_grown(wide, ring), grid)
        mask = np.ones((outer.height, outer.width), np.bool_)
    else:
        outer, mask = _ellipse(_snapped(wide, grid), ring // TILE)
    return _within(outer, mask, frame_size, grid)


def covered_text(outline: Outline, margin: float, frame_size: tuple[int, int], block: int) -> Area | None:
    """What to cover for a piece of a line of text; None where nothing of it lies in the frame.

    Args:
        outline: convex, in pixels of the upright frame.
        margin: added on every side, as a share of the line's height.
        frame_size: width and height.
        block: the source's coding block in pixels, at least as many are covered on every side of the margin.
    """
    points = np.array(outline, np.float32)
    height = min(cv2.minAreaRect(points)[1])
    reach = int(-(-margin * height // 1)) + max(TEXT_TILE, block)
    (x0, y0), (x1, y1) = points.min(axis=0).astype(int), points.max(axis=0).astype(int)
    outer = _snapped(BoundingBox(x0 - reach, y0 - reach, x1 + reach + 1, y1 + reach + 1), TEXT_TILE)
    touched = np.zeros((outer.height, outer.width), np.uint8)
    within = (points - np.array([outer.x0, outer.y0], np.float32)).round().astype(np.int32)
    cv2.fillPoly(touched, [within], 1)
    touched = cv2.dilate(touched, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))  # type: ignore[assignment]
    tiles = touched.reshape(outer.height // TEXT_TILE, TEXT_TILE, outer.width // TEXT_TILE, TEXT_TILE).max(axis=(1, 3))
    mask = tiles.astype(np.bool_).repeat(TEXT_TILE, axis=0).repeat(TEXT_TILE, axis=1)
    return _within(outer, mask, frame_size, TILE)


def corners(box: BoundingBox) -> Outline:
    """The corners of a box, its pixels inside."""
    return ((box.x0, box.y0), (box.x1 - 1, box.y0), (box.x1 - 1, box.y1 - 1), (box.x0, box.y1 - 1))


def union(areas: list[Area], width: int, height: int) -> Mask:
    """The `(height, width)` mask of all areas."""
    covered = np.zeros((height, width), np.bool_)
    for area in areas:
        covered[area.box.y0 : area.box.y1, area.box.x0 : area.box.x1] |= area.mask
    return covered


def _within(outer: BoundingBox, mask: Mask, frame_size: tuple[int, int], grid: int) -> Area | None:
    inner = outer.clipped(*frame_size)
    if inner is None:
        return None
    rows = slice(inner.y0 - outer.y0, inner.y1 - outer.y0)
    columns = slice(inner.x0 - outer.x0, inner.x1 - outer.x0)
    return Area(inner, mask[rows, columns], grid)


def _grown(box: BoundingBox, by: int) -> BoundingBox:
    return BoundingBox(box.x0 - by, box.y0 - by, box.x1 + by, box.y1 + by)


def _snapped(box: BoundingBox, grid: int) -> BoundingBox:
    """Outward to multiples of `grid`."""
    return BoundingBox(
        box.x0 // grid * grid, box.y0 // grid * grid, -(-box.x1 // grid) * grid, -(-box.y1 // grid) * grid
    )


def _ellipse(box: BoundingBox, ring: int) -> tuple[BoundingBox, Mask]:
    """The tiles that the ellipse through the corners of `box` touches, and `ring` tiles around them."""
    radius_x, radius_y = box.width / 2**0.5, box.height / 2**0.5
    centre_x, centre_y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    round_it = BoundingBox(
        int(centre_x - radius_x) - 1,
        int(centre_y - radius_y) - 1,
        int(centre_x + radius_x) + 2,
        int(centre_y + radius_y) + 2,
    )
    outer = _grown(_snapped(round_it, TILE), ring * TILE)
    across = _nearest(outer.x0, outer.x1, centre_x) / radius_x
    down = _nearest(outer.y0, outer.y1, centre_y) / radius_y
    touched = (across[None, :] ** 2 + down[:, None] ** 2 <= 1.0).astype(np.uint8)
    tiles = cv2.dilate(touched, np.ones((2 * ring + 1, 2 * ring + 1), np.uint8)) > 0
    return outer, tiles.repeat(TILE, axis=0).repeat(TILE, axis=1)


def _nearest(start: int, end: int, centre: float) -> npt.NDArray[np.float64]:
    """Distance from `centre` to the nearest point of each tile between `start` and `end`."""
    low = np.arange(start, end, TILE, dtype=np.float64)
    return np.maximum(np.maximum(low - centre, centre - (low + TILE)), 0.0)
