"""The gate: batches, deadlines, durable outputs, acks in order. Everything that could lose a record is here.

A record enters by `submit` and is acknowledged only when its verdict and then its content are durable. When an output
cannot be delivered the process ends without acknowledging, and the input is replayed.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from filters.errors import DeliveryError, DetectionError, DetectorTimeout, InferenceError, PoisonRecord
from streams.acks import AckLedger, Delivery
from streams.attempts import GIVE_UP_AT, AttemptLog
from streams.isolation import Isolation
from streams.judge import Judgement
from streams.message import RawMessage
from streams.outlet import Judged, Outlet

EXIT_DELIVERY_FAILED = 70
"""EX_SOFTWARE of sysexits.h; an orchestrator restarts the process and the input is replayed."""
_POLICY_POLL_SECONDS = 0.1
_JUDGE_SHARE = 0.8
"""Of the time that the gate waits, what the judge is told: it stops by itself, so that few threads are left behind."""


@dataclass(frozen=True, slots=True)
class GateLimits:
    """How much the gate takes on. Seconds and bytes; `in_flight` batches are judged at a time.

    `queue_bytes` bounds what is taken in and not yet acknowledged, one record more at most. One hanging record leaves a
    thread behind for each bisection, about seven; at `stuck_threads` the process ends.
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
        attempts: counts, beyond this process, the judgings that never ended.
        isolation: a record that is tried again is judged alone in the whole process.
    """

    outlet: Outlet
    attempts: AttemptLog
    isolation: Isolation


@dataclass(frozen=True, slots=True)
class _Taken:
    """A delivery, and its record with the number of this attempt."""

    delivery: Delivery
    raw: RawMessage

    @property
    def suspect(self) -> bool:
        """Whether a process ended while it judged this record."""
        return self.raw.attempts > 1


class BatchJudge(Protocol):
    """Judges raw messages in a worker thread."""

    def judge(self, raws: Sequence[RawMessage], deadline: float) -> list[Judgement]:
        """One judgement a message, in order; `deadline` in `time.monotonic` seconds; may raise anything."""

    def failed(self, raw: RawMessage, error: DetectionError) -> Judgement:
        """The judgement of a message that could not be judged; must not raise."""


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
        self._judge = judge
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
        self._threads = ThreadPoolExecutor(limits.stuck_threads + limits.in_flight, thread_name_prefix="judge")
        self._stuck = 0
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
        raw = replace(delivery.raw, attempts=earlier + 1) if earlier else delivery.raw
        self._queue.put_nowait(_Taken(delivery, raw))

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
        return self._stuck > 0

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
        raws = [taken.raw for taken in batch]
        judgements = await self._judged(raws)
        judged = [(taken.delivery, judgement) for taken, judgement in zip(batch, judgements, strict=True)]
        await self._send(raws, judged, previous)
        now = time.time()
        for taken, judgement in zip(batch, judgements, strict=True):
            stamp = taken.raw.timestamp_ms
            self._observer.delivered(judgement, max(0.0, now - stamp / 1000) if stamp is not None else 0.0)
            self._ledger.close(taken.delivery)
        self._progress = time.monotonic()
        released.set_result(None)
        self._slots.release()
        self._give_back(sum(raw.size for raw in raws))

    async def _send(self, raws: Sequence[RawMessage], judged: Sequence[Judged], previous: asyncio.Future[None]) -> None:
        """Write; content only when it is durable that the judging has ended: what is given up was never released."""
        seconds = self._limits.deliver_seconds
        if raws[0].attempts > 1:
            await self._attempts.survived(raws)  # nor may a verdict be written that another attempt would contradict
            await self._outlet.send(judged, previous, seconds)
            return
        ready = asyncio.gather(asyncio.shield(previous), self._attempts.survived(raws))
        try:
            await self._outlet.send(judged, ready, seconds)
        finally:
            ready.cancel()

    async def _judged(self, raws: Sequence[RawMessage]) -> list[Judgement]:
        attempt = raws[0].attempts
        # noted inside: a record that waits for its turn has nothing to do with a death meanwhile
        async with self._isolation.together() if attempt == 1 else self._isolation.alone():
            await self._attempts.begin(raws)
            if attempt < GIVE_UP_AT:
                return await self._judge_within(raws, time.monotonic() + self._limits.judge_seconds)
            ends = f"the process ended {attempt - 1} times while it judged this record"
            return [self._judge.failed(raw, PoisonRecord(ends)) for raw in raws]

    def _give_back(self, size: int) -> None:
        self._taken_bytes -= size
        self._room.set()

    async def _judge_within(self, raws: Sequence[RawMessage], deadline: float) -> list[Judgement]:
        """Judge; on an error or a hang, bisect until the record that causes it stands alone."""
        remaining = deadline - time.monotonic()
        budget = remaining if len(raws) == 1 else remaining / 2
        try:
            return await self._in_thread(raws, budget)
        except DetectionError as error:
            if len(raws) == 1 or time.monotonic() >= deadline:
                return [self._judge.failed(raw, error) for raw in raws]
        middle = len(raws) // 2
        halves = (self._judge_within(part, deadline) for part in (raws[:middle], raws[middle:]))
        first, second = await asyncio.gather(*halves)
        return first + second

    async def _in_thread(self, raws: Sequence[RawMessage], budget: float) -> list[Judgement]:
        if budget <= 0:
            raise DetectorTimeout("the batch deadline passed before the judging began")
        deadline = time.monotonic() + budget * _JUDGE_SHARE
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._judge.judge, raws, deadline)
        try:
            # shielded: a hung thread cannot be cancelled, it is left behind and counted
            judgements = await asyncio.wait_for(asyncio.shield(work), budget)
        except TimeoutError:
            self._leave_behind(work)
            raise DetectorTimeout("the judging did not end before the deadline") from None
        except Exception as error:  # noqa: BLE001  whatever the judge raises, its records are isolated and rejected
            raise InferenceError(f"the judging raised {type(error).__name__}", reason="judge_raised") from None
        if len(judgements) != len(raws):
            raise InferenceError(f"{len(judgements)} judgements for {len(raws)} records", reason="wrong_count")
        return judgements

    def _leave_behind(self, work: asyncio.Future[list[Judgement]]) -> None:
        self._stuck += 1
        if self._stuck >= self._limits.stuck_threads:
            self._on_fatal(DeliveryError(f"{self._stuck} judging threads hang", reason="threads_exhausted"))

        def came_back(done: asyncio.Future[list[Judgement]]) -> None:
            self._stuck -= 1
            done.exception()  # seen, so that asyncio does not print it: its text may hold content

        work.add_done_callback(came_back)
