"""The gate: verdict before content, durable before ack, acks in order, errors isolated, hangs bounded."""

import asyncio
import contextlib
import threading
import time

import pytest

from filters.errors import DeliveryError, DetectorTimeout, InferenceError
from filters.records import ContentKind, RecordContext, SourcePosition
from filters.verdict import Action, Failure, PolicyRef, Verdict, verdict_id
from streams.emit import OutputRecord
from streams.gate import Gate, GateLimits, SharedParts
from streams.isolation import Isolation
from streams.judge import Judgement
from streams.message import RawMessage
from streams.outlet import AtLeastOnceOutlet
from tests.fakes import FakeDelivery, MemoryAttempts, MemoryDeliverer

LIMITS = GateLimits(batch_records=8, batch_bytes=1 << 20, linger_seconds=0.005, queue_records=16, judge_seconds=2.0)


def raw(offset: int, partition: int = 0, value: bytes = b"x") -> RawMessage:
    return RawMessage("prompts", partition, offset, b"k", value, (), int(time.time() * 1000))


def judgement(message: RawMessage, error=None) -> Judgement:
    source = SourcePosition(message.topic, message.partition, message.offset)
    verdict = Verdict(
        id=verdict_id(source, ContentKind.PROMPT),
        context=RecordContext(source, "acme", "r"),
        kind=ContentKind.PROMPT,
        action=Action.REJECT if error else Action.ALLOW,
        intended=Action.REJECT if error else Action.ALLOW,
        rules=(),
        findings=(),
        policy=PolicyRef("acme", 1, "enforce"),
        models=(),
        failure=Failure(error.code, error.reason, "detect") if error else None,
    )
    audit = OutputRecord("verdicts", None, verdict.id.encode())
    content = OutputRecord("rejected" if error else "released", None, f"{message.partition}:{message.offset}".encode())
    return Judgement(verdict, audit, (content,))


class Judging:
    """A `BatchJudge` that calls `before` with each batch, in the worker thread."""

    def __init__(self, before=lambda _: None):
        self.before = before

    def judge(self, raws, deadline):
        self.before(raws)
        return [judgement(message) for message in raws]

    def failed(self, message, error):
        return judgement(message, error)


class Observer:
    def __init__(self):
        self.batches = []
        self.delivered_ids = []

    def batch_formed(self, records, capacity):
        self.batches.append(records)

    def delivered(self, judgement, age_seconds):
        assert age_seconds >= 0
        self.delivered_ids.append(judgement.verdict.id)


class Rig:
    """A running gate with fakes around it."""

    def __init__(
        self, before=lambda _: None, limits=LIMITS, deliverer=None, may_judge=lambda: True, outlet=None, attempts=None
    ):
        self.deliverer = deliverer or MemoryDeliverer()
        self.observer = Observer()
        self.fatal = []
        self.acks = []
        outlet = outlet or AtLeastOnceOutlet(self.deliverer)
        self.attempts = attempts or MemoryAttempts()
        shared = SharedParts(outlet, self.attempts, Isolation())
        self.gate = Gate(Judging(before), shared, limits, self.observer, self.fatal.append, may_judge)

    async def __aenter__(self):
        self.task = asyncio.create_task(self.gate.run())
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task

    async def submit(self, *messages, generation=1):
        for message in messages:
            await self.gate.submit(FakeDelivery(message, self.acks, generation))

    async def settled(self, count, timeout=5.0):
        async with asyncio.timeout(timeout):
            while len(self.acks) < count:
                await asyncio.sleep(0.005)


async def test_every_record_gets_one_verdict_then_its_content_then_its_ack():
    async with Rig() as rig:
        await rig.submit(*(raw(offset) for offset in range(20)))
        await rig.settled(20)
    assert rig.acks == [(0, offset) for offset in range(20)]
    assert len(rig.observer.delivered_ids) == len(set(rig.observer.delivered_ids)) == 20
    order = [record.topic for record in rig.deliverer.records]
    seen = {"verdicts": 0, "released": 0}
    for topic in order:
        seen[topic] += 1
        assert seen["released"] <= seen["verdicts"], "content before its verdict"
    assert seen == {"verdicts": 20, "released": 20}


