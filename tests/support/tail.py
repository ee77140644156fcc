"""A reader that follows topics while workers write to them, outside of any group."""

import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from tests.support.kafka_io import LARGEST_MESSAGE, Incoming


class TopicTail:
    """Reads topics from their beginning, each record once, in the order of each partition.

    Args:
        bootstrap: the brokers.
        topics: existing topics.
    """

    def __init__(self, bootstrap: str, topics: Iterable[str]) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "never-joined",
                "enable.auto.commit": False,
                "fetch.message.max.bytes": LARGEST_MESSAGE,
                "fetch.max.bytes": 2 * LARGEST_MESSAGE,
                "receive.message.max.bytes": 3 * LARGEST_MESSAGE,
                "fetch.wait.max.ms": 20,
                "enable.partition.eof": True,
                "log_level": 2,
            }
        )
        self._consumer.assign([place for topic in topics for place in self._places(topic)])
        self._past: dict[tuple[str, int], int] = {}
        """Up to where there was nothing more, markers of transactions included."""
        self._next: dict[tuple[str, int], int] = {}
        self.records: list[Incoming] = []
        self.times: dict[tuple[str, int, int], int] = {}
        """When each record was handed to its producer, in ms, by topic, partition and offset."""

    def _places(self, topic: str) -> list[TopicPartition]:
        partitions = self._consumer.list_topics(topic, timeout=10).topics[topic].partitions
        return [TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions]

    def poll(self, seconds: float = 0.1) -> list[Incoming]:
        """What came within `seconds`, or sooner where something came; also kept in `records`."""
        taken = [self._take(message) for message in self._consumer.consume(1000, timeout=seconds)]
        new = [record for record in taken if record is not None and self._is_new(record)]
        self.records += new
        return new

    def _is_new(self, record: Incoming) -> bool:
        """Whether it was not read before: a client that lost its broker may read some records again."""
        place = record.topic, record.partition
        if record.offset < self._next.get(place, 0):
            return False
        self._next[place] = record.offset + 1
        return True

    def _take(self, message: Message) -> Incoming | None:
        error = message.error()
        if error is not None and error.code() == KafkaError._PARTITION_EOF:
            self._past[message.topic(), message.partition()] = message.offset()
            return None
        if error is not None:
            raise KafkaException(error)
        place = (message.topic(), message.partition(), message.offset())
        self.times[place] = message.timestamp()[1]
        headers = tuple((name, value) for name, value in message.headers() or ())
        return Incoming(*place, message.key(), message.value(), headers)

    def read_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Read until `condition` holds or the time is over; whether it holds."""
        deadline = time.monotonic() + timeout
        while not (held := condition()) and time.monotonic() < deadline:
            self.poll()
        return held

    def read_quiet(self, seconds: float = 1.0) -> None:
        """Read until nothing has come for `seconds`."""
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < seconds:
            if self.poll():
                quiet_since = time.monotonic()

    def read_to_end(self, timeout: float = 10.0) -> bool:
        """Read all that was written before the call; whether that could be done in time."""
        ends = {(place.topic, place.partition): self._end(place) for place in self._consumer.assignment()}
        return self.read_until(lambda: self._is_past(ends), timeout)

    def _end(self, place: TopicPartition) -> int:
        high: int = self._consumer.get_watermark_offsets(place, timeout=10)[1]
        return high

    def _is_past(self, ends: Mapping[tuple[str, int], int]) -> bool:
        places = self._consumer.position(self._consumer.assignment())
        read = {(place.topic, place.partition): place.offset for place in places}
        return all(max(read[place], self._past.get(place, 0)) >= end for place, end in ends.items())

    def of(self, *topics: str) -> list[Incoming]:
        """What has been read of some of the topics."""
        return [record for record in self.records if record.topic in topics]

    def close(self) -> None:
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
