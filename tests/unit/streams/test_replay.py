"""What may be replayed, as what, and what is said of the rest."""

import json
from dataclasses import replace

import pytest

from filters.errors import ConfigurationError, DeliveryError
from filters.keys import TenantKeys
from filters.policy import Keeping
from filters.records import ContentKind, SourcePosition
from streams.dead_letter import REPLAY_OF
from streams.letters import Listed, read_letter
from streams.replay import InputProducer, NotReplayable, ReplayRules, Status, plan, rehearse, replay
from streams.seal import Sealer
from tests.support.letters import EVENT, KEY, SECRET, letter, raw

INPUTS = {"generation.prompts": ContentKind.PROMPT, "generation.images": ContentKind.IMAGE}
RULES = ReplayRules(INPUTS, Sealer(TenantKeys(KEY)))


def listed(message=None, offset=0, replays=0, **options):
    """A letter as it is listed, and its value."""
    value = letter(message or raw(), **options).value
    return Listed(SourcePosition("dead", 0, offset), read_letter(value), replays), value


def test_the_original_goes_to_its_topic_with_key_and_headers_and_the_mark_of_a_replay():
    """But for headers of ours: a replay cannot carry a forged verdict, nor an older mark."""
    message = replace(raw(offset=3), headers=(*EVENT, (REPLAY_OF, b"0" * 32)))
    one, value = listed(message)
    record = RULES.record(one.letter, value)
    assert (record.topic, record.key, record.value) == ("generation.prompts", b"user-Zebulon", SECRET)
    assert record.headers == (
        *(item for item in EVENT if item[0] != "veilstream-verdict"),
        (REPLAY_OF, one.letter.verdict_id.encode()),
    )


def test_images_are_replayed_too():
    one, value = listed(raw("generation.images"), kind=ContentKind.IMAGE)
    assert RULES.record(one.letter, value).topic == "generation.images"


def altered(value, **changes):
    value = json.dumps(json.loads(value) | changes).encode()
    return Listed(SourcePosition("dead", 0, 0), read_letter(value), 0), value


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (listed(key=None), "no original is kept.*dead_letters: sealed"),
        (listed(keeping=Keeping.NONE), "no original is kept"),
        (listed(raw("somewhere.else")), "no input topic"),
        (listed(raw("generation.prompts.released")), "no input topic"),
        (listed(key=KEY[::-1]), "differ; is VEILSTREAM_KEYS__MASTER the key"),
        (altered(letter(raw()).value, topic="generation.images"), "altered"),
        (altered(letter(raw()).value, offset=1), "altered"),
        (altered(letter(raw()).value, verdict_id="0" * 32), "altered"),
        (altered(letter(raw()).value, tenant="other"), "differ"),
        (altered(letter(raw()).value, sealed="!"), "base64|padding"),
        (listed(raw("generation.images")), "altered"),
    ],
    ids=lambda given: given if isinstance(given, str) else None,
)
def test_what_cannot_be_replayed_is_told_with_the_remedy_and_without_content(given, why):
    """Nothing goes to another topic than the one that its verdict's id was made of."""
    one, value = given
    with pytest.raises(NotReplayable, match=why) as refused:
        RULES.record(one.letter, value)
    assert "Zebulon" not in str(refused.value)
    report = rehearse(one, value, RULES)
    assert (report.status, report.is_failure) == (Status.NOT_REPLAYABLE, True)


def test_without_a_key_nothing_opens():
    one, value = listed()
    with pytest.raises(ConfigurationError, match="VEILSTREAM_KEYS__MASTER"):
        ReplayRules(INPUTS, Sealer(TenantKeys(None))).record(one.letter, value)


def test_a_plan_replays_each_record_once():
    """Of several letters about one record, one that keeps the original; what was replayed before only when asked."""
    bare, _ = listed(offset=0, keeping=Keeping.NONE)
    kept, _ = listed(offset=1)
    twin, _ = listed(offset=2)
    done, _ = listed(raw(offset=9), offset=3, replays=1)
    steps = plan([bare, kept, twin, done], RULES, again=False)
    assert [step if isinstance(step, Listed) else step.status for step in steps] == [
        *(Status.SKIPPED, kept),
        *(Status.SKIPPED, Status.SKIPPED),
    ]
    assert "dead:0:1" in steps[0].detail
    assert "--again" in steps[3].detail
    assert plan([done], RULES, again=True) == [done]


def test_a_plan_tells_of_what_cannot_be_replayed_before_anything_is_opened():
    (step,) = plan([listed(key=None)[0]], RULES, again=False)
    assert (step.status, step.letter) == (Status.NOT_REPLAYABLE, "dead:0:0")


def test_a_rehearsal_tells_where_a_letter_would_go():
    report = rehearse(*listed(raw(partition=2)), RULES)
    assert (report.status, report.is_failure) == (Status.WOULD_REPLAY, False)
    assert report.detail == "to generation.prompts, partition 2, 33 bytes"


class Producer:
    """Stands in for `InputProducer`: refuses from the call of a given number on."""

    def __init__(self, refuse_from=99):
        self.sent = []
        self._refuse_from = refuse_from

    async def send(self, record, partition):
        if len(self.sent) >= self._refuse_from:
            raise DeliveryError("refused by the test")
        self.sent.append((record, partition))
        return SourcePosition(record.topic, partition, 40 + len(self.sent))


async def test_the_receipt_is_written_behind_the_letter_and_after_the_record():
    producer = Producer()
    one, value = listed(raw(partition=2))
    report = await replay(one, value, RULES, producer)
    (record, partition), (receipt, beside) = producer.sent
    assert (record.topic, partition) == ("generation.prompts", 2)
    assert (receipt.topic, beside) == (one.place.topic, one.place.partition)
    noted = read_letter(receipt.value)
    assert (noted.replayed, noted.topic, noted.partition, noted.offset) == (
        *(one.letter.verdict_id, "generation.prompts"),
        *(2, 41),
    )
    assert (report.status, report.position) == (Status.REPLAYED, "generation.prompts:2:41")


async def test_a_replay_whose_receipt_is_not_written_is_told_as_one():
    """Somebody has to know: a second replay would not notice."""
    report = await replay(*listed(), RULES, Producer(refuse_from=1))
    assert (report.status, report.position) == (Status.FAILED, "generation.prompts:0:41")
    assert "its receipt is not written" in report.detail


async def test_a_record_that_is_not_acknowledged_has_no_receipt():
    producer = Producer(refuse_from=0)
    with pytest.raises(DeliveryError):
        await replay(*listed(), RULES, producer)
    assert producer.sent == []


async def test_what_may_not_be_replayed_is_not_sent():
    producer = Producer()
    report = await replay(*listed(raw("generation.prompts.released")), RULES, producer)
    assert (report.status, producer.sent) == (Status.NOT_REPLAYABLE, [])


async def test_a_producer_that_finds_no_broker_says_so():
    with pytest.raises(DeliveryError, match="no broker takes records"):
        async with InputProducer({"bootstrap_servers": "127.0.0.1:9"}, 1000, within_seconds=1):
            pass
