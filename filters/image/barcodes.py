"""`BarcodeDetector`: QR, Data Matrix, PDF417, Aztec and linear codes, and what is private in their payloads."""

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp

from filters.errors import DetectionError
from filters.findings import BoundingBox, Detection, EntityType, FindingSource
from filters.image.payload import STRUCTURED, structured_types
from filters.protocols import Pixels, TextDetector
from filters.records import PromptContent

DAMAGED_SCORE = 0.6
"""For a code that was located and whose error correction failed: a phone may still read it."""
_LEAST_SIDE = 12
"""Pixels; no code has fewer modules along its longer side."""
_FIELD = "payload"
_TURNS = (22.5, 45.0, 67.5)
"""Degrees between quarter turns, which zxing-cpp makes itself: a row of bars is read within about 15 degrees."""
_ALL = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.All])
_LINEAR = frozenset(zxingcpp.barcode_formats_list(zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.AllLinear])))
_SCANNED = zxingcpp.BarcodeFormats([*_LINEAR, zxingcpp.BarcodeFormat.PDF417])
"""What is read along lines; the others are located by their finder patterns, at any angle."""
_LEAST_BARS = 0.3
"""Height of a linear code as a share of its length, where the scan lines that read it span less."""
_IDENTITY = np.eye(2, 3)

_Grey = npt.NDArray[np.uint8]
_Matrix = npt.NDArray[np.float64]
"""Of an affine map, `(2, 3)`."""


@dataclass(frozen=True, slots=True)
class _Code:
    """A code in a frame; `payload` is empty where it could not be read."""

    box: BoundingBox
    payload: str = field(repr=False)


class BarcodeDetector:
    """`ImageDetector` over zxing-cpp. Each code is a `QR_CODE`, whatever its symbology; what the text detectors, or the
    payload's own form (a vCard, `tel:`, …), find in its payload is reported at the same place.

    Args:
        text: asked for all payloads of a batch at once; none where payloads shall not be looked at.
    """

    name = "zxing"
    sources = frozenset({FindingSource.CODE})

    def __init__(self, text: Sequence[TextDetector] = ()) -> None:
        self._text = tuple(text)
        self.entities = frozenset({EntityType.QR_CODE}).union(STRUCTURED, *(each.entities for each in text))
        parts = [f"zxing-cpp {version('zxing-cpp')}", *(each.digest for each in text)]
        self.digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def detect(self, batch: Sequence[Pixels]) -> list[list[Detection]]:
        """See `ImageDetector.detect`.

        Raises:
            DetectionError: a payload could not be judged.
        """
        codes = [_codes(pixels) for pixels in batch]
        payloads = [PromptContent({_FIELD: code.payload}) for frame in codes for code in frame]
        private = iter(self._private(payloads))
        return [[detection for code in frame for detection in _detections(code, next(private))] for frame in codes]

    def _private(self, payloads: Sequence[PromptContent]) -> list[dict[EntityType, float]]:
        """For each payload the types in it, each with its best score."""
        found: list[dict[EntityType, float]] = [
            dict.fromkeys(structured_types(payload.fields[_FIELD]), 1.0) for payload in payloads
        ]
        for detector in self._text if payloads else ():
            for scores, answer in zip(found, detector.detect(payloads), strict=True):
                if isinstance(answer, DetectionError):
                    raise answer
                for finding in answer:
                    scores[finding.entity_type] = max(scores.get(finding.entity_type, 0.0), finding.score)
        return found


def _detections(code: _Code, private: dict[EntityType, float]) -> Iterator[Detection]:
    yield Detection(code.box, EntityType.QR_CODE, 1.0 if code.payload else DAMAGED_SCORE, FindingSource.CODE)
    for entity_type, score in private.items():
        yield Detection(code.box, entity_type, score, FindingSource.CODE)


