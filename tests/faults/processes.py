"""What the rows about processes have in common: a load, quick settings, and where a group stands."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from filters.records import ContentKind
from tests.support.house import House
from tests.support.instrumented import Faults
from tests.support.kafka_io import committed_offsets
from tests.support.material import Case, prompt_cases
from tests.support.oracle import Input, Oracle, Report, committed_too_far, send
from tests.support.tenants import POLICIES

BATCH_RECORDS = 16
COMMIT_SECONDS = 0.1
SLOW_SECONDS = 0.004
"""A detector that takes this long for a record keeps a worker busy long enough to be struck."""
QUICK: Mapping[str, str] = MappingProxyType(
    {
        "KAFKA__COMMIT_INTERVAL_SECONDS": str(COMMIT_SECONDS),
        "PROMPTS__BATCH_RECORDS": str(BATCH_RECORDS),
        "PROMPTS__QUEUE_RECORDS": str(2 * BATCH_RECORDS),
    }
)
"""Small batches and frequent commits, so that a few hundred records are many of each."""
PLAIN = ("--streams", "prompts")
ONE_BROKER = "Kafka, one"
TENANTS = tuple(POLICIES)


def prompt_load(house: House, count: int, *marked: Case, seed: int = 1) -> list[Input]:
    """Prompts of all tenants, sent, with the marked ones spread among them."""
    cases = prompt_cases(count, seed=seed, tenants=TENANTS)
    for place, case in enumerate(marked, 1):
        cases.insert(place * len(cases) // (len(marked) + 1), case)
    return send(house.bootstrap, house.topics, cases)


def group_of(house: House, kind: ContentKind = ContentKind.PROMPT) -> str:
    """The consumer group of a stream."""
    return f"{house.group}-{kind.value}s"


def committed(house: House) -> dict[tuple[str, int], int]:
    """What the prompts' group has committed."""
    return committed_offsets(house.bootstrap, group_of(house), [house.topics.prompts])


def wait_until_done(oracle: Oracle, count: int, timeout: float = 40.0) -> None:
    """Wait until the outputs of `count` inputs are there."""
    deadline = time.monotonic() + timeout
    while (done := oracle.count_done()) < count:
        assert time.monotonic() < deadline, f"only {done} of {count} inputs done in {timeout} s"


@dataclass(frozen=True, slots=True)
class KillOutcome:
    """What a worker left that was killed, and what its successor made of it.

    `finished` of the inputs had all outputs when it died, `unaudited` were released without a verdict, `too_far` were
    committed without their outputs, and `repeated` outputs were not committed yet. `exits` are both exit codes.
    """

    report: Report
    settled: bool
    finished: int
    unaudited: int
    too_far: int
    repeated: int
    exits: tuple[int, int]


def kill_and_take_over(house: House, faults: Faults, inputs: list[Input], within: float = 45.0) -> KillOutcome:
    """Run a worker until its faults kill it, then a plain one until all is out."""
    oracle = house.oracle()
    killed = house.worker(command=faults.command, settings=QUICK).wait(45)
    done, safe = oracle.done(), committed(house)
    unaudited, repeated = oracle.unaudited(inputs), oracle.outputs_beyond(inputs, safe)
    successor = house.worker(*PLAIN, settings=QUICK)
    settled = oracle.settled(inputs, timeout=within)
    exits = (killed, successor.terminate())
    too_far = committed_too_far(inputs, done, safe)
    report = oracle.report(inputs)
    return KillOutcome(report, settled, len(done), len(unaudited), len(too_far), repeated, exits)
