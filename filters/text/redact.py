"""Redaction: every hit is covered in one piece, and all other characters stay as they are."""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import regex

from filters.decide import Hit
from filters.errors import RedactionError
from filters.findings import EntityType, TextFinding
from filters.keys import TenantKeys
from filters.policy_operators import (
    EncryptText,
    GeneraliseText,
    HashText,
    MaskText,
    PseudonymText,
    RemoveText,
    ReplaceText,
    TextOperator,
)
from filters.records import PromptContent
from filters.text.substitutes import Substitute, Substitutes
from filters.written import WrittenSpan

_GRAPHEME = regex.compile(r"\X")

# Least revealing first.
_STRENGTH: Mapping[type, int] = {
    RemoveText: 7,
    ReplaceText: 6,
    PseudonymText: 5,
    HashText: 4,
    EncryptText: 3,
    GeneraliseText: 2,
    MaskText: 1,
}


@dataclass(frozen=True, slots=True)
class _Cover:
    """A span to cover in one piece, and the hit whose operator does it; mixed where findings of several types met."""

    start: int
    end: int
    finding: TextFinding
    operator: TextOperator
    is_mixed: bool = False


_Place = tuple[int, int, frozenset[EntityType]]


def redact_fields(fields: Mapping[str, str], hits: Sequence[Hit], keys: TenantKeys, tenant: str) -> dict[str, str]:
    """The fields of `redacted_content`."""
    return dict(redacted_content(PromptContent(fields), hits, keys, tenant).fields)


def redacted_content(content: PromptContent, hits: Sequence[Hit], keys: TenantKeys, tenant: str) -> PromptContent:
    """The content with every hit covered, and with the places of what was written.

    Overlapping hits are covered in one piece, by the operator that reveals least; among equals, that of the longest.
    Spans grow to whole grapheme clusters, and to whole substitutes where the content was redacted before.

    Raises:
        RedactionError: a hit has no place in these fields, or an operator for images.
        ConfigurationError: a keyed operator is asked for and there is no key.
    """
    by_field: dict[str, list[_Cover]] = {}
    for hit in hits:
        cover = _cover(content.fields, hit)
        by_field.setdefault(cover.finding.field, []).append(cover)
    before: dict[str, list[WrittenSpan]] = {}
    for span in sorted(content.written, key=lambda each: each.start):
        before.setdefault(span.field, []).append(span)
    substitutes = Substitutes(keys, tenant)
    fields: dict[str, str] = {}
    written: list[WrittenSpan] = []
    for name, text in content.fields.items():
        fields[name], spans = _redacted(text, by_field.get(name, ()), before.get(name, ()), substitutes)
        written += [WrittenSpan(name, *span) for span in spans]
    return PromptContent(fields, tuple(written))


def _cover(fields: Mapping[str, str], hit: Hit) -> _Cover:
    finding, operator = hit.finding, hit.operator
    if not isinstance(finding, TextFinding) or finding.end > len(fields.get(finding.field, "")):
        raise RedactionError("a finding lies outside of the text", reason="no_such_span")
    if type(operator) not in _STRENGTH:
        raise RedactionError("the operator is not one for text", reason="no_such_operator")
    return _Cover(finding.start, finding.end, finding, cast("TextOperator", operator))


def _redacted(
    text: str, covers: Sequence[_Cover], before: Sequence[WrittenSpan], substitutes: Substitutes
) -> tuple[str, list[_Place]]:
    """The text with its covers, and the places of substitutes in it, those of `before` that stay among them."""
    written: list[_Place] = []
    pieces: list[str] = []
    end = length = 0
    grown = _grown(_whole_graphemes(text, covers), before)
    merged = deque(_merged(grown))
    earlier = deque(before)
    while merged or earlier:
        if earlier and (not merged or earlier[0].start < merged[0].start):
            span = earlier.popleft()
            if span.start >= end and (not merged or span.end <= merged[0].start):
                shift = length - end
                written.append((span.start + shift, span.end + shift, span.passes_for))
            continue
        cover = merged.popleft()
        pieces.append(text[end : cover.start])
        length += cover.start - end
        substitute = _substitute(text, cover, substitutes)
        pieces.append(substitute.text)
        if substitute.passes_for:
            written.append((length, length + len(substitute.text), substitute.passes_for))
        length += len(substitute.text)
        end = cover.end
    pieces.append(text[end:])
    return "".join(pieces), written


def _grown(covers: Iterable[_Cover], before: Sequence[WrittenSpan]) -> Iterator[_Cover]:
    """Covers that reach into an earlier substitute take in all of it: half of one would be nobody's."""
    for cover in covers:
        touched = [span for span in before if span.start < cover.end and cover.start < span.end]
        start = min([cover.start, *(span.start for span in touched)])
        end = max([cover.end, *(span.end for span in touched)])
        yield replace(cover, start=start, end=end)


def _whole_graphemes(text: str, covers: Iterable[_Cover]) -> Iterator[_Cover]:
    if text.isascii() and "\r" not in text:  # the only cluster of two ASCII characters is a line end
        yield from covers
        return
    starts = [match.start() for match in _GRAPHEME.finditer(text)]
    starts.append(len(text))
    for cover in covers:
        start = starts[bisect_right(starts, cover.start) - 1]
        end = starts[bisect_left(starts, cover.end)]
        yield replace(cover, start=start, end=end)


def _merged(covers: Iterable[_Cover]) -> Iterator[_Cover]:
    """Clusters of overlapping covers, each as one."""
    current: list[_Cover] = []
    end = 0
    for cover in sorted(covers, key=lambda c: (c.start, c.end)):
        if current and cover.start >= end:
            yield _united(current)
            current = []
        current.append(cover)
        end = max(end, cover.end)
    if current:
        yield _united(current)


def _united(covers: Sequence[_Cover]) -> _Cover:
    chosen = max(covers, key=_rank)
    start, end = min(cover.start for cover in covers), max(cover.end for cover in covers)
    types = {cover.finding.entity_type for cover in covers}
    return _Cover(start, end, chosen.finding, chosen.operator, is_mixed=len(types) > 1)


def _rank(cover: _Cover) -> tuple[int, int, float, int, str, str]:
    operator, finding = cover.operator, cover.finding
    kept = operator.keep_last if isinstance(operator, MaskText) else 0
    length = cover.end - cover.start
    strength = 10 * _STRENGTH[type(operator)] - kept
    return strength, length, finding.score, -cover.start, finding.entity_type, operator.model_dump_json()


def _substitute(text: str, cover: _Cover, substitutes: Substitutes) -> Substitute:
    private, operator = text[cover.start : cover.end], cover.operator
    if isinstance(operator, GeneraliseText) and cover.is_mixed:
        operator = ReplaceText()
    substitute = substitutes.of(private, cover.finding.entity_type, operator)
    return substitute if substitute.text else Substitute(_gap(text, cover))


def _gap(text: str, cover: _Cover) -> str:
    """Nothing; or a space, where what stood apart would run together and read as something else."""
    before, after = text[: cover.start][-1:], text[cover.end :][:1]
    return " " if before.strip() and after.strip() else ""
