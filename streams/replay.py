"""Replays: the original of a dead letter is written to its input topic again, and so goes through the filter again.

Never around it: only to a configured input topic, and only to the one that the verdict's id was made of.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordTooLargeError

from filters.errors import DeliveryError
from filters.records import ContentKind, SourcePosition
from filters.verdict import verdict_id
from streams.dead_letter import REPLAY_OF, open_dead_letter
from streams.emit import OutputRecord
from streams.headers import Headers
from streams.letters import Letter, Listed, receipt_value
from streams.message import OWN_HEADERS
from streams.seal import Sealer

RECEIPT_HEADER = "veilstream.replay.of"


class Status(StrEnum):
    """What became of a letter."""

    REPLAYED = "replayed"
    WOULD_REPLAY = "would_replay"
    SKIPPED = "skipped"
    NOT_REPLAYABLE = "not_replayable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one letter, and why; where it was replayed to, and the verdict id that it will get there."""

    letter: str
    status: Status
    detail: str = ""
    position: str | None = None
    verdict_id: str | None = None

    @property
    def is_failure(self) -> bool:
        return self.status in (Status.NOT_REPLAYABLE, Status.FAILED)


class NotReplayable(ValueError):
    """The letter cannot be replayed; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class ReplayRules:
    """What may be replayed, and how originals are opened.

    Args:
        inputs: the input topics, and what each carries.
        sealer: opens originals.
    """

    inputs: Mapping[str, ContentKind]
    sealer: Sealer

    def record(self, letter: Letter, value: bytes) -> OutputRecord:
        """The record to produce: the original, with the mark of a replay in the place of any headers of ours.

        Args:
            letter: as it was listed.
            value: its record's, with the sealed original.

        Raises:
            ConfigurationError: no master key is set.
            NotReplayable: nothing is kept, it does not open, or it does not belong to an input topic.
        """
        self.check(letter)
        try:
            original = open_dead_letter(self.sealer, value)
        except ValueError as error:
            raise NotReplayable(f"{error}; is VEILSTREAM_KEYS__MASTER the key that it was sealed with?") from None
        if original is None or original.value is None:
            raise NotReplayable("there is no original")
        headers = Headers(original.headers).without_prefix(OWN_HEADERS).items
        mark = (REPLAY_OF, letter.verdict_id.encode())
        return OutputRecord(letter.topic, original.key, original.value, (*headers, mark))

    def check(self, letter: Letter) -> None:
        """Whether the letter could be replayed, as far as can be told without its original.

        Raises:
            NotReplayable: it could not.
        """
        kind = self.inputs.get(letter.topic)
        if kind is None:
            raise NotReplayable(f"{letter.topic} is no input topic of these settings; see `topics` there")
        if verdict_id(letter.source, kind) != letter.verdict_id:
            raise NotReplayable("its position and its verdict's id do not belong together: the letter was altered")
        if not letter.kept:
            raise NotReplayable(
                "no original is kept: the sender has to send it again; to keep originals from now on, set a key and "
                "say `dead_letters: sealed` in the tenant's policy (for unknown tenants: "
                "delivery.dead_letters_without_policy)"
            )


class InputProducer:
    """Writes replayed records, and receipts behind their letters; idempotent, acks=all. Open with `async with`.

    Args:
        client: aiokafka's connection arguments.
        max_message_bytes: the largest record.
        within_seconds: for connecting, and for each record.
    """

    def __init__(self, client: Mapping[str, Any], max_message_bytes: int, *, within_seconds: float) -> None:
        self._arguments = {
            **client,
            "enable_idempotence": True,
            "acks": "all",
            "max_request_size": max_message_bytes,
            "request_timeout_ms": round(within_seconds * 1000),
        }
        self._within = within_seconds
        self._producer: AIOKafkaProducer | None = None

    async def send(self, record: OutputRecord, partition: int) -> SourcePosition:
        """Write one record to a partition; its position, once all in-sync replicas have it.

        Raises:
            NotReplayable: the topic has no such partition, or takes no record so large.
            DeliveryError: that took too long, or was refused; it may be written all the same.
        """
        producer = self._started
        try:
            async with asyncio.timeout(self._within):
                if partition not in await producer.partitions_for(record.topic):
                    raise NotReplayable(f"{record.topic} has no partition {partition}")
                sent = await producer.send_and_wait(
                    record.topic, record.value, record.key, partition, headers=list(record.headers)
                )
        except (MessageSizeTooLargeError, RecordTooLargeError):
            limits = "kafka.max_message_bytes and the topic's max.message.bytes"
            raise NotReplayable(f"it is too large for {record.topic}; see {limits}") from None
        except (KafkaError, TimeoutError) as error:
            raise DeliveryError(f"{record.topic} did not take the record: {type(error).__name__}") from None
        return SourcePosition(record.topic, sent.partition, sent.offset)

    @property
    def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("the producer is not started")
        return self._producer

    async def __aenter__(self) -> Self:
        producer = AIOKafkaProducer(**self._arguments)
        try:
            async with asyncio.timeout(self._within):
                await producer.start()
        except (KafkaError, TimeoutError) as error:
            await producer.stop()
            raise DeliveryError(f"no broker takes records: {type(error).__name__}") from None
        self._producer = producer
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None


def plan(letters: Sequence[Listed], rules: ReplayRules, *, again: bool) -> list[Listed | Report]:
    """What to do with each letter, in order: replay it, or say why not.

    A record has several letters where a worker died behind the first; one of them is replayed.

    Args:
        letters: as they were listed.
        rules: what may be replayed.
        again: also what was replayed before.
    """
    chosen: dict[str, SourcePosition] = {}
    for listed in sorted(letters, key=lambda listed: not listed.letter.kept):
        chosen.setdefault(listed.letter.verdict_id, listed.place)
    return [_planned(listed, chosen[listed.letter.verdict_id], rules, again=again) for listed in letters]


def _planned(listed: Listed, chosen: SourcePosition, rules: ReplayRules, *, again: bool) -> Listed | Report:
    name = str(listed.place)
    if listed.place != chosen:
        return Report(name, Status.SKIPPED, f"it is about the same record as {chosen}")
    if listed.replays and not again:
        before = "once" if listed.replays == 1 else f"{listed.replays} times"
        return Report(name, Status.SKIPPED, f"it was replayed {before} before; --again replays it once more")
    try:
        rules.check(listed.letter)
    except NotReplayable as refused:
        return Report(name, Status.NOT_REPLAYABLE, str(refused))
    return listed


def rehearse(listed: Listed, value: bytes, rules: ReplayRules) -> Report:
    """What `replay` would do, as far as that can be told without a broker.

    Raises:
        ConfigurationError: no master key is set.
    """
    try:
        record = rules.record(listed.letter, value)
    except NotReplayable as refused:
        return Report(str(listed.place), Status.NOT_REPLAYABLE, str(refused))
    where = f"to {record.topic}, partition {listed.letter.partition}, {len(record.value)} bytes"
    return Report(str(listed.place), Status.WOULD_REPLAY, where)


async def replay(listed: Listed, value: bytes, rules: ReplayRules, producer: InputProducer) -> Report:
    """Write a letter's original to the partition that it came from, then the receipt.

    Raises:
        ConfigurationError: no master key is set.
        DeliveryError: the record was not acknowledged; it may be written all the same.
    """
    name, letter = str(listed.place), listed.letter
    try:
        position = await producer.send(rules.record(letter, value), letter.partition)
    except NotReplayable as refused:
        return Report(name, Status.NOT_REPLAYABLE, str(refused))
    new_id = verdict_id(position, rules.inputs[position.topic])
    receipt = receipt_value(letter.verdict_id, position, datetime.now(UTC))
    headers = ((RECEIPT_HEADER, letter.verdict_id.encode()),)
    try:
        await producer.send(OutputRecord(listed.place.topic, None, receipt, headers), listed.place.partition)
    except DeliveryError as error:
        unnoted = f"it is replayed, but its receipt is not written, so that it can be replayed again: {error}"
        return Report(name, Status.FAILED, unnoted, str(position), new_id)
    return Report(name, Status.REPLAYED, "", str(position), new_id)
