"""`PatternSearch`: what Presidio's AnalyzerEngine finds with the same recognizers, without its engine.

Same spans, types and scores, context words and removal of contained findings included (tests hold it over thousands of
texts). Sooner, because one cheap look at a text tells which recognizers could match it at all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from filters.findings import EntityType
from filters.text.candidate import Candidate, without_contained
from filters.text.context import ContextWords, Words
from filters.text.gate import Features, Gate
from filters.text.recognizer import Recognizer

_DIFFERENT_DIGITS = 4096
"""Combinations of lengths of digit runs that are remembered."""


@dataclass(frozen=True, slots=True)
class Gated:
    """A recognizer, what it needs to match, and what supports it."""

    recognizer: Recognizer
    gate: Gate
    context: ContextWords

    @property
    def entity_type(self) -> EntityType:
        """What it finds."""
        return self.recognizer.entity_type


class PatternSearch:
    """Recognizers, each behind its gate.

    Args:
        recognizers: one for each entity type.
        gates: for every entity type; `Gate()` is always open.
    """

    def __init__(self, recognizers: Iterable[Recognizer], gates: Mapping[EntityType, Gate]) -> None:
        every = [Gated(r, gates[r.entity_type], ContextWords(r.context)) for r in recognizers]
        self._context = {gated.entity_type: gated.context for gated in every}
        self._every = tuple(every)
        self.entities = frozenset(gated.entity_type for gated in every)
        self._by_digits = lru_cache(_DIFFERENT_DIGITS)(self._opened_by)

    def find(self, text: str, deadline: float) -> list[Candidate]:
        """Exactly what the AnalyzerEngine finds, in order of start, end and type.

        Raises:
            TimeoutError: `deadline` (on `time.monotonic`) passed before the end of the text.
        """
        return self.run(text, self.opened(Features.of(text)), Words(text), deadline)

    def opened(self, features: Features) -> list[Gated]:
        """The recognizers that could match a text."""
        by_digits = self._by_digits(features.runs, features.glued, features.cluster)
        return [gated for gated in by_digits if gated.gate.hints_at(features)]

    def _opened_by(self, runs: frozenset[int], glued: frozenset[int], cluster: int) -> tuple[Gated, ...]:
        return tuple(gated for gated in self._every if gated.gate.opens_at(runs, glued, cluster))

    def run(self, text: str, opened: Sequence[Gated], words: Words, deadline: float) -> list[Candidate]:
        """What these recognizers find, supported by these words. See `find`."""
        return without_contained(candidate for gated in opened for candidate in _scan(gated, text, words, deadline))

    def context_of(self, entity_type: EntityType) -> ContextWords:
        """The context words of what finds this type."""
        return self._context[entity_type]


def _scan(gated: Gated, text: str, words: Words, deadline: float) -> Iterator[Candidate]:
    for candidate in without_contained(gated.recognizer.scan(text, deadline)):
        yield gated.context.enhance(words, candidate)
