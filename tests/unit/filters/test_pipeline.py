"""The pipeline fails closed: nothing is released that was not judged, redacted and looked at again."""

import re

import pytest

from filters.errors import DetectorTimeout, InferenceError, MessageError, RedactionError
from filters.findings import EntityType, TextFinding
from filters.keys import TenantKeys
from filters.pipeline import LOOKS, FilterPipeline, capabilities
from filters.records import ContentKind, ImageContent, PromptContent, Record, RecordContext, SourcePosition
from filters.text.medium import PromptMedium, TextLimits
from filters.text.terms import TermDetector
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


class NameDetector(WordDetector):
    """Takes every word with a capital for a person, as a language model would; and its neighbour, if told to."""

    def __init__(self, pattern=r"[A-Z][a-z]+(?: [A-Z][a-z]+)*"):
        super().__init__([], EntityType.PERSON)
        self._pattern = re.compile(pattern)

    def _find(self, content):
        return [
            TextFinding(name, match.start(), match.end(), EntityType.PERSON, 0.9, self.name)
            for name, text in content.fields.items()
            for match in self._pattern.finditer(text)
        ]


def with_names(*detectors, terms=(), rules=()):
    rule = {"entities": ["PERSON"], "action": "redact", "operator": {"type": "pseudonym", "style": "name"}}
    section = {"rules": [rule, *rules], "terms": list(terms)}
    medium = PromptMedium(list(detectors), TenantKeys(bytes(32)), TextLimits())
    return FilterPipeline([medium], StaticPolicies(policy(prompts=section)), CollectingObserver())


def test_an_invented_name_is_released_although_it_looks_like_a_person():
    """The same person has the same one in another prompt."""
    outcomes = with_names(NameDetector()).process_batch([record("photo of Jane Doe, oil"), record("for Jane", 1)])
    first, second = (outcome.content.fields["prompt"] for outcome in outcomes)
    assert [outcome.verdict.action for outcome in outcomes] == [Action.REDACT, Action.REDACT]
    assert re.fullmatch(r"photo of [A-Z][a-z]+ [A-Z][a-z]+, oil", first)
    assert second.split()[1] == first.split()[2]


def test_nothing_private_hides_behind_an_invented_name():
    """A detector that sees a person only once another is gone has that one covered too."""
    pipeline = with_names(NameDetector(r"Jane Doe|(?<=[a-z] )Smith(?! Jane)"))
    (outcome,) = pipeline.process_batch([record("Jane Doe Smith")])
    assert "Smith" not in outcome.content.fields["prompt"]
    always_more = with_names(NameDetector(r"[A-Z][a-z]+ [A-Za-z]+"))
    (outcome,) = always_more.process_batch([record("Jane and John and Joe and")])
    assert outcome.content is None or not {"Jane", "John", "Joe"} & set(outcome.content.fields["prompt"].split())


class OneAtATime(WordDetector):
    """Sees only the first of its words that is there: the next shows once that one is gone."""

    def _find(self, content):
        found = sorted(super()._find(content), key=lambda finding: finding.start)
        return found[:1]


@pytest.mark.parametrize(("words", "released"), [(LOOKS, True), (LOOKS + 1, False)])
def test_what_shows_only_when_something_else_is_gone_is_redacted_or_withheld(words, released):
    """One word goes at first and one at each look but the last, which must find nothing."""
    names = [f"word{number}x" for number in range(words)]
    pipeline, _ = pipeline_with(OneAtATime(names))
    (outcome,) = pipeline.process_batch([record(" and ".join(names))])
    assert (outcome.content is not None) is released
    if outcome.content is None:
        assert outcome.verdict.failure.reason == "remains"
    else:
        assert not any(name in outcome.content.fields["prompt"] for name in names)


def test_a_prompt_cannot_pretend_that_its_words_were_written_here():
    """What comes in as written is looked at like everything else."""
    (outcome,) = with_names(NameDetector()).process_batch([record("Jane Doe")])
    pretended = Record(record("", 1).context, outcome.content)
    (again,) = with_names(NameDetector()).process_batch([pretended])
    assert again.verdict.action is Action.REDACT


def test_terms_are_redacted_and_looked_for_again():
    """In an invented name, too: a term that the draw happens to give is covered."""
    (drawn,) = with_names(NameDetector()).process_batch([record("Jane")])
    name = drawn.content.fields["prompt"]
    terms = [{"name": "codenames", "words": ["Blue Heron", name]}]
    rules = [{"id": "codenames", "entities": ["TERM"], "lists": ["codenames"], "action": "redact"}]
    pipeline = with_names(NameDetector("Jane"), TermDetector(), terms=terms, rules=rules)
    (outcome,) = pipeline.process_batch([record("Jane and the BLUE_heron")])
    assert outcome.content.fields["prompt"] == "<TERM> and the <TERM>"
    assert "codenames" in outcome.verdict.rules
    assert "heron" not in repr(outcome.verdict).lower()


def test_a_term_expression_that_takes_too_long_withholds_the_prompt():
    terms = [{"name": "slow", "regexes": ["(?:(?:a|aa)+c|x!)"]}]
    rules = [{"entities": ["TERM"], "action": "flag"}]
    pipeline = with_names(TermDetector(regex_seconds=0.05), terms=terms, rules=rules)
    slow, fine = pipeline.process_batch([record("a" * 40 + "b"), record("fine", 1)])
    assert (slow.verdict.action, slow.content) == (Action.REJECT, None)
    assert (slow.verdict.failure.code, slow.verdict.failure.reason) == ("detector_timeout", "term_regex")
    assert fine.verdict.action is Action.ALLOW


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
