"""What is written about a record: its verdict, and exactly the outputs that its action asks for."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest

from filters.errors import DetectorTimeout, PoisonRecord
from filters.findings import ContextAttribute, EntityType, TextFinding
from filters.keys import TenantKeys
from filters.pipeline import FilterPipeline
from filters.policy import Keeping
from filters.records import ContentKind
from filters.text.medium import PromptMedium, TextLimits
from filters.verdict import Action
from streams.dead_letter import REPLAY_OF, LetterKeeping, open_dead_letter
from streams.documents import finding_document
from streams.judge import Judge, OutputLimits
from streams.mapping import MessageMapping
from streams.message import MessageReader, RawMessage
from streams.original import Original, open_original
from streams.seal import Sealer
from streams.topics import TopicNames
from tests.fakes import CollectingObserver, StaticPolicies, WordDetector, policy

TOPICS = TopicNames()
KEYS = TenantKeys(bytes(32))
CANARY = "jane-canary"


def judge_with(*policies, keys=KEYS, max_message_bytes=1_000_000, without_policy=Keeping.SEALED):
    medium = PromptMedium([WordDetector([CANARY])], keys, TextLimits())
    board = StaticPolicies(*policies)
    pipeline = FilterPipeline([medium], board, CollectingObserver())
    reader = MessageReader(ContentKind.PROMPT, MessageMapping(), 100_000)
    limits = OutputLimits(max_message_bytes, 50_000)
    return Judge(ContentKind.PROMPT, reader, pipeline, TOPICS, keys, limits, LetterKeeping(board, without_policy))


def raw(prompt: str, tenant: str = "acme", offset: int = 0) -> RawMessage:
    value = json.dumps({"tenant": tenant, "request_id": "r-1", "prompt": prompt, "seed": 7}).encode()
    return RawMessage("generation.prompts", 0, offset, b"key", value, (("trace", b"1"),), 0)


def judged(judge: Judge, message: RawMessage):
    (judgement,) = judge.judge([message], deadline=float("inf"))
    return judgement


def test_what_is_allowed_is_released_byte_for_byte_with_marks():
    judgement = judged(judge_with(policy()), raw("a house"))
    (released,) = judgement.outputs
    assert released.topic == TOPICS.prompts_released
    assert released.value == raw("a house").value
    assert released.key == b"key"
    headers = dict(released.headers)
    assert headers["trace"] == b"1"
    assert headers["veilstream-action"] == b"allow"
    assert headers["veilstream-policy"] == b"acme@1"
    assert headers["veilstream-source-offset"] == b"generation.prompts:0:0"
    assert headers["veilstream-verdict"].decode() == judgement.verdict.id


def test_what_is_redacted_keeps_the_rest_of_the_message():
    (released,) = judged(judge_with(policy()), raw(f"by {CANARY}, oil")).outputs
    assert json.loads(released.value)["prompt"] == "by <EMAIL_ADDRESS>, oil"
    assert released.value == raw("by <EMAIL_ADDRESS>, oil").value


def test_a_rejection_tells_codes_and_not_content():
    rules = {"rules": [{"id": "no-mail", "entities": ["EMAIL_ADDRESS"], "action": "reject"}]}
    judgement = judged(judge_with(policy(prompts=rules)), raw(CANARY))
    (rejected,) = judgement.outputs
    document = json.loads(rejected.value)
    assert rejected.topic == TOPICS.rejected
    assert document["rules"] == ["no-mail"]
    assert document["entity_types"] == ["EMAIL_ADDRESS"]
    assert document["request_id"] == "r-1"
    assert all(CANARY.encode() not in record.value for record in (*judgement.outputs, judgement.audit))


def test_what_is_held_opens_only_with_the_key():
    rules = {"rules": [{"entities": ["EMAIL_ADDRESS"], "action": "hold"}]}
    judgement = judged(judge_with(policy(prompts=rules)), raw(CANARY))
    (held,) = judgement.outputs
    assert held.topic == TOPICS.held
    assert CANARY.encode() not in held.value
    message = raw(CANARY)
    original = open_original(Sealer(KEYS), "acme", held.value, judgement.verdict.id)
    assert original == Original(message.key, message.value, message.headers)
    with pytest.raises(ValueError, match="altered"):
        Sealer(TenantKeys(b"1" * 32)).open("acme", held.value, judgement.verdict.id.encode())


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (RawMessage("generation.prompts", 0, 1, None, None, (), None), "message"),
        (RawMessage("generation.prompts", 0, 2, None, b"", (), None), "message"),
        (RawMessage("generation.prompts", 0, 3, None, b'{"prompt": "x", ', (), None), "message"),
        (RawMessage("generation.prompts", 0, 4, None, b'{"prompt": "x"}', (), None), "message"),
        (
            RawMessage("generation.prompts", 0, 5, None, b"x" * 200_000, (("tenant", b"acme"),), None),
            "payload_too_large",
        ),
        (raw("x", tenant="stranger", offset=6), "unknown_tenant"),
    ],
    ids=["null", "empty", "garbage", "no tenant", "too large", "unknown tenant"],
)
def test_what_cannot_be_judged_is_rejected_and_kept_as_a_dead_letter(message, code):
    judgement = judged(judge_with(policy(dead_letters="sealed")), message)
    assert [record.topic for record in judgement.outputs] == [TOPICS.rejected, TOPICS.dead_letters]
    letter = judgement.outputs[1]
    assert json.loads(letter.value)["code"] == code
    assert dict(letter.headers)["veilstream.error.code"] == code.encode()
    if message.value and len(message.value) <= 50_000:
        original = Original(message.key, message.value, message.headers)
        assert open_dead_letter(Sealer(KEYS), letter.value) == original


def test_without_a_key_a_dead_letter_keeps_no_original():
    judgement = judged(judge_with(policy(), keys=TenantKeys(None)), raw(CANARY, tenant="stranger"))
    letter = json.loads(judgement.outputs[1].value)
    assert (letter["sealed"], letter["digest"]) == (None, None)
    assert CANARY not in json.dumps(letter)


def test_a_release_that_the_brokers_would_refuse_is_rejected_instead():
    judgement = judged(judge_with(policy(), max_message_bytes=600), raw("a house " * 50))
    assert judgement.verdict.failure.reason == "released_too_large"
    assert [record.topic for record in judgement.outputs] == [TOPICS.rejected, TOPICS.dead_letters]


def test_a_batch_keeps_its_order_with_bad_messages_in_between():
    judge = judge_with(policy())
    messages = [raw("a", offset=0), RawMessage("generation.prompts", 0, 1, None, None), raw("b", offset=2)]
    judgements = judge.judge(messages, deadline=float("inf"))
    offsets = [judgement.verdict.context.source.offset for judgement in judgements]
    assert all(a < b for a, b in pairwise(offsets))
    assert [len(judgement.outputs) for judgement in judgements] == [1, 2, 1]


def test_a_record_that_ends_the_process_even_when_it_is_only_read_is_not_read_again():
    """Its fourth attempt: two by detectors, one without; what is known comes from its headers."""
    judge = judge_with(policy(on_error="hold"))
    given_up = judge.failed(replace(raw("x"), attempts=3), PoisonRecord("ended twice"))
    unread = judge.failed(replace(raw("x"), attempts=4), PoisonRecord("ended three times"))
    assert (given_up.verdict.action, given_up.verdict.failure.code) == (Action.HOLD, "poison")
    assert (unread.verdict.action, unread.verdict.failure.reason) == (Action.REJECT, "poison")
    assert unread.verdict.failure.stage == "read"
    letters = [output for each in (given_up, unread) for output in each.outputs if output.topic == TOPICS.dead_letters]
    assert [dict(letter.headers)["veilstream.error.attempts"] for letter in letters] == [b"3", b"4"]


def test_a_message_whose_judging_failed_as_a_whole_follows_on_error():
    judgement = judge_with(policy(on_error="hold")).failed(raw("x"), DetectorTimeout("late"))
    assert [record.topic for record in judgement.outputs] == [TOPICS.held, TOPICS.dead_letters]
    assert judgement.verdict.failure.code == "detector_timeout"


def test_a_verdict_fits_its_topic_however_much_was_found():
    judgement = judged(judge_with(policy()), raw(f"{CANARY} " * 5_000))
    document = json.loads(judgement.audit.value)
    assert document["findings_total"] == 5_000
    assert len(document["findings"]) == 1_000
    assert len(judgement.audit.value) < 500_000
    assert judgement.verdict.action.value == "redact", "substitutes longer than the limit are no reason to reject"


def test_an_audit_record_names_language_coverage_and_attributes_in_codes():
    document = json.loads(judged(judge_with(policy()), raw(f"a photo of {CANARY} in the garden")).audit.value)
    assert (document["language"], document["coverage"]) == ("en", "patterns")
    assert "attributes" not in document["findings"][0]
    finding = TextFinding("prompt", 0, 4, EntityType.PERSON, 0.5, "words", frozenset(ContextAttribute))
    assert finding_document(finding)["attributes"] == ["fictional", "public_figure", "style_reference"]


@pytest.mark.parametrize("prompt", ["a house", None], ids=["released", "rejected"])
def test_a_huge_key_is_not_repeated_beside_the_released_topics(prompt):
    message = raw(prompt or "x", tenant="acme" if prompt else "stranger")
    message = RawMessage(message.topic, 0, 0, b"k" * 5_000, message.value, message.headers, 0)
    judgement = judged(judge_with(policy()), message)
    aside = [record for record in (judgement.audit, *judgement.outputs) if record.topic != TOPICS.prompts_released]
    assert all(record.key is None for record in aside)


def test_a_release_that_is_refused_keeps_the_policy_that_judged_it():
    judgement = judged(judge_with(policy(version=7), max_message_bytes=600), raw("a house " * 50))
    assert judgement.verdict.policy.version == 7


STRANGER, NAMELESS = raw("x", tenant="stranger"), RawMessage("generation.prompts", 0, 4, None, b'{"prompt": "x"}')
EVENT = (("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_tenant", b"acme"), ("content-type", b"application/json"))
BROKEN = RawMessage("generation.prompts", 0, 3, None, b'{"prompt": ', EVENT)


@pytest.mark.parametrize(
    ("message", "said", "without_policy", "kept"),
    [
        (BROKEN, "sealed", Keeping.NONE, True),
        (BROKEN, "none", Keeping.SEALED, False),
        (STRANGER, "sealed", Keeping.NONE, False),
        (STRANGER, "none", Keeping.SEALED, True),
        (NAMELESS, "sealed", Keeping.NONE, False),
        (NAMELESS, "none", Keeping.SEALED, True),
    ],
)
def test_the_tenants_policy_says_whether_the_original_is_kept_and_a_setting_where_there_is_none(
    message, said, without_policy, kept
):
    judge = judge_with(policy(dead_letters=said), without_policy=without_policy)
    letter = json.loads(judged(judge, message).outputs[1].value)
    assert (letter["sealed"] is not None) is kept
    assert letter["digest"], "a digest tells nothing to who has no key, and is always there"


def test_a_dead_letter_never_outgrows_what_the_brokers_take():
    """The settings may keep more than a record may hold: the original goes, the letter stays."""
    judge = judge_with(policy(dead_letters="sealed"), max_message_bytes=40_000)
    sizes = {}
    for length in (20_000, 23_000, 40_000):
        letter = judged(judge, raw("x" * length, tenant="stranger")).outputs[1]
        sizes[length] = (json.loads(letter.value)["sealed"] is not None, len(letter.value) < 40_000)
    assert sizes == {20_000: (True, True), 23_000: (True, True), 40_000: (False, True)}


def test_what_is_too_large_to_be_held_is_rejected():
    """Sealed with its headers it would not fit: the brokers would refuse it, and the worker would end each time."""
    rules = {"rules": [{"entities": ["EMAIL_ADDRESS"], "action": "hold"}]}
    message = replace(raw(CANARY), headers=(("large", bytes(5_000)),))
    judgement = judged(judge_with(policy(prompts=rules), max_message_bytes=5_000), message)
    assert (judgement.verdict.action, judgement.verdict.failure.reason) == (Action.REJECT, "held_too_large")
    assert [record.topic for record in judgement.outputs] == [TOPICS.rejected, TOPICS.dead_letters]


@pytest.mark.parametrize(
    ("named", "told"),
    [(b"0123456789abcdef" * 2, "0123456789abcdef" * 2), (CANARY.encode(), None), (b"A" * 32, None), (None, None)],
)
def test_a_replayed_record_is_read_like_any_and_its_verdict_says_what_it_replays(named, told):
    """A sender can claim a verdict's id there, and nothing else."""
    message = replace(raw("a house"), headers=((REPLAY_OF, named),))
    judgement = judged(judge_with(policy()), message)
    (released,) = judgement.outputs
    assert json.loads(judgement.audit.value).get("replay_of") == told
    assert REPLAY_OF not in dict(released.headers)
    letter = judged(judge_with(policy()), replace(message, value=b"{")).outputs[1]
    assert json.loads(letter.value)["replay_of"] == told
