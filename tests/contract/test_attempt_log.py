"""One suite for every `AttemptLog`: the one of tests/fakes.py keeps its protocol as the one on Kafka does."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

import pytest

from filters.errors import ConfigurationError, DeliveryError
from filters.verdict import Failure
from streams.attempts import AttemptLog, Ending, History
from streams.attempts_topic import TopicAttempts
from streams.embedded_broker import EmbeddedBroker
from streams.emit import KafkaEmitter
from streams.librdkafka import ApiKey
from streams.message import RawMessage
from tests.fakes import MemoryAttempts
from tests.support.kafka_io import Outgoing, produce

TOPIC = "attempts"
TOPIC_AUTHORIZATION_FAILED = 29


@dataclass
class Rig:
    """A log; the log of the process that comes after its sudden end; and how to make notes fail from now on."""

    log: AttemptLog
    successor: Callable[[], Awaitable[AttemptLog]]
    fail: Callable[[], None]


def raw(offset: int, partition: int = 0) -> RawMessage:
    return RawMessage("prompts", partition, offset, None, b"secret", (), 1000)


async def begun(log: AttemptLog, offset: int, generation: int = 1) -> int:
    return (await log.earlier(raw(offset), generation)).attempts


async def memory_rig() -> AsyncIterator[Rig]:
    log = MemoryAttempts()

    async def successor() -> AttemptLog:
        return log

    def fail() -> None:
        log.refuse = True

    yield Rig(log, successor, fail)


async def kafka_rig() -> AsyncIterator[Rig]:
    with EmbeddedBroker({TOPIC: 1}) as broker:
        client = {"bootstrap_servers": broker.bootstrap_servers}
        emitter = KafkaEmitter(client, 1 << 20)
        await emitter.start()
        opened: list[TopicAttempts] = []
        committed: dict[tuple[str, int], int] = {}

        async def new() -> TopicAttempts:
            log = TopicAttempts(client, TOPIC, "group", emitter, timeout=5.0, committed=committed.get)
            await log.start(10.0)
            opened.append(log)
            return log

        def fail() -> None:
            broker.cluster.fail_requests(ApiKey.PRODUCE, [TOPIC_AUTHORIZATION_FAILED] * 20)

        first = await new()
        produce(
            broker.bootstrap_servers, [Outgoing(TOPIC, b"garbage", b"group/stranger"), Outgoing(TOPIC, b"[]", b"x")]
        )
        yield Rig(first, new, fail)
        for log in opened:
            await log.stop()
        await emitter.stop()


@pytest.fixture(params=[memory_rig, pytest.param(kafka_rig, marks=pytest.mark.kafka)], ids=["memory", "kafka"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    async for each in request.param():
        yield each


async def test_what_has_begun_and_not_ended_is_known_to_the_next_process(rig):
    await rig.log.begin([raw(1), raw(2), raw(1, partition=1)])
    after = await rig.successor()
    assert [await begun(after, offset) for offset in (0, 1, 2, 3)] == [0, 1, 1, 0]
    assert (await after.earlier(raw(1, partition=1), 1)).attempts == 1


async def test_attempts_add_up_over_processes(rig):
    await rig.log.begin([raw(1)])
    for count in (1, 2, 3):
        log = await rig.successor()
        assert await begun(log, 1) == count
        await log.begin([replace(raw(1), attempts=count + 1)])


async def test_what_has_ended_is_no_suspect_and_its_ending_is_known(rig):
    failure = Failure("detector_timeout", "budget", "detect")
    await rig.log.begin([raw(1), raw(2), raw(3)])
    await rig.log.ended([(raw(1), Ending()), (raw(3), Ending(failure))])
    after = await rig.successor()
    known = [await after.earlier(raw(offset), 1) for offset in (1, 2, 3, 4)]
    assert known == [History(0, Ending()), History(1), History(0, Ending(failure)), History()]


async def test_a_process_that_lives_knows_its_own_endings(rig):
    """Its next generation may bring it a record again whose commit came too late."""
    await rig.log.begin([raw(1)])
    await rig.log.ended([(raw(1), Ending())])
    assert await rig.log.earlier(raw(1), 2) == History(0, Ending())


async def test_a_process_that_lives_sees_what_another_began_since(rig):
    """Its next generation brings it the partitions of one that died."""
    other = await rig.successor()
    assert await begun(other, 1) == 0
    await rig.log.begin([raw(1)])
    assert await begun(other, 1, generation=2) == 1


async def test_a_note_that_cannot_be_written_is_an_error(rig):
    rig.fail()
    with pytest.raises(DeliveryError):
        await rig.log.begin([raw(1)])


@pytest.mark.kafka
async def test_a_missing_topic_is_named_with_its_remedy():
    with EmbeddedBroker({"other": 1}) as broker:
        client = {"bootstrap_servers": broker.bootstrap_servers}
        log = TopicAttempts(client, TOPIC, "group", KafkaEmitter(client, 1 << 20), timeout=5.0)
        with pytest.raises(ConfigurationError, match=r"'attempts' could .* topic missing; `veilstream topics"):
            await log.start(1.0)
