"""Records that may kill the process: noted before they are judged, tried again alone, given up at the third time."""

import asyncio
import threading
from dataclasses import replace

import pytest

from filters.errors import DeliveryError, DetectorTimeout
from filters.verdict import Failure
from streams.attempts import GIVE_UP_AT, Ending
from streams.gate import Gate, GateLimits, SharedParts
from streams.isolation import Isolation
from streams.outlet import AtLeastOnceOutlet
from streams.rejudging import GIVE_UP_ANSWERED_AT
from tests.fakes import FakeDelivery, MemoryAttempts, MemoryDeliverer
from tests.unit.streams.test_gate import LIMITS, Judging, Observer, Rig, judgement, raw

POISON = ("prompts", 0, 5)


class Spy(MemoryAttempts):
    """Notes what happens, in order."""

    def __init__(self, counts=(), events=None):
        super().__init__()
        self.counts = dict(counts)
        self.events = [] if events is None else events

    async def begin(self, raws):
        await super().begin(raws)
        self.events.append(("begin", tuple(message.offset for message in raws)))

    async def ended(self, endings):
        await super().ended(endings)
        self.events.append(("ended", tuple(message.offset for message, _ in endings)))


class SpyDeliverer(MemoryDeliverer):
    def __init__(self, events):
        super().__init__()
        self.events = events

    async def deliver(self, records, timeout):
        await super().deliver(records, timeout)
        self.events.append(("write", tuple(sorted({record.topic for record in records}))))


async def test_a_judging_is_noted_before_it_begins_and_noted_as_ended_before_content_is_written():
    events = []

    def judged(raws):
        events.append(("judge", tuple(message.offset for message in raws)))

    async with Rig(judged, attempts=Spy(events=events), deliverer=SpyDeliverer(events)) as rig:
        await rig.submit(raw(0), raw(1))
        await rig.settled(2)
    names = [name for name, _ in events]
    assert names[:2] == ["begin", "judge"]
    assert events.index(("ended", (0, 1))) < events.index(("write", ("released",)))
    assert rig.attempts.counts == {}
    assert rig.attempts.endings == {("prompts", 0, 0): Ending(), ("prompts", 0, 1): Ending()}


async def test_a_record_whose_process_died_is_judged_alone_and_counted():
    batches = []
    spy = Spy({POISON: 1})

    def judged(raws):
        batches.append([(message.offset, message.attempts) for message in raws])
        if any(message.offset == 5 for message in raws):
            assert spy.counts == {POISON: 2}, "nothing else is being judged, and the second attempt is on record"

    async with Rig(judged, attempts=spy) as rig:
        await rig.submit(*(raw(offset) for offset in range(10)))
        await rig.settled(10)
    assert [(5, 2)] in batches
    assert sum(len(batch) for batch in batches) == 10
    assert rig.acks == [(0, offset) for offset in range(10)]


async def test_the_third_attempt_runs_no_detector_and_says_so():
    seen = []
    async with Rig(lambda raws: seen.extend(message.offset for message in raws), attempts=Spy({POISON: 2})) as rig:
        await rig.submit(*(raw(offset) for offset in range(10)))
        await rig.settled(10)
    assert GIVE_UP_AT == 3
    assert 5 not in seen
    assert [record.value for record in rig.deliverer.records if record.topic == "rejected"] == [b"0:5"]


async def test_what_was_given_up_once_is_given_up_again():
    """The process that gave it up ended before it could commit; its rejection may be out."""
    first = Spy({POISON: 2})
    async with Rig(lambda _: None, attempts=first) as rig:
        await rig.submit(raw(5))
        await rig.settled(1)
    ending = first.endings[POISON]
    assert ending.failure is not None
    assert ending.failure.code == "poison"
    seen = []
    second = Spy()
    second.endings[POISON] = ending
    async with Rig(seen.extend, attempts=second) as rig:
        await rig.submit(raw(5))
        await rig.settled(1)
    assert seen == []
    assert topics_of(rig, 5) == {"rejected"}


