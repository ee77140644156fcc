"""The attempts topic: one note a worker process, which says what it is judging, and how the latest judgings ended."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError

from filters.errors import DeliveryError
from streams.attempts import AttemptBook, Ending, History, Partition, decode_spans, encode_spans
from streams.emit import Deliverer, OutputRecord
from streams.message import RawMessage
from streams.topic_reader import RETRY_SECONDS, TopicReader

METADATA_SECONDS: Final = 30.0
_PAST_ALL: Final = 2**63
"""Above any offset: nothing is replayed whose outputs exist."""


class TopicAttempts:
    """`AttemptLog` on a compacted topic that all workers of a group write and follow.

    Args:
        client: aiokafka's connection arguments.
        topic: must exist.
        group: whose workers share their notes.
        deliverer: makes notes durable.
        timeout: seconds for a note, or for reading the others' to the end.
        committed: the committed offset of a partition, None where it is not known: endings are remembered from there.
            Without it none is: where outputs and offsets are one transaction, a replay finds no outputs.
    """

    def __init__(
        self,
        client: Mapping[str, Any],
        topic: str,
        group: str,
        deliverer: Deliverer,
        *,
        timeout: float,
        committed: Callable[[Partition], int | None] | None = None,
    ) -> None:
        self._topic = topic
        self._group = group
        self._writer = uuid4().hex
        self._deliverer = deliverer
        self._timeout = timeout
        self._committed = committed
        self._reader = TopicReader(client, topic, metadata_seconds=METADATA_SECONDS)
        self._book = AttemptBook()
        self._changes = self._written = 0
        self._writing = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._caught_up: set[tuple[str, int]] = set()

    async def start(self, within_seconds: float) -> None:
        """Read the notes to their end, then follow them.

        Raises:
            ConfigurationError: that took longer than `within_seconds`.
        """
        await self._reader.open_within(within_seconds, self._catch_up, "attempts")
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Stop following, and take our note back: who comes to here has committed what it judged."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            if self._written:
                with contextlib.suppress(DeliveryError):  # an old note makes a replay more careful, no more
                    await self._deliverer.deliver([self._note(encode_spans({}))], self._timeout)
        await self._reader.close()

    async def earlier(self, raw: RawMessage, generation: int) -> History:
        """As the protocol says; the first record of a generation waits until all earlier notes are read."""
        if (raw.topic, generation) not in self._caught_up:
            try:
                async with asyncio.timeout(self._timeout):
                    await self._catch_up()
            except TimeoutError:
                raise DeliveryError("the attempts topic could not be read to its end", reason="attempts") from None
            self._caught_up.add((raw.topic, generation))
        return self._book.earlier(raw)

    async def begin(self, raws: Sequence[RawMessage]) -> None:
        """As the protocol says."""
        self._book.begin(raws)
        await self._write()

    async def ended(self, endings: Sequence[tuple[RawMessage, Ending]]) -> None:
        """As the protocol says."""
        self._book.end(endings)
        for partition in self._book.ended:
            self._book.forget(partition, self._first_replayed(partition))
        await self._write()

    def _first_replayed(self, partition: Partition) -> int:
        if self._committed is None:
            return _PAST_ALL
        return self._committed(partition) or 0

    async def _write(self) -> None:
        """Make the book's present state durable; a write that began later than a change carries it too."""
        self._changes += 1
        change = self._changes
        async with self._writing:
            if self._written < change:
                latest = self._changes
                await self._deliverer.deliver([self._note(encode_spans(self._book.spans))], self._timeout)
                self._written = latest

    def _note(self, value: bytes) -> OutputRecord:
        return OutputRecord(self._topic, f"{self._group}/{self._writer}".encode(), value)

    async def _follow(self) -> None:
        looked_at = time.monotonic()
        while True:
            try:
                async with self._reading:
                    await self._read()
                    if time.monotonic() - looked_at >= METADATA_SECONDS:
                        await self._reader.take_new_partitions()
                        looked_at = time.monotonic()
            except KafkaError:
                await asyncio.sleep(RETRY_SECONDS)

    async def _catch_up(self) -> None:
        async with self._reading:
            while not await self._reader.at_end():
                await self._read()

    async def _read(self) -> None:
        for record in await self._reader.read():
            self._take(record)

    def _take(self, record: ConsumerRecord) -> None:
        group, _, writer = (record.key or b"").decode("utf-8", "replace").rpartition("/")
        if group != self._group or writer == self._writer:
            return
        with contextlib.suppress(ValueError):  # what we did not write says nothing about attempts
            self._book.note(writer, decode_spans(record.value) if record.value else {})
