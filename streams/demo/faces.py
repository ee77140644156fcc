"""Whether anything of a face is left in a released picture, without asking a detector."""

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from filters.findings import BoundingBox

_SIDE = 48
_FINE, _COARSE = 1.5, 6.0
"""Sigmas on a face of 48 pixels: between them lie eyes, nose and mouth, not the shade of the skin."""

_Grey = npt.NDArray[np.float64]


def likeness(before: Image.Image, after: Image.Image, box: BoundingBox) -> float:
    """How far the features inside `box` are the same, 0 to 1: the absolute correlation of both crops, band-passed.

    Both frames upright and of one size. The shade is left out: a mosaic's colours, taken from around a face, resemble a
    face's own by accident; its features do not.
    """
    one, other = (_features(image, box) for image in (before, after))
    scale = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return abs(float((one * other).sum())) / scale if scale else 0.0


def _features(image: Image.Image, box: BoundingBox) -> _Grey:
    crop = np.asarray(image.convert("L").crop((box.x0, box.y0, box.x1, box.y1)), np.float64)
    small = cv2.resize(crop, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    band = cv2.GaussianBlur(small, (0, 0), _FINE) - cv2.GaussianBlur(small, (0, 0), _COARSE)
    return np.asarray(band - band.mean(), np.float64)
