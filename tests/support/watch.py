"""Second readers, which look while workers are at work: at committed offsets, and at a group's generation."""

import threading
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.support.kafka_io import drain_topic

OFFSETS_TOPIC = "__consumer_offsets"
_GROUP_METADATA = 2
"""Key version of group records; smaller ones are offsets."""
Committed = dict[tuple[str, int], int]


class CommitWatch:
    """Reads the committed offsets of a group over and over, in a thread.

    `steps_back` are `(topic, partition, before, after)` wherever one has become smaller, or has gone; `longest_stall`
    is the longest time in seconds without any progress, looked at from the first commit to the last.
    """

    def __init__(self, bootstrap: str, group: str, topic: str, partitions: int, every_seconds: float = 0.05) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "log_level": 2})
        self._places = [TopicPartition(topic, number) for number in range(partitions)]
        self._every = every_seconds
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._moved: float | None = None
        self.looks = 0
        self.committed: Committed = {}
        self.steps_back: list[tuple[str, int, int, int | None]] = []
        self.longest_stall = 0.0

    def _look(self) -> None:
        while not self._done.wait(self._every):
            try:
                places = self._consumer.committed(self._places, timeout=5)
            except KafkaException:
                continue  # while a broker is down there is nothing to see
            self._note({(place.topic, place.partition): place.offset for place in places if place.offset >= 0})

    def _note(self, now: Committed) -> None:
        self.looks += 1
        for (topic, partition), before in self.committed.items():
            if (after := now.get((topic, partition))) is None or after < before:
                self.steps_back.append((topic, partition, before, after))
        if now != self.committed:
            moment = time.monotonic()
            self.longest_stall = max(self.longest_stall, moment - (self._moved or moment))
            self._moved = moment
        self.committed = now

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join(10)
        self._consumer.close()


def generations(bootstrap: str, group: str) -> list[int]:
    """The generations of a group in the order in which its coordinator has written them down.

    A real Apache Kafka only: the coordinator writes every completed rebalance to its own topic. A member that returns
    under its static id is written with the generation that it left.
    """
    records = drain_topic(bootstrap, OFFSETS_TOPIC)
    found = (_generation(record.key or b"", record.value, group) for record in records)
    return [generation for generation in found if generation is not None]


def _generation(key: bytes, value: bytes | None, group: str) -> int | None:
    """Of Kafka's `GroupMetadataKey` and `GroupMetadataValue`: version, protocol type (a short string), generation."""
    version, length = _short(key, 0), _short(key, 2)
    if version != _GROUP_METADATA or key[4 : 4 + length].decode() != group or not value:
        return None
    return int.from_bytes(value[4 + _short(value, 2) :][:4], "big", signed=True)


def _short(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 2], "big", signed=True)


def behind(ends: Mapping[int, int], committed: Committed, topic: str) -> int:
    """Records of a topic that are not committed."""
    return sum(end - committed.get((topic, partition), 0) for partition, end in ends.items())


def all_committed(watch: CommitWatch, ends: Mapping[int, int], topics: Iterable[str], timeout: float) -> bool:
    """Wait until a group has committed everything; whether it has."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if all(behind(ends, watch.committed, topic) == 0 for topic in topics):
            return True
        time.sleep(0.05)
    return False
