"""`decide`: which rule wins, and what it asks for."""

import pytest

from filters.decide import Decision, decide, is_enforced
from filters.findings import BoundingBox, ContextAttribute, EntityType, FindingSource, ImageFinding, TextFinding
from filters.policy import FillRegion, FilterPolicy, MosaicLook, RemoveText, ReplaceText
from filters.records import ContentKind
from filters.verdict import Action

EMAIL, PHONE, FACE, CARD = (
    EntityType.EMAIL_ADDRESS,
    EntityType.PHONE_NUMBER,
    EntityType.FACE,
    EntityType.CREDIT_CARD,
)
METADATA = EntityType.METADATA
PROMPT, IMAGE = ContentKind.PROMPT, ContentKind.IMAGE


def policy(*rules, kind="prompts", **spec) -> FilterPolicy:
    section = {"rules": list(rules)} | spec.pop("section", {})
    return FilterPolicy.model_validate(
        {
            "apiVersion": "veilstream/v1",
            "kind": "FilterPolicy",
            "metadata": {"tenant": "acme", "version": 1},
            "spec": {kind: section} | spec,
        }
    )


def rule(action, *entities, **more) -> dict:
    return {"entities": [entity.value for entity in entities or (EMAIL,)], "action": action} | more


def text(entity=EMAIL, score=0.9, start=0, attributes=()) -> TextFinding:
    return TextFinding("prompt", start, start + 4, entity, score, "patterns", frozenset(attributes))


BOX = BoundingBox(0, 0, 4, 4)


def image(entity=FACE, score=0.9, source=FindingSource.PIXELS, box=BOX) -> ImageFinding:
    return ImageFinding(0, box, entity, score, "faces", source)


def test_nothing_found_is_allowed():
    assert decide([], policy(rule("reject")), PROMPT) == Decision(Action.ALLOW)


@pytest.mark.parametrize("kind", list(ContentKind))
@pytest.mark.parametrize("found", [[], [text()], [image()]])
def test_a_kind_of_content_without_a_section_is_rejected(kind, found):
    other = "images" if kind is PROMPT else "prompts"
    decision = decide(found, policy(kind=other), kind)
    assert (decision.action, decision.rules) == (Action.REJECT, (f"{kind.value}s.absent",))


@pytest.mark.parametrize("action", list(Action))
def test_a_finding_gets_the_action_of_its_rule(action):
    decision = decide([text()], policy(rule(action.value)), PROMPT)
    assert decision.action is action
    assert [hit.action for hit in decision.hits] == [action]


def test_a_finding_that_no_rule_names_is_passed_over():
    assert decide([text(PHONE)], policy(rule("reject", EMAIL)), PROMPT).hits == ()


@pytest.mark.parametrize(("score", "hit"), [(0.59, False), (0.6, True), (0.61, True)])
def test_min_score_is_the_lowest_score_that_counts(score, hit):
    assert bool(decide([text(score=score)], policy(rule("reject", min_score=0.6)), PROMPT).hits) is hit


@pytest.mark.parametrize("first", list(Action))
@pytest.mark.parametrize("second", list(Action))
def test_of_two_rules_the_stricter_wins_and_of_equals_the_first(first, second):
    decision = decide([text()], policy(rule(first.value, id="one"), rule(second.value, id="two")), PROMPT)
    winner = "two" if second.severity > first.severity else "one"
    assert [hit.rule for hit in decision.hits] == [winner]
    assert decision.rules == (winner,)


def test_a_record_gets_the_strictest_action_of_its_findings():
    rules = policy(rule("flag", EMAIL), rule("hold", PHONE), rule("redact", CARD))
    decision = decide([text(EMAIL), text(PHONE), text(CARD)], rules, PROMPT)
    assert decision.action is Action.HOLD
    assert [hit.action for hit in decision.hits] == [Action.FLAG, Action.HOLD, Action.REDACT]


def test_rules_are_named_once_in_the_order_of_the_findings():
    rules = policy(rule("flag", EMAIL, id="mail"), rule("flag", PHONE))
    decision = decide([text(PHONE), text(EMAIL), text(PHONE, start=9)], rules, PROMPT)
    assert decision.rules == ("prompts.rules[1]", "mail")


def test_redactions_carry_the_operator_of_their_rule_or_the_default():
    named = decide([text()], policy(rule("redact", operator={"type": "remove"})), PROMPT)
    assert named.redactions[0].operator == RemoveText()
    assert decide([text()], policy(rule("redact")), PROMPT).redactions[0].operator == ReplaceText()
    looks = policy(rule("redact", FACE, operator={"type": "mosaic_look"}), kind="images")
    assert decide([image()], looks, IMAGE).redactions[0].operator == MosaicLook()
    assert decide([image()], policy(rule("redact", FACE), kind="images"), IMAGE).redactions[0].operator == FillRegion()


@pytest.mark.parametrize("action", ["allow", "flag", "hold", "reject"])
def test_only_redactions_carry_an_operator(action):
    (hit,) = decide([text()], policy(rule(action)), PROMPT).hits
    assert hit.operator is None


