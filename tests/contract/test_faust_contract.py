"""What streams/agents.py and streams/intake.py rest on inside Faust. Private names change: whoever upgrades reads here.

Each failure says which line of ours leans on what has changed, and what to do about it.
"""

import asyncio
import contextlib
import inspect
import time
from collections.abc import AsyncIterator, MutableSet

import faust
import faust.transport.consumer
import faust.transport.drivers.aiokafka
import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED as FETCHER_READS_COMMITTED
from faust.types import TP, Message
from faust.types.tuples import ConsumerMessage

from streams.agents import FaustDelivery, attach, lags, last_commit, partitions
from streams.embedded_broker import EmbeddedBroker
from streams.intake import IntakeConsumer
from tests.support.kafka_io import Outgoing, committed_offsets, produce, unique

PLACE = TP("prompts", 0)
GENERATION = 7


def upgrade(changed: str, remedy: str) -> str:
    """What the upgrader is told."""
    return f"Faust {faust.__version__} differs: {changed}. To do: {remedy} (see docs/delivery.md)"


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


class HoldingGate:
    """Stands in for `Gate`: keeps what it is given."""

    def __init__(self) -> None:
        self.deliveries: list[FaustDelivery] = []

    async def submit(self, delivery: FaustDelivery) -> None:
        self.deliveries.append(delivery)


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


@pytest.mark.parametrize("committed", [True, False])
async def test_a_commit_counts_when_the_driver_says_that_it_was_made(
    app: faust.App, monkeypatch: pytest.MonkeyPatch, *, committed: bool
):
    """Faust notes an offset as committed where a rebalance came first; how judgings ended is forgotten from ours."""
    remedy = "find where a commit's success is told now, and fill `IntakeConsumer.last_commits` there"
    attach(app, PLACE.topic, HoldingGate())

    async def commit(_: object, offsets: object) -> bool:
        return committed

    monkeypatch.setattr(faust.transport.drivers.aiokafka.Consumer, "_commit", commit)
    monkeypatch.setattr(app.consumer, "assignment", lambda: {PLACE})
    monkeypatch.setattr(app.producer, "flush", lambda: asyncio.sleep(0))
    assert await app.consumer._commit_offsets({PLACE: 5}) is committed, upgrade("`_commit_offsets`", remedy)
    assert last_commit(app, *PLACE) == (5 if committed else None), upgrade("`Consumer._commit` is not called", remedy)


async def test_what_was_refused_is_committed_later(app: faust.App, monkeypatch: pytest.MonkeyPatch):
    """Faust takes it for committed: without another record, or after a rebalance, it would never ask again."""
    remedy = "find where Faust notes commits now, and ask again for what `IntakeConsumer._owed` has there"
    attach(app, PLACE.topic, HoldingGate())
    answers = iter([False, True])

    async def commit(_: object, offsets: object) -> bool:
        return next(answers)

    monkeypatch.setattr(faust.transport.drivers.aiokafka.Consumer, "_commit", commit)
    monkeypatch.setattr(app.consumer, "assignment", lambda: {PLACE})
    monkeypatch.setattr(app.producer, "flush", lambda: asyncio.sleep(0))
    await app.consumer._commit_offsets({PLACE: 5})
    assert app.consumer._filter_committable_offsets([PLACE]) == {PLACE: 5}, upgrade("a refused commit", remedy)
    await app.consumer._commit_offsets({PLACE: 5})
    assert app.consumer._filter_committable_offsets([PLACE]) == {}, upgrade("a refused commit", remedy)


async def test_what_was_refused_is_not_asked_for_where_another_worker_went_on(
    app: faust.App, monkeypatch: pytest.MonkeyPatch
):
    """The partition came back with a later offset: an earlier one would move the group back."""
    attach(app, PLACE.topic, HoldingGate())

    async def commit(_: object, offsets: object) -> bool:
        return False

    monkeypatch.setattr(faust.transport.drivers.aiokafka.Consumer, "_commit", commit)
    monkeypatch.setattr(app.consumer, "assignment", lambda: {PLACE})
    monkeypatch.setattr(app.producer, "flush", lambda: asyncio.sleep(0))
    await app.consumer._commit_offsets({PLACE: 5})
    app.consumer._committed_offset[PLACE] = 9
    assert app.consumer._filter_committable_offsets([PLACE]) == {}


# ── the intake ────────────────────────────────────────────────────────────────────────────────────────────────────


class Fetching:
    """Stands in for Faust's `Fetcher`."""

    def __init__(self) -> None:
        self._stopped = asyncio.Event()


@pytest.fixture
async def intake() -> AsyncIterator[tuple[faust.App, list[int]]]:
    """An app whose consumer hands over to a gate, and the offsets that the gate was given."""
    app = faust.App(unique("contract"), broker="kafka://127.0.0.1:1", store="memory://", web_enabled=False)
    app.consumer_generation_id = GENERATION
    app.topics.acking_topics.add(PLACE.topic)
    gate = HoldingGate()
    attach(app, PLACE.topic, gate)  # type: ignore[arg-type]
    yield app, gate.deliveries
    app.consumer._thread.thread_loop.close()


