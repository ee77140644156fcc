"""What streams/agents.py rests on inside Faust. Private names change without notice: whoever upgrades Faust reads here.

Each failure says which line of ours leans on what has changed, and what to do about it.
"""

import asyncio
import contextlib
import inspect
import time
from collections.abc import AsyncIterator, MutableSet

import faust
import faust.streams
import pytest
from faust.types import TP, Message
from faust.types.tuples import ConsumerMessage

from streams.agents import FaustDelivery, RawSchema, attach, lags, partitions
from streams.embedded_broker import EmbeddedBroker
from tests.support.kafka_io import Outgoing, committed_offsets, produce, unique

PLACE = TP("prompts", 0)
GENERATION = 7


def upgrade(changed: str, remedy: str) -> str:
    """What the upgrader is told."""
    return f"Faust {faust.__version__} differs: {changed}. To do: {remedy} (see docs/delivery.md)"


REFERENCES = upgrade(
    "an ack that Faust makes on its own (skipped events, decode errors) reaches the consumer",
    "find in faust/streams.py and faust/types/tuples.py what keeps a message from being committed, and let "
    "`RawSchema.compile` take hold of it; without that, records skipped in a rebalance are lost",
)


@pytest.fixture
async def app() -> AsyncIterator[faust.App]:
    """An app that is not started: its consumer exists, and nobody is connected."""
    app = faust.App(unique("contract"), broker="kafka://127.0.0.1:1", store="memory://", web_enabled=False)
    app.consumer_generation_id = GENERATION
    app.topics.acking_topics.add(PLACE.topic)
    yield app
    app.consumer._thread.thread_loop.close()  # made with the consumer, and closed by nobody unless it was started


def message(offset: int, generation: int = GENERATION) -> Message:
    return ConsumerMessage(
        PLACE.topic,
        PLACE.partition,
        offset,
        time.time(),
        0,
        (),
        b"key",
        b"value",
        None,
        tp=PLACE,
        generation_id=generation,
    )


def acked_offsets(app: faust.App) -> list[int]:
    """Offsets that the consumer may commit."""
    return sorted(app.consumer._acked[PLACE])


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_consumer_keeps_unacked_messages_in_a_set(app: faust.App):
    """`FaustDelivery.ack` takes messages of an old generation out of it."""
    remedy = "find what `Consumer.wait_empty` waits for now, and release it in `FaustDelivery.ack`"
    unacked = getattr(app.consumer, "_unacked_messages", None)
    assert isinstance(unacked, MutableSet), upgrade("`Consumer._unacked_messages` is gone", remedy)
    app.consumer.track_message(one := message(1))
    assert one in unacked, upgrade("`track_message` does not add to `_unacked_messages`", remedy)
    app.consumer.ack(one)
    assert one not in unacked, upgrade("`Consumer.ack` does not release a message", remedy)


async def test_wait_empty_ends_when_the_last_message_is_released(app: faust.App, monkeypatch: pytest.MonkeyPatch):
    """A revoked partition's records are never acked: `wait_empty` must not wait for them for ever."""

    async def commit(**_: object) -> bool:
        return True

    monkeypatch.setattr(app.consumer, "commit", commit)
    old = message(1, GENERATION - 1)
    app.consumer.track_message(old)
    waiting = asyncio.create_task(app.consumer.wait_empty())
    await asyncio.sleep(0.1)
    assert not waiting.done(), upgrade("`wait_empty` waits for other things", "check the drain in `run_until`")
    FaustDelivery(app, old).ack()
    async with asyncio.timeout(5):
        await waiting
    assert acked_offsets(app) == [], "a message of an old generation was acked"


async def test_messages_and_app_carry_the_group_generation(app: faust.App):
    """`FaustDelivery.ack` compares the two."""
    remedy = "find how a message is told from before a rebalance, and compare that in `FaustDelivery.ack`"
    assert "generation_id" in inspect.signature(Message.__init__).parameters, upgrade(
        "`Message.generation_id` is gone", remedy
    )
    assert isinstance(faust.App.consumer_generation_id, int), upgrade("`App.consumer_generation_id` is gone", remedy)
    for generation, acked in ((GENERATION - 1, []), (GENERATION, [5])):
        FaustDelivery(app, message(5, generation)).ack()
        assert acked_offsets(app) == acked, upgrade("acks of an old generation count", remedy)


async def test_the_consumer_keeps_committed_offsets_by_partition(app: faust.App):
    """`lags` reads them."""
    remedy = "let `lags` take the committed offset from where it is now"
    committed = getattr(app.consumer, "_committed_offset", None)
    assert hasattr(committed, "get"), upgrade("`Consumer._committed_offset` is gone", remedy)
    assert committed.get(PLACE) is None, upgrade("`_committed_offset` is not None before a commit", remedy)


