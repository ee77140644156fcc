"""What stands before and after a finding, in the plain form that cues are looked for in."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from filters.findings import EntityType, TextFinding
from filters.text.known_names import MOST_WORDS, folded, unaccented
from filters.text.normalize import view_of
from filters.text.style_cues import OTHER_NAME

REACH: Final = 200
"""Characters of the original on either side."""

_WEIGHT: Final = re.compile(r":-?\d{0,2}(?:\.\d{1,3})?(?=[)\]>,]|\Z)")
_BRACKETS: Final = re.compile(r"[()\[\]{}\"“”„«»*\\<>]+")
_BREAK: Final = re.compile(r"\s*(?:\n|(?<![A-Z])BREAK(?![A-Z])|\|)\s*")
_SUBSTITUTE: Final = re.compile(r"<PERSON(?:-[a-z]+)?>")
_SPACE: Final = re.compile(r"[\s_]+")
_WORD: Final = re.compile(r"[^\s,;.|]+")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Plain text (see `plain`) before and after a name, and the name itself."""

    before: str = field(repr=False)
    name: str = field(repr=False)
    after: str = field(repr=False)

    def extended(self) -> Iterator["Surroundings"]:
        """With up to two words more on either side, since detectors cut names short; as it is, last."""
        left = [match.start() for match in _WORD.finditer(self.before[-60:])]
        cut = len(self.before[-60:])
        offset = len(self.before) - cut
        right = [match.end() for match in _WORD.finditer(self.after[:60])]
        for start in [offset + at for at in left[-2:]]:
            piece = self.before[start:]
            if not _borders(piece):
                yield Surroundings(self.before[:start], piece + self.name, self.after)
        for end in right[:2]:
            piece = self.after[:end]
            if not _borders(piece):
                yield Surroundings(self.before, self.name + piece, self.after[end:])
        yield self


def _borders(piece: str) -> bool:
    return any(mark in piece for mark in ",;|")


def plain(text: str) -> str:
    """As a reader sees it, in lower case, without accents, brackets and weights, lines as commas, spaces single."""
    view = view_of(text)
    seen = _BREAK.sub(", ", view.text if view else text)
    seen = _BRACKETS.sub("", _WEIGHT.sub("", _SUBSTITUTE.sub(OTHER_NAME, seen)))
    return _SPACE.sub(" ", unaccented(seen)).replace("’", "'")


def surroundings(text: str, finding: TextFinding, others: Sequence[TextFinding]) -> Surroundings:
    """Of one finding; `others` are the findings of the same field that may stand near it."""
    start, end = finding.start, finding.end
    before = _masked(text, max(0, start - REACH), start, others)
    after = _masked(text, end, min(len(text), end + REACH), others)
    return Surroundings(plain(before), plain(text[start:end]).strip(), plain(after))


def _masked(text: str, start: int, end: int, others: Sequence[TextFinding]) -> str:
    """`text[start:end]`, every other person in it as one sign: cues are not looked for in names."""
    pieces, at = [], start
    for other in others:
        if other.entity_type is EntityType.PERSON and at <= other.start and other.end <= end:
            pieces += [text[at : other.start], OTHER_NAME]
            at = other.end
    return "".join([*pieces, text[at:end]])


def last_name(before: str, known: frozenset[str]) -> int | None:
    """Where a name begins that `before` ends with: another finding, or one on the list; None where neither does."""
    if before.endswith(OTHER_NAME):
        return len(before) - 1
    starts = [match.start() for match in re.finditer(r"\S+", before[-80:])]
    offset = len(before) - len(before[-80:])
    for start in starts[-MOST_WORDS:]:
        if folded(before[offset + start :]) in known:
            return offset + start
    return None
