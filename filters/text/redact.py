"""Redaction: every hit is covered in one piece, and what was written is known by its place."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

import regex

from filters.decide import Hit
from filters.errors import RedactionError
from filters.findings import TextFinding
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
from filters.text.covers import Cover, Edit, applied, grown, rewritten, spread
from filters.text.prompt_syntax import parse
from filters.text.substitutes import Substitute, Substitutes
from filters.written import WrittenSpan, written_after

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


def redact_fields(fields: Mapping[str, str], hits: Sequence[Hit], keys: TenantKeys, tenant: str) -> dict[str, str]:
    """The fields of `redacted_content`."""
    return dict(redacted_content(PromptContent(fields), hits, keys, tenant).fields)


def redacted_content(content: PromptContent, hits: Sequence[Hit], keys: TenantKeys, tenant: str) -> PromptContent:
    """The content with every hit covered, all other characters as they are, and the places of what was written.

    Prompts stay valid for the generator: syntax and JSON around and inside of spans are kept (`filters.text.covers`).
    Overlapping hits are covered in one piece, by the operator that reveals least; among equals, that of the longest.
    Spans grow to whole grapheme clusters, and to whole substitutes where the content was redacted before.

    Raises:
        RedactionError: a hit has no place in these fields, or an operator for images.
        ConfigurationError: a keyed operator is asked for and there is no key.
    """
    by_field: dict[str, list[Cover]] = {}
    for hit in hits:
        cover = _with_whole_substitutes(_cover(content.fields, hit), content.written)
        by_field.setdefault(cover.finding.field, []).append(cover)
    make_edits = partial(_edits, Substitutes(keys, tenant))
    fields: dict[str, str] = {}
    written: list[WrittenSpan] = []
    for name, text in content.fields.items():
        edits = rewritten(text, by_field.get(name, ()), make_edits)
        fields[name] = applied(text, edits)
        written += written_after(name, edits, [span for span in content.written if span.field == name])
    return PromptContent(fields, tuple(written))


def _cover(fields: Mapping[str, str], hit: Hit) -> Cover:
    finding, operator = hit.finding, hit.operator
    if not isinstance(finding, TextFinding) or finding.end > len(fields.get(finding.field, "")):
        raise RedactionError("a finding lies outside of the text", reason="no_such_span")
    if type(operator) not in _STRENGTH:
        raise RedactionError("the operator is not one for text", reason="no_such_operator")
    return Cover(finding.start, finding.end, finding, cast("TextOperator", operator))


def _with_whole_substitutes(cover: Cover, written: Sequence[WrittenSpan]) -> Cover:
    """A cover that reaches into an earlier substitute takes in all of it: half of one would be nobody's."""
    touched = [
        span
        for span in written
        if span.field == cover.finding.field and span.start < cover.end and cover.start < span.end
    ]
    start = min([cover.start, *(span.start for span in touched)])
    end = max([cover.end, *(span.end for span in touched)])
    return replace(cover, start=start, end=end)


def _edits(substitutes: Substitutes, text: str, covers: Sequence[Cover]) -> list[Edit]:
    syntax = parse(text)
    whole = [grown(text, syntax, cover) for cover in _whole_graphemes(text, covers)]

    def substitute(text: str, cover: Cover) -> Substitute:
        return _substitute(text, cover, substitutes)

    return [edit for cover in _merged(whole) for edit in spread(text, syntax, cover, substitute)]


def _whole_graphemes(text: str, covers: Iterable[Cover]) -> Iterator[Cover]:
    if text.isascii() and "\r" not in text:  # the only cluster of two ASCII characters is a line end
        yield from covers
        return
    starts = [match.start() for match in _GRAPHEME.finditer(text)]
    starts.append(len(text))
    for cover in covers:
        start = starts[bisect_right(starts, cover.start) - 1]
        end = starts[bisect_left(starts, cover.end)]
        yield replace(cover, start=start, end=end)


def _merged(covers: Iterable[Cover]) -> Iterator[Cover]:
    """Clusters of overlapping covers, each as one."""
    current: list[Cover] = []
    end = 0
    for cover in sorted(covers, key=lambda c: (c.start, c.end)):
        if current and cover.start >= end:
            yield _united(current)
            current = []
        current.append(cover)
        end = max(end, cover.end)
    if current:
        yield _united(current)


def _united(covers: Sequence[Cover]) -> Cover:
    chosen = max(covers, key=_rank)
    start, end = min(cover.start for cover in covers), max(cover.end for cover in covers)
    types = {cover.finding.entity_type for cover in covers}
    return Cover(start, end, chosen.finding, chosen.operator, is_mixed=len(types) > 1)


def _rank(cover: Cover) -> tuple[int, int, float, int, str, str]:
    operator, finding = cover.operator, cover.finding
    kept = operator.keep_last if isinstance(operator, MaskText) else 0
    length = cover.end - cover.start
    strength = 10 * _STRENGTH[type(operator)] - kept
    return strength, length, finding.score, -cover.start, finding.entity_type, operator.model_dump_json()


def _substitute(text: str, cover: Cover, substitutes: Substitutes) -> Substitute:
    operator = cover.operator
    if isinstance(operator, GeneraliseText) and cover.is_mixed:  # a name beside a postcode is no town
        operator = ReplaceText()
    substitute = substitutes.of(text[cover.start : cover.end], cover.finding.entity_type, operator)
    return substitute if substitute.text else Substitute(_gap(text, cover))


def _gap(text: str, cover: Cover) -> str:
    """Nothing; or a space, where what stood apart would run together and read as something else."""
    before, after = text[: cover.start][-1:], text[cover.end :][:1]
    return " " if before.strip() and after.strip() else ""
