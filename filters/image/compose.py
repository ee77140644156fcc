"""Animation: from stored areas to whole frames, and from whole frames to the areas that change."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from filters.findings import BoundingBox
from filters.image.container import Dispose, Frame, Raster, StoredFrame
from filters.protocols import Pixels

OPAQUE = 255


def compose(width: int, height: int, parts: Iterable[tuple[StoredFrame, Raster]]) -> Iterator[Frame]:
    """Every frame as it is seen, `(height, width)` of the canvas, which begins transparent black."""
    canvas = np.zeros((height, width, 4), np.uint8)
    for index, (stored, raster) in enumerate(parts):
        area = canvas[stored.y : stored.y + stored.height, stored.x : stored.x + stored.width]
        before = area.copy() if stored.dispose is Dispose.PREVIOUS and index > 0 else None
        _draw(area, _rgba(raster.pixels, raster.alpha), blend=stored.blend)
        alpha = canvas[..., 3]
        yield Frame(canvas[..., :3].copy(), None if (alpha == OPAQUE).all() else alpha.copy(), stored.duration_ms)
        if stored.dispose is not Dispose.NONE:
            area[:] = 0 if before is None else before


def _rgba(pixels: Pixels, alpha: Pixels | None) -> Pixels:
    opaque = np.full(pixels.shape[:2], OPAQUE, np.uint8)
    return np.dstack([pixels, opaque if alpha is None else alpha])


def _draw(area: Pixels, source: Pixels, *, blend: bool) -> None:
    """Replace, or lay over by the alpha formula of the APNG specification (`over`, not premultiplied)."""
    shown = source[..., 3] == OPAQUE
    if not blend or shown.all():
        area[:] = source
        return
    if not source[..., 3][~shown].any():  # nothing is half seen: the formula gives one of the two pixels, unchanged
        area[shown] = source[shown]
        return
    front = source[..., 3:].astype(np.float32) / OPAQUE
    back = area[..., 3:].astype(np.float32) / OPAQUE * (1 - front)
    alpha = front + back
    colours = (source[..., :3] * front + area[..., :3] * back) / np.maximum(alpha, 1 / (2 * OPAQUE))
    seen = source[..., 3] > 0
    mixed = np.dstack([colours, alpha * OPAQUE]).round().clip(0, OPAQUE).astype(np.uint8)
    area[seen] = mixed[seen]


def changed_area(before: Frame | None, after: Frame, step: int = 1) -> BoundingBox:
    """The smallest box, from multiples of `step`, outside which two frames are alike; all of it for the first frame.

    A pixel at least, since an area may not be empty.
    """
    if before is None:
        return BoundingBox(0, 0, after.width, after.height)
    differs = (before.pixels != after.pixels).any(axis=2)
    if before.alpha is not None or after.alpha is not None:
        differs |= _alpha(before) != _alpha(after)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not rows.size:
        return BoundingBox(0, 0, 1, 1)
    x0, y0 = int(columns[0]) // step * step, int(rows[0]) // step * step
    return BoundingBox(x0, y0, int(columns[-1]) + 1, int(rows[-1]) + 1)


def _alpha(frame: Frame) -> Pixels:
    return np.full(frame.pixels.shape[:2], OPAQUE, np.uint8) if frame.alpha is None else frame.alpha


def cropped(frame: Frame, box: BoundingBox, *, with_alpha: bool) -> tuple[Pixels, Pixels | None]:
    """Pixels, and alpha where asked for, inside a box."""
    inside = (slice(box.y0, box.y1), slice(box.x0, box.x1))
    return frame.pixels[inside], _alpha(frame)[inside] if with_alpha else None


def any_alpha(frames: Sequence[Frame]) -> bool:
    """Whether a frame has transparent parts."""
    return any(frame.alpha is not None for frame in frames)
