"""The same text as others would write it: other case, other names, words left out."""

import random
from collections.abc import Sequence

import numpy as np

from models.shapes import APART, in_capitals, in_small_letters
from models.training.examples import Encoded, Example, Span

SMALL, CAPITALS = 0.35, 0.05
"""Shares of examples in small letters and in capitals. The vocabulary is uncased, so that only shapes change."""
HIDDEN = 0.06
"""Share of tokens that are hidden from the model, so that it learns to read what surrounds a name."""
RENAMED = 0.4
"""Share of tweets whose people get other names: the corpora name the same few again and again."""


def recased(example: Encoded, chance: random.Random) -> Encoded:
    """Now and then in small letters or in capitals."""
    drawn = chance.random()
    if drawn < SMALL:
        return Encoded(example.ids, in_small_letters(example.shapes), example.labels)
    if drawn < SMALL + CAPITALS:
        return Encoded(example.ids, in_capitals(example.shapes), example.labels)
    return example


def hidden(example: Encoded, mask_id: int, chance: np.random.Generator) -> Encoded:
    """Some tokens replaced by the mask; special tokens stay."""
    chosen = (chance.random(len(example.ids)) < HIDDEN) & (example.labels >= 0)
    return Encoded(np.where(chosen, mask_id, example.ids), np.where(chosen, APART, example.shapes), example.labels)


def renamed(example: Example, names: Sequence[str], chance: random.Random) -> Example:
    """Now and then every person but `@name` gets a name of `names`, in the case of the one that it replaces."""
    if not names or chance.random() >= RENAMED:
        return example
    text, spans, at = "", list[Span](), 0
    for span in example.spans:
        old = example.text[span.start : span.end]
        new = _in_case_of(old, chance.choice(names)) if _is_name(span, old) else old
        text += example.text[at : span.start]
        spans.append(Span(len(text), len(text) + len(new), span.label))
        text, at = text + new, span.end
    return Example(text + example.text[at:], tuple(spans), example.slice)


def _is_name(span: Span, old: str) -> bool:
    return span.label == "PERSON" and not old.startswith(("@", "#"))


def _in_case_of(old: str, new: str) -> str:
    if old.islower():
        return new.lower()
    return new.upper() if old.isupper() and len(old) > 3 else new  # noqa: PLR2004  shorter ones may be initials
