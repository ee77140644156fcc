"""One suite for every `Deliverer`: the one of tests/fakes.py keeps its protocol as the one on Kafka does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from filters.errors import DeliveryError
from streams.embedded_broker import EmbeddedBroker
from streams.emit import Deliverer, KafkaEmitter, OutputRecord
from streams.librdkafka import ApiKey
from tests.fakes import MemoryDeliverer
from tests.support.kafka_io import drain_topic, unique

TIMEOUT = 10.0
MAX_BYTES = 1024 * 1024
TOPIC_AUTHORIZATION_FAILED = 29
"""Kafka's code for an answer that no retry mends."""


@dataclass
class Rig:
    """A deliverer; what has arrived on a topic, in the order of each key; and how to make it fail from now on."""

    deliverer: Deliverer
    arrived: Callable[[str], Awaitable[list[OutputRecord]]]
    fail: Callable[[], None]
    topics: tuple[str, str]


async def memory_rig() -> AsyncIterator[Rig]:
    deliverer = MemoryDeliverer()

    async def arrived(topic: str) -> list[OutputRecord]:
        return [record for record in deliverer.records if record.topic == topic]

    def fail() -> None:
        deliverer.refuse = True

    yield Rig(deliverer, arrived, fail, ("one", "two"))


async def kafka_rig() -> AsyncIterator[Rig]:
    one, two = unique("deliver"), unique("deliver")
    with EmbeddedBroker({one: 3, two: 1}) as broker:
        emitter = KafkaEmitter({"bootstrap_servers": broker.bootstrap_servers}, MAX_BYTES)
        await emitter.start()

        async def arrived(topic: str) -> list[OutputRecord]:
            read = await asyncio.to_thread(drain_topic, broker.bootstrap_servers, topic)
            return [OutputRecord(each.topic, each.key, each.value or b"", each.headers) for each in read]

        def fail() -> None:
            broker.cluster.fail_requests(ApiKey.PRODUCE, [TOPIC_AUTHORIZATION_FAILED] * 20)

        yield Rig(emitter, arrived, fail, (one, two))
        await emitter.stop()


@pytest.fixture(params=["memory", pytest.param("kafka", marks=[pytest.mark.kafka])])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    make = {"memory": memory_rig, "kafka": kafka_rig}[request.param]
    async for made in make():
        yield made


def _order(record: OutputRecord) -> tuple[str, bool, bytes]:
    """Any total order; a record's own repr shows neither key nor value."""
    return record.topic, record.key is None, record.value


def by_key(records: list[OutputRecord]) -> dict[bytes | None, list[OutputRecord]]:
    return {key: [record for record in records if record.key == key] for key in {record.key for record in records}}


async def test_records_have_arrived_unchanged_when_it_returns(rig: Rig):
    """Topic, key, value, and headers with their order, repetitions and nulls."""
    headers = (("a", b"1"), ("a", b"\xff\x00"), ("none", None), ("empty", b""))
    records = [
        OutputRecord(rig.topics[0], b"key", b"value", headers),
        OutputRecord(rig.topics[0], None, b""),
        OutputRecord(rig.topics[1], b"", bytes(range(256)) * 1000),
    ]
    await rig.deliverer.deliver(records, TIMEOUT)
    arrived = [*await rig.arrived(rig.topics[0]), *await rig.arrived(rig.topics[1])]
    assert sorted(arrived, key=_order) == sorted(records, key=_order)


async def test_a_key_keeps_its_order_within_and_across_calls(rig: Rig):
    """What was delivered sooner stands before."""
    sent = [OutputRecord(rig.topics[0], b"k%d" % (n % 5), b"%03d" % n) for n in range(300)]
    for start in range(0, 300, 60):
        await rig.deliverer.deliver(sent[start : start + 60], TIMEOUT)
    assert by_key(await rig.arrived(rig.topics[0])) == by_key(sent)


