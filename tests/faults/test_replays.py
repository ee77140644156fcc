"""A worker dies behind its releases, and its successor has no time, or no memory, when it judges them again."""

import random
import signal

import pytest

from tests.faults.conftest import Record
from tests.faults.processes import ONE_BROKER, QUICK, SLOW_SECONDS, prompt_load
from tests.faults.rows import Row
from tests.support.house import House
from tests.support.instrumented import Faults, Step
from tests.support.mutants import FORGETS_ENDINGS
from tests.support.oracle import Report

PROMPTS = 400
FAILING_CALLS = 31
"""What the bisection of one batch of sixteen takes until every record of it has failed alone."""
LATE = range(18, 23)
"""Of 25 batches: every partition has a batch of released records at its beginning then."""
SLOW_COMMITS = {**QUICK, "KAFKA__COMMIT_INTERVAL_SECONDS": "5"}
"""So that what the first worker has released is not committed when it dies."""


def run(house: House, nth: int, mutant: str | None = None) -> tuple[Report, tuple[int, int]]:
    """A worker that is killed behind its n-th release, then one whose judging fails at first."""
    inputs = prompt_load(house, PROMPTS)
    oracle = house.oracle()
    killed = Faults(Step.BEFORE_ACK, nth, SLOW_SECONDS, streams=("prompts",))
    failing = Faults(failing_calls=FAILING_CALLS, mutant=mutant, streams=("prompts",))
    first = house.worker(command=killed.command, settings=SLOW_COMMITS).wait(45)
    successor = house.worker(command=failing.command, settings=SLOW_COMMITS)
    assert oracle.settled(inputs, timeout=45)
    return oracle.report(inputs), (first, successor.terminate())


@pytest.mark.timeout(120)
def test_what_was_released_is_not_rejected_by_a_replay_that_fails_at_first(
    faults_house: House, rng: random.Random, seed: int, record: Record
):
    report, exits = run(faults_house, rng.choice(LATE))
    record(Row.of(report, "replay whose judging fails at first", ONE_BROKER, exits[:1], seed))
    assert exits == (-signal.SIGKILL, 0)
    assert report.duplicates > 0, "nothing was judged again"
    assert report.problems.keys() <= {"late", "misjudged"}, "only what nobody had judged before may be rejected for it"


@pytest.mark.timeout(120)
def test_a_worker_that_forgets_how_judgings_ended_rejects_what_it_released(
    faults_house: House, rng: random.Random, seed: int, record: Record
):
    report, exits = run(faults_house, rng.choice(LATE), FORGETS_ENDINGS)
    record(Row.of(report, f"mutant: {FORGETS_ENDINGS}", ONE_BROKER, exits[:1], seed))
    assert "doubtful" in report.problems
