"""The outlet that commits outputs and offsets together: lanes, generations, and what is never written twice."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from filters.errors import DeliveryError
from filters.records import ContentKind, RecordContext, SourcePosition
from filters.verdict import Action, PolicyRef, Verdict, verdict_id
from streams.emit import OutputRecord
from streams.exactly_once import ExactlyOnceOutlet
from streams.judge import Judgement
from streams.message import RawMessage
from streams.outlet import Judged
from streams.transactions import Place
from tests.fakes import FakeDelivery, MemoryLog, MemoryTransactions

SECONDS = 5.0


class Rig:
    """An outlet over a log that several may share."""

    def __init__(self, log: MemoryLog | None = None, make: Callable[..., MemoryTransactions] = MemoryTransactions):
        self.log = log or MemoryLog()
        self.made: list[tuple[Place, MemoryTransactions]] = []
        self._make = make
        self.outlet = ExactlyOnceOutlet(self._transactions, SECONDS)

    def _transactions(self, place: Place) -> MemoryTransactions:
        self.made.append((place, made := self._make(self.log, place)))
        return made

    async def take_in(self, *deliveries: FakeDelivery) -> list[FakeDelivery]:
        """Those that are admitted."""
        return [each for each in deliveries if await self.outlet.admit(each)]

    async def send(self, *deliveries: FakeDelivery, previous: asyncio.Future[None] | None = None) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        await self.outlet.send([judged(each) for each in deliveries], previous or done, SECONDS)

    @property
    def written(self) -> list[str]:
        return [record.value.decode() for record in self.log.records]


def record(offset: int, partition: int = 0, generation: int = 1, topic: str = "prompts") -> FakeDelivery:
    return FakeDelivery(RawMessage(topic, partition, offset, None, b"x"), [], generation)


def judged(delivery: FakeDelivery) -> Judged:
    raw = delivery.raw
    source = SourcePosition(raw.topic, raw.partition, raw.offset)
    verdict = Verdict(
        id=verdict_id(source, ContentKind.PROMPT),
        context=RecordContext(source, "acme", "r"),
        kind=ContentKind.PROMPT,
        action=Action.ALLOW,
        intended=Action.ALLOW,
        rules=(),
        findings=(),
        policy=PolicyRef("acme", 1, "enforce"),
        models=(),
        failure=None,
    )
    name = f"{raw.partition}:{raw.offset}"
    return delivery, Judgement(
        verdict,
        OutputRecord("verdicts", None, f"verdict {name}".encode()),
        (OutputRecord("released", None, f"content {name}".encode()),),
    )


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_each_partition_has_a_transaction_of_its_own_with_verdicts_before_content():
    rig = Rig()
    batch = await rig.take_in(record(0), record(0, partition=1), record(1))
    await rig.send(*batch)
    own = [text for text in rig.written if " 0:" in text]
    assert own == ["verdict 0:0", "verdict 0:1", "content 0:0", "content 0:1"]
    assert rig.log.committed == {("prompts", 0): 2, ("prompts", 1): 1}


async def test_nothing_is_written_before_the_batch_before_is_out():
    rig = Rig()
    batch = await rig.take_in(record(0))
    previous: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    sending = asyncio.create_task(rig.send(*batch, previous=previous))
    await asyncio.sleep(0.05)
    assert rig.written == []
    previous.set_result(None)
    await sending
    assert len(rig.written) == 2


async def test_a_partition_that_cannot_be_written_fails_the_batch_after_the_others_have_ended():
    """So that no transaction is under way when the process ends."""
    rig = Rig()
    batch = await rig.take_in(record(0), record(0, partition=1))
    Rig(rig.log)._make(rig.log, ("prompts", 0)).open(SECONDS)
    with pytest.raises(DeliveryError) as refused:
        await rig.send(*batch)
    assert refused.value.reason == "fenced"
    assert rig.log.committed == {("prompts", 1): 1}


async def test_judgements_out_of_order_are_refused():
    """Committing the later one first would lose the earlier one."""
    rig = Rig()
    first, second = await rig.take_in(record(0), record(1))
    with pytest.raises(DeliveryError, match="out of order"):
        await rig.send(second, first)
    assert rig.log.committed == {}


@pytest.mark.parametrize("hangs", ["open", "write"])
async def test_a_call_that_hangs_is_given_up_when_its_time_is_over(hangs: str, monkeypatch: pytest.MonkeyPatch):
    """The process then ends; librdkafka is known to block for ever after a broker was lost."""
    monkeypatch.setattr("streams.exactly_once._GRACE_SECONDS", 0.1)
    release = threading.Event()

    class Hanging(MemoryTransactions):
        pass

    setattr(Hanging, hangs, lambda *_: release.wait(20))
    rig = Rig(make=Hanging)
    rig.outlet._open_seconds = 0.1
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)

    async def take_in_and_send() -> None:
        (admitted,) = await rig.take_in(record(0))
        await rig.outlet.send([judged(admitted)], done, 0.1)

    with pytest.raises(DeliveryError) as given_up:
        await take_in_and_send()
    release.set()
    assert given_up.value.reason == "transaction_hangs"


# ── taking in ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_the_owner_before_committed_is_not_admitted():
    """The consumer was given its position before the owner before committed for the last time."""
    rig = Rig()
    rig.log.committed["prompts", 0] = 3
    assert [each.raw.offset for each in await rig.take_in(*(record(offset) for offset in range(5)))] == [3, 4]


async def test_the_committed_offset_is_read_after_the_owner_before_is_shut_out():
    """A zombie that commits up to the very moment of the fencing is neither repeated nor followed by its own writes."""
    before = Rig()
    held = await before.take_in(*(record(offset) for offset in range(4)))

    class Late(MemoryTransactions):
        def open(self, seconds: float) -> int | None:
            before.made[0][1].write([OutputRecord("released", None, b"by the zombie")], 2, seconds)
            return super().open(seconds)

    after = Rig(before.log, Late)
    admitted = await after.take_in(*(record(offset, generation=2) for offset in range(4)))
    assert [each.raw.offset for each in admitted] == [2, 3]
    with pytest.raises(DeliveryError):
        await before.send(*held)
    await after.send(*admitted)
    assert rig_content(after) == ["content 0:2", "content 0:3"]


def rig_content(rig: Rig) -> list[str]:
    return [text for text in rig.written if text.startswith("content")]


async def test_a_record_is_admitted_once_a_generation():
    rig = Rig()
    assert len(await rig.take_in(record(0), record(1), record(1), record(0))) == 2


async def test_a_new_generation_is_opened_anew_and_leaves_the_old_records_out():
    """What waits in the gate is read again; sent in the new lane it could be written twice, or pass over others."""
    rig = Rig()
    old = await rig.take_in(*(record(offset) for offset in range(4)))
    await rig.send(*old[:2])
    new = await rig.take_in(*(record(offset, generation=2) for offset in range(2, 5)))
    assert [place for place, _ in rig.made] == [("prompts", 0)] * 2
    assert [transactions.closed for _, transactions in rig.made] == [True, False]
    await rig.send(*old[2:])
    await rig.send(*new)
    assert rig_content(rig) == [f"content 0:{offset}" for offset in range(5)]
    assert await rig.take_in(record(9)) == [], "of a passed generation"


async def test_opening_waits_for_what_is_being_written():
    """Else a lane would shut out its own predecessor in the midst of a transaction, and end the process."""
    written, release = threading.Event(), threading.Event()

    class Slow(MemoryTransactions):
        def write(self, *arguments) -> None:
            written.set()
            release.wait(SECONDS)
            super().write(*arguments)

    rig = Rig(make=Slow)
    batch = await rig.take_in(record(0))
    sending = asyncio.create_task(rig.send(*batch))
    await asyncio.to_thread(written.wait, SECONDS)
    taking = asyncio.create_task(rig.take_in(record(0, generation=2), record(1, generation=2)))
    await asyncio.sleep(0.05)
    assert len(rig.made) == 1
    release.set()
    await sending
    assert [each.raw.offset for each in await taking] == [1]


async def test_an_opening_that_is_cancelled_is_brought_to_its_end_before_the_next_one():
    """A rebalance cancels the intake; two openings at a time would shut each other out."""
    opening, release = threading.Event(), threading.Event()

    class Slow(MemoryTransactions):
        def open(self, seconds: float) -> int | None:
            opening.set()
            release.wait(SECONDS)
            return super().open(seconds)

    rig = Rig(make=Slow)
    first = asyncio.create_task(rig.take_in(record(0)))
    await asyncio.to_thread(opening.wait, SECONDS)
    first.cancel()
    second = asyncio.create_task(rig.take_in(record(0, generation=2)))
    await asyncio.sleep(0.05)
    assert len(rig.made) == 1
    release.set()
    admitted = await second
    assert [made.closed for _, made in rig.made] == [True, False]
    await rig.send(*admitted)
    assert rig_content(rig) == ["content 0:0"]


async def test_partitions_that_are_gone_are_closed():
    """When a record of a later generation of their topic comes; those with open records, and other topics, stay."""
    rig = Rig()
    gone, busy, other = record(0), record(0, partition=1), record(0, partition=0, topic="images")
    await rig.take_in(gone, busy, other)
    await rig.send(gone)
    await rig.send(other)
    await rig.take_in(record(0, partition=2, generation=2))
    assert [(place, made.closed) for place, made in rig.made] == [
        (("prompts", 0), True),
        (("prompts", 1), False),
        (("images", 0), False),
        (("prompts", 2), False),
    ]
    await rig.send(busy)
    assert rig.log.committed["prompts", 1] == 1
    await rig.outlet.stop()
    assert all(made.closed for _, made in rig.made)


# ── gaps ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_gap_before_the_first_record_is_accepted_where_the_topic_has_it():
    """Compaction, retention and transaction markers leave gaps."""
    rig = Rig()
    rig.log.inputs["prompts", 0] = [7, 8]
    rig.log.committed["prompts", 0] = 3
    batch = await rig.take_in(record(7), record(8))
    await rig.send(*batch)
    assert rig.log.committed["prompts", 0] == 9


@pytest.mark.parametrize("committed", [None, 3])
async def test_a_consumer_that_passed_over_records_is_refused(committed):
    """A commit behind them would lose them."""
    rig = Rig()
    rig.log.inputs["prompts", 0] = list(range(10))
    if committed is not None:
        rig.log.committed["prompts", 0] = committed
    with pytest.raises(DeliveryError) as refused:
        await rig.take_in(record(7))
    assert refused.value.reason == "records_skipped"


async def test_an_offset_beyond_the_end_of_the_input_is_refused():
    """The topic was made anew: what comes lies before the offset, and is not done all the same."""
    rig = Rig()
    rig.log.committed["prompts", 0] = 500
    with pytest.raises(DeliveryError) as refused:
        await rig.take_in(record(0))
    assert refused.value.reason == "offset_beyond_end"


async def test_an_outlet_that_took_nothing_in_stops():
    await Rig().outlet.stop()
