"""Blind to content: a planted word and a planted face are found nowhere but where content belongs."""

import json
from base64 import b64decode

import pytest

from filters.records import ContentKind
from streams.seal import MAGIC
from tests.integration.conftest import Figures
from tests.support.canaries import canary_images, canary_prompts, canary_words, fingerprints, sent
from tests.support.house import House
from tests.support.kafka_io import Incoming, produce
from tests.support.material import Case
from tests.support.oracle import output_topics, send


def raw(record: Incoming) -> bytes:
    """All of a record, but for the platform's own key."""
    headers = [part for name, value in record.headers for part in (name.encode(), value or b"")]
    return b"\0".join([record.value or b"", *headers])


def found_in(places: dict[str, bytes], needles: set[bytes]) -> list[tuple[str, bytes]]:
    return [(place, needle) for place, hay in places.items() for needle in needles if needle in hay]


@pytest.mark.timeout(200)
@pytest.mark.parametrize("level", ["info", "debug"])
def test_no_canary_leaves_the_content_topics(embedded_house: House, level: str, figures: Figures):
    """Not in logs or metrics, verdicts, rejections, dead letters, sealed originals, or released pictures' metadata."""
    house = embedded_house
    worker = house.worker(settings={"LOG__LEVEL": level}).wait_ready()
    images = canary_images()
    words = canary_words()
    needles = words | fingerprints(images)
    by_topic = run_canaries(house, images)
    probes = {path: worker.probe(path)[1].encode() for path in ("/metrics", "/readyz", "/healthz")}
    assert worker.terminate() == 0
    names = house.topics
    content = {topic: by_topic.pop(topic) for topic in (names.prompts, names.images, names.prompts_released)}
    pictures = b"".join(map(raw, by_topic.pop(names.images_released)))
    blind = {topic: b"".join(map(raw, records)) for topic, records in by_topic.items()}
    places = blind | probes | {"log": worker.log_text().encode()}
    figures(f"{len(needles)} needles in {sum(map(len, places.values())) >> 10} KiB of {len(places)} places")
    assert found_in(places, needles) == []
    # Of a released picture, what is not private stays to the byte; its metadata do not.
    assert found_in({"released pictures": pictures}, words) == []
    assert pictures
    assert all(places.values()), "every place has something to look at"
    for topic, records in content.items():
        assert found_in({topic: b"".join(map(raw, records))}, needles), "where content belongs, canaries are found"
    assert all((record.value or b"").startswith(MAGIC) for record in by_topic[names.held])
    letters = [json.loads(record.value or b"") for record in by_topic[names.dead_letters]]
    assert all(letter["sealed"] is None or b64decode(letter["sealed"]).startswith(MAGIC) for letter in letters)


def run_canaries(house: House, images: list[Case]) -> dict[str, list[Incoming]]:
    """Send everything, wait until it is judged; all records by topic, inputs too."""
    topics = {ContentKind.PROMPT: house.topics.prompts, ContentKind.IMAGE: house.topics.images}
    broken = sent(topics)
    produce(house.bootstrap, broken)
    inputs = send(house.bootstrap, house.topics, [*canary_prompts(), *images])
    tail = house.tail(*output_topics(house.topics), *topics.values())
    wanted = len(inputs) + len(broken)
    assert tail.read_until(lambda: len(tail.of(house.topics.verdicts)) >= wanted, timeout=120)
    tail.read_quiet()
    assert len(tail.of(house.topics.verdicts)) == wanted
    return {topic: tail.of(topic) for topic in (*output_topics(house.topics), *topics.values())}
