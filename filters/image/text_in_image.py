"""`TextInImageDetector`: what the text detectors find in the lines that a reader reads in a frame."""

import hashlib
from collections.abc import Iterator, Sequence

from filters.errors import DetectionError
from filters.findings import BoundingBox, Detection, EntityType, FindingSource, Outline, TextFinding
from filters.image.document_text import DocumentTextDetector, is_column
from filters.image.layout import JoinedText, readings
from filters.image.plates import PlateTextDetector
from filters.image.text_lines import LineReader, TextLine
from filters.protocols import Pixels, TextDetector
from filters.records import PromptContent

_FIELD = "text"
_NUMBERS = frozenset({EntityType.PHONE_NUMBER, EntityType.CREDIT_CARD, EntityType.US_SSN})
_LEAST_SLOPE = 2
"""Pixels that a line's ends differ by, from which its outline is worth more than the box around it."""


class TextInImageDetector:
    """`ImageDetector` over a reader and the detectors that judge prompts, views and all.

    Args:
        reader: finds and reads lines.
        text: asked for all lines of a batch at once, joined as they stand on the page; the detectors of the forms of
            documents and number plates are asked besides.
    """

    sources = frozenset({FindingSource.TEXT_IN_IMAGE})

    def __init__(self, reader: LineReader, text: Sequence[TextDetector]) -> None:
        self.name = reader.name
        self._reader = reader
        self._text: tuple[TextDetector, ...] = (*text, DocumentTextDetector(), PlateTextDetector())
        self.entities: frozenset[EntityType] = frozenset().union(*(each.entities for each in self._text))
        digests = [reader.digest, *(each.digest for each in self._text)]
        self.digest = hashlib.sha256("\n".join(digests).encode()).hexdigest()

    def detect(self, batch: Sequence[Pixels]) -> list[list[Detection]]:
        """See `ImageDetector.detect`.

        Raises:
            DetectionError: a text could not be judged.
        """
        pages = [(frame, lines, readings(lines)) for frame, lines in zip(batch, self._reader.read(batch), strict=True)]
        private = self._private([text.text for _, _, texts in pages for text in texts])
        return [
            list(_detections(lines, [(text, next(private)) for text in texts], (frame.shape[1], frame.shape[0])))
            for frame, lines, texts in pages
        ]

    def _private(self, texts: Sequence[str]) -> Iterator[list[TextFinding]]:
        """For each text what is private in it."""
        prompts = [PromptContent({_FIELD: text}) for text in texts]
        found: list[list[TextFinding]] = [[] for _ in texts]
        for detector in self._text if texts else ():
            for gathered, answer in zip(found, detector.detect(prompts), strict=True):
                if isinstance(answer, DetectionError):
                    raise answer
                gathered.extend(answer)
        for text, findings in zip(texts, found, strict=True):
            yield [each for each in findings if each.entity_type not in _NUMBERS or not is_column(_said(text, each))]


def _said(text: str, finding: TextFinding) -> str:
    return text[finding.start : finding.end]


def _detections(
    lines: Sequence[TextLine], found: Sequence[tuple[JoinedText, Sequence[TextFinding]]], size: tuple[int, int]
) -> Iterator[Detection]:
    """Each place and type once, with its best score: both readings of a page see most spans."""
    best: dict[tuple[Outline, EntityType], float] = {}
    for text, findings in found:
        for finding in findings:
            for line, first, last in text.parts(finding.start, finding.end):
                place = (lines[line].outline(first, last), finding.entity_type)
                best[place] = max(best.get(place, 0.0), finding.score)
    for (outline, entity_type), score in best.items():
        box = _around(outline).clipped(*size)
        if box is not None:
            sloping = outline if _slopes(outline) else None
            yield Detection(box, entity_type, score, FindingSource.TEXT_IN_IMAGE, sloping)


def _around(outline: Outline) -> BoundingBox:
    across, down = [x for x, _ in outline], [y for _, y in outline]
    return BoundingBox(min(across), min(down), max(across) + 1, max(down) + 1)


def _slopes(outline: Outline) -> bool:
    """Whether no side lies along the frame's: of two neighbouring corners neither coordinate is the same."""
    (x0, y0), (x1, y1) = outline[:2]
    return min(abs(x1 - x0), abs(y1 - y0)) > _LEAST_SLOPE
