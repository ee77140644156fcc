"""One number, one meaning: where candidates of several types lie on one place, what the surest of them rules out."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping

from filters.findings import EntityType as E
from filters.text.candidate import Candidate

_CERTAIN = 1.0
_SHAPED = 0.5
"""From here on an SSN is grouped 3-2-4: as no telephone number is."""
_CUED = 0.6
"""From here on a word says that it is a licence."""

# What a candidate of this type and at least this score says that lies within it: nothing of its own.
_RULES_OUT: Mapping[E, tuple[float, frozenset[E]]] = {
    E.CREDIT_CARD: (_CERTAIN, frozenset(E) - {E.CREDIT_CARD, E.IBAN_CODE}),
    E.IBAN_CODE: (_CERTAIN, frozenset(E) - {E.IBAN_CODE}),
    E.EMAIL_ADDRESS: (_SHAPED, frozenset({E.URL})),
    E.IP_ADDRESS: (_SHAPED, frozenset({E.PHONE_NUMBER})),
    E.US_SSN: (_SHAPED, frozenset({E.PHONE_NUMBER})),
    E.US_DRIVER_LICENSE: (_CUED, frozenset({E.PHONE_NUMBER})),
}


def without_outdone(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Drop each candidate that lies inside one of another type that rules it out.

    A card's digits are no telephone number beside, and the domain of an e-mail address is no link. Nothing is left
    uncovered: what rules out covers all of what it rules out.
    """
    every = list(candidates)
    strong: dict[E, list[Candidate]] = {}
    for each in every:
        if each.entity_type in _RULES_OUT and each.score >= _RULES_OUT[each.entity_type][0]:
            strong.setdefault(each.entity_type, []).append(each)
    if not strong:
        return every
    ordered = [sorted(some, key=_start) for some in strong.values()]
    return [each for each in every if not any(_rules_out(some, each) for some in ordered)]


def _start(candidate: Candidate) -> int:
    return candidate.start


def _rules_out(strong: list[Candidate], other: Candidate) -> bool:
    """Whether the last of them that begins no later than `other` rules it out: those of one type hold no other."""
    index = bisect_right(strong, other.start, key=_start) - 1
    if index < 0 or other.end > strong[index].end:
        return False
    return other.entity_type in _RULES_OUT[strong[index].entity_type][1]
