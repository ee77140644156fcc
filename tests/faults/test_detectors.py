"""Detectors that misbehave: the record at fault is withheld with a verdict, its neighbours never notice."""

import signal
from collections import Counter
from collections.abc import Sequence

import pytest

from tests.faults.conftest import Record
from tests.faults.processes import ONE_BROKER, QUICK, prompt_load
from tests.faults.rows import Row
from tests.support.faulty_detectors import ALLOCATED_BYTES, HARMLESS, Fault, faulty_image, faulty_prompt
from tests.support.house import House
from tests.support.instrumented import Faults
from tests.support.kafka_io import Incoming
from tests.support.material import image_cases
from tests.support.oracle import Input, Oracle, send
from tests.support.supervisor import Supervisor

JUDGE_SECONDS = 3
MOST_ATTEMPTS = 3
CODE, ATTEMPTS, OFFSET = (f"veilstream.error.{name}" for name in ("code", "attempts", "offset"))


def is_marked(given: Input) -> bool:
    """Whether an input makes the detector misbehave."""
    return given.case.request_id.partition("-")[0] in set(Fault)


def errors(oracle: Oracle, inputs: Sequence[Input]) -> Counter[tuple[str, str, str]]:
    """(fault, action, error code) of every input whose verdict holds an error."""
    verdicts = [(given.case.request_id.partition("-")[0], oracle.verdict(given)) for given in inputs]
    return Counter((name, each["action"], each["error"]["code"]) for name, each in verdicts if each["error"])


def letters(house: House) -> list[Incoming]:
    """The dead letters."""
    tail = house.tail(house.topics.dead_letters)
    tail.read_quiet()
    return tail.records


@pytest.mark.timeout(120)
def test_what_a_detector_does_to_one_record_its_neighbours_never_notice(
    faults_house: House, face_detector, seed: int, record: Record
):
    """It raises, gives the wrong count, answers NaN, or is out of memory, for prompts and for pictures."""
    house = faults_house
    marked = [(fault, number) for number in range(2) for fault in HARMLESS]
    inputs = prompt_load(house, 300, *(faulty_prompt(*each) for each in marked))
    pictures = image_cases(16)
    pictures[8:8] = [faulty_image(*each) for each in marked]
    inputs += send(house.bootstrap, house.topics, pictures)
    oracle = house.oracle(face_detector)
    worker = house.worker(command=Faults(allocatable_bytes=ALLOCATED_BYTES // 4).command)
    settled = oracle.settled(inputs, timeout=60)
    exit_code = worker.terminate()
    report = oracle.report(inputs)
    record(Row.of(report, "detector raises, miscounts, NaN, no memory", ONE_BROKER, (), seed))
    assert settled
    assert exit_code == 0
    assert report.problems == {}
    assert errors(oracle, inputs) == {(fault.value, "reject", "inference"): 4 for fault in HARMLESS}
    assert Counter(letter.header(CODE) for letter in letters(house)) == {b"inference": 4 * len(HARMLESS)}


@pytest.mark.timeout(120)
def test_a_detector_that_hangs_costs_the_record_that_it_hangs_on(faults_house: House, seed: int, record: Record):
    """At the batch's deadline that one is an error; the others are judged; the worker goes in order."""
    house = faults_house
    inputs = prompt_load(house, 300, faulty_prompt(Fault.HANG, 0), faulty_prompt(Fault.HANG, 1))
    oracle = house.oracle()
    settings = {**QUICK, "DELIVERY__JUDGE_SECONDS": str(JUDGE_SECONDS)}
    worker = house.worker(command=Faults(streams=("prompts",)).command, settings=settings)
    settled = oracle.settled(inputs, timeout=60)
    exit_code = worker.terminate()
    report = oracle.report(inputs)
    record(Row.of(report, "detector hangs", ONE_BROKER, (), seed))
    assert settled
    assert exit_code == 0
    assert report.problems == {}
    assert errors(oracle, inputs) == {("hang", "reject", "detector_timeout"): 2}
    assert report.longest_stall < 3 * JUDGE_SECONDS


@pytest.mark.timeout(150)
def test_a_record_that_kills_the_process_is_withheld_at_the_third_attempt(
    faults_house: House, seed: int, record: Record
):
    """Started again each time, the worker dies of it three times at most, says so in a dead letter, and goes on."""
    house = faults_house
    inputs = prompt_load(house, 200, faulty_prompt(Fault.SEGFAULT, 0))
    oracle = house.oracle()
    command = Faults(streams=("prompts",)).command
    with Supervisor(lambda: house.worker(command=command, settings=QUICK)) as supervisor:
        settled = oracle.settled(inputs, timeout=90)
        exit_code = supervisor.stop()
    report = oracle.report(inputs)
    record(Row.of(report, "a record crashes the process", ONE_BROKER, supervisor.exits, seed))
    assert settled
    assert exit_code == 0
    assert report.problems == {}
    assert supervisor.exits
    assert set(supervisor.exits) == {-signal.SIGSEGV}
    assert len(supervisor.exits) <= MOST_ATTEMPTS
    (poison,) = filter(is_marked, inputs)
    assert sum(errors(oracle, inputs).values()) == 1, "its neighbours were judged"
    (letter,) = {each.header(OFFSET): each for each in letters(house)}.values()
    assert letter.header(OFFSET) == str(poison.place[2]).encode()
    assert letter.header(ATTEMPTS) == str(MOST_ATTEMPTS).encode()