async def drain(consumer: IntakeConsumer, monkeypatch: pytest.MonkeyPatch, *polls: list[Message]) -> None:
    """Let the consumer take in what `getmany` gives, one list a call."""
    fetcher, left = Fetching(), list(polls)

    async def getmany(timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        assert timeout > 0
        for one in left.pop(0) if left else ():
            yield one.tp, one
        if not left:
            fetcher._stopped.set()

    monkeypatch.setattr(consumer, "getmany", getmany)
    async with asyncio.timeout(5):
        await consumer._drain_messages(fetcher)


async def test_the_fetcher_runs_the_method_that_we_override():
    """`IntakeConsumer._drain_messages` takes the place of Faust's loop."""
    remedy = "find the loop that calls `Consumer.getmany`, and override that in `IntakeConsumer`"
    source = inspect.getsource(faust.transport.consumer.Fetcher._fetcher.fun)
    assert "_drain_messages(self)" in source, upgrade("`Fetcher` does not call `Consumer._drain_messages`", remedy)
    parameters = list(inspect.signature(faust.transport.consumer.Consumer._drain_messages).parameters)
    assert parameters == ["self", "fetcher"], upgrade("`Consumer._drain_messages` has other parameters", remedy)
    source = inspect.getsource(faust.transport.consumer.Consumer._drain_messages)
    for name in ("_read_offset", "_add_gap", "getmany(timeout=1.0)", "_stopped"):
        assert name in source, upgrade(f"`Consumer._drain_messages` does without `{name}`", "compare it with ours")


async def test_an_app_makes_the_consumer_that_its_transport_names(intake):
    """`attach` puts `IntakeConsumer` there."""
    app, _ = intake
    remedy = "find how an app makes its consumer, and have `attach` give it ours"
    assert isinstance(app.consumer, IntakeConsumer), upgrade("`Transport.Consumer` is not used", remedy)


async def test_every_message_is_handed_over_in_order_and_counts_as_unacked(intake, monkeypatch):
    app, deliveries = intake
    await drain(app.consumer, monkeypatch, [message(1), message(2)], [message(3)])
    assert [delivery.raw.offset for delivery in deliveries] == [1, 2, 3]
    assert len(app.consumer._unacked_messages) == 3
    assert app.consumer._read_offset[PLACE] == 3, upgrade(
        "`_read_offset`", "compare `IntakeConsumer` with Faust's loop"
    )
    assert acked_offsets(app) == [], "nothing was acked"


async def test_what_was_read_before_is_not_handed_over_again(intake, monkeypatch):
    """As Faust's own loop: after a seek back, records before the read offset are dropped."""
    app, deliveries = intake
    await drain(app.consumer, monkeypatch, [message(5), message(6)], [message(4), message(5), message(7)])
    assert [delivery.raw.offset for delivery in deliveries] == [5, 6, 7]


async def test_a_message_that_nobody_took_is_not_waited_for(intake, monkeypatch):
    """The fetcher is cancelled while the gate is full, when the worker stops: `wait_empty` must end all the same."""
    app, _ = intake

    async def full(one: Message) -> None:
        del one
        await asyncio.Event().wait()

    monkeypatch.setattr(app.consumer, "_submit", full)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await drain(app.consumer, monkeypatch, [message(1)])
    assert not app.consumer._unacked_messages


async def test_a_gap_in_the_offsets_is_noted_so_that_commits_pass_it(intake, monkeypatch):
    """Compaction and transaction markers leave gaps; a commit stops before one that nobody noted."""
    app, deliveries = intake
    await drain(app.consumer, monkeypatch, [message(1), message(2), message(6)])
    for delivery in deliveries:
        delivery.ack()
    assert app.consumer._new_offset(PLACE) == 7, upgrade("`_add_gap`", "compare `IntakeConsumer` with Faust's loop")


async def test_a_gap_after_the_very_first_record_is_noted_too(intake, monkeypatch):
    """Also where that record was committed before the next one came."""
    app, deliveries = intake
    await drain(app.consumer, monkeypatch, [message(0)])
    deliveries.pop().ack()
    assert app.consumer._new_offset(PLACE) == 1
    app.consumer._committed_offset[PLACE] = 1
    await drain(app.consumer, monkeypatch, [message(5)])
    deliveries.pop().ack()
    assert app.consumer._new_offset(PLACE) == 6, upgrade("`_add_gap`", "compare `IntakeConsumer` with Faust's loop")


# ── a live consumer ───────────────────────────────────────────────────────────────────────────────────────────────


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
        assert app.consumer._thread._consumer._fetcher._isolation_level == FETCHER_READS_COMMITTED, upgrade(
            "its thread makes aiokafka's consumer in another way",
            "find where, and give it isolation_level='read_committed'; without it, aborted records are judged",
        )
        assert committed_offsets(bootstrap, group, [topic]) == {}, upgrade("commits unasked", "do not use this version")
        assert partitions(app) == {TP(topic, 0)}
        coordinator = app.consumer._thread._consumer._coordinator
        assert getattr(coordinator, "_pending_exception", "gone") is None, upgrade(
            "aiokafka keeps the end of its group coordination elsewhere", "let `IntakeThread.check_group` look there"
        )
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
