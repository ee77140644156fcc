"""The pipeline fails closed: nothing is released that was not judged, redacted and looked at again."""

import pytest

from filters.errors import DetectorTimeout, InferenceError, MessageError, RedactionError
from filters.findings import EntityType
from filters.keys import TenantKeys
from filters.pipeline import FilterPipeline, capabilities
from filters.records import ContentKind, ImageContent, PromptContent, Record, RecordContext, SourcePosition
from filters.text.medium import PromptMedium, TextLimits
from filters.verdict import Action
from tests.fakes import CollectingObserver, FaultyDetector, StaticPolicies, WordDetector, policy


def record(text: str, offset: int = 0, tenant: str = "acme") -> Record:
    context = RecordContext(SourcePosition("prompts", 0, offset), tenant, f"request-{offset}")
    return Record(context, PromptContent({"prompt": text}))


def pipeline_with(detector, policies=None, medium_type=PromptMedium, clock=None):
    observer = CollectingObserver()
    medium = medium_type([detector], TenantKeys(None), TextLimits())
    kwargs = {"clock": clock} if clock else {}
    return FilterPipeline([medium], policies or StaticPolicies(policy()), observer, **kwargs), observer


def test_redacts_what_the_policy_names_and_nothing_else():
    pipeline, observer = pipeline_with(WordDetector(["jane"]))
    outcomes = pipeline.process_batch([record("portrait of jane, oil"), record("a red house", 1)])
    assert [outcome.verdict.action for outcome in outcomes] == [Action.REDACT, Action.ALLOW]
    assert outcomes[0].content.fields["prompt"] == "portrait of <EMAIL_ADDRESS>, oil"
    assert outcomes[0].changed
    assert outcomes[1].content.fields["prompt"] == "a red house"
    assert not outcomes[1].changed
    assert [verdict.id for verdict in observer.verdicts] == [outcome.verdict.id for outcome in outcomes]


def test_a_verdict_names_rule_detector_digest_and_policy_version():
    pipeline, _ = pipeline_with(WordDetector(["jane"]))
    (outcome,) = pipeline.process_batch([record("jane")])
    verdict = outcome.verdict
    assert verdict.rules == ("prompts.rules[0]",)
    assert [(model.name, model.digest) for model in verdict.models] == [("words", "0" * 64)]
    assert (verdict.policy.tenant, verdict.policy.version, verdict.policy.mode) == ("acme", 1, "enforce")


def test_a_replay_gives_the_same_verdict_id_and_the_same_bytes():
    pipeline, _ = pipeline_with(WordDetector(["jane"]))
    first, again = (pipeline.process_batch([record("jane, again", 7)])[0] for _ in range(2))
    assert first.verdict.id == again.verdict.id
    assert first.content == again.content
    assert first.verdict == again.verdict


def test_an_unknown_tenant_is_rejected():
    pipeline, _ = pipeline_with(WordDetector(["jane"]))
    (outcome,) = pipeline.process_batch([record("harmless", tenant="nobody")])
    assert outcome.verdict.action is Action.REJECT
    assert outcome.content is None
    assert outcome.verdict.failure.code == "unknown_tenant"


def test_one_bad_record_does_not_spoil_its_neighbours():
    """A detector that raises on the batch is asked for each record alone; only the culprit is withheld."""

    def fault(batch):
        if any("poison" in content.fields["prompt"] for content in batch):
            raise ValueError("text that must not leak: poison")

    detector = FaultyDetector(["jane"], fault)
    pipeline, observer = pipeline_with(detector)
    outcomes = pipeline.process_batch([record("jane", 0), record("poison", 1), record("house", 2)])
    assert [outcome.verdict.action for outcome in outcomes] == [Action.REDACT, Action.REJECT, Action.ALLOW]
    assert outcomes[1].verdict.failure.code == "inference"
    assert "poison" not in str(outcomes[1].error)
    assert observer.failures == [("words", "inference")] * 2


@pytest.mark.parametrize("answer", [[], [[], []]], ids=["too few", "too many"])
def test_a_wrong_count_of_answers_is_an_inference_error(answer):
    pipeline, _ = pipeline_with(FaultyDetector(["jane"], lambda _: answer))
    (outcome,) = pipeline.process_batch([record("jane")])
    assert outcome.content is None
    assert outcome.verdict.failure.reason == "wrong_count"
    assert isinstance(outcome.error, InferenceError)


