"""The emitter: an idempotent producer that answers only when everything is durable."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder

from filters.errors import DeliveryError

_BATCH_BYTES = 900_000
"""Below the brokers' default for a batch, 1 MiB (`message.max.bytes`); a larger record goes alone."""


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """One record to be written. The value is never null: a null would delete on a compacted topic."""

    topic: str
    key: bytes | None = field(repr=False)
    value: bytes = field(repr=False)
    headers: tuple[tuple[str, bytes | None], ...] = field(default=(), repr=False)


class Deliverer(Protocol):
    """Makes records durable."""

    async def deliver(self, records: Sequence[OutputRecord], timeout: float) -> None:  # noqa: ASYNC109  covers all records, retries included
        """Return when the brokers have acknowledged every record, in their order a topic and key.

        Raises:
            DeliveryError: not all of them were acknowledged within `timeout` seconds.
        """


class KafkaEmitter:
    """`Deliverer` on aiokafka: idempotent, acks=all.

    Records are put into batches here, one future a batch: a future a record is what most of the time would go to.

    Args:
        client: connection arguments of aiokafka (`bootstrap_servers`, security).
        max_message_bytes: largest record; must not exceed the brokers' and topics' `max.message.bytes`.
    """

    def __init__(self, client: Mapping[str, Any], max_message_bytes: int) -> None:
        self._client = client
        self._max_message_bytes = max_message_bytes
        self._partitioner = DefaultPartitioner()
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect.

        Raises:
            DeliveryError: no broker answers.
        """
        producer = AIOKafkaProducer(
            **self._client,
            enable_idempotence=True,
            acks="all",
            max_request_size=self._max_message_bytes,
            max_batch_size=_BATCH_BYTES,
            linger_ms=0,
        )
        try:
            await producer.start()
        except KafkaError as error:
            await producer.stop()
            raise DeliveryError(f"the producer cannot connect: {type(error).__name__}") from None
        self._producer = producer

    async def stop(self) -> None:
        """Flush and disconnect."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def deliver(self, records: Sequence[OutputRecord], timeout: float) -> None:  # noqa: ASYNC109
        if not records:
            return
        try:
            async with asyncio.timeout(timeout):
                lanes = await self._by_partition(records)
                sent = [self._send(topic, partition, lane) for (topic, partition), lane in lanes.items()]
                results = await asyncio.gather(*sent, return_exceptions=True)
        except TimeoutError:
            raise DeliveryError(f"{len(records)} outputs were not acknowledged within {timeout} s") from None
        except KafkaError as error:
            raise DeliveryError(f"an output was refused: {type(error).__name__}") from None
        failures = [type(result).__name__ for result in results if isinstance(result, BaseException)]
        if failures:
            names = ", ".join(sorted(set(failures)))
            raise DeliveryError(
                f"outputs for {len(failures)} of {len(lanes)} partitions were not acknowledged: {names}"
            )

    async def _by_partition(self, records: Sequence[OutputRecord]) -> dict[tuple[str, int], list[OutputRecord]]:
        """The records by topic and partition, in their order; a key's partition is the one that Java clients choose."""
        partitions = {topic: await self._partitions(topic) for topic in {record.topic for record in records}}
        lanes: dict[tuple[str, int], list[OutputRecord]] = {}
        for record in records:
            known = partitions[record.topic]
            lanes.setdefault((record.topic, self._partitioner(record.key, known, known)), []).append(record)
        return lanes

    async def _partitions(self, topic: str) -> list[int]:
        return sorted(await self._started.partitions_for(topic))

    async def _send(self, topic: str, partition: int, records: Sequence[OutputRecord]) -> None:
        """In order: a batch that is full is followed by the next one."""
        futures = []
        batch = self._started.create_batch()
        for record in records:
            if not _append(batch, record):
                futures.append(await self._started.send_batch(batch, topic, partition=partition))
                batch = self._started.create_batch()
                _append(batch, record)
            if batch.size() > max(self._max_message_bytes, _BATCH_BYTES):
                raise MessageSizeTooLargeError
        futures.append(await self._started.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*futures)

    @property
    def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise DeliveryError("the producer is not started")
        return self._producer


def _append(batch: BatchBuilder, record: OutputRecord) -> bool:
    """Whether it still went in; the first record of a batch always does, whatever its size."""
    added = batch.append(timestamp=None, key=record.key, value=record.value, headers=list(record.headers))
    return added is not None
