"""A worker that dies, or is told to go, in the middle of its work loses nothing."""

import time

import pytest

from tests.integration.conftest import Figures
from tests.support.house import House
from tests.support.kafka_io import committed_offsets
from tests.support.material import image_cases, interleaved, prompt_cases
from tests.support.oracle import Input, Oracle, committed_too_far, send
from tests.support.tenants import POLICIES

TENANTS = tuple(POLICIES)
IN_FLIGHT = 2 * (64 + 8)
"""Two batches in each stream."""
COMMIT_SECONDS = 0.1
COMMIT_WINDOW = 300
"""More records than a worker judges between two commits, with some to spare for slow ones."""


def mixed_load(house: House, prompts: int, images: int) -> list[Input]:
    """Prompts and a few pictures, sent."""
    cases = interleaved(prompt_cases(prompts, tenants=TENANTS), image_cases(images, tenants=TENANTS))
    return send(house.bootstrap, house.topics, list(cases))


def wait_until_done(oracle: Oracle, count: int, timeout: float = 60.0) -> int:
    """Wait until the outputs of `count` inputs are there; how many are."""
    deadline = time.monotonic() + timeout
    while (done := oracle.count_done()) < count:
        assert time.monotonic() < deadline, f"only {done} of {count} inputs done in {timeout} s"
    return done


def committed(house: House) -> dict[tuple[str, int], int]:
    """What both groups have committed."""
    return {
        place: offset
        for stream in ("prompts", "images")
        for place, offset in committed_offsets(
            house.bootstrap, f"{house.group}-{stream}", [getattr(house.topics, stream)]
        ).items()
    }


@pytest.mark.timeout(240)
def test_kill_9_in_mid_load_loses_nothing(house: House, face_detector, figures: Figures):
    """Twice killed and started again: one verdict id each; what is committed is out; duplicates are bounded."""
    inputs = mixed_load(house, prompts=900, images=24)
    oracle = house.oracle(face_detector)
    often = {"KAFKA__COMMIT_INTERVAL_SECONDS": str(COMMIT_SECONDS)}
    worker = house.worker(settings=often).wait_ready()
    repeated = []
    for share in (0.2, 0.5):
        wait_until_done(oracle, int(share * len(inputs)))
        worker.kill()
        done, safe = oracle.done(), committed(house)
        assert len(done) < len(inputs), "the worker was through before it was killed"
        assert oracle.unaudited(inputs) == []
        assert committed_too_far(inputs, done, safe) == []
        repeated.append(oracle.outputs_beyond(inputs, safe))
        worker = house.worker(settings=often)
    assert oracle.settled(inputs, timeout=120)
    assert worker.terminate() == 0
    report = oracle.report(inputs)
    figures(f"two kills, {repeated} outputs beyond the committed ones; {report.summary}")
    assert report.problems == {}
    assert report.released + report.rejected + report.held == report.inputs
    assert report.given_up <= 1, "of two kills, the second can meet one record that is tried again alone"
    assert report.duplicates <= sum(repeated)
    assert max(repeated) <= 2 * (IN_FLIGHT + COMMIT_WINDOW)
