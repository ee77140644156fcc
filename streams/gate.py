"""The gate: batches, deadlines, durable outputs, acks in order. Everything that could lose a record is here.

A record enters by `submit` and is acknowledged only when its verdict and then its content are durable. When an output
cannot be delivered the process ends without acknowledging, and the input is replayed.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from filters.errors import DeliveryError
from streams.acks import AckLedger, Delivery
from streams.attempts import AttemptLog, History
from streams.bounded_judging import BatchJudge, BoundedJudging
from streams.isolation import Isolation
from streams.judge import Judgement
from streams.message import RawMessage
from streams.outlet import Judged, Outlet
from streams.rejudging import Rejudging, ending_of

EXIT_DELIVERY_FAILED = 70
"""EX_SOFTWARE of sysexits.h; an orchestrator restarts the process and the input is replayed."""
_POLICY_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class GateLimits:
    """How much the gate takes on. Seconds and bytes; `in_flight` batches are judged at a time.

    `queue_bytes` bounds what is taken in and not yet acknowledged, one record more at most. At `stuck_threads` that
    hang the process ends.
    """

    batch_records: int
    batch_bytes: int
    linger_seconds: float
    queue_records: int
    in_flight: int = 2
    judge_seconds: float = 30.0
    deliver_seconds: float = 30.0
    queue_bytes: int = 64 * 1024 * 1024
    stuck_threads: int = 48


@dataclass(frozen=True, slots=True)
class SharedParts:
    """What all gates of a process share.

    Args:
        outlet: makes outputs durable.
        attempts: knows, beyond this process, the judgings that never ended, and how the latest ended.
        isolation: a record that is tried again is judged alone in the whole process.
    """

    outlet: Outlet
    attempts: AttemptLog
    isolation: Isolation


@dataclass(frozen=True, slots=True)
class _Taken:
    """A delivery, its record with the number of this attempt, and what is known of earlier ones."""

    delivery: Delivery
    raw: RawMessage
    history: History

    @property
    def suspect(self) -> bool:
        """Whether a process ended while it judged this record."""
        return self.raw.attempts > 1


class GateObserver(Protocol):
    """Is told what the gate does; metrics hang here."""

    def batch_formed(self, records: int, capacity: int) -> None:
        """A batch of `records` goes to the judge."""

    def delivered(self, judgement: Judgement, age_seconds: float) -> None:
        """All outputs of a record are durable; `age_seconds` since it was written to its topic."""


class Gate:
    """One gate a stream.

    Args:
        judge: runs in a thread of the gate's own pool.
        shared: outlet, attempts and isolation.
        limits: sizes and deadlines.
        observer: metrics.
        on_fatal: called when an output cannot be delivered; must end the process.
        may_judge: whether policies are known to be current; while not, records wait.
    """

    def __init__(
        self,
        judge: BatchJudge,
        shared: SharedParts,
        limits: GateLimits,
        observer: GateObserver,
        on_fatal: Callable[[DeliveryError], None],
        may_judge: Callable[[], bool] = lambda: True,
    ) -> None:
        self._may_judge = may_judge
        self._judging = BoundedJudging(judge, limits.judge_seconds, limits.in_flight, limits.stuck_threads, on_fatal)
        self._outlet = shared.outlet
        self._attempts = shared.attempts
        self._isolation = shared.isolation
        self._limits = limits
        self._observer = observer
        self._on_fatal = on_fatal
        self._queue: asyncio.Queue[_Taken] = asyncio.Queue(limits.queue_records)
        self._held_over: _Taken | None = None
        self._slots = asyncio.Semaphore(limits.in_flight)
        self._ledger = AckLedger(time.time)
        self._taken_bytes = 0
        self._room = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._progress = time.monotonic()

    async def submit(self, delivery: Delivery) -> None:
        """Take a record in; waits while the gate is full, which is the back-pressure on the consumer.

        Cancelled while it waits, it has taken nothing in.
        """
        earlier = await self._attempts.earlier(delivery.raw, delivery.generation)
        while self._queue.full() or self._taken_bytes >= self._limits.queue_bytes:
            self._room.clear()
            await self._room.wait()
        admitted = await self._outlet.admit(delivery)  # from here on nothing waits: what is admitted is sent
        if not self.open_records:
            self._progress = time.monotonic()
        self._ledger.open(delivery)
        if not admitted:
            self._ledger.close(delivery)
            return
        self._taken_bytes += delivery.raw.size
        raw = replace(delivery.raw, attempts=earlier.attempts + 1) if earlier.attempts else delivery.raw
        self._queue.put_nowait(_Taken(delivery, raw, earlier))

    async def run(self) -> None:
        """Form batches and pass them through, until cancelled."""
        previous: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        previous.set_result(None)
        while True:
            await self._slots.acquire()
            batch = await self._next_batch()
            while not self._may_judge():  # noqa: ASYNC110  freshness is a matter of time, nobody announces it
                await asyncio.sleep(_POLICY_POLL_SECONDS)
            self._observer.batch_formed(len(batch), self._limits.batch_records)
            released: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(self._pass_through(batch, previous, released))
            self._tasks.add(task)
            task.add_done_callback(self._finished)
            previous = released

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            fatal = (
                error if isinstance(error, DeliveryError) else DeliveryError(f"the gate raised {type(error).__name__}")
            )
            self._on_fatal(fatal)

    @property
    def open_records(self) -> int:
        """Records taken in and not yet acknowledged."""
        return len(self._ledger)

    @property
    def has_stuck_threads(self) -> bool:
        """Whether threads hang that the interpreter would wait for on exit."""
        return self._judging.stuck > 0

    @property
    def oldest_age(self) -> float:
        """Seconds since the oldest open record was written to its topic."""
        return self._ledger.oldest_age()

    @property
    def stalled_seconds(self) -> float:
        """Seconds without progress while records are open; 0 while idle."""
        return time.monotonic() - self._progress if self.open_records else 0.0

    async def _next_batch(self) -> list[_Taken]:
        """Wait for a first record, then take what comes within the linger, up to the batch's limits.

        A record that is tried again makes a batch of its own.
        """
        first = self._held_over or await self._queue.get()
        self._held_over = None
        batch, size = [first], first.raw.size
        closing = time.monotonic() + self._limits.linger_seconds
        while not first.suspect and len(batch) < self._limits.batch_records and size < self._limits.batch_bytes:
            taken = await self._next_within(closing - time.monotonic())
            if taken is None:
                break
            if taken.suspect:
                self._held_over = taken
                break
            batch.append(taken)
            size += taken.raw.size
        self._room.set()
        return batch

    async def _next_within(self, seconds: float) -> _Taken | None:
        if not self._queue.empty():
            return self._queue.get_nowait()
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                return await self._queue.get()
        except TimeoutError:
            return None

    async def _pass_through(
        self, batch: Sequence[_Taken], previous: asyncio.Future[None], released: asyncio.Future[None]
    ) -> None:
        judgements = await self._judged(batch)
        await self._send(batch, judgements, previous)
        now = time.time()
        for taken, judgement in zip(batch, judgements, strict=True):
            stamp = taken.raw.timestamp_ms
            self._observer.delivered(judgement, max(0.0, now - stamp / 1000) if stamp is not None else 0.0)
            self._ledger.close(taken.delivery)
        self._progress = time.monotonic()
        released.set_result(None)
        self._slots.release()
        self._give_back(sum(taken.raw.size for taken in batch))

    async def _send(
        self, batch: Sequence[_Taken], judgements: Sequence[Judgement], previous: asyncio.Future[None]
    ) -> None:
        """Write; content only when it is durable how the judging ended: no replay ends otherwise."""
        seconds = self._limits.deliver_seconds
        judged: list[Judged] = [(taken.delivery, judgement) for taken, judgement in zip(batch, judgements, strict=True)]
        endings = [(taken.raw, ending_of(judgement)) for taken, judgement in zip(batch, judgements, strict=True)]
        if batch[0].suspect:
            await self._attempts.ended(endings)  # nor may a verdict be written that another attempt would contradict
            await self._outlet.send(judged, previous, seconds)
            return
        ready = asyncio.gather(asyncio.shield(previous), self._attempts.ended(endings))
        try:
            await self._outlet.send(judged, ready, seconds)
        finally:
            ready.cancel()

    async def _judged(self, batch: Sequence[_Taken]) -> list[Judgement]:
        raws = [taken.raw for taken in batch]
        # noted inside: a record that waits for its turn has nothing to do with a death meanwhile
        async with self._isolation.alone() if batch[0].suspect else self._isolation.together():
            await self._attempts.begin(raws)
            return await self._rejudging(batch[0].delivery.generation).judge(raws, [taken.history for taken in batch])

    def _rejudging(self, generation: int) -> Rejudging:
        return Rejudging(self._judging, lambda raw: self._attempts.earlier(raw, generation))

    def _give_back(self, size: int) -> None:
        self._taken_bytes -= size
        self._room.set()
