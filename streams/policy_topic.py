"""Policies from the compacted topic: read to its end before anything is judged, then followed."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from filters.errors import ConfigurationError
from filters.policy_issues import IssueCode, Place, PolicyDocumentError, PolicyIssue
from filters.policy_source import decode_policy, read_policy
from streams.policies import PolicyBoard, PolicyListener, is_tenant_name

FETCH_WAIT_MS: Final = 100
"""A broker answers as soon as there is a record; this bounds what a broker that does not (the embedded one) adds."""
REQUEST_MS: Final = 5_000
"""How long a request may take; while brokers are away, a probe takes as long."""
PROBE_SECONDS: Final = 1.0
"""How often the end of the topic is asked for, which is what `fresh` rests on."""
RETRY_SECONDS: Final = 0.3


class TopicPolicies:
    """Keeps a board in step with the policies topic: key = tenant, value = YAML or JSON, null value = removal.

    Consumes without a group: every worker reads all partitions. Publishes nothing.

    Args:
        client: aiokafka's connection arguments (`bootstrap_servers`, security).
        topic: the compacted topic; it must exist.
        board: takes the policies. What it refuses is located as `topic:partition@offset:line:column`.
        max_stale_seconds: how long the end of the topic may be out of reach before `fresh` turns False.
        metadata_seconds: how long new partitions of the topic may go unnoticed.
    """

    def __init__(
        self,
        client: Mapping[str, Any],
        topic: str,
        board: PolicyBoard,
        *,
        max_stale_seconds: float = 60.0,
        metadata_seconds: float = 30.0,
    ) -> None:
        self._client = client
        self._topic = topic
        self._board = board
        self._max_stale = max_stale_seconds
        self._metadata_ms = round(metadata_seconds * 1000)
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._current_at = float("-inf")
        self._obstacle = "broker_unreachable"

    @property
    def stale_seconds(self) -> float:
        """Seconds since everything on the topic was known to be read."""
        return time.monotonic() - self._current_at

    @property
    def fresh(self) -> bool:
        """Whether the policies in force are known to be those of the topic."""
        return self.following and self.stale_seconds <= self._max_stale

    @property
    def following(self) -> bool:
        """Whether changes are being looked for."""
        return self._task is not None and not self._task.done()

    async def start(self, within_seconds: float) -> None:
        """Read the topic to its end, then follow it.

        Raises:
            ConfigurationError: that took longer than `within_seconds`; reason `broker_unreachable`, `topic_missing` or
                `catching_up`.
        """
        try:
            async with asyncio.timeout(within_seconds):
                self._consumer = await self._connected()
                await self._assign_all(self._consumer)
                await self._catch_up(self._consumer)
        except TimeoutError:
            await self.stop()
            raise ConfigurationError(
                f"the policies topic {self._topic!r} could not be read to its end within {within_seconds} s: "
                f"{self._obstacle.replace('_', ' ')}",
                reason=self._obstacle,
            ) from None
        except BaseException:
            await self.stop()
            raise
        self._task = asyncio.create_task(self._follow(self._consumer))

    async def stop(self) -> None:
        """Leave the broker; what is in force stays."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._consumer is not None:
            await self._consumer.stop()
            self._consumer = None

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
        """Assign all partitions by hand: a subscription would start over whenever their number changes."""
        while True:
            with contextlib.suppress(KafkaError):
                # Asked for by name, a missing topic would be created on many brokers, and not as a compacted one.
                if self._topic in await consumer.topics():
                    break
                self._obstacle = "topic_missing"
            await asyncio.sleep(RETRY_SECONDS)
        self._obstacle = "catching_up"
        consumer.assign([TopicPartition(self._topic, 0)])
        while not consumer.partitions_for_topic(self._topic):  # noqa: ASYNC110  aiokafka announces no metadata
            await asyncio.sleep(RETRY_SECONDS / 10)
        await self._take_new_partitions(consumer)

    async def _take_new_partitions(self, consumer: AIOKafkaConsumer) -> None:
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

    async def _catch_up(self, consumer: AIOKafkaConsumer) -> None:
        while not await self._probe(consumer):
            await self._read(consumer)

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        """Read for ever. When brokers go, keep what is in force, and grow stale until they are back."""
        probed_at = time.monotonic()
        while True:
            try:
                await self._read(consumer)
                if time.monotonic() - probed_at >= PROBE_SECONDS:
                    await self._take_new_partitions(consumer)
                    await self._probe(consumer)
                    probed_at = time.monotonic()
            except KafkaError:
                await asyncio.sleep(RETRY_SECONDS)

    async def _probe(self, consumer: AIOKafkaConsumer) -> bool:
        """Whether all that was on the topic when the probe began has been read."""
        began = time.monotonic()
        try:
            ends = await consumer.end_offsets(list(consumer.assignment()))
            current = [await consumer.position(partition) >= end for partition, end in ends.items()]
        except KafkaError:
            return False
        if not all(current):
            return False
        self._current_at = began
        return True

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        batches: Mapping[TopicPartition, list[ConsumerRecord]] = await consumer.getmany(timeout_ms=FETCH_WAIT_MS)
        records = [record for batch in batches.values() for record in batch]
        if records:
            # Reading YAML takes milliseconds a policy: not on the loop that acknowledges records.
            await asyncio.to_thread(self._apply, records)

    def _apply(self, records: Sequence[ConsumerRecord]) -> None:
        for record in records:
            apply_record(self._board, record)


def apply_record(board: PolicyBoard, record: ConsumerRecord) -> None:
    """Offer one record of the policies topic to a board."""
    source = f"{record.topic}:{record.partition}@{record.offset}"
    tenant = _tenant(record.key)
    if tenant is None:
        issue = PolicyIssue.at(source, Place(), IssueCode.WRONG_KEY, "the record's key is no tenant's name")
        board.refuse(None, [issue])
    elif record.value is None:
        board.remove(tenant)
    else:
        _offer(board, record.value, source, tenant)


def _tenant(key: bytes | None) -> str | None:
    try:
        name = (key or b"").decode("ascii")
    except UnicodeDecodeError:
        return None
    return name if is_tenant_name(name) else None


def _offer(board: PolicyBoard, value: bytes, source: str, tenant: str) -> None:
    try:
        document = read_policy(decode_policy(value, source), source)
    except PolicyDocumentError as error:
        board.refuse(tenant, error.issues)
        return
    if document.policy.tenant != tenant:
        message = "`tenant` differs from the record's key"
        board.refuse(tenant, [document.issue(IssueCode.WRONG_KEY, ("metadata", "tenant"), message)])
        return
    board.offer(document)


async def read_topic(
    client: Mapping[str, Any], topic: str, listener: PolicyListener, *, within_seconds: float
) -> PolicyBoard:
    """The policies on the topic at this moment, whatever this installation can do.

    Raises:
        ConfigurationError: as `TopicPolicies.start`.
    """
    board = PolicyBoard(None, listener)
    policies = TopicPolicies(client, topic, board)
    await policies.start(within_seconds)
    await policies.stop()
    return board