def test_an_error_that_is_one_records_own_is_not_tried_again_and_spoils_no_other():
    class Isolating(WordDetector):
        asked = 0

        def detect(self, batch):
            self.asked += len(batch)
            late = DetectorTimeout("late", reason="budget")
            return [late if "slow" in one.fields["prompt"] else self._find(one) for one in batch]

    detector = Isolating(["jane"])
    pipeline, observer = pipeline_with(detector)
    outcomes = pipeline.process_batch([record("slow"), record("house", 1)])
    assert [outcome.verdict.action for outcome in outcomes] == [Action.REJECT, Action.ALLOW]
    assert outcomes[0].verdict.failure.reason == "budget"
    assert detector.asked == 2
    assert observer.failures == [("words", "detector_timeout")]


def test_the_deadline_also_ends_the_asking_one_by_one():
    now = [0.0]

    def fault(batch):
        now[0] += 1.0
        raise ValueError

    detector = FaultyDetector([], fault)
    pipeline, _ = pipeline_with(detector, clock=lambda: now[0])
    outcomes = pipeline.process_batch([record("x", offset) for offset in range(50)], deadline=3.5)
    assert all(outcome.content is None for outcome in outcomes)
    assert len(detector.batches) <= 5


@pytest.mark.parametrize("on_error", ["reject", "hold"])
def test_detection_errors_follow_on_error(on_error):
    def fault(_):
        raise RuntimeError

    pipeline, _ = pipeline_with(FaultyDetector([], fault), StaticPolicies(policy(on_error=on_error)))
    (outcome,) = pipeline.process_batch([record("anything")])
    assert outcome.verdict.action.value == on_error
    assert outcome.content is None


def test_nothing_is_released_after_the_deadline():
    now = iter(range(100))
    pipeline, _ = pipeline_with(WordDetector(["jane"]), clock=lambda: float(next(now)))
    outcomes = pipeline.process_batch([record("jane"), record("house", 1)], deadline=2.0)
    assert all(isinstance(outcome.error, DetectorTimeout) for outcome in outcomes)
    assert all(outcome.content is None for outcome in outcomes)


def test_a_kind_that_no_medium_handles_fails_closed():
    pipeline, _ = pipeline_with(WordDetector(["jane"]), StaticPolicies(policy(images={"rules": []})))
    image = Record(RecordContext(SourcePosition("images", 0, 0), "acme", "r"), ImageContent(b"\x89PNG"))
    (outcome,) = pipeline.process_batch([image])
    assert outcome.content is None
    assert outcome.verdict.failure.reason == "unjudged"


def test_a_kind_without_a_section_is_rejected():
    only_images = StaticPolicies(policy(prompts=None, images={"rules": []}))
    pipeline, _ = pipeline_with(WordDetector(["jane"]), only_images)
    (outcome,) = pipeline.process_batch([record("a house")])
    assert (outcome.verdict.action, outcome.verdict.rules) == (Action.REJECT, ("prompts.absent",))


@pytest.mark.parametrize(("mode", "canary", "action"), [("shadow", None, Action.ALLOW), ("off", None, Action.ALLOW)])
def test_shadow_and_off_release_the_original(mode, canary, action):
    pipeline, _ = pipeline_with(WordDetector(["jane"]), StaticPolicies(policy(mode=mode, canary_percent=canary)))
    (outcome,) = pipeline.process_batch([record("jane")])
    assert outcome.verdict.action is action
    assert outcome.verdict.intended is (Action.REDACT if mode == "shadow" else Action.ALLOW)
    assert outcome.content.fields["prompt"] == "jane"


def test_shadow_does_not_release_what_could_not_be_judged():
    def fault(_):
        raise RuntimeError

    pipeline, _ = pipeline_with(FaultyDetector([], fault), StaticPolicies(policy(mode="shadow")))
    (outcome,) = pipeline.process_batch([record("anything")])
    assert outcome.content is None


def test_a_canary_enforces_its_share_and_treats_a_request_alike():
    pipeline, _ = pipeline_with(WordDetector(["jane"]), StaticPolicies(policy(mode="canary", canary_percent=30)))
    records = [record("jane", offset) for offset in range(400)]
    actions = [outcome.verdict.action for outcome in pipeline.process_batch(records)]
    again = [outcome.verdict.action for outcome in pipeline.process_batch(records)]
    assert actions == again
    assert 80 <= actions.count(Action.REDACT) <= 160


def test_verification_redacts_once_more_what_is_left():
    """An operator that uncovers a second finding (ja[jane]ne) gets one more pass."""
    pipeline, _ = pipeline_with(WordDetector(["jane"]), medium_type=Uncovering)
    (outcome,) = pipeline.process_batch([record("x jajanene y")])
    assert outcome.verdict.action is Action.REDACT
    assert outcome.content.fields["prompt"] == "x  y"