async def test_what_another_process_has_answered_meanwhile_is_not_given_up():
    """It had lost the partition when the record came here, and its answer may be out."""
    calls = []

    class Late(Spy):
        async def earlier(self, raw, generation):
            history = await super().earlier(raw, generation)
            if raw.offset == 5:
                calls.append(raw.offset)
                return replace(history, ending=Ending() if len(calls) > 1 else None)
            return history

    seen = []
    attempts = Late({POISON: 2})
    async with Rig(lambda raws: seen.extend(message.offset for message in raws), attempts=attempts) as rig:
        await rig.submit(*(raw(offset) for offset in range(10)))
        await rig.settled(10)
    assert 5 in seen
    assert [record for record in rig.deliverer.records if record.topic == "rejected"] == []


async def test_a_suspect_of_one_stream_is_alone_in_the_whole_process():
    """Else the innocent of the other stream would be counted with it."""
    inside, most = [0], [0]
    lock = threading.Lock()
    alone = threading.Event()

    def watch(raws):
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            if raws[0].attempts > 1:
                assert inside[0] == 1
                alone.set()
        threading.Event().wait(0.03)
        with lock:
            inside[0] -= 1

    shared = SharedParts(AtLeastOnceOutlet(MemoryDeliverer()), Spy({POISON: 1}), Isolation())
    limits = GateLimits(batch_records=1, batch_bytes=1 << 20, linger_seconds=0.0, queue_records=16)
    fatal, acks = [], []
    gates = [Gate(Judging(watch), shared, limits, Observer(), fatal.append) for _ in range(2)]
    tasks = [asyncio.create_task(gate.run()) for gate in gates]
    for offset in range(10):
        for partition, gate in enumerate(gates):
            await gate.submit(FakeDelivery(raw(offset, partition), acks))
    async with asyncio.timeout(10):
        while len(acks) < 20:
            await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    assert fatal == []
    assert alone.is_set()
    assert most[0] > 1, "the others were judged side by side"


@pytest.mark.parametrize("refused_from", ["begin", "ended"])
async def test_where_attempts_cannot_be_noted_nothing_is_released_and_nothing_acked(refused_from):
    attempts = MemoryAttempts()
    attempts.refuse = refused_from == "begin"
    seen = []

    def judged(raws):
        seen.extend(raws)
        attempts.refuse = True

    async with Rig(judged, attempts=attempts, limits=LIMITS) as rig:
        await rig.submit(raw(0))
        async with asyncio.timeout(5):
            while not rig.fatal:
                await asyncio.sleep(0.01)
    assert isinstance(rig.fatal[0], DeliveryError)
    assert rig.acks == []
    assert [record for record in rig.deliverer.records if record.topic == "released"] == []
    assert len(seen) == (0 if refused_from == "begin" else 1)


FIVE = ("prompts", 0, 5)
TIMED_OUT = Ending(Failure("detector_timeout", "budget", "detect"))


def topics_of(rig, offset):
    return {record.topic for record in rig.deliverer.records if record.value == f"0:{offset}".encode()}


def attempts_that_ended(place, ending):
    attempts = MemoryAttempts()
    attempts.endings[place] = ending
    return attempts


def fails_at(times):
    """A judge that has no answer for offset 5, so often; `calls` tells what it was asked."""
    calls = []

    def judge(raws):
        if any(message.offset == 5 for message in raws):
            calls.append([message.offset for message in raws])
            if sum(len(call) == 1 for call in calls) <= times:
                raise DetectorTimeout("of the test")

    judge.calls = calls
    return judge


async def test_what_may_be_released_already_is_judged_until_there_is_an_answer_again():
    """Else a replay on a busy machine would reject what was released under the same id."""
    judge = fails_at(2)
    async with Rig(judge, attempts=attempts_that_ended(FIVE, Ending())) as rig:
        await rig.submit(*(raw(offset) for offset in range(8)))
        await rig.settled(8)
    assert topics_of(rig, 5) == {"released"}
    assert judge.calls[-2:] == [[5], [5]], "by itself: the others had their answers"
    assert rig.fatal == []