def _codes(pixels: Pixels) -> list[_Code]:
    """Every code once. Matrix codes are found at any angle; linear ones near the scan lines, so the frame is turned."""
    if min(pixels.shape[:2]) < _LEAST_SIDE:
        return []
    grey = _grey(pixels)
    found = [_placed(code, _IDENTITY, pixels) for code in _read(grey, _ALL)]
    for degrees in _TURNS:
        turned, back = _turned(grey, degrees)
        found += [_placed(code, back, pixels) for code in _read(turned, _SCANNED)]
    return _distinct(code for code in found if code is not None)


def _read(grey: _Grey, formats: zxingcpp.BarcodeFormats) -> list[zxingcpp.Barcode]:
    return zxingcpp.read_barcodes(grey, formats=formats, return_errors=True, text_mode=zxingcpp.TextMode.Plain)


def _turned(grey: _Grey, degrees: float) -> tuple[_Grey, _Matrix]:
    """The frame turned about its centre on a canvas that holds all of it, and the way back."""
    height, width = grey.shape
    forth = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    cosine, sine = abs(forth[0, 0]), abs(forth[0, 1])
    size = (math.ceil(width * cosine + height * sine), math.ceil(width * sine + height * cosine))
    forth[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    turned = cv2.warpAffine(grey, forth, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=255)
    return np.asarray(turned, np.uint8), np.asarray(cv2.invertAffineTransform(forth), np.float64)


def _placed(code: zxingcpp.Barcode, back: _Matrix, pixels: Pixels) -> _Code | None:
    box = _box(code, back, pixels)
    return _Code(box, _plain(code.text) if code.valid else "") if box else None


def _distinct(codes: Iterable[_Code]) -> list[_Code]:
    """Without damaged codes where one was read, and without what was read twice at the same place."""
    kept: list[_Code] = []
    for code in sorted(codes, key=lambda code: not code.payload):
        if not any(code.payload in ("", other.payload) and _meet(code.box, other.box) for other in kept):
            kept.append(code)
    return kept


def _meet(one: BoundingBox, other: BoundingBox) -> bool:
    return min(one.x1, other.x1) > max(one.x0, other.x0) and min(one.y1, other.y1) > max(one.y0, other.y0)


def _grey(pixels: Pixels) -> _Grey:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def _plain(text: str) -> str:
    """Text that text detectors take: no NUL, no half surrogate pairs."""
    return "".join(
        "\ufffd" if character == "\0" or "\ud800" <= character <= "\udfff" else character for character in text
    )


def _box(code: zxingcpp.Barcode, back: _Matrix, pixels: Pixels) -> BoundingBox | None:
    """Around the four corners. Of a linear code, those are of the scan lines that read it: its bars reach further."""
    position = code.position
    corners = np.array(
        [[corner.x, corner.y] for corner in (
            position.top_left, position.top_right, position.bottom_right, position.bottom_left
        )],
        np.float64,
    )  # fmt: skip
    if code.symbology in _LINEAR:
        corners = _with_bars(corners)
    placed = corners @ back[:, :2].T + back[:, 2]
    (x0, y0), (x1, y1) = np.floor(placed.min(axis=0)), np.ceil(placed.max(axis=0)) + 1
    if x1 <= x0 or y1 <= y0:
        return None
    height, width = pixels.shape[:2]
    return BoundingBox(int(x0), int(y0), int(x1), int(y1)).clipped(width, height)


def _with_bars(corners: _Matrix) -> _Matrix:
    """The corners moved apart across the scan direction, to the least height that the bars may have."""
    left, right = (corners[0] + corners[3]) / 2, (corners[1] + corners[2]) / 2
    along = right - left
    length = float(np.hypot(*along))
    tall = float(np.hypot(*(corners[3] - corners[0])))
    if length == 0 or tall >= _LEAST_BARS * length:
        return corners
    across = np.array([-along[1], along[0]]) * (_LEAST_BARS / 2)
    return np.array([left - across, right - across, right + across, left + across])
