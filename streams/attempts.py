"""What is known, beyond this process, of judgings: which were begun and never ended, and how the latest ended.

Before records are judged, a note that it begins is made durable. A worker that finds such a note for a record it is
given knows that the process which wrote it ended in between. Before outputs are written, a note of how the judging
ended takes its place, until the record is committed: a replay must not end otherwise than what may be released already.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import orjson

from filters.verdict import Failure
from streams.message import RawMessage

GIVE_UP_AT = 3
"""The attempt that runs no detector any more: two deaths, the second one alone, are no accident."""

MOST_ENDED_SPANS = 2048
"""Of one process: about 150 kB of notes. Only failures among answers come near it; the oldest are forgotten first."""

Partition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a judging ended: with an answer, or with a failure that another attempt might not meet."""

    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What is known of a record: judgings begun and never ended, and how one ended whose outputs may exist."""

    attempts: int = 0
    ending: Ending | None = None


_NOTHING_KNOWN = History()


class AttemptLog(Protocol):
    """Remembers, beyond this process, which judgings have begun and ended. One a worker; lives on the event loop."""

    async def earlier(self, raw: RawMessage, generation: int) -> History:
        """What is known of earlier judgings of the record.

        Args:
            raw: the record as it was read.
            generation: of the consumer group, in which it was read.

        Raises:
            DeliveryError: that cannot be found out.
        """

    async def begin(self, raws: Sequence[RawMessage]) -> None:
        """Return when it is durable that judging these begins; `raw.attempts` counts this one.

        Raises:
            DeliveryError: it could not be made durable; the records must not be judged.
        """

    async def ended(self, endings: Sequence[tuple[RawMessage, Ending]]) -> None:
        """Return when it is durable how judging these has ended. Before that, nothing of their outputs may be written:
        so what is given up, or fails in a replay, has never been released.

        Raises:
            DeliveryError: it could not be made durable.
        """


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring records of a partition that were begun equally often, or whose judging ended in the same way.

    `timestamp_ms` tells them from the records of a topic that was made anew, at the same offsets: of a record that was
    begun alone it is the very one, of those that ended it is the latest.
    """

    first: int
    last: int
    attempts: int
    timestamp_ms: int | None = None
    ending: Ending | None = None

    def holds(self, raw: RawMessage) -> bool:
        """Whether the record is one of these."""
        return self.first <= raw.offset <= self.last and self._is_of_its_time(raw.timestamp_ms)

    def _is_of_its_time(self, timestamp_ms: int | None) -> bool:
        if self.timestamp_ms is None or timestamp_ms is None:
            return True
        return timestamp_ms <= self.timestamp_ms if self.ending else timestamp_ms == self.timestamp_ms


Spans = dict[Partition, tuple[Span, ...]]


def spans_of(raws: Iterable[RawMessage]) -> Spans:
    """The records as spans, each with its count of attempts."""
    ordered = sorted(raws, key=lambda raw: (raw.topic, raw.partition, raw.offset))
    by_partition = groupby(ordered, key=lambda raw: (raw.topic, raw.partition))
    return {partition: _joined(list(group)) for partition, group in by_partition}


def _joined(raws: Sequence[RawMessage]) -> tuple[Span, ...]:
    spans: list[Span] = []
    for raw in raws:
        if raw.attempts > 1:
            spans.append(Span(raw.offset, raw.offset, raw.attempts, raw.timestamp_ms))
        elif spans and (spans[-1].last, spans[-1].attempts) == (raw.offset - 1, raw.attempts):
            spans[-1] = Span(spans[-1].first, raw.offset, raw.attempts)
        else:
            spans.append(Span(raw.offset, raw.offset, raw.attempts))
    return tuple(spans)


def encode_spans(spans: Spans) -> bytes:
    """As JSON: `[[topic, partition, first, last, attempts, timestamp_ms | null, ending], …]`.

    `ending` is null for a judging that has not ended, [] for one with an answer, [code, reason, stage] for a failure.
    """
    rows = [
        [topic, partition, span.first, span.last, span.attempts, span.timestamp_ms, _ending_row(span.ending)]
        for (topic, partition), group in spans.items()
        for span in group
    ]
    return orjson.dumps(rows)


def _ending_row(ending: Ending | None) -> list[str] | None:
    if ending is None or ending.failure is None:
        return None if ending is None else []
    return [ending.failure.code, ending.failure.reason, ending.failure.stage]


