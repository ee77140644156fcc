"""Slow devices, bursts and large pictures: memory stays bounded, and nobody is thrown out of the group."""

import random
import time

import pytest
from PIL import Image

from filters.verdict import Action
from tests.faults.conftest import Record
from tests.faults.processes import ONE_BROKER, QUICK, TENANTS, group_of
from tests.faults.rows import Row
from tests.support.faulty_detectors import HANG_SECONDS
from tests.support.house import House
from tests.support.instrumented import Faults
from tests.support.material import Case, encode_image, image_case, prompt_cases
from tests.support.oracle import send
from tests.support.tenants import REDACTS
from tests.support.watch import generations
from tests.support.worker import SESSION_SECONDS, PeakMemory

MIB = 1024 * 1024
PICTURES, PICTURE_SIDE = 1000, 600
STALL_SECONDS = 8
"""Until long after the worker has taken in all that it will."""
MOST_BYTES = 600 * MIB
STEADY, BURST = 40, 400


@pytest.mark.timeout(120)
def test_a_burst_on_a_slow_device_is_worked_off_in_one_generation(
    faults_house: House, rng: random.Random, seed: int, record: Record
):
    """Ten times the load at once, for longer than a session: memory stays bounded, the group stays as it is."""
    house = faults_house
    cases = prompt_cases(STEADY + BURST, tenants=TENANTS, seed=rng.randrange(1000))
    oracle = house.oracle()
    slow = Faults(slow_seconds=0.035, streams=("prompts",)).command
    worker = house.worker(command=slow, settings=QUICK).wait_ready()
    joined = generations(house.bootstrap, group_of(house))
    with PeakMemory(worker.process.pid) as memory:
        inputs = []
        for start in range(0, STEADY, 4):
            inputs += send(house.bootstrap, house.topics, cases[start : start + 4])
            time.sleep(0.2)
        burst_at = time.monotonic()
        inputs += send(house.bootstrap, house.topics, cases[STEADY:])
        settled = oracle.settled(inputs, timeout=60)
        took = time.monotonic() - burst_at
    stayed = generations(house.bootstrap, group_of(house))
    exit_code = worker.terminate()
    report = oracle.report(inputs)
    record(Row.of(report, f"slow device, burst (memory +{memory.growth // MIB} MiB)", ONE_BROKER, (), seed))
    assert settled
    assert exit_code == 0
    assert took > SESSION_SECONDS, "a burst that lasts no longer than a session proves nothing"
    assert report.problems == {}
    assert report.duplicates == 0
    assert stayed == joined, "nobody was thrown out, and nobody had to join again"
    assert memory.growth < 100 * MIB


def large_pictures(rng: random.Random) -> list[Case]:
    """Noise of a megabyte each: the first ones are pictures, the others only claim to be, and are quickly rejected."""
    real = [Image.frombytes("RGB", (PICTURE_SIDE, PICTURE_SIDE), rng.randbytes(3 * PICTURE_SIDE**2)) for _ in range(24)]
    pictures = [
        image_case(encode_image(each, "PNG"), "image/png", "raw", REDACTS, f"p{n}") for n, each in enumerate(real)
    ]
    size = len(pictures[0].value)
    assert size > 1_000_000
    rejected = {Action.REJECT}
    return pictures + [
        image_case(rng.randbytes(size), "image/png", "raw", REDACTS, f"p{number}", actions=rejected)
        for number in range(len(pictures), PICTURES)
    ]


@pytest.mark.timeout(180)
def test_a_thousand_queued_pictures_and_a_stalled_detector_stay_under_600_mb(
    faults_house: House, rng: random.Random, seed: int, record: Record
):
    """What waits, waits in Kafka: the worker stays under 600 MB plus its models, and all is judged when it goes on."""
    house = faults_house
    oracle = house.oracle()
    settings = {"DELIVERY__JUDGE_SECONDS": "600"}
    stalled = Faults(slow_seconds=HANG_SECONDS, streams=("images",)).command
    worker = house.worker(command=stalled, settings=settings).wait_ready()
    with PeakMemory(worker.process.pid) as memory:
        inputs = send(house.bootstrap, house.topics, large_pictures(rng))
        time.sleep(STALL_SECONDS)
    worker.kill()
    successor = house.worker("--streams", "images", settings={"DELIVERY__MAX_SEALED_BYTES": "1"})
    settled = oracle.settled(inputs, timeout=90)
    exit_code = successor.terminate()
    report = oracle.report(inputs)
    figures = f"ready {memory.before // MIB}, peak {memory.peak // MIB} MiB"
    record(Row.of(report, f"1,000 images of 1 MB, detector stalls ({figures})", ONE_BROKER, [-9], seed))
    assert settled
    assert exit_code == 0
    assert report.problems == {}
    assert memory.peak - memory.before < MOST_BYTES
