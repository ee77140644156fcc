"""Dead letters for people: what failed is found, its cause is mended, and the filter judges it again."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import AIOKafkaProducer

from filters.records import ContentKind, SourcePosition
from filters.verdict import Action, verdict_id
from streams.letter_topic import LetterTopic
from streams.letters import Catalogue
from tests.integration.conftest import Figures
from tests.support.house import House
from tests.support.kafka_io import Incoming, drain_topic, unique
from tests.support.letters import letter, raw
from tests.support.material import ENVELOPES, Case, encode_image, image_case, picture, prompt_case
from tests.support.oracle import Input, send
from tests.support.tail import TopicTail
from tests.support.tenants import POLICIES, REDACTS
from tests.support.worker import WorkerProcess

NEWCOMER = "newcomer"
CANARY = "quokkazebra7731"
MAIL = f"{CANARY}@example.com"
POLICY = POLICIES[REDACTS].replace(f"tenant: {REDACTS}", f"tenant: {NEWCOMER}")
KEEPS = {"DELIVERY__DEAD_LETTERS_WITHOUT_POLICY": "sealed"}


def cases() -> list[Case]:
    """A prompt in every envelope, and a picture: most cannot be read again without their headers."""
    prompts = [
        prompt_case({"prompt": f"write to {MAIL}"}, envelope, NEWCOMER, f"r-{envelope}", private=(MAIL,))
        for envelope in ENVELOPES
    ]
    jpeg = encode_image(picture("astronaut").resize((320, 320)), "JPEG")
    return [*prompts, image_case(jpeg, "image/jpeg", "binary", NEWCOMER, "r-image")]


def dlq(house: House, *arguments: str, code: int = 0) -> list[dict]:
    """What `veilstream dlq … --json` printed on a line each; nothing of it is content."""
    answer, output = house.command("dlq", *arguments, "--json")
    assert answer == code, output
    assert CANARY not in output
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def failed_for_want_of_a_policy(house: House) -> tuple[list[Input], TopicTail]:
    """Records of a tenant without a policy, and a reader that has seen their dead letters."""
    inputs = send(house.bootstrap, house.topics, cases())
    tail = house.tail()
    assert tail.read_until(lambda: len(tail.of(house.topics.dead_letters)) == len(inputs), timeout=60)
    return inputs, tail


def until_in_force(worker: WorkerProcess, within: float = 20.0) -> None:
    deadline = time.monotonic() + within
    while not worker.metric("veilstream_policy_info", tenant=NEWCOMER):
        assert time.monotonic() < deadline, "the policy is not in force"
        time.sleep(0.1)


def by_verdict(tail: TopicTail, topic: str) -> dict[str, Incoming]:
    return {(record.header("veilstream-verdict") or b"").decode(): record for record in tail.of(topic)}


@pytest.mark.timeout(200)
def test_a_letter_is_replayed_through_the_filter_once_its_cause_is_mended(house: House, figures: Figures):
    """A new tenant's policy comes late: listed, rehearsed, replayed, judged under it, redacted; and never shown."""
    worker = house.worker(settings=KEEPS).wait_ready()
    inputs, tail = failed_for_want_of_a_policy(house)
    kinds = {house.topics.prompts: ContentKind.PROMPT, house.topics.images: ContentKind.IMAGE}
    first_ids = {verdict_id(SourcePosition(*given.place), kinds[given.place[0]]): given for given in inputs}
    listed = dlq(house, "list", "--tenant", NEWCOMER, "--code", "unknown_tenant")
    assert {line["verdict_id"] for line in listed} == first_ids.keys()
    assert {(line["kept"], line["attempts"], line["stage"], line["replays"]) for line in listed} == {
        (True, 1, "resolve", 0)
    }
    rehearsed = dlq(house, "replay", "--all", "--dry-run")
    assert {line["status"] for line in rehearsed} == {"would_replay"}
    assert sum(len(drain_topic(house.bootstrap, topic)) for topic in kinds) == len(inputs), "it changed something"

    house.publish(NEWCOMER, POLICY.encode())
    until_in_force(worker)
    replayed = dlq(house, "replay", "--tenant", NEWCOMER, "--yes")
    assert {line["status"] for line in replayed} == {"replayed"}
    wanted = 2 * len(inputs)
    assert tail.read_until(lambda: len(tail.of(house.topics.verdicts)) >= wanted, timeout=60)
    tail.read_quiet()

    audits = [json.loads(record.value or b"") for record in tail.of(house.topics.verdicts)]
    verdicts = {audit["verdict_id"]: audit for audit in audits}
    released = by_verdict(tail, house.topics.prompts_released) | by_verdict(tail, house.topics.images_released)
    assert {line["verdict_id"] for line in replayed} == released.keys() == verdicts.keys() - first_ids.keys()
    for new_id, record in released.items():
        verdict = verdicts[new_id]
        given = first_ids[verdict["replay_of"]].case
        assert (verdict["action"], verdict["policy"]["tenant"]) == (Action.REDACT, NEWCOMER)
        assert (verdict["request_id"], record.key) == (given.request_id, given.key)
        assert CANARY.encode() not in (record.value or b"")
        assert record.header("veilstream-replay-of") is None
    assert {line["replays"] for line in dlq(house, "list")} == {1}
    assert {line["status"] for line in dlq(house, "replay", "--all", "--yes")} == {"skipped"}
    assert CANARY not in worker.log_text()
    figures(f"{len(replayed)} letters of 4 envelopes and a picture, replayed, redacted and released")