async def test_a_delivery_that_is_committed_elsewhere_is_released_and_never_committed_by_faust(app: faust.App):
    """Exactly once: `FaustDelivery(commits=False)` frees `wait_empty`, tells `lags`, and leaves nothing to commit."""
    remedy = "find what makes an offset committable now; a late commit by Faust would repeat what is written"
    for offset in (1, 2):
        app.consumer.track_message(one := message(offset))
        FaustDelivery(app, one, commits=False).ack()
        assert one not in app.consumer._unacked_messages
    FaustDelivery(app, message(9, GENERATION - 1), commits=False).ack()
    assert acked_offsets(app) == [], upgrade("a released message can be committed", remedy)
    assert app.consumer._filter_committable_offsets([PLACE]) == {}, upgrade("released messages are committed", remedy)
    assert app.consumer._committed_offset[PLACE] == 3, "the lag is told from another generation's record"


# ── schema ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_topics_decode_through_the_compiled_schema(app: faust.App):
    """`RawSchema` overrides `compile(app, **hooks)`, which returns `decode(message, *, propagate)`."""
    remedy = "give `RawSchema.compile` the signature of `faust.Schema.compile`"
    hooks = list(inspect.signature(faust.Schema.compile).parameters.values())[2:]
    assert {hook.kind for hook in hooks} <= {inspect.Parameter.KEYWORD_ONLY}, upgrade("`Schema.compile`", remedy)
    topic = app.topic(PLACE.topic, schema=RawSchema(key_type=bytes, value_type=bytes))
    event = await topic.decode(one := message(1), propagate=True)
    assert (event.key, event.value, event.message) == (b"key", b"value", one), upgrade("`Topic.decode`", remedy)


async def test_null_keys_and_values_are_decoded_too(app: faust.App):
    """A tombstone gets a verdict like every record."""
    topic = app.topic(PLACE.topic, schema=RawSchema(key_type=bytes, value_type=bytes))
    one = message(1)
    one.key = one.value = None
    event = await topic.decode(one, propagate=True)
    assert (event.key, event.value) == (None, None), upgrade("null values", "decode them in `RawSchema.compile`")


# ── references ────────────────────────────────────────────────────────────────────────────────────────────────────


async def delivered_event(app: faust.App, offset: int, generation: int = GENERATION) -> faust.Event:
    """An event as the conductor makes it for one channel: a reference, then the decoding."""
    one = message(offset, generation)
    one.incref(1)
    topic = app.topic(PLACE.topic, schema=RawSchema(key_type=bytes, value_type=bytes))
    event = await topic.decode(one, propagate=True)
    app.consumer.track_message(one)
    return event


async def test_an_ack_of_fausts_own_does_not_reach_the_consumer(app: faust.App):
    """The reference that `RawSchema` takes is left; only `FaustDelivery.ack` makes the offset committable."""
    event = await delivered_event(app, 3)
    event.ack()
    assert (event.message.acked, acked_offsets(app)) == (False, []), REFERENCES
    FaustDelivery(app, event.message).ack()
    assert acked_offsets(app) == [3], upgrade("`Consumer.ack` does not ack", "find what does, for `FaustDelivery.ack`")


@pytest.fixture(params=["compiled", "python"])
def iterator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust reads streams by a compiled iterator where it has one, which does not ack what it skips, or by Python."""
    compiled = getattr(faust.streams, "_CStreamIterator", None)
    if request.param == "python":
        monkeypatch.setattr(faust.streams, "_CStreamIterator", None)
    elif compiled is None:
        pytest.skip("this build of Faust has no compiled iterator")


@pytest.mark.usefixtures("iterator")
async def test_a_skipped_event_of_an_old_generation_is_not_acked(app: faust.App):
    """The stream's own skip path: the event is passed over, `event.ack()` may be called, and nothing may come of it."""
    topic = app.topic(PLACE.topic, schema=RawSchema(key_type=bytes, value_type=bytes))
    app.flow_control.resume()
    events = [await delivered_event(app, 1, GENERATION - 1), await delivered_event(app, 2)]
    stream = topic.stream().noack()
    for event in events:
        stream.channel.queue.put_nowait(event)
    async with asyncio.timeout(5):
        async for event in stream.events():
            first = event.message
            break
    await stream.stop()
    assert first.offset == 2, upgrade("events of an old generation are not skipped", "skip them in `attach`")
    assert acked_offsets(app) == [], REFERENCES