async def test_where_there_is_no_answer_again_nothing_is_written_and_nothing_acked():
    async with Rig(fails_at(99), attempts=attempts_that_ended(FIVE, Ending())) as rig:
        await rig.submit(raw(5))
        async with asyncio.timeout(5):
            while not rig.fatal:
                await asyncio.sleep(0.01)
    assert [error.reason for error in rig.fatal] == ["not_judged_again"]
    assert rig.deliverer.records == []
    assert rig.acks == []
    assert rig.attempts.counts == {FIVE: 1}, "the next process counts it, and gives it up in the end"


async def test_what_failed_fails_again_though_it_could_be_judged_now():
    """Its rejection may be out: a release under the same id would contradict it."""
    judge = fails_at(0)
    async with Rig(judge, attempts=attempts_that_ended(FIVE, TIMED_OUT)) as rig:
        await rig.submit(*(raw(offset) for offset in range(8)))
        await rig.settled(8)
    assert judge.calls == []
    assert topics_of(rig, 5) == {"rejected"}
    assert topics_of(rig, 4) == {"released"}
    assert rig.attempts.endings[FIVE].failure.code == "detector_timeout"


async def test_without_an_earlier_answer_a_failure_is_not_tried_again():
    judge = fails_at(99)
    async with Rig(judge) as rig:
        await rig.submit(raw(5))
        await rig.settled(1)
    assert judge.calls == [[5]]
    assert topics_of(rig, 5) == {"rejected"}


async def test_a_record_that_had_an_answer_is_not_given_up_at_the_third_attempt():
    """It was judged to its end once: what ended the processes since was something else, and its release may be out."""
    attempts = attempts_that_ended(FIVE, Ending())
    attempts.counts[FIVE] = GIVE_UP_AT
    async with Rig(attempts=attempts) as rig:
        await rig.submit(raw(5))
        await rig.settled(1)
    assert topics_of(rig, 5) == {"released"}


async def test_a_record_that_kills_again_and_again_is_given_up_in_the_end_though_it_had_an_answer():
    attempts = attempts_that_ended(FIVE, Ending())
    attempts.counts[FIVE] = GIVE_UP_ANSWERED_AT - 1
    async with Rig(attempts=attempts) as rig:
        await rig.submit(raw(5))
        await rig.settled(1)
    assert topics_of(rig, 5) == {"rejected"}


async def test_what_another_process_has_begun_is_tried_again_and_its_answer_is_not_contradicted():
    """It may be slow and not dead: its answer may come while the record fails here."""
    attempts = Spy({FIVE: 1})
    asked = []

    def judge(raws):
        asked.append(raws)
        attempts.endings[FIVE] = Ending()
        raise DetectorTimeout("of the test")

    async with Rig(judge, attempts=attempts) as rig:
        await rig.submit(raw(5))
        async with asyncio.timeout(5):
            while not rig.fatal:
                await asyncio.sleep(0.01)
    assert [error.reason for error in rig.fatal] == ["not_judged_again"]
    assert len(asked) == 2
    assert rig.deliverer.records == []


async def test_what_another_process_has_begun_and_nobody_answers_fails_after_a_second_look():
    asked = []

    def judge(raws):
        asked.append(raws)
        raise DetectorTimeout("of the test")

    async with Rig(judge, attempts=Spy({FIVE: 1})) as rig:
        await rig.submit(raw(5))
        await rig.settled(1)
    assert len(asked) == 2
    assert topics_of(rig, 5) == {"rejected"}


async def test_what_was_judged_in_an_earlier_generation_is_left_to_the_new_owner():
    """Who may be judging it at this moment, and may come to another end."""
    acks = []
    deliverer = MemoryDeliverer()
    outlet = AtLeastOnceOutlet(deliverer)
    old, new = FakeDelivery(raw(1), acks), FakeDelivery(raw(2), acks)
    old.current = False
    await outlet.send([(each, judgement(each.raw)) for each in (old, new)], asyncio.sleep(0), 1.0)
    assert [record.value for record in deliverer.records if record.topic == "released"] == [b"0:2"]
    assert len([record for record in deliverer.records if record.topic == "verdicts"]) == 1
