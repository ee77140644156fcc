"""`Reading`: the texts of a prompt as detectors get them, and the way back to its fields.

A detector knows fields of plain text, and nothing of workflows, or of what begins in one field and ends in the next.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from filters.findings import TextFinding
from filters.records import PromptContent
from filters.text.structured import Part, is_structured, parts_of

WINDOW = 64
"""Characters on either side of a boundary that are read together with the other side."""
_HALF_ADDRESS = re.compile(r"@[^\s@.]*\.?\Z")
_GAP = "\n\n"
"""Between the beginning and the end of a text that is longer than both windows."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Characters `[start, end)` of a joined text: those of `part` from `offset` on."""

    start: int
    end: int
    field: str
    part: Part
    offset: int


class Reading:
    """What of `content` is judged: each text by itself, and across the boundaries between texts."""

    def __init__(self, content: PromptContent) -> None:
        fields = {name: text for name, text in content.fields.items() if text}
        self._parts: dict[str, tuple[str, Part]] = {}
        self._joined: dict[str, Sequence[_Piece]] = {}
        if len(fields) <= 1 and not any(map(is_structured, fields.values())):
            self.content = content
            return
        texts = dict(self._split(fields))
        flowing = [(field, part) for field, part in self._parts.values() if part.flows]
        for text, pieces in _joins(flowing):
            name = _free_name(texts, content.fields, len(texts))
            texts[name], self._joined[name] = text, pieces
        self.content = PromptContent(texts)

    def _split(self, fields: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        for field, text in fields.items():
            parts = parts_of(text)
            for part in parts:
                whole = len(parts) == 1 and part.text == text
                name = field if whole else _free_name(self._parts, fields, len(self._parts))
                self._parts[name] = field, part
                yield name, part.text

    def findings(self, found: Iterable[TextFinding]) -> list[TextFinding]:
        """Findings in `self.content` as findings in the fields: one for each text that holds a part of it."""
        if not self._parts:
            return list(found)
        return list(dict.fromkeys(placed for finding in found for placed in self._placed(finding)))

    def _placed(self, finding: TextFinding) -> Iterator[TextFinding]:
        if finding.field in self._joined:
            yield from _across(self._joined[finding.field], finding)
            return
        if finding.field not in self._parts:
            yield finding
            return
        field, part = self._parts[finding.field]
        span = part.span(finding.start, finding.end)
        if span is not None:
            yield replace(finding, field=field, start=span[0], end=span[1])


def _free_name(taken: Mapping[str, object], fields: Mapping[str, str], number: int) -> str:
    """A name that no field bears."""
    name = f"#{number}"
    while name in taken or name in fields:
        name += "#"
    return name


def _across(pieces: Sequence[_Piece], finding: TextFinding) -> Iterator[TextFinding]:
    """What a finding in a joined text means for each of the texts; nothing where it lies in one."""
    first = bisect_right(pieces, finding.start, key=lambda piece: piece.end)
    spans: list[tuple[str, int, int]] = []
    for piece in pieces[first:]:
        if piece.start >= finding.end:
            break
        begin, end = max(piece.start, finding.start), min(piece.end, finding.end)
        own = piece.part.own[begin - piece.start + piece.offset : end - piece.start + piece.offset]
        begin += len(own) - len(own.lstrip())
        end -= len(own) - len(own.rstrip())
        lead = piece.part.lead + piece.offset - piece.start
        span = piece.part.span(begin + lead, end + lead) if begin < end else None
        if span is not None:
            spans.append((piece.field, *span))
    if len(spans) > 1:
        for field, start, end in spans:
            yield replace(finding, field=field, start=start, end=end)


def _joins(flowing: Sequence[tuple[str, Part]]) -> Iterator[tuple[str, Sequence[_Piece]]]:
    """The texts around all boundaries, parted by spaces; and once more, where words may go on, by nothing."""
    if len(flowing) < 2:  # noqa: PLR2004  a boundary has two sides
        return
    yield _joined(flowing, [" "] * len(flowing))
    separators = [
        "" if _goes_on(one.own.rstrip(), other.own.lstrip()) else " " for (_, one), (_, other) in pairwise(flowing)
    ]
    if "" in separators:
        yield _joined(flowing, [*separators, " "])


def _goes_on(before: str, after: str) -> bool:
    """Whether a number or an address is cut in two here."""
    last, first = before[-1:], after[:1]
    return (
        (last.isdecimal() and first.isdecimal()) or first == "@" or _HALF_ADDRESS.search(before[-WINDOW:]) is not None
    )


def _joined(flowing: Sequence[tuple[str, Part]], separators: Sequence[str]) -> tuple[str, Sequence[_Piece]]:
    texts: list[str] = []
    pieces: list[_Piece] = []
    at = 0
    for index, ((field, part), separator) in enumerate(zip(flowing, separators, strict=True)):
        own = part.own
        for begin, limit, closing in _windows(own, first=index == 0, last=index == len(flowing) - 1):
            offset, end = _trimmed(own, begin, limit)
            pieces.append(_Piece(at, at + end - offset, field, part, offset))
            texts += [own[offset:end], closing if closing is not None else separator]
            at += end - offset + len(texts[-1])
    return "".join(texts), pieces


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """`[start, end)` without white space at its ends."""
    window = text[start:end]
    stripped = window.strip()
    start += len(window) - len(window.lstrip()) if stripped else 0
    return start, start + len(stripped)


def _windows(text: str, *, first: bool, last: bool) -> Iterator[tuple[int, int, str | None]]:
    """The beginning of a text, for what goes before, and its end, for what comes after; `_GAP` stands between them."""
    begin, end = (0 if first else _word_end(text)), (len(text) if last else _word_begin(text))
    if not first and not last and begin >= end:
        yield 0, len(text), None
        return
    if not first:
        yield 0, begin, None if last else _GAP
    if not last:
        yield end, len(text), None


def _word_end(text: str) -> int:
    """Where the words of the first window end: in the middle of one only if it is longer than the window."""
    if len(text) <= WINDOW:
        return len(text)
    space = max(text.rfind(" ", 0, WINDOW), text.rfind("\n", 0, WINDOW))
    return space if space > 0 else WINDOW


def _word_begin(text: str) -> int:
    """Where the words of the last window begin."""
    if len(text) <= WINDOW:
        return 0
    spaces = [place for place in (text.find(" ", -WINDOW), text.find("\n", -WINDOW)) if place >= 0]
    return min(spaces) + 1 if spaces and min(spaces) + 1 < len(text) else len(text) - WINDOW
