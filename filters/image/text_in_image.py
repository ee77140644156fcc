"""`TextInImageDetector`: what the text detectors find in the lines that a reader reads in a frame."""

import hashlib
from collections.abc import Iterator, Sequence

from filters.errors import DetectionError
from filters.findings import BoundingBox, Detection, EntityType, FindingSource, Outline
from filters.image.document_text import DocumentTextDetector
from filters.image.layout import JoinedText, readings
from filters.image.text_lines import LineReader, TextLine
from filters.protocols import Pixels, TextDetector
from filters.records import PromptContent

_FIELD = "text"
_LEAST_SLOPE = 2
"""Pixels that a line's ends differ by, from which its outline is worth more than the box around it."""


class TextInImageDetector:
    """`ImageDetector` over a reader and the detectors that judge prompts, views and all.

    Args:
        reader: finds and reads lines.
        text: asked for all lines of a batch at once, joined as they stand on the page; so is `DocumentTextDetector`.
    """

    sources = frozenset({FindingSource.TEXT_IN_IMAGE})

    def __init__(self, reader: LineReader, text: Sequence[TextDetector]) -> None:
        self.name = reader.name
        self._reader = reader
        self._text: tuple[TextDetector, ...] = (*text, DocumentTextDetector())
        self.entities: frozenset[EntityType] = frozenset().union(*(each.entities for each in self._text))
        digests = [reader.digest, *(each.digest for each in self._text)]
        self.digest = hashlib.sha256("\n".join(digests).encode()).hexdigest()

    def detect(self, batch: Sequence[Pixels]) -> list[list[Detection]]:
        """See `ImageDetector.detect`.

        Raises:
            DetectionError: a text could not be judged.
        """
        pages = [(frame, lines, readings(lines)) for frame, lines in zip(batch, self._reader.read(batch), strict=True)]
        private = self._private([reading for _, _, texts in pages for reading in texts])
        answers = []
        for frame, lines, texts in pages:
            found = [next(private) for _ in texts]
            size = (frame.shape[1], frame.shape[0])
            answers.append(list(_detections(lines, zip(texts, found, strict=True), size)))
        return answers

    def _private(self, texts: Sequence[JoinedText]) -> Iterator[list[tuple[int, int, EntityType, float]]]:
        """For each text the private spans in it."""
        prompts = [PromptContent({_FIELD: each.text}) for each in texts]
        found: list[list[tuple[int, int, EntityType, float]]] = [[] for _ in texts]
        for detector in self._text if texts else ():
            for spans, answer in zip(found, detector.detect(prompts), strict=True):
                if isinstance(answer, DetectionError):
                    raise answer
                spans += [(each.start, each.end, each.entity_type, each.score) for each in answer]
        return iter(found)


def _detections(
    lines: Sequence[TextLine],
    found: "Iterator[tuple[JoinedText, list[tuple[int, int, EntityType, float]]]]",
    size: tuple[int, int],
) -> Iterator[Detection]:
    """Each place and type once, with its best score: both readings of a page see most spans."""
    best: dict[tuple[Outline, EntityType], float] = {}
    for text, spans in found:
        for start, end, entity_type, score in spans:
            for line, first, last in text.parts(start, end):
                place = (lines[line].outline(first, last), entity_type)
                best[place] = max(best.get(place, 0.0), score)
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
