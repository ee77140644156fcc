"""A plain Kafka client, as a platform has one: it produces the inputs, and another one reads every output topic."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from filters.errors import DeliveryError
from filters.records import SourcePosition
from streams.demo.cases import Outgoing

_LARGEST_MESSAGE = 32 * 1024 * 1024
_POLL_SECONDS = 0.1
_QUIET = {"log_level": 2}  # of librdkafka: critical only


@dataclass(frozen=True, slots=True)
class Received:
    """A message that was read from an output topic."""

    topic: str
    key: bytes | None = field(repr=False)
    value: bytes = field(repr=False)
    headers: tuple[tuple[str, bytes | None], ...] = field(repr=False)

    def header(self, name: str) -> str:
        """The last header of that name as text; empty where there is none."""
        return (dict(self.headers).get(name) or b"").decode("latin-1")


def produce(bootstrap: str, messages: Iterable[tuple[str, Outgoing]], timeout: float) -> list[SourcePosition]:
    """Write `(topic, message)` durably (idempotent, acks=all); where each came to lie, in their order.

    Raises:
        DeliveryError: not all of them were acknowledged within `timeout` seconds.
    """
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "message.max.bytes": _LARGEST_MESSAGE,
            "delivery.timeout.ms": int(timeout * 1000),
            **_QUIET,
        }
    )
    places: dict[int, SourcePosition] = {}
    count = 0
    for index, (topic, message) in enumerate(messages):

        def delivered(error: KafkaError | None, sent: Message, index: int = index) -> None:
            if error is None:
                places[index] = SourcePosition(str(sent.topic()), sent.partition() or 0, sent.offset() or 0)

        producer.produce(topic, message.value, message.key, headers=list(message.headers), on_delivery=delivered)
        producer.poll(0)
        count += 1
    producer.flush(timeout)
    if len(places) != count:
        raise DeliveryError(f"{count - len(places)} of {count} inputs were not acknowledged within {timeout} s")
    return [places[index] for index in range(count)]


class OutputReader:
    """Reads whole topics from their beginning, outside of any group. Use as a context."""

    def __init__(self, bootstrap: str, topics: Sequence[str]) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "veilstream-demo-reader",  # asked for by the library; never joined
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.message.max.bytes": _LARGEST_MESSAGE,
                "fetch.wait.max.ms": 50,
                "enable.partition.eof": True,
                **_QUIET,
            }
        )
        self._topics = tuple(topics)
        self._partitions = 0
        self._ended: set[tuple[str, int]] = set()
        self.received: list[Received] = []

    def __enter__(self) -> Self:
        places = [
            TopicPartition(topic, partition, OFFSET_BEGINNING)
            for topic in self._topics
            for partition in self._consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ]
        self._partitions = len(places)
        self._consumer.assign(places)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def read_until(self, done: Callable[[], bool], timeout: float) -> bool:
        """Read on until `done` says so, asked after each fetch; False where it did not within `timeout` seconds.

        Raises:
            KafkaException: the broker refuses a read.
        """
        deadline = time.monotonic() + timeout
        while not done():
            if time.monotonic() > deadline:
                return False
            self._fetch()
        return True

    def read_to_end(self, timeout: float) -> bool:
        """Read whatever is there now; False where the end was not reached within `timeout` seconds."""
        self._ended.clear()
        self._consumer.assign(self._consumer.position(self._consumer.assignment()))  # asks for every end anew
        return self.read_until(lambda: len(self._ended) == self._partitions, timeout)

    def _fetch(self) -> None:
        for message in self._consumer.consume(200, timeout=_POLL_SECONDS):
            error = message.error()
            if error is None:
                self.received.append(_received(message))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  the library has no public name for it
                self._ended.add((str(message.topic()), message.partition() or 0))
            else:
                raise KafkaException(error)


def _received(message: Message) -> Received:
    pairs = cast("list[tuple[str, str | bytes | None]]", message.headers() or [])
    headers = tuple((name, _as_bytes(value)) for name, value in pairs)
    return Received(str(message.topic()), message.key(), message.value() or b"", headers)


def _as_bytes(value: str | bytes | None) -> bytes | None:
    """The library hands headers over as bytes, though its types allow text."""
    return value.encode() if isinstance(value, str) else value
