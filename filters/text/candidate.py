"""A place in a text that a recognizer points at, before it is judged."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from filters.findings import EntityType


@dataclass(frozen=True, slots=True)
class Candidate:
    """A span `[start, end)` of one text; score 0–1; `supported` when a context word lifted the score."""

    start: int
    end: int
    entity_type: EntityType
    score: float
    supported: bool = False


def without_contained(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Drop each candidate that lies inside another of its type with at least its score, as Presidio does.

    The rest, in order of start, end and type.
    """
    ordered = list(candidates)
    if len(ordered) <= 1:
        return ordered
    ordered.sort(key=lambda c: (c.entity_type, c.start, c.start - c.end, -c.score, not c.supported))
    kept: list[Candidate] = []
    for _, group in groupby(ordered, key=lambda c: c.entity_type):
        active: list[Candidate] = []
        for candidate in group:
            active = [other for other in active if other.end > candidate.start]
            if not any(candidate.end <= other.end and candidate.score <= other.score for other in active):
                kept.append(candidate)
                active.append(candidate)
    return sorted(kept, key=lambda c: (c.start, c.end, c.entity_type))
