"""Prompts and pictures by the thousand through a worker: one verdict each, nothing lost, nothing private released."""

import time

import pytest

from filters.records import ContentKind
from tests.integration.conftest import Figures, MakeHouse
from tests.support.brokers import Broker
from tests.support.kafka_io import committed_offsets, end_offsets
from tests.support.material import image_cases, interleaved, prompt_cases
from tests.support.oracle import send
from tests.support.tenants import POLICIES

SIZES = {"embedded": (400, 40), "real": (2000, 200)}
TENANTS = tuple(POLICIES)


@pytest.mark.timeout(280)
@pytest.mark.parametrize("kind", SIZES)
def test_every_input_gets_one_verdict_and_nothing_private_is_released(
    kind: str, request: pytest.FixtureRequest, houses: MakeHouse, face_detector, figures: Figures
):
    """Released + rejected + held = inputs; private spans and faces stay behind; what is clean stays as it was."""
    broker: Broker = request.getfixturevalue({"embedded": "embedded_broker", "real": "real_kafka"}[kind])
    house = houses(broker)
    prompts, images = SIZES[kind]
    cases = list(interleaved(prompt_cases(prompts, tenants=TENANTS), image_cases(images, tenants=TENANTS)))
    worker = house.worker().wait_ready()
    oracle = house.oracle(face_detector)
    started = time.monotonic()
    inputs = send(house.bootstrap, house.topics, cases)
    oracle.settled([given for given in inputs if given.case.kind is ContentKind.PROMPT], timeout=200)
    prompt_seconds = time.monotonic() - started
    settled = oracle.settled(inputs, timeout=200)
    seconds = time.monotonic() - started
    report = oracle.report(inputs)
    pace = f"{prompts} prompts in {prompt_seconds:.1f} s, {images} pictures beside them in {seconds:.1f} s"
    figures(f"{pace}; {report.summary}")
    assert report.problems == {}
    assert settled
    assert report.released + report.rejected + report.held == report.inputs == prompts + images
    assert min(report.released, report.rejected, report.held) > 0
    assert report.duplicates == 0
    actions = {oracle.verdict(given)["action"] for given in inputs if given.case.kind is ContentKind.IMAGE}
    assert actions == {"allow", "redact", "reject", "hold"}
    assert worker.terminate() == 0
    for stream in ("prompts", "images"):
        topic = getattr(house.topics, stream)
        committed = committed_offsets(house.bootstrap, f"{house.group}-{stream}", [topic])
        ends = end_offsets(house.bootstrap, topic)
        assert committed == {(topic, partition): end for partition, end in ends.items() if end}