@pytest.mark.usefixtures("iterator")
async def test_noack_leaves_acking_to_us(app: faust.App):
    """An event that was handled is acked by nobody until `FaustDelivery.ack`."""
    topic = app.topic(PLACE.topic, schema=RawSchema(key_type=bytes, value_type=bytes))
    app.flow_control.resume()
    stream = topic.stream().noack()
    for offset in (1, 2):
        stream.channel.queue.put_nowait(await delivered_event(app, offset))
    async with asyncio.timeout(5):
        async for event in stream.events():
            if event.message.offset == 2:
                break
    await stream.stop()
    assert acked_offsets(app) == [], upgrade("`noack()` acks", "find another way to read without acking in `attach`")


# ── a live consumer ───────────────────────────────────────────────────────────────────────────────────────────────


class HoldingGate:
    """Stands in for `Gate`: keeps what it is given."""

    def __init__(self) -> None:
        self.deliveries: list[FaustDelivery] = []

    async def submit(self, delivery: FaustDelivery) -> None:
        self.deliveries.append(delivery)


async def until(condition: object, timeout: float = 20.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.05)


def live_app(group: str, bootstrap: str) -> faust.App:
    return faust.App(
        group,
        broker=f"kafka://{bootstrap}",
        consumer_auto_offset_reset="earliest",
        topic_allow_declare=False,
        topic_disable_leader=True,
        broker_commit_interval=0.1,
        stream_wait_empty=True,
        web_enabled=False,
        store="memory://",
    )


@pytest.mark.kafka
@pytest.mark.slow
async def test_a_live_app_commits_what_was_acked_and_nothing_else(embedded_broker: EmbeddedBroker):
    """On a broker: generations agree, nothing is committed unasked, acked offsets are, and the lag follows."""
    topic, group = unique("live"), unique("group")
    embedded_broker.create_topics({topic: 1})
    bootstrap = embedded_broker.bootstrap_servers
    produce(bootstrap, [Outgoing(topic, b"%d" % number, partition=0) for number in range(10)])
    app, gate = live_app(group, bootstrap), HoldingGate()
    attach(app, topic, gate)  # type: ignore[arg-type]
    await app.start()
    try:
        await until(lambda: len(gate.deliveries) == 10)
        await asyncio.sleep(0.5)
        assert committed_offsets(bootstrap, group, [topic]) == {}, upgrade("commits unasked", "do not use this version")
        assert partitions(app) == {TP(topic, 0)}
        generations = {delivery._message.generation_id for delivery in gate.deliveries}
        assert generations == {app.consumer_generation_id}, upgrade(
            "generations of messages and app differ on a live consumer", "compare them otherwise in `FaustDelivery.ack`"
        )
        for delivery in gate.deliveries[:4]:
            delivery.ack()
        await until(lambda: committed_offsets(bootstrap, group, [topic]) == {(topic, 0): 4})
        await until(lambda: lags(app) == [(topic, 0, 6)])
        for delivery in gate.deliveries[4:]:
            delivery.ack()
        async with asyncio.timeout(20):
            await app.stop()
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await app.stop()
    assert committed_offsets(bootstrap, group, [topic]) == {(topic, 0): 10}


@pytest.mark.kafka
@pytest.mark.slow
async def test_a_live_app_commits_nothing_of_what_is_committed_elsewhere(embedded_broker: EmbeddedBroker):
    """Neither while it runs, nor over a gap, nor when it stops; the lag follows all the same."""
    topic, group = unique("live"), unique("group")
    embedded_broker.create_topics({topic: 1})
    bootstrap = embedded_broker.bootstrap_servers
    produce(bootstrap, [Outgoing(topic, b"%d" % number, partition=0) for number in range(10)])
    app, gate = live_app(group, bootstrap), HoldingGate()
    attach(app, topic, gate, commits=False)  # type: ignore[arg-type]
    await app.start()
    await until(lambda: len(gate.deliveries) == 10)
    for delivery in gate.deliveries[:6]:
        delivery.ack()
    await until(lambda: lags(app) == [(topic, 0, 4)])
    await app.consumer._add_gap(TP(topic, 0), 6, 8)
    await asyncio.sleep(0.5)
    assert committed_offsets(bootstrap, group, [topic]) == {}, upgrade("commits unasked", "do not use this version")
    for delivery in gate.deliveries[6:]:
        delivery.ack()
    async with asyncio.timeout(20):
        await app.stop()
    assert committed_offsets(bootstrap, group, [topic]) == {}, upgrade("commits on its way out", "find where")
