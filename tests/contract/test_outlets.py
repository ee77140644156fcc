"""One suite for every `Outlet`, each over its fake and over Kafka."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from filters.errors import DeliveryError
from streams.emit import KafkaEmitter, OutputRecord
from streams.exactly_once import ExactlyOnceOutlet
from streams.outlet import AtLeastOnceOutlet, Judged
from streams.transactions import KafkaTransactions
from tests.fakes import MemoryDeliverer, MemoryLog, MemoryTransactions
from tests.support.kafka_io import unique
from tests.support.outlets import MAX_BYTES, PARTITIONS, RECORDS, SECONDS, Rig, kafka_topics


def texts_of(records: list[OutputRecord]) -> Callable[[str], Awaitable[list[str]]]:
    async def arrived(topic: str) -> list[str]:
        return [record.value.decode() for record in records if record.topic == topic]

    return arrived


async def memory_at_least_once(_: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    calls: list[OutputRecord] = []

    class Deliverer(MemoryDeliverer):
        async def deliver(self, records, timeout) -> None:
            if any(len(record.value) > MAX_BYTES for record in records):
                raise DeliveryError("too large")
            calls.extend(records)

    yield Rig(AtLeastOnceOutlet(Deliverer()), "in", "verdicts", "content", texts_of(calls))


async def memory_exactly_once(_: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    log = MemoryLog()

    class Bounded(MemoryTransactions):
        def write(self, records, position, seconds) -> None:
            if any(len(record.value) > MAX_BYTES for record in records):
                raise DeliveryError("too large")
            super().write(records, position, seconds)

    outlet = ExactlyOnceOutlet(lambda place: Bounded(log, place), SECONDS)
    yield Rig(outlet, "in", "verdicts", "content", texts_of(log.records))
    await outlet.stop()


async def kafka_at_least_once(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    bootstrap, topics, arrived = await kafka_topics(request.getfixturevalue("real_kafka"))
    emitter = KafkaEmitter({"bootstrap_servers": bootstrap}, MAX_BYTES)
    await emitter.start()
    yield Rig(AtLeastOnceOutlet(emitter), topics[0], topics[1], topics[2], arrived)
    await emitter.stop()


async def kafka_exactly_once(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    bootstrap, topics, arrived = await kafka_topics(request.getfixturevalue("real_kafka"))
    arguments: dict[str, str | int] = {"bootstrap.servers": bootstrap, "log_level": 2}
    group = unique("group")
    outlet = ExactlyOnceOutlet(lambda place: KafkaTransactions(arguments, group, place, MAX_BYTES, SECONDS), SECONDS)
    yield Rig(outlet, topics[0], topics[1], topics[2], arrived)
    await outlet.stop()


ON_KAFKA = [pytest.mark.kafka, pytest.mark.slow]
RIGS = [
    memory_at_least_once,
    memory_exactly_once,
    pytest.param(kafka_at_least_once, marks=ON_KAFKA),
    pytest.param(kafka_exactly_once, marks=ON_KAFKA),
]


@pytest.fixture(params=RIGS, ids=lambda rig: rig.__name__)
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    async for made in request.param(request):
        yield made


async def admitted(rig: Rig, *numbers: int, partition: int = 0) -> list[Judged]:
    batch = rig.batch(*numbers, partition=partition)
    assert all([await rig.outlet.admit(each) for each in batch])
    return [rig.judged(each) for each in batch]


async def test_all_outputs_can_be_read_when_it_returns(rig: Rig):
    """Of all partitions, one verdict and one content record each."""
    batch = [*await admitted(rig, *range(RECORDS)), *await admitted(rig, *range(RECORDS), partition=1)]
    await rig.send(*batch)
    expected = sorted(f"{partition}:{number}" for partition in range(PARTITIONS) for number in range(RECORDS))
    assert sorted(await rig.arrived(rig.verdicts)) == sorted(await rig.arrived(rig.content)) == expected


async def test_batches_that_overlap_keep_the_order_of_their_content(rig: Rig):
    """Two are in flight in a worker; the later one is told when the earlier one is out."""
    earlier, later = await admitted(rig, 0, 1), await admitted(rig, 2, 3)
    out: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    second = asyncio.create_task(rig.send(*later, previous=out))
    await asyncio.sleep(0.05)
    assert await rig.arrived(rig.content) == []
    await rig.send(*earlier)
    out.set_result(None)
    await second
    assert await rig.arrived(rig.content) == [f"0:{number}" for number in range(4)]


async def test_what_cannot_be_written_is_a_delivery_error_that_quotes_nothing(rig: Rig):
    """Nor is anything of it visible where it was a transaction."""
    good, bad = rig.batch(0, 1)
    assert await rig.outlet.admit(good)
    assert await rig.outlet.admit(bad)
    with pytest.raises(DeliveryError) as refused:
        await rig.send(rig.judged(good), rig.judged(bad, size=MAX_BYTES))
    assert "secret" not in str(refused.value)
    if isinstance(rig.outlet, ExactlyOnceOutlet):
        assert await rig.arrived(rig.verdicts) == []
        assert await rig.arrived(rig.content) == []


async def test_it_stops_whether_or_not_it_was_used(rig: Rig):
    await admitted(rig, 0)
    await rig.outlet.stop()