async def test_content_keeps_its_order_when_a_later_batch_is_judged_sooner():
    def slow_first(batch):
        if batch[0].offset == 0:
            time.sleep(0.2)

    async with Rig(slow_first, GateLimits(4, 1 << 20, 0.005, 16)) as rig:
        await rig.submit(*(raw(offset) for offset in range(8)))
        await rig.settled(8)
    released = [record.value for record in rig.deliverer.records if record.topic == "released"]
    assert released == [f"0:{offset}".encode() for offset in range(8)]
    assert rig.acks == [(0, offset) for offset in range(8)]


async def test_a_judge_that_raises_is_bisected_to_the_record_at_fault():
    def poison(batch):
        if any(message.value == b"poison" for message in batch):
            raise MemoryError

    async with Rig(poison) as rig:
        await rig.submit(*(raw(offset, value=b"poison" if offset == 3 else b"x") for offset in range(8)))
        await rig.settled(8)
    outcome = {record.value: record.topic for record in rig.deliverer.records if record.topic != "verdicts"}
    assert [value for value, topic in outcome.items() if topic == "rejected"] == [b"0:3"]
    assert len(outcome) == 8


async def test_a_judge_that_hangs_costs_only_the_record_at_fault():
    release = threading.Event()

    def hang(batch):
        if any(message.value == b"hang" for message in batch):
            release.wait(20)

    try:
        async with Rig(hang) as rig:
            await rig.submit(*(raw(offset, value=b"hang" if offset == 5 else b"x") for offset in range(8)))
            await rig.settled(8, timeout=4.0)
    finally:
        release.set()
    outcome = {record.value: record.topic for record in rig.deliverer.records if record.topic != "verdicts"}
    assert [value for value, topic in outcome.items() if topic == "rejected"] == [b"0:5"]


async def test_threads_that_never_come_back_end_the_process():
    release = threading.Event()
    limits = GateLimits(1, 1 << 20, 0.0, 16, judge_seconds=0.05, stuck_threads=3)
    try:
        async with Rig(lambda _: release.wait(20), limits) as rig:
            await rig.submit(*(raw(offset) for offset in range(4)))
            async with asyncio.timeout(5):
                while not rig.fatal:
                    await asyncio.sleep(0.01)
    finally:
        release.set()
    assert rig.fatal[0].reason == "threads_exhausted"


async def test_nothing_is_acked_when_an_output_cannot_be_delivered():
    deliverer = MemoryDeliverer()
    deliverer.refuse = True
    async with Rig(deliverer=deliverer) as rig:
        await rig.submit(raw(0), raw(1))
        async with asyncio.timeout(5):
            while not rig.fatal:
                await asyncio.sleep(0.005)
    assert isinstance(rig.fatal[0], DeliveryError)
    assert rig.acks == []


async def test_content_is_not_sent_when_its_verdict_was_refused():
    class RefusesVerdicts(MemoryDeliverer):
        async def deliver(self, records, timeout):
            if any(record.topic == "verdicts" for record in records):
                raise DeliveryError("no")
            await super().deliver(records, timeout)

    async with Rig(deliverer=RefusesVerdicts()) as rig:
        await rig.submit(raw(0))
        async with asyncio.timeout(5):
            while not rig.fatal:
                await asyncio.sleep(0.005)
    assert rig.deliverer.records == []


async def test_partitions_do_not_wait_for_each_other_and_keep_their_own_order():
    async with Rig() as rig:
        await rig.submit(*(raw(offset, partition) for offset in range(10) for partition in (0, 1)))
        await rig.settled(20)
    for partition in (0, 1):
        assert [offset for p, offset in rig.acks if p == partition] == list(range(10))


