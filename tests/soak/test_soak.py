"""A soak can be replayed, and its workers are given the faults that it means."""

import random
from types import SimpleNamespace

from tests.soak.chaos import Chaos
from tests.soak.load import PROMPTS_A_SECOND, Load
from tests.support.faulty_detectors import Fault
from tests.support.instrumented import Faults, Step, read_faults


def test_the_same_seed_sends_the_same_records():
    """And another seed sends others."""
    seconds = [[Load(SimpleNamespace(), seed, pictures=4).second() for _ in range(5)] for seed in (3, 3, 4)]
    assert seconds[0] == seconds[1] != seconds[2]


def test_a_minute_or_two_of_load_brings_bursts_pictures_and_every_kind_of_fault():
    """Otherwise a short soak would show less than it says."""
    load = Load(SimpleNamespace(), 1, pictures=4)
    cases = [load.second() for _ in range(300)]
    kinds = {case.request_id.partition("-")[0] for second in cases for case in second}
    assert {fault.value for fault in Fault} <= kinds
    assert {"prompt", "image"} <= kinds
    assert max(map(len, cases)) > 5 * PROMPTS_A_SECOND


def test_faults_reach_the_worker_as_they_were_meant():
    """Through its command line."""
    faults = Faults(Step.BEFORE_ACK, 3, 0.1, 0.2, 7, 5, "a mutant", ("prompts",))
    assert read_faults(faults.command[-1]) == faults
    assert read_faults(Faults().command[-1]) == Faults()


class Idle:
    """A worker that can be struck and ends at once."""

    def __init__(self) -> None:
        self.running = True
        self.starts = 0
        self.process = SimpleNamespace(returncode=-9, send_signal=lambda _: self.kill(), pid=1)

    def kill(self) -> None:
        self.running = False

    def start(self) -> None:
        self.running = True
        self.starts += 1


def test_whoever_is_struck_is_started_again(monkeypatch):
    """By the end all run."""
    monkeypatch.setattr("tests.soak.chaos.EVERY_SECONDS", 0.05)
    monkeypatch.setattr("tests.soak.chaos.WEIGHTS", {"kill -9": 1})
    workers = [Idle() for _ in range(3)]
    chaos = Chaos(workers, SimpleNamespace(), random.Random(1))  # noqa: S311  faults, not secrets
    chaos.run(2.5)
    chaos.calm(5.0)
    assert sum(worker.starts for worker in workers) == sum(chaos.exits.values()) == chaos.faults["kill -9"] >= 3
    assert all(worker.running for worker in workers)
