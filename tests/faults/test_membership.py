"""Static membership: a worker that is quickly back under its name gets its partitions back, and nobody else notices."""

import time
from collections.abc import Mapping

import pytest
from confluent_kafka.admin import AdminClient

from tests.faults.conftest import Record
from tests.faults.processes import ONE_BROKER, PLAIN, QUICK, group_of, prompt_load
from tests.faults.rows import Row
from tests.support.house import House
from tests.support.watch import generations
from tests.support.worker import WorkerProcess

NAMES = ("a", "b")
SESSION = {"KAFKA__SESSION_TIMEOUT_SECONDS": "30"}
"""Longer than a restart takes."""


def shares(house: House) -> Mapping[str | None, frozenset[int]]:
    """The partitions of each member, by its static id; None where it has none."""
    admin = AdminClient({"bootstrap.servers": house.bootstrap})
    group = group_of(house)
    described = admin.describe_consumer_groups([group])[group].result(timeout=10)
    return {
        member.group_instance_id: frozenset(place.partition for place in member.assignment.topic_partitions)
        for member in described.members
    }


def two_workers(house: House) -> list[WorkerProcess]:
    """Both ready, and the group at rest."""
    workers = [house.worker(*PLAIN, settings={**QUICK, **SESSION, "KAFKA__INSTANCE_ID": name}) for name in NAMES]
    for worker in workers:
        worker.wait_ready()
    deadline = time.monotonic() + 20
    while len(shares(house)) < len(NAMES) and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(2)
    return workers


@pytest.mark.timeout(150)
def test_a_quick_restart_under_a_static_id_moves_no_partition(faults_house: House, seed: int, record: Record):
    """Told to go and started again, then killed and started again: one generation, the same shares."""
    house = faults_house
    inputs = prompt_load(house, 100)
    oracle = house.oracle()
    workers = two_workers(house)
    assert oracle.settled(inputs, timeout=30)
    before, had = generations(house.bootstrap, group_of(house)), shares(house)
    inputs += prompt_load(house, 100, seed=3)
    told = workers[0].terminate()
    workers[0].start().wait_ready()
    workers[0].kill()
    inputs += prompt_load(house, 200, seed=2)
    workers[0].start().wait_ready()
    settled = oracle.settled(inputs, timeout=30)
    after, has = generations(house.bootstrap, group_of(house)), shares(house)
    exits = [worker.terminate() for worker in workers]
    report = oracle.report(inputs)
    record(Row.of(report, "restarts under a static id", ONE_BROKER, [told, -9], seed))
    assert settled
    assert exits == [0, 0]
    assert report.problems == {}
    assert set(had) == {"a-prompt", "b-prompt"}
    assert has == had
    assert max(after) == max(before)


@pytest.mark.timeout(150)
def test_a_restart_without_a_static_id_makes_the_group_rebalance(faults_house: House):
    """So the generations that are looked at do count rebalances."""
    house = faults_house
    worker = house.worker(*PLAIN, settings=QUICK).wait_ready()
    before = generations(house.bootstrap, group_of(house))
    assert worker.terminate() == 0
    worker.start().wait_ready()
    assert max(generations(house.bootstrap, group_of(house))) > max(before)
    assert worker.terminate() == 0
