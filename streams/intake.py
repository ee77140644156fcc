"""Faust's consumer, without what Faust does for each message: records go from its fetch loop straight to a gate.

Two asyncio tasks, an event, two queues and a stream for each message cost more than the gate itself. Group, fetch,
generations, commits and lifecycle stay Faust's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from aiokafka.errors import ConsumerStoppedError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP, Message

from filters.errors import DeliveryError

Submit = Callable[[Message], Awaitable[None]]

READ_COMMITTED = "read_committed"


class IntakeThread(AIOKafkaConsumerThread):
    """Faust's own, reading committed records only.

    What a platform aborted was never sent, and must not be judged, let alone released; Faust reads it all the same
    unless it runs its own exactly-once mode.
    """

    def _create_worker_consumer(self, transport: Transport) -> Any:  # noqa: ANN401  aiokafka has no types
        consumer: Any = super()._create_worker_consumer(transport)
        consumer._isolation_level = READ_COMMITTED  # noqa: SLF001  read at its start; pinned by tests/contract
        return consumer

    def check_group(self) -> None:
        """Look whether the group coordination has come to an end, which aiokafka tells in its own `getmany` only.

        Faust does not call that one: the worker would judge on without a group, and commit nothing.

        Raises:
            DeliveryError: it has; only another process joins the group again.
        """
        consumer: Any = self._consumer
        if consumer is not None and (error := consumer._coordinator._pending_exception) is not None:  # noqa: SLF001
            raise DeliveryError(f"the consumer group is lost: {type(error).__name__}", reason="group_lost")


class IntakeConsumer(Consumer):
    """Hands each message of its partitions to `submit`, in offset order, waiting for it: that is the back-pressure.

    Every message counts as unacknowledged from then on; whoever takes it acknowledges it, or releases it.

    Args:
        submit: takes a message in.
    """

    _thread: IntakeThread

    def __init__(self, *args: Any, submit: Submit, **options: Any) -> None:  # noqa: ANN401  Faust's own arguments
        super().__init__(*args, **options)
        self._submit = submit
        self.last_commits: dict[TP, int] = {}
        """What brokers have acknowledged; Faust notes a commit as done even where a rebalance came first."""
        self._owed: dict[TP, int] = {}
        """What brokers refused to commit, to be asked for again: Faust takes it for committed."""

    def _new_consumer_thread(self) -> IntakeThread:
        return IntakeThread(self, loop=self.loop, beacon=self.beacon)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        committed = bool(await super()._commit(offsets))
        if committed:
            self.last_commits |= offsets
        return committed

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:  # noqa: FBT001, FBT002  Faust's own
        committed = bool(await super()._commit_offsets(offsets, start_new_transaction))
        for tp, offset in offsets.items():
            if committed:
                self._owed.pop(tp, None)
            else:
                self._owed[tp] = max(offset, self._owed.get(tp, 0))
                if self._committed_offset.get(tp) == offset:
                    self._committed_offset[tp] = self.last_commits.get(tp)
        return committed

    def _filter_committable_offsets(self, tps: Iterable[TP]) -> dict[TP, int]:
        asked = list(tps)
        offsets: dict[TP, int] = super()._filter_committable_offsets(asked)
        for tp in asked:
            owed = self._owed.get(tp, 0)
            if owed > max(offsets.get(tp, 0), self._committed_offset[tp] or 0):
                offsets[tp] = owed
        return offsets

    async def _drain_messages(self, fetcher: Any) -> None:  # noqa: ANN401  pinned by tests/contract
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):  # noqa: SLF001
                async for tp, message in self.getmany(timeout=1.0):
                    await self._take(tp, message)
                self._thread.check_group()
                await asyncio.sleep(0)
        except (ConsumerStoppedError, asyncio.CancelledError):
            if not self.transport.app.should_stop:
                raise

    async def _take(self, tp: TP, message: Message) -> None:
        """As Faust's own loop, what lies before the read offset has been taken in already; gaps are noted as acked.

        Faust's own forgets a gap after offset 0, and commits would never pass it.
        """
        offset, read = message.offset, self._read_offset[tp]
        if read is not None and offset < read:
            return
        if read is not None and offset - read > 1:
            await self._add_gap(tp, read + 1, offset)
        self._unacked_messages.add(message)
        try:
            await self._submit(message)
        except BaseException:
            self._unacked_messages.discard(message)  # nobody took it, nobody would acknowledge it
            raise
        self._read_offset[tp] = offset

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust's watchdog looks at streams, and there are none; `/healthz` tells a gate without progress."""
