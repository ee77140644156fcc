"""Workers that are told to go, stopped beyond their session, or come and go in a storm."""

import random
import signal
import time

import pytest

from tests.faults.conftest import Record
from tests.faults.processes import (
    ONE_BROKER,
    QUICK,
    SLOW_SECONDS,
    TENANTS,
    committed,
    group_of,
    prompt_load,
    wait_until_done,
)
from tests.faults.rows import Row
from tests.support.house import PARTITIONS, House
from tests.support.instrumented import Faults
from tests.support.kafka_io import end_offsets
from tests.support.material import image_cases, interleaved, prompt_cases
from tests.support.mutants import WRITES_AFTER_A_STOP
from tests.support.oracle import Input, committed_too_far, send
from tests.support.watch import CommitWatch, all_committed
from tests.support.worker import SESSION_SECONDS, WorkerProcess

DRAIN_SECONDS = 45
JUDGE_SECONDS = SESSION_SECONDS - 1
"""As by default, a stop beyond the session is one beyond the deadline."""
STORM_EVENTS, STORM_PROMPTS = 6, 150
AFTER_STORM_SECONDS = 60
"""To drain what is left of the records: a rebalance for each worker that was killed last, and some seconds of work."""


@pytest.mark.timeout(150)
def test_sigterm_under_load_drains_and_exits_0(faults_house: House, face_detector, seed: int, record: Record):
    """What was taken in is finished and committed, so that the next worker repeats nothing."""
    house = faults_house
    cases = interleaved(prompt_cases(600, tenants=TENANTS), image_cases(18, tenants=TENANTS))
    inputs = send(house.bootstrap, house.topics, list(cases))
    oracle = house.oracle(face_detector)
    worker = house.worker().wait_ready()
    wait_until_done(oracle, len(inputs) // 3)
    told = worker.terminate(timeout=DRAIN_SECONDS)
    done, safe = oracle.done(), committed(house)
    successor = house.worker()
    settled = oracle.settled(inputs, timeout=60)
    exit_code = successor.terminate()
    report = oracle.report(inputs)
    record(Row.of(report, "SIGTERM under load", ONE_BROKER, [told], seed))
    assert (told, exit_code) == (0, 0)
    assert len(done) < len(inputs), "the worker was through before it was stopped"
    assert committed_too_far(inputs, done, safe) == []
    assert settled
    assert report.problems == {}
    assert report.given_up == report.duplicates == 0


@pytest.mark.timeout(150)
@pytest.mark.parametrize("mutant", [None, WRITES_AFTER_A_STOP], ids=["ours", "mutant"])
def test_a_worker_stopped_beyond_its_session_takes_nothing_back(
    mutant: str | None, faults_house: House, seed: int, record: Record
):
    """Others have its partitions when it goes on, and every deadline of its own has passed.

    What it commits must not count; it may not reject as timed out what others have released.
    """
    house = faults_house
    oracle = house.oracle()
    settings = {**QUICK, "DELIVERY__JUDGE_SECONDS": str(JUDGE_SECONDS)}
    slow = Faults(slow_seconds=3 * SLOW_SECONDS, mutant=mutant, streams=("prompts",)).command
    with CommitWatch(house.bootstrap, group_of(house), house.topics.prompts, PARTITIONS) as watch:
        workers = [house.worker(command=slow, settings=settings).wait_ready() for _ in range(2)]
        inputs = prompt_load(house, 900)
        wait_until_done(oracle, len(inputs) // 10)
        for worker in workers:
            worker.process.send_signal(signal.SIGSTOP)
        assert len(oracle.done()) < len(inputs), "the workers were through before they were stopped"
        workers.append(house.worker(command=slow, settings=settings))
        time.sleep(SESSION_SECONDS + 2)
        for worker in workers[:2]:
            worker.process.send_signal(signal.SIGCONT)
        settled = oracle.settled(inputs, timeout=60)
        drained = all_committed(watch, end_offsets(house.bootstrap, house.topics.prompts), [house.topics.prompts], 30)
        exits = [worker.terminate() if worker.running else worker.process.returncode for worker in workers]
    report = oracle.report(inputs)
    name = f"mutant: {mutant}" if mutant else "SIGSTOP beyond the session, CONT"
    record(Row.of(report, name, ONE_BROKER, exits, seed))
    if mutant:
        assert "doubtful" in report.problems
        return
    assert settled
    assert drained
    assert watch.looks > 50
    assert watch.steps_back == []
    assert report.problems == {}
    assert exits == [70, 70, 0], "those that were stopped leave it to an orchestrator to start them again"


def storm(
    house: House, rng: random.Random, command: tuple[str, ...], inputs: list[Input]
) -> tuple[list[WorkerProcess], list[int]]:
    """Three workers, of which one after the other is killed, told to go or started, under load; all run at the end.

    Returns:
        The workers, and the exit codes of those that ended, in order.
    """
    workers = [house.worker(command=command, settings=QUICK) for _ in range(3)]
    workers[0].wait_ready()
    exits: list[int] = []
    for event in range(STORM_EVENTS):
        inputs += prompt_load(house, STORM_PROMPTS, seed=event)
        time.sleep(rng.uniform(0.5, 2.0))
        worker = rng.choice(workers)
        if not worker.running:
            worker.start()
        elif rng.random() < 0.5:
            worker.kill()
            exits.append(worker.process.returncode)
        else:
            exits.append(worker.terminate(DRAIN_SECONDS))
    for worker in workers:
        if not worker.running:
            worker.start()
    return workers, exits


@pytest.mark.timeout(200)
def test_three_workers_that_come_and_go_in_a_storm_drain_the_lag(
    faults_house: House, rng: random.Random, seed: int, record: Record
):
    """The lag is gone a bounded time after the storm; those that were told to go went in order."""
    house = faults_house
    inputs: list[Input] = []
    oracle = house.oracle()
    with CommitWatch(house.bootstrap, group_of(house), house.topics.prompts, PARTITIONS) as watch:
        slow = Faults(slow_seconds=5 * SLOW_SECONDS, streams=("prompts",)).command
        workers, exits = storm(house, rng, slow, inputs)
        settled = oracle.settled(inputs, AFTER_STORM_SECONDS)
        drained = all_committed(watch, end_offsets(house.bootstrap, house.topics.prompts), [house.topics.prompts], 30)
    last = [worker.wait_ready().terminate(DRAIN_SECONDS) for worker in workers]
    report = oracle.report(inputs)
    record(Row.of(report, "three workers come and go", ONE_BROKER, exits, seed))
    assert settled
    assert drained
    assert report.problems == {}
    assert watch.steps_back == []
    assert set(exits) <= {0, -signal.SIGKILL, -signal.SIGTERM}, "the last where it had not yet begun"
    assert last == [0, 0, 0]
