"""The emitter: an idempotent producer that answers only when everything is durable."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from filters.errors import DeliveryError


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

    Args:
        client: connection arguments of aiokafka (`bootstrap_servers`, security).
        max_message_bytes: largest record; must not exceed the brokers' and topics' `max.message.bytes`.
    """

    def __init__(self, client: Mapping[str, Any], max_message_bytes: int) -> None:
        self._client = client
        self._max_message_bytes = max_message_bytes
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
            max_batch_size=256 * 1024,
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
                sent = [await self._send(record) for record in records]
                results = await asyncio.gather(*sent, return_exceptions=True)
        except TimeoutError:
            raise DeliveryError(f"{len(records)} outputs were not acknowledged within {timeout} s") from None
        except KafkaError as error:
            raise DeliveryError(f"an output was refused: {type(error).__name__}") from None
        failures = [type(result).__name__ for result in results if isinstance(result, BaseException)]
        if failures:
            names = ", ".join(sorted(set(failures)))
            raise DeliveryError(f"{len(failures)} of {len(records)} outputs were not acknowledged: {names}")

    async def _send(self, record: OutputRecord) -> "asyncio.Future[Any]":
        if self._producer is None:
            raise DeliveryError("the producer is not started")
        future: asyncio.Future[Any] = await self._producer.send(
            record.topic, value=record.value, key=record.key, headers=list(record.headers)
        )
        return future
