"""Policies from the compacted topic, on the embedded broker and, where there is one, on a real Apache Kafka."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from filters.errors import ConfigurationError
from filters.policy_issues import IssueCode, PolicyDocumentError
from streams.embedded_broker import EmbeddedBroker
from streams.policies import PolicyBoard
from streams.policy_publish import Published, publish_policy
from streams.policy_topic import TopicPolicies, read_topic
from tests.unit.streams.policy_texts import Events, policy_text

EFFECT_SECONDS = 2.0
START_SECONDS = 20.0


@pytest.fixture
def topic(kafka_broker) -> str:
    name = f"policies-{uuid.uuid4()}"
    kafka_broker.create_topics({name: 3})
    return name


@pytest.fixture
def client(kafka_broker) -> dict[str, str]:
    return {"bootstrap_servers": kafka_broker.bootstrap_servers}


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def board(events) -> PolicyBoard:
    return PolicyBoard(None, events)


@pytest.fixture
async def policies(client, topic, board) -> AsyncIterator[TopicPolicies]:
    source = TopicPolicies(client, topic, board)
    yield source
    await source.stop()


@pytest.fixture
async def producer(client) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(**client) as it:
        yield it


def in_force(board: PolicyBoard) -> dict[str, int]:
    return {tenant: policy.metadata.version for tenant, policy in board.snapshot.items()}


async def until(condition: Callable[[], bool], within: float = EFFECT_SECONDS) -> float:
    """Seconds until the condition held."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within
        await asyncio.sleep(0.01)
    return time.monotonic() - began


async def test_an_empty_topic_is_caught_up_with_at_once(policies, board):
    await policies.start(START_SECONDS)
    assert (in_force(board), policies.fresh) == ({}, True)


async def test_a_published_policy_takes_effect_within_two_seconds_without_a_restart(client, topic, policies, board):
    await policies.start(START_SECONDS)
    for version in (1, 2):
        sent = await publish_policy(client, topic, policy_text(version=version), "acme.yaml")
        assert (sent.tenant, sent.version) == ("acme", version)
        await until(lambda version=version: in_force(board) == {"acme": version})


async def test_a_restart_reads_all_partitions_to_their_ends_before_it_is_caught_up(topic, policies, board, producer):
    for number in range(60):
        for version in (1, 2):
            key = f"tenant-{number}"
            await producer.send(topic, key=key.encode(), value=policy_text(key, version).encode())
    await producer.flush()
    await policies.start(START_SECONDS)
    assert in_force(board) == {f"tenant-{number}": 2 for number in range(60)}


async def test_a_broken_value_is_refused_with_its_place_and_the_last_good_policy_stays(
    topic, policies, board, events, producer
):
    await producer.send_and_wait(topic, key=b"acme", value=policy_text().encode(), partition=1)
    await policies.start(START_SECONDS)
    await producer.send_and_wait(topic, key=b"acme", value=policy_text(version=2, action="rejct").encode(), partition=1)
    await until(lambda: len(events.told) == 2)
    assert events.told[1] == ("refused", "acme", (IssueCode.NOT_A_CHOICE, 6, 55))
    assert str(events.issues[0]).startswith(f"{topic}:1@1:6:55: ")
    assert in_force(board) == {"acme": 1}
    await producer.send_and_wait(topic, key=b"acme", value=policy_text(version=3).encode(), partition=1)
    await until(lambda: in_force(board) == {"acme": 3})


async def test_a_worker_that_starts_after_a_broken_value_has_the_last_good_policy(topic, policies, board, producer):
    for value in (policy_text().encode(), b"\xff\xfe", b"[", policy_text(version=2, entity="NOBODY").encode()):
        await producer.send_and_wait(topic, key=b"acme", value=value, partition=0)
    await policies.start(START_SECONDS)
    assert in_force(board) == {"acme": 1}


async def test_a_tombstone_takes_the_policy_out_of_force(topic, policies, board, events, producer):
    await producer.send_and_wait(topic, key=b"acme", value=policy_text(version=5).encode())
    await policies.start(START_SECONDS)
    await producer.send_and_wait(topic, key=b"acme", value=None)
    await until(lambda: in_force(board) == {})
    assert events.told[-1] == ("removed", "acme")


@pytest.mark.parametrize(
    ("key", "place"),
    [(None, (None, 1, 1)), (b"Jane Roe", (None, 1, 1)), (b"\xff", (None, 1, 1)), (b"other", ("other", 3, 20))],
)
async def test_a_value_under_a_key_that_is_not_its_tenant_is_refused(
    topic, policies, board, events, producer, key, place
):
    await policies.start(START_SECONDS)
    await producer.send_and_wait(topic, key=key, value=policy_text().encode())
    await until(lambda: bool(events.told))
    tenant, line, column = place
    assert events.told == [("refused", tenant, (IssueCode.WRONG_KEY, line, column))]
    assert "Jane" not in str(events.issues[0])
    assert in_force(board) == {}


