"""From a classifier's numbers to spans: words, not tokens, are judged, and neighbours of one type join."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from filters.findings import EntityType
from models.labels import LabelSet
from models.tokens import Tokens

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ScoredSpan:
    """`[start, end)` in characters of the text that was read; score 0–1."""

    start: int
    end: int
    entity_type: EntityType
    score: float


def softmax(logits: Floats, temperature: float) -> Floats:
    """Probabilities over the last axis; a higher temperature makes them less sure (Guo et al. 2017)."""
    scaled = logits / np.float32(temperature)
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    result: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return result


def find_spans(
    text: str, tokens: Tokens, probabilities: Floats, labels: LabelSet, least: Mapping[EntityType, float]
) -> list[ScoredSpan]:
    """The spans of a text, from left to right, without overlap.

    A word takes the mean of its tokens' probabilities. It is private where its likeliest type reaches that type's
    threshold, whatever the label `O` has; a span's score is the mean over its words, weighted by nothing.

    Args:
        probabilities: `(tokens, labels)`.
        least: the threshold of each type that the labels stand for.
    """
    by_type = probabilities @ labels.inside
    thresholds = np.array([least[entity] for entity in labels.types], np.float32)
    if not (by_type.max(axis=0, initial=0) >= thresholds).any():
        return []  # most prompts end here: no mean exceeds its largest part
    starts = _word_starts(tokens)
    counts = np.diff([*starts, len(tokens)])[:, None]
    scores = (np.add.reduceat(by_type, starts, axis=0) / counts).astype(np.float32)
    begins = (probabilities[starts] @ labels.begins) > by_type[starts] / 2
    best = scores.argmax(axis=1)
    rows = np.arange(len(starts))
    private = scores[rows, best] >= thresholds[best]
    ends = [*(starts[1:] - 1), len(tokens) - 1]
    places = np.stack([tokens.offsets[starts, 0], tokens.offsets[ends, 1]], axis=1)
    found: list[list[int]] = []
    for word in np.flatnonzero(private).tolist():
        if found and found[-1][-1] == word - 1 and best[word] == best[word - 1] and not begins[word, best[word]]:
            found[-1].append(word)
        else:
            found.append([word])
    return [span for run in found if (span := _span(text, run, places, scores, labels.types[best[run[0]]], best))]


def _word_starts(tokens: Tokens) -> npt.NDArray[np.intp]:
    """The first token of each word; tokens of no word stand alone."""
    words = tokens.words
    continues = (words[1:] == words[:-1]) & (words[1:] >= 0)
    return np.concatenate([[0], 1 + np.flatnonzero(~continues)]).astype(np.intp)


def _span(
    text: str,
    run: Sequence[int],
    places: npt.NDArray[np.int64],
    scores: Floats,
    entity: EntityType,
    best: Sequence[int],
) -> ScoredSpan | None:
    start, end = int(places[run[0], 0]), int(places[run[-1], 1])
    inside = text[start:end]
    start, end = start + len(inside) - len(inside.lstrip()), end - len(inside) + len(inside.rstrip())
    score = float(np.mean([scores[word, best[word]] for word in run]))
    return ScoredSpan(start, end, entity, min(1.0, max(0.0, score))) if start < end else None
