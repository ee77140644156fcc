"""How every row runs: a supervised worker under a steady load, a second reader beside it, the oracle at the end."""

import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import MappingProxyType

import pytest

from streams.gate import EXIT_DELIVERY_FAILED
from tests.faults.rows import Row
from tests.support.house import House
from tests.support.kafka_io import committed_offsets
from tests.support.material import prompt_cases
from tests.support.oracle import Input, Report
from tests.support.second_reader import SecondReader
from tests.support.steady_load import SteadyLoad
from tests.support.supervisor import Supervisor
from tests.support.tenants import POLICIES
from tests.support.worker import WorkerProcess

SETTLE_SECONDS = 60.0
COMMIT_SECONDS = 30.0
FREQUENT: Mapping[str, str] = MappingProxyType({"KAFKA__COMMIT_INTERVAL_SECONDS": "0.1"})
"""Commits that come often come at bad moments."""
DELIVERY_FAILED = EXIT_DELIVERY_FAILED
Guarantee = Mapping[str, str]
"""The settings of one."""
EXACTLY_ONCE: Guarantee = MappingProxyType({"DELIVERY__GUARANTEE": "exactly_once", "DELIVERY__DELIVER_SECONDS": "8"})
AT_LEAST_ONCE: Guarantee = MappingProxyType({})
BOTH_GUARANTEES = pytest.mark.parametrize(
    "guarantee", [AT_LEAST_ONCE, EXACTLY_ONCE], ids=["at_least_once", "exactly_once"]
)
NEVER: Collection[int] = frozenset()
"""For faults that a worker survives."""


def started(house: House, settings: Mapping[str, str] = MappingProxyType({})) -> WorkerProcess:
    """A worker for prompts that commits often."""
    return house.worker("--streams", "prompts", settings=dict(FREQUENT) | dict(settings))


def prompt_group(house: House) -> str:
    """The consumer group that reads prompts."""
    return f"{house.group}-prompts"


def committed(house: House) -> dict[tuple[str, int], int]:
    """What the prompts' group has committed, by topic and partition."""
    return committed_offsets(house.bootstrap, prompt_group(house), [house.topics.prompts])


def first_unread(inputs: Sequence[Input]) -> dict[tuple[str, int], int]:
    """The offset after the last input, by topic and partition: where a group that has done all of them stands."""
    ends: dict[tuple[str, int], int] = {}
    for given in inputs:
        topic, partition, offset = given.place
        ends[topic, partition] = max(ends.get((topic, partition), 0), offset + 1)
    return ends


def wait_committed(house: House, inputs: Sequence[Input], timeout: float = COMMIT_SECONDS) -> dict[str, tuple]:
    """Wait until every input is committed; partitions that are not where they should be, with both offsets."""
    wanted = first_unread(inputs)
    deadline = time.monotonic() + timeout
    while True:
        now = committed(house)
        wrong = {
            f"{topic}:{number}": (now.get((topic, number)), end)
            for (topic, number), end in wanted.items()
            if now.get((topic, number), 0) < end
        }
        if not wrong or time.monotonic() > deadline:
            return wrong
        time.sleep(0.1)


def wait_for(condition: Callable[[], bool], what: str, timeout: float = 20.0) -> None:
    """Wait until something comes about.

    Raises:
        TimeoutError: it does not.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(0.1)


@dataclass(frozen=True)
class Judged:
    """What became of a trial. `once`: under `exactly_once`."""

    once: bool
    report: Report
    exits: tuple[int, ...]
    last_exit: int
    settled: bool
    uncommitted: Mapping[str, tuple]
    findings: Sequence[str]
    rounds: int

    def row(self, fault: str, broker: str, seed: int) -> Row:
        name = f"exactly once: {fault}" if self.once else fault
        return Row.of(self.report, name, broker, self.exits, seed)

    def holds(self, exits: Collection[int] = frozenset({DELIVERY_FAILED})) -> None:
        """Assert every promise; workers may have ended with these codes only."""
        assert self.report.problems == {}
        assert not self.once or self.report.duplicates == 0
        assert self.findings == []
        assert self.rounds > 0, "the second reader saw nothing"
        assert self.settled
        assert self.uncommitted == {}
        assert set(self.exits) <= set(exits)
        assert self.last_exit == 0


@dataclass(frozen=True)
class Trial:
    """A worker, started again when it ends, and those who watch it."""

    house: House
    supervisor: Supervisor
    reader: SecondReader
    once: bool

    def judge(self, inputs: Sequence[Input], timeout: float = SETTLE_SECONDS) -> Judged:
        """Wait until all is out and committed, stop the worker in order, and ask the oracle."""
        oracle = self.house.oracle()
        settled = oracle.settled(inputs, timeout)
        uncommitted = wait_committed(self.house, inputs)
        self.supervisor.worker.wait_ready()
        last_exit = self.supervisor.stop()
        self.reader.stop()
        return Judged(
            once=self.once,
            report=oracle.report(inputs),
            exits=tuple(self.supervisor.exits),
            last_exit=last_exit,
            settled=settled,
            uncommitted=uncommitted,
            findings=self.reader.findings,
            rounds=self.reader.rounds,
        )


@contextmanager
def trial(
    house: House,
    written: Callable[[], Sequence[Input]],
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Trial]:
    """A worker that is ready, supervised, with a second reader; all end with the block."""
    with ExitStack() as stack:
        supervisor = stack.enter_context(Supervisor(lambda: started(house, settings)))
        supervisor.worker.wait_ready()
        once = "DELIVERY__GUARANTEE" in settings
        reader = SecondReader(house.bootstrap, house.topics, prompt_group(house), written, transactions=once)
        yield Trial(house, supervisor, stack.enter_context(reader), once)


@contextmanager
def loaded_trial(
    house: House,
    rng: random.Random,
    settings: Mapping[str, str] = MappingProxyType({}),
    prompts: int = 400,
    per_second: float = 50,
) -> Iterator[tuple[Trial, SteadyLoad]]:
    """A trial under a steady load of prompts of all tenants."""
    cases = prompt_cases(prompts, seed=rng.randrange(10**6), tenants=tuple(POLICIES))
    load = SteadyLoad(house.bootstrap, house.topics, cases, per_second)
    with trial(house, lambda: load.written, settings) as running, load:
        yield running, load
