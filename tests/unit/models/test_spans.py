"""From numbers to spans."""

import numpy as np
import pytest

from filters.findings import EntityType
from models.labels import read_labels
from models.spans import ScoredSpan, find_spans, softmax
from models.tokens import Tokens

PERSON, PLACE = EntityType.PERSON, EntityType.LOCATION
BIO = read_labels(dict(enumerate(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])), {})
LEAST = {PERSON: 0.5, PLACE: 0.5}


def tokens(text: str, *parts: str) -> Tokens:
    """Tokens of a text by their words; a part that begins with `#` continues the word before it."""
    offsets, words, at = [], [], 0
    for part in parts:
        start = text.index(part.lstrip("#"), at)
        at = start + len(part.lstrip("#"))
        offsets.append((start, at))
        words.append(words[-1] if part.startswith("#") else (words[-1] + 1 if words else 0))
    return Tokens(np.zeros(len(parts), np.int64), np.array(offsets), np.array(words))


def sure(*labels: str, by: float = 0.9) -> np.ndarray:
    """Probabilities with `by` for one label each and the rest for O."""
    names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    rows = np.zeros((len(labels), 5), np.float32)
    for row, label in zip(rows, labels, strict=True):
        row[0] = 1 - by
        row[names.index(label)] += by
    return rows


def found(text: str, parts: list[str], *labels: str, by: float = 0.9) -> list[tuple[str, EntityType]]:
    spans = find_spans(text, tokens(text, *parts), sure(*labels, by=by), BIO, LEAST)
    return [(text[span.start : span.end], span.entity_type) for span in spans]


def test_neighbours_of_one_type_join() -> None:
    """`B-` begins, `I-` goes on, another type or a gap ends."""
    text = "jane doe of berlin"
    assert found(text, text.split(), "B-PER", "I-PER", "O", "B-LOC") == [("jane doe", PERSON), ("berlin", PLACE)]
    assert found(text, text.split(), "B-PER", "B-PER", "O", "O") == [("jane", PERSON), ("doe", PERSON)]
    assert found(text, text.split(), "I-PER", "B-LOC", "I-LOC", "I-LOC") == [("jane", PERSON), ("doe of berlin", PLACE)]


def test_a_word_is_judged_as_a_whole() -> None:
    """Its pieces' numbers are averaged: half a name is never left standing."""
    assert found("a janedoe b", ["a", "jane", "#doe", "b"], "O", "B-PER", "O", "O") == []
    assert found("a janedoe b", ["a", "jane", "#do", "#e", "b"], "O", "B-PER", "I-PER", "O", "O") == [
        ("janedoe", PERSON)
    ]


def test_the_threshold_decides_and_not_the_rest() -> None:
    """A type below its threshold is not reported; above, it is, also where O is likelier."""
    text = "jane doe"
    assert found(text, text.split(), "B-PER", "O", by=0.4) == []
    spans = find_spans(text, tokens(text, "jane", "doe"), sure("B-PER", "O", by=0.4), BIO, {PERSON: 0.3, PLACE: 0.5})
    assert spans == [ScoredSpan(0, 4, PERSON, pytest.approx(0.4))]


def test_a_spans_score_is_the_mean_of_its_words() -> None:
    """Stated in the documentation."""
    text = "jane doe"
    rows = np.concatenate([sure("B-PER", by=0.9), sure("I-PER", by=0.6)])
    (span,) = find_spans(text, tokens(text, "jane", "doe"), rows, BIO, LEAST)
    assert span.score == pytest.approx(0.75)


def test_blanks_at_the_edges_are_no_part_of_a_span() -> None:
    """Byte-level tokens begin with the blank before them."""
    text = "by  jane"
    one = Tokens(np.zeros(2, np.int64), np.array([[0, 2], [2, 8]]), np.array([0, 1]))
    (span,) = find_spans(text, one, sure("O", "B-PER"), BIO, LEAST)
    assert text[span.start : span.end] == "jane"


def test_a_temperature_keeps_the_order() -> None:
    """Probabilities add up to 1; a higher temperature is less sure."""
    logits = np.array([[4.0, 0.0, -2.0]], np.float32)
    one, two = softmax(logits, 1.0), softmax(logits, 2.0)
    assert one.sum() == pytest.approx(1)
    assert two.argmax() == one.argmax()
    assert two.max() < one.max()
    assert np.isfinite(softmax(logits * 1e30, 1.0)).all()