async def test_calls_may_overlap(rig: Rig):
    """Two batches are in flight in a worker."""
    batches = [[OutputRecord(rig.topics[0], b"b%d" % n, b"%d" % m) for m in range(50)] for n in range(4)]
    await asyncio.gather(*(rig.deliverer.deliver(batch, TIMEOUT) for batch in batches))
    assert by_key(await rig.arrived(rig.topics[0])) == {batch[0].key: batch for batch in batches}


async def test_nothing_is_a_delivery_too(rig: Rig):
    """A batch without content records has none to deliver."""
    await rig.deliverer.deliver([], TIMEOUT)
    assert await rig.arrived(rig.topics[0]) == []


async def test_a_refusal_is_a_delivery_error_that_quotes_nothing(rig: Rig):
    """Also where only one record of several is refused; the text holds no value, key or header."""
    await rig.deliverer.deliver([OutputRecord(rig.topics[0], b"k", b"before")], TIMEOUT)
    rig.fail()
    records = [OutputRecord(rig.topics[0], b"secret-key", b"secret-value", (("h", b"secret-header"),))] * 3
    with pytest.raises(DeliveryError) as refused:
        await rig.deliverer.deliver(records, TIMEOUT)
    assert "secret" not in str(refused.value)
    assert [record.value for record in await rig.arrived(rig.topics[0])] == [b"before"]


# ── Kafka's own ways to fail ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.kafka
async def test_one_record_that_is_too_large_fails_its_call():
    """The emitter's own limit, before anything is sent to a broker."""
    async for rig in kafka_rig():
        records = [OutputRecord(rig.topics[0], b"k", b"small"), OutputRecord(rig.topics[0], b"k", bytes(2 * MAX_BYTES))]
        with pytest.raises(DeliveryError, match="MessageSizeTooLarge"):
            await rig.deliverer.deliver(records, TIMEOUT)


@pytest.mark.kafka
async def test_a_retriable_refusal_is_retried_and_neither_lost_nor_doubled():
    """The broker answers NOT_LEADER and the like a few times."""
    topic = unique("retry")
    with EmbeddedBroker({topic: 1}) as broker:
        emitter = KafkaEmitter({"bootstrap_servers": broker.bootstrap_servers}, MAX_BYTES)
        await emitter.start()
        broker.cluster.fail_requests(ApiKey.PRODUCE, [6, 7, 19])
        await emitter.deliver([OutputRecord(topic, b"k", b"%d" % n) for n in range(20)], TIMEOUT)
        await emitter.stop()
        read = await asyncio.to_thread(drain_topic, broker.bootstrap_servers, topic)
    assert [record.value for record in read] == [b"%d" % n for n in range(20)]


@pytest.mark.kafka
async def test_a_broker_that_does_not_answer_is_an_error_within_the_timeout():
    """The deadline covers retries and all records."""
    topic = unique("silent")
    with EmbeddedBroker({topic: 1}) as broker:
        emitter = KafkaEmitter({"bootstrap_servers": broker.bootstrap_servers}, MAX_BYTES)
        await emitter.start()
        broker.cluster.set_round_trip(1, 30.0)
        started = asyncio.get_running_loop().time()
        with pytest.raises(DeliveryError, match="within 1"):
            await emitter.deliver([OutputRecord(topic, b"k", b"v")], 1.0)
        assert asyncio.get_running_loop().time() - started < 3
        broker.cluster.set_round_trip(1, 0.0)
        await emitter.stop()


async def test_a_deliverer_that_was_not_started_or_finds_no_broker_says_so():
    """Neither hangs, and neither is another error."""
    emitter = KafkaEmitter({"bootstrap_servers": "127.0.0.1:1"}, MAX_BYTES)
    with pytest.raises(DeliveryError, match="not started"):
        await emitter.deliver([OutputRecord("t", None, b"v")], 1.0)
    with pytest.raises(DeliveryError, match="cannot connect"):
        await emitter.start()
    await emitter.stop()