def test_what_still_stands_after_the_second_pass_is_not_released():
    pipeline, _ = pipeline_with(WordDetector(["jane"]), medium_type=Useless)
    (outcome,) = pipeline.process_batch([record("jane")])
    assert isinstance(outcome.error, RedactionError)
    assert outcome.verdict.failure.stage == "verify"
    assert outcome.content is None


def test_an_operator_that_raises_has_not_redacted():
    pipeline, _ = pipeline_with(WordDetector(["jane"]), medium_type=Raising)
    (outcome,) = pipeline.process_batch([record("jane")])
    assert outcome.verdict.failure.reason == "operator_raised"
    assert "jane" not in str(outcome.error)


def test_a_failure_outside_the_pipeline_gets_an_outcome_too():
    pipeline, _ = pipeline_with(WordDetector([]))
    outcome = pipeline.failed(record("x"), MessageError("broken"), "read")
    assert (outcome.verdict.action, outcome.content) == (Action.REJECT, None)


def test_capabilities_list_what_the_media_find():
    medium = PromptMedium([WordDetector([])], TenantKeys(None), TextLimits())
    assert capabilities([medium], has_key=False).entities == {ContentKind.PROMPT: frozenset({EntityType.EMAIL_ADDRESS})}


NAMES = {"prompts": {"rules": [{"entities": ["PERSON"], "action": "flag", "unless": ["style_reference"]}]}}
LANGUAGES = [
    ("a photo of my neighbour in the garden", "en", "patterns+names"),
    ("ein Foto meiner Nachbarin im Garten", "de", "patterns+names"),
    ("castle, mist, 8k", "und", "patterns+names"),
    ("портрет женщины в саду", "other", "patterns"),
]


@pytest.mark.parametrize(("prompt", "language", "coverage"), LANGUAGES)
def test_a_verdict_says_the_language_and_what_was_looked_for(prompt, language, coverage):
    names, _ = pipeline_with(WordDetector([], EntityType.PERSON), StaticPolicies(policy(**NAMES)))
    (outcome,) = names.process_batch([record(prompt)])
    assert (outcome.verdict.language, outcome.verdict.coverage) == (language, coverage)
    patterns, _ = pipeline_with(WordDetector([]))
    (outcome,) = patterns.process_batch([record(prompt)])
    assert (outcome.verdict.language, outcome.verdict.coverage) == (language, "patterns")


def test_where_nothing_was_looked_for_no_coverage_is_claimed():
    pipeline, _ = pipeline_with(FaultyDetector([], lambda _: 1 / 0))
    (outcome,) = pipeline.process_batch([record("a photo of my neighbour in the garden")])
    assert (outcome.verdict.language, outcome.verdict.coverage) == ("en", None)
    off, _ = pipeline_with(WordDetector([]), StaticPolicies(policy(mode="off")))
    (outcome,) = off.process_batch([record("x")])
    assert (outcome.verdict.language, outcome.verdict.coverage) == (None, None)


def test_what_is_excepted_is_released_and_stays_so_when_it_is_looked_at_again():
    """A private person beside an artist: the person goes, the artist stays, and verification agrees."""
    rules = [{"entities": ["PERSON"], "action": "redact", "unless": ["style_reference"]}]
    detector = WordDetector(["Jane Thornberry", "Greg Rutkowski", "Tobiasz Wyrwicki"], EntityType.PERSON)
    pipeline, _ = pipeline_with(detector, StaticPolicies(policy(prompts={"rules": rules})))
    prompt = "my boss Jane Thornberry, art by Tobiasz Wyrwicki and Greg Rutkowski"
    (outcome,) = pipeline.process_batch([record(prompt)])
    assert outcome.content.fields["prompt"] == "my boss <PERSON>, art by Tobiasz Wyrwicki and Greg Rutkowski"


class Uncovering(PromptMedium):
    def redact(self, decoded, hits, tenant):
        text = decoded.fields["prompt"]
        for hit in reversed(hits):
            text = text[: hit.finding.start] + text[hit.finding.end :]
        return PromptContent({"prompt": text})


class Useless(PromptMedium):
    def redact(self, decoded, hits, tenant):
        return PromptContent(dict(decoded.fields))


class Raising(PromptMedium):
    def redact(self, decoded, hits, tenant):
        raise KeyError("jane")