def test_by_default_nothing_is_kept_of_a_tenant_without_a_policy(embedded_house: House):
    """The letter says so, and what to do about the next ones."""
    house = embedded_house
    house.worker("--streams", "prompts").wait_ready()
    send(house.bootstrap, house.topics, cases()[:1])
    tail = house.tail(house.topics.dead_letters)
    assert tail.read_until(lambda: bool(tail.records), timeout=60)
    (listed,) = dlq(house, "list")
    assert (listed["kept"], listed["tenant"]) == (False, NEWCOMER)
    (report,) = dlq(house, "replay", "--all", "--yes", code=1)
    assert report["status"] == "not_replayable"
    assert "dead_letters_without_policy" in report["detail"]


def test_a_worker_that_shall_keep_originals_without_a_key_does_not_start(embedded_house: House):
    worker = embedded_house.worker("--streams", "prompts", settings=KEEPS | {"KEYS__MASTER": ""})
    assert worker.wait(60) == 3
    assert "VEILSTREAM_KEYS__MASTER" in worker.log_text()


def test_since_is_looked_up_by_the_brokers(real_house: House):
    """The embedded broker knows no times, a real one does: older letters are not even read."""
    house = real_house
    house.worker("--streams", "prompts", settings=KEEPS).wait_ready()
    tail = house.tail(house.topics.dead_letters)
    for count, case in enumerate(cases()[:3], 1):
        send(house.bootstrap, house.topics, [case])
        assert tail.read_until(lambda count=count: len(tail.records) == count, timeout=60)
    letters = dlq(house, "list")
    assert [line["request_id"] for line in letters] == [f"r-{envelope}" for envelope in ENVELOPES[:3]]
    assert dlq(house, "list", "--since", "1h") == letters
    assert dlq(house, "list", "--since", letters[1]["timestamp"]) == letters[1:]
    assert dlq(house, "list", "--since", (datetime.now(UTC) + timedelta(hours=1)).isoformat()) == []


async def test_letters_of_an_aborted_transaction_are_no_letters(real_kafka, tmp_path):
    """They are about records that are judged again; the markers of transactions do not keep a reader waiting."""
    topic = unique("dead")
    real_kafka.create_topics({topic: 1})
    client = {"bootstrap_servers": real_kafka.bootstrap_servers}
    async with AIOKafkaProducer(**client, transactional_id=topic) as producer:
        for offset, commit in ((0, True), (1, False), (2, True)):
            written = letter(raw(offset=offset))
            await producer.begin_transaction()
            await producer.send_and_wait(topic, written.value, partition=0)
            await (producer.commit_transaction() if commit else producer.abort_transaction())
    catalogue = Catalogue(lambda place, letter: True, 10)
    async with LetterTopic(client, topic, within_seconds=15) as letters:
        await letters.scan(catalogue.take)
        assert [listed.letter.offset for listed in catalogue.letters] == [0, 2]
        assert await letters.value_at(SourcePosition(topic, 0, 1)) is None, "a marker"
        assert await letters.value_at(SourcePosition(topic, 0, 5)) is None, "a marker with nothing behind it"
        assert await letters.value_at(SourcePosition(topic, 0, 2)) is None, "aborted"
        assert await letters.value_at(catalogue.letters[1].place)
