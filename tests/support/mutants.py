"""Workers with one mistake each. The matrix must catch every one of them, or it proves nothing.

The stock Faust agent, the fourth, is a program of its own: `tests.support.stock_worker`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from filters.errors import InferenceError
from filters.findings import Finding
from filters.pipeline import AnyMedium, FilterPipeline
from filters.protocols import Detector
from streams.attempts import History
from streams.attempts_topic import TopicAttempts
from streams.emit import Deliverer
from streams.message import RawMessage
from streams.outlet import AtLeastOnceOutlet, Judged, Outlet

ACKS_BEFORE_PRODUCE = "acks_before_produce"
CONTENT_BEFORE_VERDICT = "content_before_verdict"
PASSES_ON_ERROR = "passes_on_error"
WRITES_AFTER_A_STOP = "writes_after_a_stop"
"""It does not notice that it was stopped beyond its session."""
FORGETS_ENDINGS = "forgets_endings"
"""A replay knows nothing of how the judging before it ended."""


class HastyAckOutlet(AtLeastOnceOutlet):
    """Says that a batch is durable when it has only begun to write it."""

    def __init__(self, deliverer: Deliverer) -> None:
        super().__init__(deliverer)
        self._writing: set[asyncio.Task[None]] = set()

    async def send(self, batch: Sequence[Judged], previous: Awaitable[None], seconds: float) -> None:
        task = asyncio.create_task(super().send(batch, previous, seconds))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)


class ContentFirstOutlet(AtLeastOnceOutlet):
    """Releases, and files the verdict afterwards."""

    async def send(self, batch: Sequence[Judged], previous: Awaitable[None], seconds: float) -> None:
        await previous
        outputs = [output for _, judgement in batch for output in judgement.outputs]
        await self._deliverer.deliver(outputs, seconds)
        await self._deliverer.deliver([judgement.audit for _, judgement in batch], seconds)


class ForgetfulAttempts(TopicAttempts):
    """Counts what was begun, and remembers no answer."""

    async def earlier(self, raw: RawMessage, generation: int) -> History:
        return replace(await super().earlier(raw, generation), ending=None)


class PassingPipeline(FilterPipeline):
    """Takes a detector that fails for one that finds nothing: `on_error: pass`, which policies cannot say."""

    def _answers(self, detector: Detector, cases: Sequence[object], medium: AnyMedium) -> list[Sequence[Finding]]:
        try:
            return super()._answers(detector, cases, medium)
        except InferenceError:
            return [() for _ in cases]


OUTLETS: Mapping[str, Callable[..., Outlet]] = {
    ACKS_BEFORE_PRODUCE: HastyAckOutlet,
    CONTENT_BEFORE_VERDICT: ContentFirstOutlet,
}