def test_unless_passes_over_findings_with_the_attribute():
    rules = policy(rule("reject", unless=["style_reference", "fictional"]))
    assert decide([text()], rules, PROMPT).action is Action.REJECT
    assert decide([text(attributes=[ContextAttribute.PUBLIC_FIGURE])], rules, PROMPT).action is Action.REJECT
    assert decide([text(attributes=[ContextAttribute.FICTIONAL])], rules, PROMPT).action is Action.ALLOW


def test_unless_of_one_rule_does_not_bind_another():
    rules = policy(rule("reject", unless=["fictional"]), rule("redact"))
    assert decide([text(attributes=[ContextAttribute.FICTIONAL])], rules, PROMPT).action is Action.REDACT


STRICT = {"rules": [{"entities": ["EMAIL_ADDRESS"], "action": "redact"}]}


@pytest.mark.parametrize(("least", "action"), [("flag", "redact"), ("hold", "hold"), ("reject", "reject")])
def test_a_policy_can_be_strict_about_languages_that_names_are_not_found_in(least, action):
    """The least action, beside what the rules ask for; the verdict names the field."""
    strict = FilterPolicy.model_validate(
        {
            "apiVersion": "veilstream/v1",
            "kind": "FilterPolicy",
            "metadata": {"tenant": "acme", "version": 1},
            "spec": {"prompts": STRICT | {"on_unsupported_language": least}},
        }
    )
    decision = decide([text()], strict, PROMPT, unsupported_language=True)
    assert decision.action == action
    assert "prompts.on_unsupported_language" in decision.rules
    assert decision.remaining().action is Action.REDACT, "the language is no finding that redaction could remove"
    assert decide([], strict, PROMPT, unsupported_language=True).action == least
    assert decide([], strict, PROMPT).action is Action.ALLOW
    assert Action(least) in strict.actions, "so that a policy that holds asks for a key"


def test_source_limits_a_rule_to_findings_made_that_way():
    rules = policy(rule("reject", CARD, source="text_in_image"), kind="images")
    assert decide([image(CARD)], rules, IMAGE).action is Action.ALLOW
    assert decide([image(CARD, source=FindingSource.TEXT_IN_IMAGE)], rules, IMAGE).action is Action.REJECT


def test_rules_of_one_kind_do_not_see_findings_of_the_other():
    assert decide([image(EMAIL)], policy(rule("reject", EMAIL)), PROMPT).action is Action.ALLOW
    assert decide([text(FACE)], policy(rule("reject", FACE), kind="images"), IMAGE).action is Action.ALLOW


def test_stripping_metadata_is_a_redaction_without_a_place():
    found = image(METADATA, score=1.0, source=FindingSource.FILE, box=None)
    (hit,) = decide([found], policy(kind="images"), IMAGE).hits
    assert (hit.action, hit.rule, hit.operator) == (Action.REDACT, "images.metadata", None)


def test_kept_metadata_is_no_hit():
    found = image(METADATA, score=1.0, source=FindingSource.FILE, box=None)
    assert decide([found], policy(kind="images", section={"metadata": "keep"}), IMAGE).hits == ()


def test_a_stricter_rule_about_metadata_wins_over_stripping():
    found = image(METADATA, score=1.0, source=FindingSource.FILE, box=None)
    assert decide([found], policy(rule("reject", METADATA), kind="images"), IMAGE).action is Action.REJECT


def test_what_remains_is_what_may_not_be_in_a_release():
    rules = policy(rule("flag", EMAIL), rule("redact", PHONE, id="phones"), rule("reject", CARD, id="cards"))
    left = decide([text(EMAIL), text(PHONE), text(CARD)], rules, PROMPT).remaining()
    assert [hit.rule for hit in left.hits] == ["phones", "cards"]
    assert (left.action, left.rules) == (Action.REJECT, ("phones", "cards"))


def test_cosmetic_redactions_do_not_remain():
    rules = policy(rule("redact", FACE, operator={"type": "blur", "cosmetic": True}), kind="images")
    decision = decide([image()], rules, IMAGE)
    assert decision.action is Action.REDACT
    assert decision.remaining() == Decision(Action.ALLOW)


@pytest.mark.parametrize(("mode", "enforced"), [("enforce", True), ("shadow", False), ("off", False)])
def test_modes_carry_decisions_out_or_not(mode, enforced):
    assert is_enforced(policy(mode=mode), "request") is enforced


def test_a_canary_enforces_its_share_of_requests_and_always_the_same():
    canary = policy(mode="canary", canary_percent=1)
    enforced = [is_enforced(canary, f"request-{number}") for number in range(20_000)]
    assert 0.008 < sum(enforced) / 20_000 < 0.012
    assert enforced == [is_enforced(canary, f"request-{number}") for number in range(20_000)]


def test_a_canary_that_grows_keeps_the_requests_it_had():
    small, large = (policy(mode="canary", canary_percent=percent) for percent in (10, 60))
    requests = [f"request-{number}" for number in range(1_000)]
    assert {r for r in requests if is_enforced(small, r)} < {r for r in requests if is_enforced(large, r)}
