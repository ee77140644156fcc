"""Texts before and after, side by side: what changed, and how to show what cannot be seen."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_JOINER = "\N{ZERO WIDTH JOINER}"
_LINE_END = "⏎"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text; where `changed`, `after` stands for `before`, and otherwise they are the same."""

    before: str
    after: str
    changed: bool


def pieces(before: str, after: str, spans: Iterable[tuple[int, int]]) -> list[Piece] | None:
    """Both texts cut at `spans` (`[start, end)` in `before`); None where they differ outside of the spans."""
    kept, start = [], 0
    cuts = _merged(spans)
    for first, last in cuts:
        kept.append(before[start:first])
        start = last
    kept.append(before[start:])
    match = re.fullmatch("(.*?)".join(map(re.escape, kept)), after, re.DOTALL)
    if match is None:
        return None
    result: list[Piece] = []
    for text, (first, last), new in zip(kept, cuts, match.groups(), strict=False):
        result += [Piece(text, text, changed=False), Piece(before[first:last], new, changed=True)]
    return [piece for piece in (*result, Piece(kept[-1], kept[-1], changed=False)) if piece.before]


def spans_of(field: str, findings: Iterable[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Where a verdict's findings lie in one field."""
    return [(finding["start"], finding["end"]) for finding in findings if finding.get("field") == field]


def visible(text: str) -> str:
    """The text with its invisible characters shown as `‹200B›`; emoji sequences stay together."""
    return "".join(_LINE_END if char == "\n" else char if _is_seen(char) else f"‹{ord(char):04X}›" for char in text)


def folded(text: str) -> str:
    """The text as a reader takes it in: compatibility forms as plain ones, invisible characters gone, lower case."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(char for char in plain if char == "\n" or _is_seen(char)).casefold()


def _is_seen(char: str) -> bool:
    return char == _JOINER or unicodedata.category(char) not in _INVISIBLE


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
