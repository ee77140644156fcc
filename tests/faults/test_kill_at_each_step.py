"""`kill -9` at each step of a record's way: the next worker finishes what was begun, and nothing is lost."""

import random
import signal

import pytest

from tests.faults.conftest import Record
from tests.faults.processes import (
    BATCH_RECORDS,
    COMMIT_SECONDS,
    ONE_BROKER,
    PLAIN,
    QUICK,
    SLOW_SECONDS,
    committed,
    prompt_load,
)
from tests.faults.rows import Row
from tests.support.house import House
from tests.support.instrumented import Faults, Step
from tests.support.oracle import committed_too_far

PROMPTS = 400
IN_FLIGHT = 2 * BATCH_RECORDS
COMMIT_WINDOW = round(5 * COMMIT_SECONDS * 2 / SLOW_SECONDS)
"""Records: what two threads judge in five commit intervals, since a commit can come late on a busy machine."""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("step", Step)
def test_a_worker_that_is_killed_there_loses_nothing(
    step: Step, faults_house: House, rng: random.Random, seed: int, record: Record
):
    """What it had committed was out; what it had not is written again under the same ids, and no more than that."""
    house = faults_house
    inputs = prompt_load(house, PROMPTS)
    oracle = house.oracle()
    faults = Faults(kill_at=step, kill_nth=rng.randint(2, 5), slow_seconds=SLOW_SECONDS, streams=("prompts",))
    killed = house.worker(command=faults.command, settings=QUICK).wait(45)
    assert killed == -signal.SIGKILL
    done, safe = oracle.done(), committed(house)
    early = oracle.unaudited(inputs)
    repeated = oracle.outputs_beyond(inputs, safe)
    successor = house.worker(*PLAIN, settings=QUICK)
    settled = oracle.settled(inputs, timeout=45)
    exit_code = successor.terminate()
    report = oracle.report(inputs)
    record(Row.of(report, f"kill -9 {step.value.replace('_', ' ')}", ONE_BROKER, [killed], seed))
    assert len(done) < len(inputs), "the worker was through before it was killed"
    assert early == []
    assert committed_too_far(inputs, done, safe) == []
    assert settled
    assert exit_code == 0
    assert report.problems == {}
    assert report.duplicates <= repeated <= 2 * (IN_FLIGHT + COMMIT_WINDOW)
