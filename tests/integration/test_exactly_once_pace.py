"""What exactly once costs: records a second and the way of a lone record, beside at least once, in one run."""

import statistics
import time

import pytest

from tests.integration.conftest import Figures
from tests.support.house import House
from tests.support.material import prompt_cases
from tests.support.oracle import send
from tests.support.tenants import REDACTS
from tests.support.worker import WorkerProcess

PROMPTS, LONE = 4000, 40


def records_a_second(house: House, guarantee: str) -> tuple[WorkerProcess, float]:
    """A worker that finds a full topic, and its pace from the first output on."""
    inputs = send(house.bootstrap, house.topics, prompt_cases(PROMPTS, tenants=(REDACTS,)))
    oracle = house.oracle()
    worker = house.worker("--streams", "prompts", settings={"DELIVERY__GUARANTEE": guarantee})
    while not (first := oracle.count_done()):
        assert worker.running, worker.log_text()[-2000:]
    started = time.monotonic()
    assert oracle.settled(inputs, 120)
    return worker, (len(inputs) - first) / (time.monotonic() - started)


def milliseconds_of_a_lone_record(house: House) -> list[float]:
    """From its being written to its output's being read by a consumer of committed records."""
    tail = house.tail(house.topics.prompts_released, house.topics.rejected)
    tail.read_quiet()
    taken = []
    for count, case in enumerate(prompt_cases(LONE, tenants=(REDACTS,)), len(tail.records) + 1):
        send(house.bootstrap, house.topics, [case])
        sent = time.monotonic()
        while len(tail.records) < count:
            tail.poll(0.02)
        taken.append(1000 * (time.monotonic() - sent))
    return taken


@pytest.mark.timeout(280)
@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_the_pace_of_both_guarantees(guarantee: str, real_house: House, figures: Figures):
    """The bounds are loose, for shared machines: the figures count."""
    worker, rate = records_a_second(real_house, guarantee)
    quantiles = statistics.quantiles(milliseconds_of_a_lone_record(real_house), n=20)
    figures(f"{rate:.0f} prompts/s; a lone record {quantiles[9]:.0f} ms, 95% within {quantiles[18]:.0f} ms")
    assert worker.terminate() == 0
    assert rate > 50
    assert quantiles[9] < 2000
