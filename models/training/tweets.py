"""Tweets in CoNLL columns (Broad Twitter Corpus, WNUT17) as examples: joined with blanks, as they were annotated."""

import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from models.training.examples import Example, Span

Row = tuple[str, str]
"""A token and its BIO label."""

_TYPES = {
    "PER": "PERSON",
    "person": "PERSON",
    "LOC": "LOCATION",
    "location": "LOCATION",
    "ORG": "ORGANIZATION",
    "corporation": "ORGANIZATION",
    "group": "ORGANIZATION",
}
"""What else is annotated (products, creative works) is not private."""

CARELESS = 0.1
"""Share of blanks that stand where none belongs."""
_CLOSING = frozenset(".,!?;:)]}'’”%…") | {"'s", "n't", "'m", "'re", "'ll", "'ve", "'d"}
_OPENING = frozenset("([{“#$")


def read_tweets(path: Path) -> list[list[Row]]:
    """The rows of each tweet; tweets are separated by empty lines."""
    tweets: list[list[Row]] = [[]]
    for line in path.read_text(encoding="utf-8").splitlines():
        token, tab, label = line.partition("\t")
        if tab:
            tweets[-1].append((token, label))
        elif tweets[-1]:
            tweets.append([])
    return [rows for rows in tweets if rows]


def example_of(rows: Sequence[Row], name: str) -> Example:
    """The tokens joined with blanks.

    A mark `@` that stands apart is one entity with the name that follows it. A name behind an attached mark (`@name`)
    is a user name: the corpora disagree on what else it is.
    """
    return _joined(rows, [" "] * len(rows), name)


def written(rows: Sequence[Row], name: str, chance: random.Random) -> Example:
    """The tokens joined as one would write them: no blank before a full stop, after a bracket, or within quotes."""
    gaps = ["" if _clings(row, following) else " " for row, (following, _) in itertools.pairwise(rows)]
    kept = [gap or (" " if chance.random() < CARELESS else "") for gap in gaps]
    return _joined(rows, [*kept, ""], name)


def _clings(row: Row, following: str) -> bool:
    written, label = row
    is_handle = written == "@" and label != "O"
    return following in _CLOSING or written in _OPENING or is_handle


def _joined(rows: Sequence[Row], gaps: Sequence[str], name: str) -> Example:
    text, spans, previous = "", list[Span](), ""
    for (token, label), gap in zip(rows, gaps, strict=True):
        start, end = len(text), len(text) + len(token)
        attached = text.endswith("@")
        kind = _kind(token, label)
        if kind is not None:
            continues = spans and spans[-1].label == kind and (label.startswith("I-") or previous == "@")
            if continues:
                spans[-1] = Span(spans[-1].start, end, "USERNAME" if attached else kind)
            else:
                spans.append(Span(start, end, kind))
        text, previous = text + token + gap, token
    return Example(text.rstrip(), tuple(spans), name)


def _kind(token: str, label: str) -> str | None:
    """The span type that a token belongs to; None for none."""
    if token.startswith("@") and len(token) > 1:
        return "USERNAME"
    return _TYPES.get(label[2:])


def tweet_examples(rows: Sequence[Sequence[Row]], name: str, seed: int) -> Iterator[Example]:
    """Every tweet as annotated, and as written where that differs."""
    chance = random.Random(seed)  # noqa: S311  augmentation
    for tweet in rows:
        plain = example_of(tweet, name)
        yield plain
        tidy = written(tweet, name, chance)
        if tidy.text != plain.text:
            yield tidy
