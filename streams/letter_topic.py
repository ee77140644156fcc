"""The dead-letter topic, read outside of any group: as it stands at one moment, or one record of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

from aiokafka.errors import KafkaError

from filters.errors import ConfigurationError, DeliveryError
from filters.records import SourcePosition
from streams.topic_reader import TopicReader

Take = Callable[[SourcePosition, bytes | None], None]


class LetterTopic:
    """Reads letters; commits nothing. Open with `async with`, and use it for one thing at a time.

    Every method raises `ConfigurationError` (reason `broker_unreachable`, `topic_missing` or `catching_up`) where it
    takes longer than `within_seconds`, and `DeliveryError` where a broker answers with an error.

    Args:
        client: aiokafka's connection arguments.
        topic: the dead-letter topic.
        within_seconds: for opening, and for each call.
    """

    def __init__(self, client: Mapping[str, Any], topic: str, *, within_seconds: float) -> None:
        self._topic = topic
        self._within = within_seconds
        self._reader = TopicReader(client, topic, committed=True)

    async def scan(self, take: Take, since_ms: int | None = None) -> None:
        """Hand over every record that is on the topic now, in offset order of each partition.

        Args:
            take: is given each record's place and value.
            since_ms: leave out records older than this (milliseconds of the Unix epoch).
        """
        async with self._bounded():
            ends = await self._reader.rewind(since_ms)
            while await self._open_partitions(ends):
                for record in await self._reader.read():
                    if record.offset < ends[record.partition]:
                        take(SourcePosition(record.topic, record.partition, record.offset), record.value)

    async def value_at(self, place: SourcePosition) -> bytes | None:
        """The value of the record at a place of this topic; None where there is none."""
        async with self._bounded():
            record = await self._reader.one(place.partition, place.offset)
        value: bytes | None = record.value if record is not None else None
        return value

    async def _open_partitions(self, ends: Mapping[int, int]) -> bool:
        return any([await self._reader.position(partition) < end for partition, end in ends.items()])

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._within):
                yield
        except TimeoutError:
            obstacle = self._reader.obstacle
            raise ConfigurationError(
                f"the dead-letter topic {self._topic!r} could not be read to its end within {self._within:g} s: "
                f"{obstacle.replace('_', ' ')}; allow more with --timeout, or read less with --since",
                reason=obstacle,
            ) from None
        except KafkaError as error:
            raise DeliveryError(f"the dead-letter topic cannot be read: {type(error).__name__}") from None

    async def __aenter__(self) -> Self:
        try:
            async with self._bounded():
                await self._reader.open()
        except BaseException:
            await self._reader.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._reader.close()
