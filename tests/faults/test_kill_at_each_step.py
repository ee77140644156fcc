"""`kill -9` at each step of a record's way: the next worker finishes what was begun, and nothing is lost."""

import random
import signal
from collections import defaultdict

import pytest

from tests.faults.conftest import Record
from tests.faults.processes import (
    BATCH_RECORDS,
    COMMIT_SECONDS,
    ONE_BROKER,
    SLOW_SECONDS,
    kill_and_take_over,
    prompt_load,
)
from tests.faults.rows import Row
from tests.support.house import House
from tests.support.instrumented import Faults, Step

PROMPTS = 400
IN_FLIGHT = 2 * BATCH_RECORDS
COMMIT_WINDOW = round(5 * COMMIT_SECONDS * 2 / SLOW_SECONDS)
"""Records: what two threads judge in five commit intervals, since a commit can come late on a busy machine."""

SLOW_WRITES = defaultdict(float, {Step.AFTER_COMMIT: 0.1})
"""Seconds: a worker that acknowledges too early is caught by this (`test_mutants`)."""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("step", Step)
def test_a_worker_that_is_killed_there_loses_nothing(
    step: Step, faults_house: House, rng: random.Random, seed: int, record: Record
):
    """What it had committed was out; what it had not is written again under the same ids, and no more than that."""
    inputs = prompt_load(faults_house, PROMPTS)
    faults = Faults(step, rng.randint(2, 4), SLOW_SECONDS, SLOW_WRITES[step], streams=("prompts",))
    outcome = kill_and_take_over(faults_house, faults, inputs)
    report = outcome.report
    record(Row.of(report, f"kill -9 {step.value.replace('_', ' ')}", ONE_BROKER, outcome.exits[:1], seed))
    assert outcome.exits == (-signal.SIGKILL, 0)
    assert outcome.finished < PROMPTS, "the worker was through before it was killed"
    assert (outcome.unaudited, outcome.too_far) == (0, 0)
    assert outcome.settled
    assert report.problems == {}
    assert report.duplicates <= outcome.repeated <= 2 * (IN_FLIGHT + COMMIT_WINDOW)