def decode_spans(value: bytes) -> Spans:
    """What `encode_spans` wrote.

    Raises:
        ValueError: something else wrote it.
    """
    found: defaultdict[Partition, list[Span]] = defaultdict(list)
    try:
        for topic, partition, first, last, attempts, timestamp_ms, ending in orjson.loads(value):
            span = Span(int(first), int(last), int(attempts), timestamp_ms, _ending(ending))
            found[str(topic), int(partition)].append(span)
    except (TypeError, ValueError):
        raise ValueError("not a note of attempts") from None
    return {partition: tuple(spans) for partition, spans in found.items()}


def _ending(row: list[str] | None) -> Ending | None:
    return None if row is None else Ending(Failure(*map(str, row)) if row else None)


class AttemptBook:
    """Who has begun and ended what: the notes of other processes, by their names, and our own. Not thread-safe."""

    def __init__(self) -> None:
        self._others: defaultdict[Partition, dict[str, tuple[Span, ...]]] = defaultdict(dict)
        self._noted: dict[str, tuple[Partition, ...]] = {}
        self._open: dict[tuple[str, int, int], RawMessage] = {}
        self._ended: dict[Partition, tuple[Span, ...]] = {}

    def note(self, writer: str, spans: Spans) -> None:
        """Another process' note takes the place of its last one; an empty one removes it."""
        for partition in self._noted.pop(writer, ()):
            self._others[partition].pop(writer, None)
        for partition, group in spans.items():
            self._others[partition][writer] = group
        if spans:
            self._noted[writer] = tuple(spans)

    def earlier(self, raw: RawMessage) -> History:
        """The largest count that any other process has noted for the record, and how its judging ended anywhere."""
        partition = (raw.topic, raw.partition)
        notes = self._others.get(partition, {})
        begun = [span for spans in notes.values() for span in spans if span.holds(raw)]
        ended = [span.ending for span in (*begun, *self._ended.get(partition, ())) if span.ending and span.holds(raw)]
        if not begun and not ended:
            return _NOTHING_KNOWN
        failed = next((ending for ending in ended if ending.failure), None)
        return History(max((span.attempts for span in begun), default=0), failed or next(iter(ended), None))

    def begin(self, raws: Iterable[RawMessage]) -> None:
        """They are being judged here."""
        self._open |= {(raw.topic, raw.partition, raw.offset): raw for raw in raws}

    def end(self, endings: Iterable[tuple[RawMessage, Ending]]) -> None:
        """They are no longer; how that ended is remembered until `forget`."""
        added: defaultdict[Partition, list[Span]] = defaultdict(list)
        for raw, ending in endings:
            self._open.pop((raw.topic, raw.partition, raw.offset), None)
            added[raw.topic, raw.partition].append(Span(raw.offset, raw.offset, 0, raw.timestamp_ms, ending))
        for partition, spans in added.items():
            self._ended[partition] = self._merged(partition, [*self._ended.get(partition, ()), *spans])

    def forget(self, partition: Partition, committed: int) -> None:
        """What lies below the committed offset will not be replayed."""
        kept = [span for span in self._ended.get(partition, ()) if span.last >= committed]
        self._ended[partition] = tuple(kept)[-max(1, MOST_ENDED_SPANS // len(self._ended)) :]

    def _merged(self, partition: Partition, spans: list[Span]) -> tuple[Span, ...]:
        """Neighbours of one ending in one span. Between answers, what is not open here is no record, or has a span."""
        opened = [offset for topic, number, offset in self._open if (topic, number) == partition]

        def part(before: Span, span: Span) -> bool:
            if before.last + 1 >= span.first:
                return False
            if span.ending and span.ending.failure:
                return True
            return any(before.last < offset < span.first for offset in opened)

        merged: list[Span] = []
        for span in sorted(spans, key=lambda span: span.first):
            before = merged[-1] if merged else None
            if before is None or before.ending != span.ending or part(before, span):
                merged.append(span)
            else:
                latest = max(before.timestamp_ms or 0, span.timestamp_ms or 0) or None
                merged[-1] = Span(before.first, max(before.last, span.last), 0, latest, span.ending)
        return tuple(merged)

    @property
    def ended(self) -> tuple[Partition, ...]:
        """Partitions of which endings are remembered."""
        return tuple(partition for partition, spans in self._ended.items() if spans)

    @property
    def spans(self) -> Spans:
        """What is being judged here, and how the latest ended."""
        spans = spans_of(self._open.values())
        return {
            partition: (*spans.get(partition, ()), *self._ended.get(partition, ()))
            for partition in {**spans, **self._ended}
            if partition in spans or self._ended[partition]
        }