async def test_a_removal_under_a_key_that_is_no_tenant_is_refused(topic, policies, events, producer):
    await policies.start(START_SECONDS)
    await producer.send_and_wait(topic, key=b"Jane Roe", value=None)
    await until(lambda: bool(events.told))
    assert events.told == [("refused", None, (IssueCode.WRONG_KEY, 1, 1))]


async def test_publishing_refuses_a_broken_policy_and_sends_nothing(client, topic):
    with pytest.raises(PolicyDocumentError, match=r"acme\.yaml:6:55: error VS013: .*did you mean `reject`"):
        await publish_policy(client, topic, policy_text(action="rejct"), "acme.yaml")
    assert not (await read_topic(client, topic, Events(), within_seconds=START_SECONDS)).snapshot


async def test_publishing_refuses_a_version_that_does_not_follow_the_one_on_the_topic(client, topic):
    await publish_policy(client, topic, policy_text(version=3), "acme.yaml")
    with pytest.raises(PolicyDocumentError, match=r"acme\.yaml:3:35: error VS021: .*write `version: 4`"):
        await publish_policy(client, topic, policy_text(version=3, action="flag"), "acme.yaml")
    assert in_force(await read_topic(client, topic, Events(), within_seconds=START_SECONDS)) == {"acme": 3}


async def test_publishing_what_stands_there_already_sends_nothing(client, topic):
    first = await publish_policy(client, topic, policy_text(), "acme.yaml")
    assert first.offset == 0
    again = await publish_policy(client, topic, policy_text() + "# a comment\n", "acme.yaml")
    assert again == Published("acme", 1, None, None)


async def test_what_is_published_is_the_file_as_it_is_written_under_its_tenant(client, topic):
    text = "# why\n" + policy_text() + "# ünicode\n"
    sent = await publish_policy(client, topic, text, "acme.yaml")
    async with AIOKafkaConsumer(**client, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, sent.partition)])
        record = await asyncio.wait_for(consumer.getone(), START_SECONDS)
    assert (record.offset, record.key, record.value) == (sent.offset, b"acme", text.encode())


async def test_a_topic_that_does_not_exist_refuses_the_start_and_is_not_created(client, board):
    for _ in range(2):
        with pytest.raises(ConfigurationError) as refused:
            await TopicPolicies(client, "no-such-topic", board).start(1.0)
        assert refused.value.reason == "topic_missing"


async def test_partitions_that_are_added_are_read_too_and_nothing_is_read_twice(real_kafka, board, events):
    topic = f"policies-{uuid.uuid4()}"
    real_kafka.create_topics({topic: 1})
    client = {"bootstrap_servers": real_kafka.bootstrap_servers}
    for version in (1, 2):
        await publish_policy(client, topic, policy_text(version=version), "acme.yaml")
    policies = TopicPolicies(client, topic, board, metadata_seconds=0.3)
    await policies.start(START_SECONDS)
    try:
        admin = AdminClient({"bootstrap.servers": real_kafka.bootstrap_servers})
        await asyncio.to_thread(admin.create_partitions([NewPartitions(topic, 3)])[topic].result, START_SECONDS)
        async with AIOKafkaProducer(**client) as producer:
            await producer.send_and_wait(topic, key=b"other", value=policy_text("other").encode(), partition=2)
            await producer.send_and_wait(topic, key=b"acme", value=policy_text(version=3).encode(), partition=0)
        await until(lambda: in_force(board) == {"acme": 3, "other": 1}, within=6)
    finally:
        await policies.stop()
    assert [event for event in events.told if event[1] == "acme"] == [("accepted", "acme", v) for v in (1, 2, 3)]


@pytest.mark.kafka
async def test_a_broker_that_does_not_answer_refuses_the_start_in_time(board):
    began = time.monotonic()
    with pytest.raises(ConfigurationError) as refused:
        await TopicPolicies({"bootstrap_servers": "127.0.0.1:9"}, "policies", board).start(1.0)
    assert refused.value.reason == "broker_unreachable"
    assert time.monotonic() - began < 3


@pytest.mark.kafka
async def test_while_the_broker_is_away_the_last_good_stays_and_grows_stale_and_then_recovers(board):
    with EmbeddedBroker({"policies": 1}) as broker:
        client = {"bootstrap_servers": broker.bootstrap_servers}
        await publish_policy(client, "policies", policy_text(), "acme.yaml")
        policies = TopicPolicies(client, "policies", board, max_stale_seconds=1.5)
        try:
            await policies.start(START_SECONDS)
            assert policies.fresh
            broker.cluster.set_down(1)
            await until(lambda: not policies.fresh, within=6)
            assert in_force(board) == {"acme": 1}
            broker.cluster.set_up(1)
            await until(lambda: policies.fresh, within=15)
            await publish_policy(client, "policies", policy_text(version=2), "acme.yaml")
            await until(lambda: in_force(board) == {"acme": 2})
        finally:
            await policies.stop()
    assert not policies.fresh
