"""Veilstream's worker with faults built in through its seams: `python -m tests.support.instrumented JSON`.

The JSON is `Faults`. Nothing of the worker is rewritten: judges, emitter, detectors and commits are wrapped, and what
is wrapped behaves as before until the fault comes.
"""

import asyncio
import functools
import json
import os
import resource
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from aiokafka import AIOKafkaConsumer

from filters.errors import VeilstreamError
from filters.records import ContentKind
from streams import app as build
from streams import worker as workers
from streams.emit import Deliverer, KafkaEmitter, OutputRecord
from streams.judge import Judge, Judgement
from streams.log import configure_logging
from streams.message import RawMessage
from streams.outlet import Outlet
from streams.settings import Settings, load_settings
from streams.topics import TopicNames
from tests.support import mutants
from tests.support.faulty_detectors import with_faults


class Step(StrEnum):
    """Where a worker can be killed, in the order of a record's way."""

    BEFORE_JUDGING = "before_judging"
    AFTER_JUDGING = "after_judging"
    BEFORE_CONTENT = "before_content"
    BEFORE_ACK = "before_ack"
    BEFORE_COMMIT = "before_commit"
    AFTER_COMMIT = "after_commit"


@dataclass(frozen=True, slots=True)
class Faults:
    """What is to go wrong in one worker.

    `kill_at` the `kill_nth` time, the process ends as by `kill -9`. `slow_seconds` is what a detector takes for each
    record, `deliver_delay_seconds` what each round of writing takes on top. The first `failing_calls` of the judge
    raise, as where there is no time or no memory for a while. `mutant` names one of `mutants`.
    Marked records make the detectors misbehave (`faulty_detectors`) in every case. `allocatable_bytes` limits the
    address space beyond what the loaded worker has. With `hostile_codecs`, marked files make a codec misbehave.
    """

    kill_at: Step | None = None
    kill_nth: int = 1
    slow_seconds: float = 0.0
    deliver_delay_seconds: float = 0.0
    failing_calls: int = 0
    allocatable_bytes: int | None = None
    mutant: str | None = None
    streams: tuple[str, ...] = ("prompts", "images")
    hostile_codecs: bool = False

    @property
    def command(self) -> tuple[str, ...]:
        """What starts a worker with them."""
        return (sys.executable, "-m", "tests.support.instrumented", json.dumps(asdict(self)))


class Executioner:
    """Kills this process when it comes by a step for the n-th time."""

    def __init__(self, step: Step | None, nth: int) -> None:
        self._step = step
        self._nth = nth
        self._passed: Counter[Step] = Counter()

    def passing(self, step: Step) -> None:
        """The worker is at `step`; does not return when its time has come."""
        self._passed[step] += 1
        if step is self._step and self._passed[step] >= self._nth:
            os.kill(os.getpid(), signal.SIGKILL)


class WatchedJudge:
    """`BatchJudge` that passes by the executioner, and raises so many times first."""

    def __init__(self, judge: Judge, executioner: Executioner, failing_calls: int) -> None:
        self._judge = judge
        self._executioner = executioner
        self._failures = iter(range(failing_calls))

    def judge(self, raws: Sequence[RawMessage], deadline: float) -> list[Judgement]:
        self._executioner.passing(Step.BEFORE_JUDGING)
        if next(self._failures, None) is not None:
            raise MemoryError
        return self._judge.judge(raws, deadline)

    def failed(self, raw: RawMessage, error: VeilstreamError) -> Judgement:
        return self._judge.failed(raw, error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._judge, name)


class WatchedOutlet:
    """`Outlet` that passes by the executioner when a batch is durable and not yet acknowledged."""

    def __init__(self, outlet: Outlet, executioner: Executioner) -> None:
        self._outlet = outlet
        self._executioner = executioner

    async def send(self, *arguments: Any) -> None:
        await self._outlet.send(*arguments)
        self._executioner.passing(Step.BEFORE_ACK)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outlet, name)


def install(faults: Faults, topics: TopicNames) -> None:
    """Put the faults between the worker's parts, in this process."""
    executioner = Executioner(faults.kill_at, faults.kill_nth)
    _wrap_judges(faults, executioner)
    _wrap_detectors(faults)
    _wrap_outlet(faults, executioner)
    _wrap_emitter(faults, executioner, topics)
    _wrap_commits(executioner)
    if faults.mutant == mutants.WRITES_AFTER_A_STOP:
        workers.watch_for_suspension = lambda *_: asyncio.sleep(0)
    if faults.hostile_codecs:
        build.IsolatedReader = functools.partial(build.IsolatedReader, module="tests.support.hostile_codecs")
    if faults.mutant == mutants.FORGETS_ENDINGS:
        build.TopicAttempts = mutants.ForgetfulAttempts


def _wrap_judges(faults: Faults, executioner: Executioner) -> None:
    original = build.build_judge
    build.build_judge = lambda *given: WatchedJudge(original(*given), executioner, faults.failing_calls)


def _wrap_detectors(faults: Faults) -> None:
    original = build.build_media

    def media(*given: Any) -> Any:
        built = with_faults(original(*given), faults.slow_seconds)
        if faults.allocatable_bytes is not None:
            _limit_address_space(faults.allocatable_bytes)
        return built

    build.build_media = media
    if faults.mutant == mutants.PASSES_ON_ERROR:
        workers.FilterPipeline = mutants.PassingPipeline


def _wrap_outlet(faults: Faults, executioner: Executioner) -> None:
    original, mutant = build.build_outlet, mutants.OUTLETS.get(faults.mutant or "")

    async def outlet(settings: Settings, deliverer: Deliverer) -> WatchedOutlet:
        built = mutant(deliverer) if mutant else await original(settings, deliverer)
        return WatchedOutlet(built, executioner)

    build.build_outlet = outlet


def _wrap_emitter(faults: Faults, executioner: Executioner, topics: TopicNames) -> None:
    class WatchedEmitter(KafkaEmitter):
        async def deliver(self, records: Sequence[OutputRecord], timeout: float) -> None:
            await asyncio.sleep(faults.deliver_delay_seconds)
            if records and records[0].topic != topics.attempts:
                executioner.passing(Step.AFTER_JUDGING if records[0].topic == topics.verdicts else Step.BEFORE_CONTENT)
            await super().deliver(records, timeout)

    workers.KafkaEmitter = WatchedEmitter


def _wrap_commits(executioner: Executioner) -> None:
    original = AIOKafkaConsumer.commit

    async def commit(self: AIOKafkaConsumer, offsets: Any = None) -> None:
        executioner.passing(Step.BEFORE_COMMIT)
        await original(self, offsets)
        executioner.passing(Step.AFTER_COMMIT)

    AIOKafkaConsumer.commit = commit


def _limit_address_space(beyond: int) -> None:
    with open("/proc/self/statm") as sizes:  # noqa: PTH123
        now = int(sizes.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + beyond, resource.RLIM_INFINITY))


def read_faults(text: str) -> Faults:
    """The reverse of `Faults.command`."""
    given = json.loads(text)
    step = Step(given.pop("kill_at")) if given.get("kill_at") else None
    streams = tuple(given.pop("streams"))
    return Faults(**{"kill_at": None} | given | {"kill_at": step, "streams": streams})


def main() -> None:
    """Run the worker with the faults of the first argument."""
    faults = read_faults(sys.argv[1])
    settings = load_settings()
    configure_logging(settings.log.level)
    install(faults, settings.topics)
    kinds = [ContentKind(stream.removesuffix("s")) for stream in faults.streams]
    asyncio.run(workers.Worker(settings, kinds).run())


if __name__ == "__main__":
    main()
