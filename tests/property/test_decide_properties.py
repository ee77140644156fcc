"""`decide` over generated policies and findings: it never does less than any rule asks."""

from hypothesis import given
from hypothesis import strategies as st

from filters.decide import decide
from filters.findings import BoundingBox, ContextAttribute, EntityType, FindingSource, ImageFinding, TextFinding
from filters.policy import FilterPolicy, ImageRule, ImageSection, PolicySpec, PromptRule, PromptSection
from filters.policy_operators import FillRegion
from filters.records import ContentKind
from filters.verdict import Action, strictest

ENTITIES = st.sampled_from([EntityType.EMAIL_ADDRESS, EntityType.FACE, EntityType.METADATA])
SCORES = st.sampled_from([0.0, 0.2, 0.4, 0.6, 1.0])
ATTRIBUTES = st.sets(st.sampled_from(list(ContextAttribute)), max_size=2)
COMMON = {
    "entities": st.lists(ENTITIES, min_size=1, unique=True).map(tuple),
    "min_score": SCORES,
    "action": st.sampled_from(list(Action)),
}
PROMPT_RULES = st.builds(PromptRule, **COMMON, unless=ATTRIBUTES.map(tuple))
IMAGE_RULES = st.builds(ImageRule, **COMMON, source=st.none() | st.sampled_from(list(FindingSource)))
SECTIONS = {
    "prompts": st.none() | st.builds(PromptSection, rules=st.lists(PROMPT_RULES, max_size=4).map(tuple)),
    "images": st.none() | st.builds(ImageSection, rules=st.lists(IMAGE_RULES, max_size=4).map(tuple)),
}
POLICIES = st.builds(PolicySpec, **SECTIONS).map(
    lambda spec: FilterPolicy(
        apiVersion="veilstream/v1", kind="FilterPolicy", metadata={"tenant": "acme", "version": 1}, spec=spec
    )
)
TEXTS = st.builds(
    TextFinding,
    field=st.just("prompt"),
    start=st.integers(0, 5),
    end=st.integers(6, 9),
    entity_type=ENTITIES,
    score=SCORES,
    detector=st.just("d"),
    attributes=ATTRIBUTES.map(frozenset),
)
IMAGES = st.builds(
    ImageFinding,
    frame=st.just(0),
    box=st.just(BoundingBox(0, 0, 1, 1)),
    entity_type=ENTITIES,
    score=SCORES,
    detector=st.just("d"),
    source=st.sampled_from(list(FindingSource)),
)


def fires(rule, finding) -> bool:
    """The specification, written a second time: does `rule` ask for something about `finding`?"""
    if finding.entity_type not in rule.entities or finding.score < rule.min_score:
        return False
    if isinstance(finding, TextFinding):
        return not set(finding.attributes) & set(rule.unless)
    return rule.source is None or rule.source == finding.source


def asked(policy, finding, kind) -> list[Action]:
    section = policy.section(kind)
    actions = [rule.action for rule in section.rules if fires(rule, finding)]
    if kind is ContentKind.IMAGE and finding.entity_type is EntityType.METADATA and section.metadata == "strip":
        actions.append(Action.REDACT)
    return actions


def findings_of(kind):
    return st.lists(TEXTS if kind is ContentKind.PROMPT else IMAGES, max_size=5)


CASES = st.sampled_from(list(ContentKind)).flatmap(lambda kind: st.tuples(st.just(kind), findings_of(kind)))


@given(POLICIES, CASES)
def test_the_action_is_the_strictest_that_any_rule_asks_for_any_finding(policy, case):
    kind, findings = case
    decision = decide(findings, policy, kind)
    if policy.section(kind) is None:
        assert decision.action is Action.REJECT
    else:
        assert decision.action is strictest(action for finding in findings for action in asked(policy, finding, kind))


@given(POLICIES, CASES)
def test_every_finding_that_a_rule_fires_for_is_one_hit_with_its_strictest_action(policy, case):
    kind, findings = case
    if policy.section(kind) is None:
        return
    hits = decide(findings, policy, kind).hits
    expected = [(finding, strictest(actions)) for finding in findings if (actions := asked(policy, finding, kind))]
    assert [(hit.finding, hit.action) for hit in hits] == expected


@given(POLICIES, CASES, st.randoms(use_true_random=False))
def test_the_order_of_findings_does_not_change_the_action(policy, case, random):
    kind, findings = case
    shuffled = list(findings)
    random.shuffle(shuffled)
    one, other = decide(findings, policy, kind), decide(shuffled, policy, kind)
    assert one.action is other.action
    assert set(one.rules) == set(other.rules)


@given(POLICIES, CASES, st.data())
def test_another_finding_never_makes_the_action_milder(policy, case, data):
    kind, findings = case
    more = [*findings, data.draw(findings_of(kind).filter(bool))[0]]
    assert decide(more, policy, kind).action.severity >= decide(findings, policy, kind).action.severity


@given(POLICIES, CASES)
def test_what_is_to_be_redacted_has_an_operator_or_no_place(policy, case):
    kind, findings = case
    for hit in decide(findings, policy, kind).redactions:
        assert hit.operator is not None or hit.rule == "images.metadata"
        assert not isinstance(hit.operator, FillRegion) or kind is ContentKind.IMAGE


@given(POLICIES, CASES)
def test_the_rules_of_a_decision_are_those_of_its_hits(policy, case):
    kind, findings = case
    decision = decide(findings, policy, kind)
    if policy.section(kind) is not None:
        assert list(decision.rules) == list(dict.fromkeys(hit.rule for hit in decision.hits))
