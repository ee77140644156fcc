"""Policies from the compacted topic: read to its end before anything is judged, then followed."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError

from filters.policy_issues import IssueCode, Place, PolicyDocumentError, PolicyIssue
from filters.policy_source import decode_policy, read_policy
from streams.policies import PolicyBoard, PolicyListener, is_tenant_name
from streams.topic_reader import RETRY_SECONDS, TopicReader

PROBE_SECONDS: Final = 1.0
"""How often the end of the topic is asked for, which is what `fresh` rests on."""


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
        self._topic = topic
        self._board = board
        self._max_stale = max_stale_seconds
        self._reader = TopicReader(client, topic, metadata_seconds=metadata_seconds)
        self._task: asyncio.Task[None] | None = None
        self._current_at = float("-inf")

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
        await self._reader.open_within(within_seconds, self._catch_up, "policies")
        self._task = asyncio.create_task(self._follow())

    async def _catch_up(self) -> None:
        while not await self._probe():
            await self._read()

    async def stop(self) -> None:
        """Leave the broker; what is in force stays."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._reader.close()

    async def _follow(self) -> None:
        """Read for ever. When brokers go, keep what is in force, and grow stale until they are back."""
        probed_at = time.monotonic()
        while True:
            try:
                await self._read()
                if time.monotonic() - probed_at >= PROBE_SECONDS:
                    await self._reader.take_new_partitions()
                    await self._probe()
                    probed_at = time.monotonic()
            except KafkaError:
                await asyncio.sleep(RETRY_SECONDS)

    async def _probe(self) -> bool:
        """Whether all that was on the topic when the probe began has been read."""
        began = time.monotonic()
        if not await self._reader.at_end():
            return False
        self._current_at = began
        return True

    async def _read(self) -> None:
        if records := await self._reader.read():
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
