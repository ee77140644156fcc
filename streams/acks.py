"""Acknowledgements in offset order.

Faust commits past holes: an ack that comes before an earlier one of its partition can commit a record that is still
being judged. So an ack is passed on only when every earlier record of its partition and generation has been passed on.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from streams.message import RawMessage


class Delivery(Protocol):
    """One delivery of a record by the consumer group."""

    @property
    def raw(self) -> RawMessage:
        """The record as it was read."""

    @property
    def generation(self) -> int:
        """The group generation in which it was read."""

    @property
    def current(self) -> bool:
        """Whether the generation is still the group's: otherwise its partition is another's, who judges it again."""

    def ack(self) -> None:
        """Mark it safe to commit. Must do nothing when the generation has passed."""


@dataclass(slots=True)
class _Entry:
    delivery: Delivery
    done: bool = False


@dataclass(slots=True)
class AckLedger:
    """Holds deliveries in the order in which they came; not thread-safe, it lives on the event loop."""

    clock: Callable[[], float]
    _lanes: dict[tuple[str, int, int], deque[_Entry]] = field(default_factory=dict)
    _entries: dict[int, _Entry] = field(default_factory=dict)

    def open(self, delivery: Delivery) -> None:
        """Note a delivery; to be called in offset order of its partition."""
        raw = delivery.raw
        entry = _Entry(delivery)
        self._entries[id(delivery)] = entry
        self._lanes.setdefault((raw.topic, raw.partition, delivery.generation), deque()).append(entry)

    def close(self, delivery: Delivery) -> None:
        """Its outputs are durable: ack it, and what waited behind it, as soon as nothing before it is open."""
        self._entries.pop(id(delivery)).done = True
        raw = delivery.raw
        key = (raw.topic, raw.partition, delivery.generation)
        lane = self._lanes[key]
        while lane and lane[0].done:
            lane.popleft().delivery.ack()
        if not lane:
            del self._lanes[key]

    def __len__(self) -> int:
        return len(self._entries)

    def oldest_age(self) -> float:
        """Seconds since the oldest open record was written to its topic; 0 where none is open."""
        stamps = [lane[0].delivery.raw.timestamp_ms for lane in self._lanes.values()]
        known = [stamp for stamp in stamps if stamp is not None]
        return max(0.0, self.clock() - min(known) / 1000) if known else 0.0
