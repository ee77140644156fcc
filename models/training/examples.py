"""Labelled texts, and what a token classifier is trained on: ids, shapes and a label for each token."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from filters.errors import ModelError
from models.shapes import token_shapes

TYPES = ("PERSON", "ADDRESS", "LOCATION", "ORGANIZATION", "USERNAME", "DATE_OF_BIRTH")
LABELS = ("O", *(f"{prefix}-{name}" for name in TYPES for prefix in "BI"))
UNUSED = -100
"""The label of tokens that the loss leaves out."""

_STYLE_CUE = re.compile(
    r"\b(?:by|from|styles?|artists?|art|manner|works?|paintings?|illustrations?|after|inspired|influenced|à la|like|of)"
    r"(?: of| by| the artist| artist)?[ :(\[]*$",
    re.IGNORECASE,
)
_AND = re.compile(r"[ ,)(\]|/&+]*(?:\b(?:and|by|x|mixed with)\b)?[ ,(\[]*", re.IGNORECASE)
_CUE_LENGTH = 40

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Span:
    """`[start, end)` in characters; `label` is one of `TYPES`, or empty where it is not known what it is."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Example:
    """A text with its private spans, in order and without overlap, and the slice that it is reported under."""

    text: str
    spans: tuple[Span, ...]
    slice: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """One sequence: token ids, shape ids and label ids of one length, special tokens included."""

    ids: Ids
    shapes: Ids
    labels: Ids


def read_examples(path: Path) -> Iterator[Example]:
    """The synthetic corpus: a JSON object a line, see `example_from`.

    Raises:
        ModelError: a line is not of that form.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield example_from(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise ModelError(f"{path}:{number} is no example ({type(error).__name__})", reason="corpus") from None


def example_from(row: Mapping[str, Any]) -> Example:
    """An example from `{"text", "spans": [[start, end, type], …], "style": [[start, end], …], "slice"}`.

    `style` lists those spans that name an artist as a way of painting. Behind words that say so ("by", "in the style
    of") they are not private; bare names are left out of the loss, since nobody can tell them from private ones.
    """
    spans = [Span(start, end, label) for start, end, label in sorted(row["spans"])]
    styles = {(start, end) for start, end in row.get("style", ())}
    return Example(row["text"], tuple(_private(row["text"], spans, styles)), row["slice"])


def _private(text: str, spans: Sequence[Span], styles: AbstractSet[tuple[int, int]]) -> Iterator[Span]:
    announced = -1
    for span in spans:
        if (span.start, span.end) not in styles:
            yield span
        elif _STYLE_CUE.search(text[max(0, span.start - _CUE_LENGTH) : span.start]) or (
            0 <= announced <= span.start and _AND.fullmatch(text[announced : span.start])
        ):
            announced = span.end
        else:
            yield Span(span.start, span.end, "")


def encode(example: Example, tokenizer: Tokenizer, max_tokens: int) -> Encoded:
    """The tokens of an example, cut off after `max_tokens`; a token belongs to the span that it overlaps."""
    encoding = tokenizer.encode(example.text)
    offsets: Sequence[tuple[int, int]] = encoding.offsets[:max_tokens]
    ids = np.array(encoding.ids[:max_tokens], np.int64)
    special = encoding.special_tokens_mask[:max_tokens]
    labels = [UNUSED if mark else _label(example.spans, offset) for mark, offset in zip(special, offsets, strict=True)]
    return Encoded(ids, token_shapes(example.text, offsets), np.array(_begun(labels, example.spans, offsets), np.int64))


def _label(spans: Sequence[Span], offset: tuple[int, int]) -> int:
    start, end = offset
    for span in spans:
        if span.start < end and start < span.end:
            return LABELS.index(f"I-{span.label}") if span.label else UNUSED
    return 0


def _begun(labels: Sequence[int], spans: Sequence[Span], offsets: Sequence[tuple[int, int]]) -> list[int]:
    """`I-` becomes `B-` at the first token of each span."""
    begun = list(labels)
    for span in spans:
        if not span.label:
            continue
        first = next((i for i, (start, end) in enumerate(offsets) if span.start < end and start < span.end), None)
        if first is not None and begun[first] > 0:
            begun[first] = LABELS.index(f"B-{span.label}")
    return begun