async def test_a_full_queue_holds_the_consumer_back():
    release = threading.Event()
    limits = GateLimits(2, 1 << 20, 0.0, 4, judge_seconds=20)
    async with Rig(lambda _: release.wait(20), limits) as rig:
        pump = asyncio.create_task(rig.submit(*(raw(offset) for offset in range(100))))
        await asyncio.sleep(0.2)
        taken_in = rig.gate.open_records
        release.set()
        await pump
        await rig.settled(100)
    assert taken_in <= 4 + 2 * 2 + 2 + 1


async def test_bytes_taken_in_are_bounded_whatever_the_count():
    release = threading.Event()
    limits = GateLimits(1, 1 << 20, 0.0, 100, judge_seconds=20, queue_bytes=1000)
    async with Rig(lambda _: release.wait(20), limits) as rig:
        pump = asyncio.create_task(rig.submit(*(raw(offset, value=b"x" * 400) for offset in range(20))))
        await asyncio.sleep(0.2)
        taken_in = rig.gate.open_records
        release.set()
        await pump
        await rig.settled(20)
    assert taken_in == 3


async def test_a_burst_after_an_idle_spell_is_no_stall():
    release = threading.Event()
    async with Rig(lambda _: release.wait(5)) as rig:
        rig.gate._progress -= 1000
        assert rig.gate.stalled_seconds == 0.0
        await rig.submit(raw(0), raw(1))
        assert rig.gate.stalled_seconds < 10
        release.set()
        await rig.settled(2)


async def test_nothing_is_judged_while_policies_are_stale():
    fresh = [False]
    async with Rig(may_judge=lambda: fresh[0]) as rig:
        await rig.submit(raw(0))
        await asyncio.sleep(0.3)
        assert rig.deliverer.records == []
        fresh[0] = True
        await rig.settled(1)


async def test_batches_form_up_to_their_limits():
    async with Rig() as rig:
        await rig.submit(*(raw(offset) for offset in range(16)))
        await rig.settled(16)
    assert max(rig.observer.batches) <= 8
    assert sum(rig.observer.batches) == 16


@pytest.mark.parametrize("error", [InferenceError("x"), DetectorTimeout("x")])
def test_errors_that_the_gate_passes_on_are_the_trees(error):
    assert judgement(raw(0), error).verdict.failure.code == error.code


class KnowingOutlet(AtLeastOnceOutlet):
    """Knows that the outputs of the first records are durable."""

    def __init__(self, deliverer, known):
        super().__init__(deliverer)
        self.known = known

    async def admit(self, delivery):
        return delivery.raw.offset >= self.known


async def test_what_the_outlet_does_not_admit_is_acked_in_its_turn_and_not_judged_again():
    deliverer = MemoryDeliverer()
    async with Rig(deliverer=deliverer, outlet=KnowingOutlet(deliverer, known=5), limits=LIMITS) as rig:
        await rig.submit(*(raw(offset) for offset in range(8)))
        await rig.settled(8)
    assert rig.acks == [(0, offset) for offset in range(8)]
    assert [record.value for record in deliverer.records if record.topic == "released"] == [b"0:5", b"0:6", b"0:7"]


async def test_a_submit_that_is_cancelled_while_it_waits_has_taken_nothing_in():
    """As a worker does that is told to stop: the records behind are not held up by one that nobody has."""
    may_judge = [False]
    limits = GateLimits(batch_records=1, batch_bytes=1 << 20, linger_seconds=0.0, queue_records=2, in_flight=1)
    async with Rig(limits=limits, may_judge=lambda: may_judge[0]) as rig:
        await rig.submit(raw(0), raw(1), raw(2))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await rig.submit(raw(3))
        may_judge[0] = True
        await rig.settled(3)
        assert rig.gate.open_records == 0
        await rig.submit(raw(4))
        await rig.settled(4)
    assert rig.acks == [(0, 0), (0, 1), (0, 2), (0, 4)]
