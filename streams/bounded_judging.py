"""Judging in threads, within a deadline: what raises or hangs is bisected until the record at fault stands alone."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from filters.errors import DeliveryError, DetectionError, DetectorTimeout, InferenceError, VeilstreamError
from streams.judge import Judgement
from streams.message import RawMessage

_JUDGE_SHARE = 0.8
"""Of the time that is waited, what the judge is told: it stops by itself, so that few threads are left behind."""


class BatchJudge(Protocol):
    """Judges raw messages in a worker thread."""

    def judge(self, raws: Sequence[RawMessage], deadline: float) -> list[Judgement]:
        """One judgement a message, in order; `deadline` in `time.monotonic` seconds; may raise anything."""

    def failed(self, raw: RawMessage, error: VeilstreamError) -> Judgement:
        """The judgement of a message that could not be judged; must not raise."""


class BoundedJudging:
    """Runs a `BatchJudge` so that no batch takes longer than it may, and no record spoils another.

    One hanging record leaves a thread behind for each bisection, about seven.

    Args:
        judge: runs in a pool of its own.
        seconds: for a batch.
        in_flight: batches at a time.
        stuck_threads: at so many left behind, `on_fatal` is called.
        on_fatal: must end the process.
    """

    def __init__(
        self,
        judge: BatchJudge,
        seconds: float,
        in_flight: int,
        stuck_threads: int,
        on_fatal: Callable[[DeliveryError], None],
    ) -> None:
        self._judge = judge
        self._seconds = seconds
        self._most_stuck = stuck_threads
        self._on_fatal = on_fatal
        self._threads = ThreadPoolExecutor(stuck_threads + in_flight, thread_name_prefix="judge")
        self._stuck = 0

    @property
    def stuck(self) -> int:
        """Threads left behind that still hang."""
        return self._stuck

    def failed(self, raw: RawMessage, error: VeilstreamError) -> Judgement:
        """The judgement of a message that is not judged."""
        return self._judge.failed(raw, error)

    async def judge(self, raws: Sequence[RawMessage]) -> list[Judgement]:
        """One judgement a message, in order; raises nothing."""
        return await self._within(raws, time.monotonic() + self._seconds)

    async def _within(self, raws: Sequence[RawMessage], deadline: float) -> list[Judgement]:
        remaining = deadline - time.monotonic()
        budget = remaining if len(raws) == 1 else remaining / 2
        try:
            return await self._in_thread(raws, budget)
        except DetectionError as error:
            if len(raws) == 1 or time.monotonic() >= deadline:
                return [self._judge.failed(raw, error) for raw in raws]
        middle = len(raws) // 2
        halves = (self._within(part, deadline) for part in (raws[:middle], raws[middle:]))
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
        if self._stuck >= self._most_stuck:
            self._on_fatal(DeliveryError(f"{self._stuck} judging threads hang", reason="threads_exhausted"))

        def came_back(done: asyncio.Future[list[Judgement]]) -> None:
            self._stuck -= 1
            done.exception()  # seen, so that asyncio does not print it: its text may hold content

        work.add_done_callback(came_back)
