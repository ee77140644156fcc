"""What cannot be judged is rejected with a code and kept as a dead letter; the worker stays alive, and small."""

import json

import pytest

from filters.records import ContentKind
from tests.integration.conftest import Figures
from tests.support.bad_input import TEN_MEGABYTES, bad_inputs
from tests.support.house import House
from tests.support.kafka_io import Incoming, produce
from tests.support.material import image_cases, prompt_cases
from tests.support.oracle import output_topics, send
from tests.support.tail import TopicTail
from tests.support.worker import PeakMemory

ROUNDS = 3
# The embedded broker drops what lies before the newest 5 MB of a partition, read or not.
OVERSIZE = {"embedded": 1_200_000, "real": TEN_MEGABYTES}
MAX_GROWTH = 300 * 1024 * 1024


def by_key(records: list[Incoming], key: str) -> list[Incoming]:
    return [record for record in records if record.key == key.encode()]


def codes(tail: TopicTail, topic: str, key: str) -> list[str]:
    """Error codes of a topic's records with this key: rejections have them in an object, dead letters plain."""
    documents = [json.loads(record.value or b"null") for record in by_key(tail.of(topic), key)]
    return [document["error"]["code"] if "error" in document else document["code"] for document in documents]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", OVERSIZE)
def test_bad_input_is_rejected_with_a_code_and_costs_nobody_else(
    kind: str, request: pytest.FixtureRequest, figures: Figures
):
    """Each, three times among good ones: a verdict, a rejection, a dead letter; good ones pass; memory is bounded."""
    house: House = request.getfixturevalue(f"{kind}_house")
    worker = house.worker().wait_ready()
    oracle = house.oracle()
    tail = house.tail(*output_topics(house.topics))
    good = [*prompt_cases(30, seed=1), *image_cases(10, seed=1)]
    inputs = send(house.bootstrap, house.topics, good)
    assert oracle.settled(inputs, timeout=60)
    topics = {ContentKind.PROMPT: house.topics.prompts, ContentKind.IMAGE: house.topics.images}
    bad = bad_inputs(OVERSIZE[kind])
    with PeakMemory(worker.process.pid) as memory:
        for number in range(ROUNDS):
            produce(house.bootstrap, [each.to(topics[each.kind]) for each in bad])
            inputs = send(house.bootstrap, house.topics, [*prompt_cases(30, seed=2 + number), *image_cases(4)])
            assert oracle.settled(inputs, timeout=60), "good records behind bad ones are not judged"
        wanted = ROUNDS * len(bad)
        assert tail.read_until(lambda: len(tail.of(house.topics.dead_letters)) >= wanted, timeout=60)
    tail.read_quiet()
    assert worker.running
    assert worker.probe("/healthz")[0] == 200
    seen = {
        each.name: [codes(tail, topic, each.name) for topic in (house.topics.rejected, house.topics.dead_letters)]
        for each in bad
    }
    assert seen == {each.name: [[each.code] * ROUNDS] * 2 for each in bad}
    others = (house.topics.prompts_released, house.topics.images_released, house.topics.held)
    for each in bad:
        verdicts = by_key(tail.of(house.topics.verdicts), each.name)
        assert len({record.header("veilstream-verdict") for record in verdicts}) == len(verdicts) == ROUNDS
        assert by_key(tail.of(*others), each.name) == []
    assert worker.metric("veilstream_dead_letters_total") == wanted
    figures(f"RSS {memory.before >> 20} MiB, at most {memory.growth >> 20} MiB more under {wanted} bad records")
    assert memory.growth < MAX_GROWTH
    assert worker.terminate() == 0
