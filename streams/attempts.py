"""How often judging a record was begun and never ended: what is known of records that may kill the process.

Before records are judged, a note that it begins is made durable. A worker that finds such a note for a record it is
given knows that the process which wrote it ended in between.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import orjson

from streams.message import RawMessage

GIVE_UP_AT = 3
"""The attempt that runs no detector any more: two deaths, the second one alone, are no accident."""

Partition = tuple[str, int]


class AttemptLog(Protocol):
    """Remembers, beyond this process, which judgings have begun. One a worker; lives on the event loop."""

    async def earlier(self, raw: RawMessage, generation: int) -> int:
        """How many judgings of the record began before and never ended, as far as is known.

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

    async def survived(self, raws: Sequence[RawMessage]) -> None:
        """Return when it is durable that judging these has ended. Before that, none of their content may be written:
        so what is given up has never been released.

        Raises:
            DeliveryError: it could not be made durable.
        """


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring records of a partition that were begun equally often.

    `timestamp_ms` is that of the record, where it is one that was begun alone: a topic that was made anew has other
    records at the same offsets.
    """

    first: int
    last: int
    attempts: int
    timestamp_ms: int | None = None

    def holds(self, raw: RawMessage) -> bool:
        """Whether the record is one of these."""
        same = self.timestamp_ms is None or self.timestamp_ms == raw.timestamp_ms
        return same and self.first <= raw.offset <= self.last


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
    """As JSON: `[[topic, partition, first, last, attempts, timestamp_ms | null], …]`."""
    rows = [
        [topic, partition, span.first, span.last, span.attempts, span.timestamp_ms]
        for (topic, partition), group in spans.items()
        for span in group
    ]
    return orjson.dumps(rows)


def decode_spans(value: bytes) -> Spans:
    """What `encode_spans` wrote.

    Raises:
        ValueError: something else wrote it.
    """
    found: defaultdict[Partition, list[Span]] = defaultdict(list)
    try:
        for topic, partition, first, last, attempts, timestamp_ms in orjson.loads(value):
            found[str(topic), int(partition)].append(Span(int(first), int(last), int(attempts), timestamp_ms))
    except (TypeError, ValueError):
        raise ValueError("not a note of attempts") from None
    return {partition: tuple(spans) for partition, spans in found.items()}


class AttemptBook:
    """Who has begun what: the notes of other processes, by their names, and our own. Not thread-safe."""

    def __init__(self) -> None:
        self._others: defaultdict[Partition, dict[str, tuple[Span, ...]]] = defaultdict(dict)
        self._noted: dict[str, tuple[Partition, ...]] = {}
        self._open: dict[tuple[str, int, int], RawMessage] = {}

    def note(self, writer: str, spans: Spans) -> None:
        """Another process' note takes the place of its last one; an empty one removes it."""
        for partition in self._noted.pop(writer, ()):
            self._others[partition].pop(writer, None)
        for partition, group in spans.items():
            self._others[partition][writer] = group
        if spans:
            self._noted[writer] = tuple(spans)

    def earlier(self, raw: RawMessage) -> int:
        """The largest count that any other process has noted for the record."""
        notes = self._others.get((raw.topic, raw.partition))
        if not notes:
            return 0
        return max((span.attempts for spans in notes.values() for span in spans if span.holds(raw)), default=0)

    def begin(self, raws: Iterable[RawMessage]) -> None:
        """They are being judged here."""
        self._open |= {(raw.topic, raw.partition, raw.offset): raw for raw in raws}

    def end(self, raws: Iterable[RawMessage]) -> None:
        """They are no longer."""
        for raw in raws:
            self._open.pop((raw.topic, raw.partition, raw.offset), None)

    @property
    def opened(self) -> tuple[RawMessage, ...]:
        """What is being judged here."""
        return tuple(self._open.values())
