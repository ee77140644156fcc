"""`BarcodeDetector`: QR, Data Matrix, PDF417, Aztec and linear codes, and what is private in their payloads."""

import hashlib
from collections.abc import Iterator, Sequence
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
    source = FindingSource.CODE

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
        codes = [list(_codes(pixels)) for pixels in batch]
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
    yield Detection(code.box, EntityType.QR_CODE, 1.0 if code.payload else DAMAGED_SCORE)
    for entity_type, score in private.items():
        yield Detection(code.box, entity_type, score)


def _codes(pixels: Pixels) -> Iterator[_Code]:
    if min(pixels.shape[:2]) < _LEAST_SIDE:
        return
    for code in zxingcpp.read_barcodes(_grey(pixels), return_errors=True, text_mode=zxingcpp.TextMode.Plain):
        box = _box(code.position, pixels)
        if box is not None:
            yield _Code(box, _plain(code.text) if code.valid else "")


def _grey(pixels: Pixels) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def _plain(text: str) -> str:
    """Text that text detectors take: no NUL, no half surrogate pairs."""
    return "".join("\ufffd" if character == "\0" or "\ud800" <= character <= "\udfff" else character for character in text)


def _box(position: zxingcpp.Position, pixels: Pixels) -> BoundingBox | None:
    """Around the four corners; a linear code's are those of one scan line, so it is widened across."""
    corners = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    xs, ys = [corner.x for corner in corners], [corner.y for corner in corners]
    height, width = pixels.shape[:2]
    return BoundingBox(min(xs), min(ys), max(xs) + 1, max(ys) + 1).clipped(width, height)
