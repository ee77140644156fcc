"""Reads one topic without a group: every partition from its beginning to its end, and on from there."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from filters.errors import ConfigurationError

FETCH_WAIT_MS: Final = 100
"""A broker answers as soon as there is a record; this bounds what a broker that does not (the embedded one) adds."""
REQUEST_MS: Final = 5_000
"""How long a request may take; while brokers are away, a probe takes as long."""
RETRY_SECONDS: Final = 0.3


class TopicReader:
    """Every process that reads so sees all records. Not for concurrent use.

    Args:
        client: aiokafka's connection arguments (`bootstrap_servers`, security).
        topic: must exist; it is not created.
        metadata_seconds: how long new partitions may go unnoticed.
        committed: leave out what a transaction has not committed (yet).
    """

    def __init__(
        self, client: Mapping[str, Any], topic: str, *, metadata_seconds: float = 30.0, committed: bool = False
    ) -> None:
        self._client = client
        self._topic = topic
        self._metadata_ms = round(metadata_seconds * 1000)
        self._isolation = "read_committed" if committed else "read_uncommitted"
        self._consumer: AIOKafkaConsumer | None = None
        self.obstacle = "broker_unreachable"
        """What `open`, or the reading to the end after it, waits for: that, `topic_missing` or `catching_up`."""

    async def open(self) -> None:
        """Connect and assign all partitions; tries for as long as it takes, so bound it."""
        self._consumer = await self._connected()
        await self._assign_all(self._consumer)

    async def open_within(self, seconds: float, catch_up: Callable[[], Awaitable[None]], role: str) -> None:
        """Open, and let `catch_up` read to the end; closed again where that fails.

        Args:
            seconds: for both.
            catch_up: reads until `at_end`.
            role: what the topic is, for the error.

        Raises:
            ConfigurationError: that took longer; reason `broker_unreachable`, `topic_missing` or `catching_up`.
        """
        try:
            async with asyncio.timeout(seconds):
                await self.open()
                await catch_up()
        except TimeoutError:
            await self.close()
            remedy = "; `veilstream topics apply` makes it" if self.obstacle == "topic_missing" else ""
            raise ConfigurationError(
                f"the {role} topic {self._topic!r} could not be read to its end within {seconds} s: "
                f"{self.obstacle.replace('_', ' ')}{remedy}",
                reason=self.obstacle,
            ) from None
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Leave the broker. May be called twice."""
        if self._consumer is not None:
            await self._consumer.stop()
            self._consumer = None

    async def read(self) -> list[ConsumerRecord]:
        """What has come, in offset order of each partition; empty after a short wait.

        Raises:
            KafkaError: a broker answered with an error that aiokafka does not retry.
        """
        batches = await self._opened.getmany(timeout_ms=FETCH_WAIT_MS)
        return [record for batch in batches.values() for record in batch]

    async def at_end(self) -> bool:
        """Whether all that was on the topic when this was called has been read; False also where nobody answers."""
        consumer = self._opened
        try:
            ends = await consumer.end_offsets(list(consumer.assignment()))
            return all([await consumer.position(partition) >= end for partition, end in ends.items()])
        except KafkaError:
            return False

    async def rewind(self, since_ms: int | None = None) -> dict[int, int]:
        """Go to the first records that are not older than `since_ms` (of the Unix epoch), or to the beginning.

        Returns:
            The end of each partition at this moment: the offset of its next record. A partition without a record to
            read is left at its end.

        Raises:
            KafkaError: no broker answers.
        """
        consumer = self._opened
        places = list(consumer.assignment())
        ends: dict[TopicPartition, int] = await consumer.end_offsets(places)
        starts = await self._starts(places, ends, since_ms)
        for place in places:
            consumer.seek(place, min(starts[place], ends[place]))
        return {place.partition: end for place, end in ends.items()}

    async def _starts(
        self, places: list[TopicPartition], ends: Mapping[TopicPartition, int], since_ms: int | None
    ) -> dict[TopicPartition, int]:
        if since_ms is None:
            return dict(await self._opened.beginning_offsets(places))
        found = await self._opened.offsets_for_times(dict.fromkeys(places, since_ms))
        return {place: at.offset if (at := found.get(place)) is not None else ends[place] for place in places}

    async def position(self, partition: int) -> int:
        """The offset of the next record that is read.

        Raises:
            KafkaError: no broker answers.
        """
        return int(await self._opened.position(TopicPartition(self._topic, partition)))

    async def one(self, partition: int, offset: int) -> ConsumerRecord | None:
        """The record at a position; None where there is none (any more). Waits until it is there to read.

        Raises:
            KafkaError: no broker answers.
        """
        consumer, place = self._opened, TopicPartition(self._topic, partition)
        if place not in consumer.assignment():
            return None
        first, end = await consumer.beginning_offsets([place]), await consumer.end_offsets([place])
        if not first[place] <= offset < end[place]:
            return None
        if await consumer.position(place) != offset:
            consumer.seek(place, offset)
        while await consumer.position(place) <= offset:  # it is passed without a record where only a marker stood
            if records := (await consumer.getmany(place, timeout_ms=FETCH_WAIT_MS, max_records=1)).get(place):
                return records[0] if records[0].offset == offset else None
        return None

    async def take_new_partitions(self) -> None:
        """Read partitions that were added, too; a subscription would start over whenever their number changes."""
        consumer = self._opened
        known = consumer.assignment()
        partitions = {
            TopicPartition(self._topic, number) for number in consumer.partitions_for_topic(self._topic) or ()
        }
        if partitions <= known:
            return
        positions = {partition: await consumer.position(partition) for partition in known}
        consumer.assign(list(known | partitions))
        for partition, position in positions.items():
            consumer.seek(partition, position)

    @property
    def _opened(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("the reader is not open")
        return self._consumer

    async def _connected(self) -> AIOKafkaConsumer:
        while True:
            consumer = AIOKafkaConsumer(
                **self._client,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=FETCH_WAIT_MS,
                request_timeout_ms=REQUEST_MS,
                metadata_max_age_ms=self._metadata_ms,
                isolation_level=self._isolation,
            )
            try:
                await consumer.start()
            except KafkaError:
                await consumer.stop()
                await asyncio.sleep(RETRY_SECONDS)
            except BaseException:
                await consumer.stop()
                raise
            else:
                return consumer

    async def _assign_all(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            with contextlib.suppress(KafkaError):
                # Asked for by name, a missing topic would be created on many brokers, and not as a compacted one.
                if self._topic in await consumer.topics():
                    break
                self.obstacle = "topic_missing"
            await asyncio.sleep(RETRY_SECONDS)
        self.obstacle = "catching_up"
        consumer.assign([TopicPartition(self._topic, 0)])
        while not consumer.partitions_for_topic(self._topic):  # noqa: ASYNC110  aiokafka announces no metadata
            await asyncio.sleep(RETRY_SECONDS / 10)
        await self.take_new_partitions()
