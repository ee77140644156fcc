"""What redaction itself has written, by position: so that verification does not take a substitute for what it replaced.

By position and never by text: a prompt that holds a substitute's very words is judged like any other.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from filters.findings import EntityType

ANY_TYPE = frozenset(EntityType)


class Span(Protocol):
    """A typed place in a field: a finding."""

    @property
    def field(self) -> str: ...

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...

    @property
    def entity_type(self) -> EntityType: ...


class Writing(Protocol):
    """Characters `[start, end)` of a field that a substitute takes the place of."""

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...

    @property
    def replacement(self) -> str: ...

    @property
    def passes_for(self) -> frozenset[EntityType]: ...


SpanT = TypeVar("SpanT", bound=Span)


@dataclass(frozen=True, slots=True)
class WrittenSpan:
    """`[start, end)` of a field holds a substitute in which findings of the types `passes_for` reveal nothing.

    Such a substitute is a name of a type, drawn under the tenant's key from a closed list, or a part of the private
    text that the policy wants kept: then `passes_for` has only the types of that part.
    """

    field: str
    start: int
    end: int
    passes_for: frozenset[EntityType]


def written_after(field: str, edits: Sequence[Writing], before: Sequence[WrittenSpan]) -> list[WrittenSpan]:
    """The written spans of a field once `edits` are made: those of the edits, and those of `before` that none touched.

    Args:
        field: its name.
        edits: by start, without overlap, in places of the field as it is.
        before: the field's spans as it is.
    """
    written: list[WrittenSpan] = []
    shift, waiting = 0, deque(sorted(before, key=lambda span: span.start))
    for edit in edits:
        while waiting and waiting[0].end <= edit.start:
            written.append(_moved(waiting.popleft(), shift))
        while waiting and waiting[0].start < edit.end:
            waiting.popleft()
        start = edit.start + shift
        if edit.passes_for and edit.replacement:
            written.append(WrittenSpan(field, start, start + len(edit.replacement), edit.passes_for))
        shift += len(edit.replacement) - (edit.end - edit.start)
    return written + [_moved(span, shift) for span in waiting]


def _moved(span: WrittenSpan, shift: int) -> WrittenSpan:
    return replace(span, start=span.start + shift, end=span.end + shift)


def without_own(
    findings: Sequence[SpanT], fields: Mapping[str, str], written: Sequence[WrittenSpan]
) -> Sequence[SpanT]:
    """The findings that say more than that a substitute looks like what it stands for.

    A finding is dropped where no letter or digit of it lies outside of written spans that may pass for its type.
    """
    if not written:
        return findings
    by_field: dict[str, list[WrittenSpan]] = {}
    for span in sorted(written, key=lambda each: each.start):
        by_field.setdefault(span.field, []).append(span)
    return [each for each in findings if not _is_own(each, fields[each.field], by_field.get(each.field, ()))]


def _is_own(finding: Span, text: str, written: Sequence[WrittenSpan]) -> bool:
    place, touched = finding.start, False
    for span in written:
        if span.end <= place or finding.entity_type not in span.passes_for:
            continue
        if span.start >= finding.end:
            break
        if any(map(str.isalnum, text[place : span.start])):
            return False
        place, touched = span.end, True
    return touched and not any(map(str.isalnum, text[place : finding.end]))
