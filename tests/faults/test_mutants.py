"""Workers with one mistake each fail the rows that ours passes. The stock agent: `tests/integration/test_mutant.py`.

One more stands beside its row, in `test_signals`. A mutant that the oracle lets through would mean that the rows prove
nothing.
"""

import random

import pytest

from tests.faults.conftest import Record
from tests.faults.processes import ONE_BROKER, QUICK, SLOW_SECONDS, kill_and_take_over, prompt_load
from tests.faults.rows import Row
from tests.faults.test_kill_at_each_step import SLOW_WRITES
from tests.support.faulty_detectors import ALLOCATED_BYTES, HARMLESS, faulty_prompt
from tests.support.house import House
from tests.support.instrumented import Faults, Step
from tests.support.mutants import ACKS_BEFORE_PRODUCE, CONTENT_BEFORE_VERDICT, PASSES_ON_ERROR

PROMPTS = 400
GIVE_UP_SECONDS = 12.0
"""After this, what a dead worker has committed without writing it is taken for lost."""


@pytest.mark.timeout(120)
def test_acknowledging_before_producing_loses_records(
    faults_house: House, rng: random.Random, seed: int, record: Record
):
    """Killed right after a commit. Ours: `test_kill_at_each_step`."""
    inputs = prompt_load(faults_house, PROMPTS)
    faults = Faults(
        kill_at=Step.AFTER_COMMIT,
        kill_nth=rng.randint(2, 4),
        slow_seconds=SLOW_SECONDS,
        deliver_delay_seconds=SLOW_WRITES[Step.AFTER_COMMIT],
        mutant=ACKS_BEFORE_PRODUCE,
        streams=("prompts",),
    )
    outcome = kill_and_take_over(faults_house, faults, inputs, GIVE_UP_SECONDS)
    record(Row.of(outcome.report, f"mutant: {ACKS_BEFORE_PRODUCE}", ONE_BROKER, outcome.exits[:1], seed))
    assert outcome.too_far > 0
    assert "lost" in outcome.report.problems


@pytest.mark.timeout(120)
def test_writing_content_before_verdicts_is_hasty(faults_house: House, rng: random.Random, seed: int, record: Record):
    """Killed between the two, it leaves releases that nothing accounts for. Ours: `test_kill_at_each_step`."""
    inputs = prompt_load(faults_house, PROMPTS)
    faults = Faults(
        kill_at=Step.AFTER_JUDGING,
        kill_nth=rng.randint(2, 5),
        slow_seconds=SLOW_SECONDS,
        mutant=CONTENT_BEFORE_VERDICT,
        streams=("prompts",),
    )
    outcome = kill_and_take_over(faults_house, faults, inputs)
    record(Row.of(outcome.report, f"mutant: {CONTENT_BEFORE_VERDICT}", ONE_BROKER, outcome.exits[:1], seed))
    assert outcome.unaudited > 0
    assert "hasty" in outcome.report.problems


@pytest.mark.timeout(120)
def test_passing_what_could_not_be_judged_leaks(faults_house: House, seed: int, record: Record):
    """`on_error: pass`, which no policy can say. Ours: `test_detectors`."""
    house = faults_house
    inputs = prompt_load(house, 100, *(faulty_prompt(fault, 0) for fault in HARMLESS))
    oracle = house.oracle()
    faults = Faults(allocatable_bytes=ALLOCATED_BYTES // 4, mutant=PASSES_ON_ERROR, streams=("prompts",))
    worker = house.worker(command=faults.command, settings=QUICK)
    assert oracle.settled(inputs, timeout=45)
    assert worker.terminate() == 0
    report = oracle.report(inputs)
    record(Row.of(report, f"mutant: {PASSES_ON_ERROR}", ONE_BROKER, (), seed))
    assert {"leaking", "misjudged"} <= report.problems.keys()
