"""The oracle can fail: a stock `take()` agent with the same judging loses records, under faults that ours survives."""

import sys
import time

import pytest

from filters.verdict import Action
from tests.integration.conftest import Figures
from tests.support.house import House
from tests.support.kafka_io import committed_offsets, end_offsets
from tests.support.material import prompt_case, prompt_cases
from tests.support.oracle import Input, Oracle, committed_too_far, send
from tests.support.raising import MARK
from tests.support.tenants import REDACTS
from tests.support.worker import WorkerProcess

STOCK = (sys.executable, "-m", "tests.support.stock_worker")
OURS = (sys.executable, "-m", "tests.support.raising")
PROMPTS, MARKED_EVERY = 1000, 250


def marked_load(house: House) -> list[Input]:
    """Prompts, four of which make the judge raise."""
    cases = prompt_cases(PROMPTS)
    for number in range(MARKED_EVERY // 2, PROMPTS, MARKED_EVERY):
        fields = {"prompt": f"a red house, {MARK}"}
        cases[number] = prompt_case(fields, "json", REDACTS, f"marked-{number}", actions=frozenset({Action.REJECT}))
    return send(house.bootstrap, house.topics, cases)


def committed(house: House) -> dict[tuple[str, int], int]:
    return committed_offsets(house.bootstrap, f"{house.group}-prompts", [house.topics.prompts])


def run_with_a_kill(house: House, command: tuple[str, ...], oracle: Oracle) -> WorkerProcess:
    """Start a worker, kill it when it has begun to answer; another commits as far as it gets, and is killed too."""
    worker = house.worker(command=command)
    deadline = time.monotonic() + 60
    while oracle.count_done() < PROMPTS // 50:
        assert time.monotonic() < deadline, worker.log_text()[-4000:]
    worker.kill()
    worker = house.worker(command=command)
    wait_for_commits(house)
    worker.kill()
    return worker


def wait_for_commits(house: House, quiet_seconds: float = 20.0) -> None:
    """Until everything is committed, or nothing more has been for a while."""
    ends = {(house.topics.prompts, n): end for n, end in end_offsets(house.bootstrap, house.topics.prompts).items()}
    before, since = committed(house), time.monotonic()
    while before != ends and time.monotonic() - since < quiet_seconds:
        time.sleep(0.3)
        if (now := committed(house)) != before:
            before, since = now, time.monotonic()


@pytest.mark.timeout(200)
def test_the_stock_take_agent_fails_the_oracle(house: House, figures: Figures):
    """The agent raises on 4 of 1,000 records and is killed once: it commits records that nobody will ever see."""
    inputs = marked_load(house)
    oracle = house.oracle()
    run_with_a_kill(house, STOCK, oracle)
    done = oracle.done()
    report = oracle.report(inputs)
    figures(f"stock take(32): {report.summary}")
    assert "lost" in report.problems
    assert len(report.lost) > 4, "more than the records at fault"
    assert len(committed_too_far(inputs, done, committed(house))) > 4


@pytest.mark.timeout(200)
def test_our_worker_passes_the_oracle_under_the_same_faults(real_house: House, figures: Figures):
    """The records at fault are isolated and rejected, and are not quoted from the error; neighbours are released."""
    house = real_house
    inputs = marked_load(house)
    oracle = house.oracle()
    last = run_with_a_kill(house, OURS, oracle)
    report = oracle.report(inputs)
    figures(f"the gate: {report.summary}")
    assert report.problems == {}
    assert report.released + report.rejected == PROMPTS
    aside = house.tail(house.topics.verdicts, house.topics.rejected, house.topics.dead_letters)
    aside.read_quiet()
    assert len(aside.of(house.topics.dead_letters)) >= PROMPTS // MARKED_EVERY
    assert [record for record in aside.records if MARK.encode() in (record.value or b"")] == []
    assert MARK not in last.log_text()
