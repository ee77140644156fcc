"""Plain Kafka clients for tests: write records, read a topic back, look at committed offsets. Everything is bounded."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

LARGEST_MESSAGE = 32 * 1024 * 1024
Headers = tuple[tuple[str, bytes], ...]


def unique(prefix: str) -> str:
    """A topic or group name that no other test has."""
    return f"{prefix}-{uuid4().hex[:10]}"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to write; `partition` None leaves the choice to the client's partitioner."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A record that was read."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = field(default=())

    def header(self, name: str) -> bytes | None:
        """The last header of that name."""
        return dict(self.headers).get(name)


def produce(bootstrap: str, records: Iterable[Outgoing], timeout: float = 60.0) -> list[tuple[str, int, int]]:
    """Write the records durably (idempotent, acks=all); (topic, partition, offset) of each, in order.

    Raises:
        KafkaException: a record was refused.
        TimeoutError: not all were acknowledged within `timeout` seconds.
    """
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "message.max.bytes": LARGEST_MESSAGE,
            "queue.buffering.max.kbytes": 256 * 1024,
            "linger.ms": 2,
            "log_level": 2,
        }
    )
    deadline = time.monotonic() + timeout
    places: dict[int, tuple[str, int, int]] = {}
    errors: list[KafkaError] = []

    for index, record in enumerate(records):

        def delivered(error: KafkaError | None, message: Message, index: int = index) -> None:
            if error is not None:
                errors.append(error)
            else:
                places[index] = (message.topic(), message.partition(), message.offset())

        _queue(producer, record, delivered, deadline)
    left = producer.flush(max(deadline - time.monotonic(), 0.1))
    if errors:
        raise KafkaException(errors[0])
    if left:
        raise TimeoutError(f"{left} records were not acknowledged within {timeout} s")
    return [places[index] for index in sorted(places)]


def _queue(producer: Producer, record: Outgoing, delivered: Callable[..., None], deadline: float) -> None:
    options = {} if record.partition is None else {"partition": record.partition}
    while True:
        try:
            producer.produce(
                record.topic,
                record.value,
                record.key,
                headers=list(record.headers),
                on_delivery=delivered,
                **options,
            )
        except BufferError:
            if time.monotonic() > deadline:
                raise TimeoutError("the producer's queue stays full") from None
            producer.poll(0.05)
        else:
            producer.poll(0)
            return


def drain_topic(
    bootstrap: str,
    topic: str,
    *,
    count: int | None = None,
    until: Callable[[Sequence[Incoming]], bool] | None = None,
    timeout: float = 30.0,
) -> list[Incoming]:
    """Read a topic from its beginning, all partitions, outside any group.

    Args:
        bootstrap: the brokers.
        topic: an existing topic.
        count: stop when there are this many records (or more).
        until: stop when this says so of what has been read; asked after each fetch.
        timeout: seconds; with neither `count` nor `until`, reading stops at the end of every partition.

    Raises:
        TimeoutError: the condition did not come true in time; says how many records there were.
    """
    consumer = _reader(bootstrap)
    try:
        partitions = _partitions(consumer, topic, timeout)
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        return _read(consumer, topic, _condition(count, until, len(partitions)), timeout)
    finally:
        consumer.close()


Condition = Callable[[Sequence[Incoming], set[int]], bool]
"""Asked with what has been read, and the partitions that were read to their end."""


def _condition(count: int | None, until: Callable[[Sequence[Incoming]], bool] | None, partitions: int) -> Condition:
    if until is not None:
        return lambda read, _: until(read)
    if count is not None:
        return lambda read, _: len(read) >= count
    return lambda _, ended: len(ended) == partitions


def _read(consumer: Consumer, topic: str, done: Condition, timeout: float) -> list[Incoming]:
    deadline = time.monotonic() + timeout
    read: list[Incoming] = []
    ended: set[int] = set()
    while not done(read, ended):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{topic}: only {len(read)} records within {timeout} s")
        for message in consumer.consume(500, timeout=0.1):
            error = message.error()
            if error is None:
                read.append(_incoming(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                ended.add(message.partition())
            else:
                raise KafkaException(error)
    return read


def _incoming(message: Message) -> Incoming:
    headers = tuple((name, value) for name, value in message.headers() or ())
    return Incoming(message.topic(), message.partition(), message.offset(), message.key(), message.value(), headers)


def _reader(bootstrap: str, group: str = "never-joined") -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.message.max.bytes": LARGEST_MESSAGE,
            "fetch.max.bytes": 2 * LARGEST_MESSAGE,
            "receive.message.max.bytes": 3 * LARGEST_MESSAGE,
            "fetch.wait.max.ms": 50,
            "enable.partition.eof": True,
            "log_level": 2,
        }
    )


def _partitions(consumer: Consumer, topic: str, timeout: float) -> list[int]:
    return sorted(consumer.list_topics(topic, timeout=timeout).topics[topic].partitions)


def end_offsets(bootstrap: str, topic: str, timeout: float = 30.0) -> dict[int, int]:
    """The offset after the last record, by partition."""
    consumer = _reader(bootstrap)
    try:
        return {
            partition: consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=timeout)[1]
            for partition in _partitions(consumer, topic, timeout)
        }
    finally:
        consumer.close()


def committed_offsets(
    bootstrap: str, group: str, topics: Iterable[str], timeout: float = 30.0
) -> dict[tuple[str, int], int]:
    """What a group has committed, by (topic, partition); partitions without a commit are absent."""
    consumer = _reader(bootstrap, group)
    try:
        wanted = [
            TopicPartition(topic, partition) for topic in topics for partition in _partitions(consumer, topic, timeout)
        ]
        places = consumer.committed(wanted, timeout=timeout)
        return {(place.topic, place.partition): place.offset for place in places if place.offset >= 0}
    finally:
        consumer.close()
