"""The policies topic cannot be read, or only what was read of it long ago: nothing is released meanwhile."""

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from streams.cli.output import ExitCode
from tests.faults.conftest import Breakable, MakeHouse, Record
from tests.faults.trial import NEVER, Trial, loaded_trial, prompt_group, started
from tests.support.house import House
from tests.support.material import prompt_cases
from tests.support.oracle import output_topics, send
from tests.support.second_reader import SecondReader
from tests.support.supervisor import Supervisor
from tests.support.tenants import POLICIES
from tests.support.worker import WorkerProcess

STALE_SECONDS = 2.0
_EVERYBODY = "User:ANONYMOUS"


@contextmanager
def unreadable(bootstrap: str, topic: str) -> Iterator[None]:
    """Nobody may read the topic."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    rule = (ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, _EVERYBODY, "*", AclOperation.READ)
    for future in admin.create_acls([AclBinding(*rule, AclPermissionType.DENY)]).values():
        future.result(timeout=20)
    try:
        yield
    finally:
        for future in admin.delete_acls([AclBindingFilter(*rule, AclPermissionType.DENY)]).values():
            future.result(timeout=20)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Ends what was started."""
    with ExitStack() as opened:
        yield opened


def wait_unready(worker: WorkerProcess, timeout: float = 20.0) -> None:
    """Wait until the worker says that its policies are old.

    Raises:
        TimeoutError: it does not.
    """
    deadline = time.monotonic() + timeout
    while (answer := worker.probe("/readyz"))[0] == 200:
        if time.monotonic() > deadline:
            raise TimeoutError(f"still ready after {timeout} s: {answer}")
        time.sleep(0.05)


def outputs_within(house: House, seconds: float) -> int:
    """New records on any output topic within that time."""
    tail = house.tail(*output_topics(house.topics))
    tail.read_quiet()
    before = len(tail.records)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        tail.poll(0.1)
    return len(tail.records) - before


@pytest.mark.timeout(150)
def test_policies_grow_stale_under_load(
    breakable: Breakable, houses: MakeHouse, rng: random.Random, seed: int, record: Record
):
    """Judging stops within the time that policies may be old, and goes on when they can be read."""
    house = houses(breakable)
    settings = {"POLICIES__MAX_STALE_SECONDS": str(STALE_SECONDS)}
    with loaded_trial(house, rng, settings) as (running, load):
        load.wait_for(rng.uniform(0.1, 0.3))
        with unreadable(house.bootstrap, house.topics.policies):
            wait_unready(running.supervisor.worker)
            meanwhile, written = outputs_within(house, 4), len(load.written)
        judged = running.judge(load.finish())
    record(judged.row("policies topic grows stale", "one", seed))
    assert meanwhile == 0
    assert written > 0
    judged.holds(exits=NEVER)


@pytest.mark.timeout(150)
def test_policies_are_unreadable_at_the_start(
    breakable: Breakable, houses: MakeHouse, rng: random.Random, seed: int, record: Record, stack: ExitStack
):
    """The worker gives up and is started again and again; with the first policies, everything is delivered."""
    house = houses(breakable)
    inputs = send(house.bootstrap, house.topics, prompt_cases(300, seed=rng.randrange(10**6), tenants=tuple(POLICIES)))
    with unreadable(house.bootstrap, house.topics.policies):
        supervisor = stack.enter_context(Supervisor(lambda: started(house, {"POLICIES__CATCH_UP_SECONDS": "3"})))
        meanwhile = outputs_within(house, 10)
    with SecondReader(house.bootstrap, house.topics, prompt_group(house), lambda: inputs) as reader:
        judged = Trial(house, supervisor, reader, once=False).judge(inputs)
    record(judged.row("policies topic unreadable at the start", "one", seed))
    assert meanwhile == 0
    assert judged.exits, "the worker did not give up"
    judged.holds(exits={ExitCode.CONFIGURATION, ExitCode.DEPENDENCY})
