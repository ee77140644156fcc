"""The policy document: a closed schema that cannot say "pass on error", and the check against an installation."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from filters.errors import PolicyError
from filters.findings import EntityType, FindingSource
from filters.policy import Capabilities, FilterPolicy, Keeping, Mode, OnError, check_capabilities, policy_json_schema
from filters.records import ContentKind
from filters.verdict import Action, PolicyRef

ALL = frozenset(EntityType)
EVERYWHERE = dict.fromkeys(EntityType, frozenset(FindingSource))
EVERYTHING = Capabilities({ContentKind.PROMPT: ALL, ContentKind.IMAGE: ALL}, EVERYWHERE, has_key=True)


def document(**spec) -> dict:
    return {
        "apiVersion": "veilstream/v1",
        "kind": "FilterPolicy",
        "metadata": {"tenant": "acme", "version": 7},
        "spec": spec,
    }


def policy(**spec) -> FilterPolicy:
    return FilterPolicy.model_validate(document(**spec))


def prompt_rule(**rule) -> dict:
    return {"prompts": {"rules": [{"entities": ["EMAIL_ADDRESS"], "action": "redact"} | rule]}}


def image_rule(**rule) -> dict:
    return {"images": {"rules": [{"entities": ["FACE"], "action": "redact"} | rule]}}


def test_defaults_are_the_strict_ones():
    spec = policy().spec
    assert (spec.mode, spec.on_error, spec.prompts, spec.images) == (Mode.ENFORCE, OnError.REJECT, None, None)
    assert spec.dead_letters is Keeping.NONE, "no copies of what nobody has looked at, unless somebody asks for them"


@pytest.mark.parametrize("word", ["pass", "allow", "flag", "redact", "ignore", "", None])
def test_no_word_lets_through_what_could_not_be_judged(word):
    with pytest.raises(ValidationError):
        policy(on_error=word)


@pytest.mark.parametrize(
    "spec",
    [
        {"extra": 1},
        {"mode": "on"},
        {"mode": "canary"},
        {"dead_letters": "plain"},
        {"dead_letters": None},
        {"dead_letters": True},
        {"canary_percent": 5},
        {"mode": "canary", "canary_percent": 0},
        {"mode": "canary", "canary_percent": 100},
        {"prompts": {"rules": [{"entities": [], "action": "reject"}]}},
        prompt_rule(entities=["NOBODY"]),
        prompt_rule(entities=["EMAIL_ADDRESS", "EMAIL_ADDRESS"]),
        prompt_rule(min_score=1.01),
        prompt_rule(min_score=-0.01),
        prompt_rule(min_score=float("nan")),
        prompt_rule(id="Has Spaces"),
        prompt_rule(source="pixels"),
        prompt_rule(unless=["anything"]),
        prompt_rule(action="allow", operator={"type": "remove"}),
        prompt_rule(operator={"type": "fill"}),
        prompt_rule(operator={"type": "mask", "keep_last": 5}),
        prompt_rule(operator={"type": "mask", "character": "**"}),
        prompt_rule(operator={"type": "hash", "length": 7}),
        prompt_rule(operator={"type": "replace", "text": "x" * 65}),
        image_rule(operator={"type": "replace"}),
        image_rule(operator={"type": "fill", "color": "red"}),
        image_rule(operator={"type": "fill", "margin": 1.5}),
        image_rule(unless=["fictional"]),
    ],
)
def test_refuses_what_the_schema_does_not_name(spec):
    with pytest.raises(ValidationError):
        policy(**spec)


@pytest.mark.parametrize("kind", ["blur", "mosaic"])
@pytest.mark.parametrize("word", [{}, {"cosmetic": False}, {"cosmetic": "yes"}])
def test_reversible_operators_need_the_word_cosmetic(kind, word):
    with pytest.raises(ValidationError):
        policy(**image_rule(operator={"type": kind} | word))
    assert policy(**image_rule(operator={"type": kind, "cosmetic": True}))


@pytest.mark.parametrize("kind", ["fill", "mosaic_look"])
def test_safe_operators_do_not_take_the_word_cosmetic(kind):
    assert policy(**image_rule(operator={"type": kind}))
    with pytest.raises(ValidationError):
        policy(**image_rule(operator={"type": kind, "cosmetic": True}))


@pytest.mark.parametrize(
    ("tenant", "valid"),
    [
        ("a", True),
        ("acme-2.eu_west", True),
        ("a" * 63, True),
        ("a" * 64, False),
        ("", False),
        ("-a", False),
        ("a-", False),
        ("Acme", False),
        ("a b", False),
        ("a\n", False),
        ("ä", False),
    ],
)
def test_tenant_names_are_label_safe(tenant, valid):
    raw = document() | {"metadata": {"tenant": tenant, "version": 1}}
    if valid:
        assert FilterPolicy.model_validate(raw).tenant == tenant
    else:
        with pytest.raises(ValidationError):
            FilterPolicy.model_validate(raw)


@pytest.mark.parametrize("version", [0, -1, 2**53])
def test_versions_are_whole_numbers_that_json_keeps(version):
    with pytest.raises(ValidationError):
        FilterPolicy.model_validate(document() | {"metadata": {"tenant": "acme", "version": version}})


def test_a_policy_cannot_be_changed():
    with pytest.raises(ValidationError):
        policy().metadata.version = 8


def test_tells_its_entities_actions_and_reference():
    it = policy(**prompt_rule(), **image_rule(action="flag"), on_error="hold")
    assert it.entities(ContentKind.PROMPT) == {EntityType.EMAIL_ADDRESS}
    assert it.entities(ContentKind.IMAGE) == {EntityType.FACE}
    assert it.actions == {Action.REDACT, Action.FLAG, Action.HOLD}
    assert it.ref == PolicyRef("acme", 7, "enforce")


def test_a_kind_without_section_names_no_entities():
    assert policy().entities(ContentKind.IMAGE) == frozenset()
    assert policy().section(ContentKind.PROMPT) is None


KEYED = [
    {"on_error": "hold"},
    {"dead_letters": "sealed"},
    prompt_rule(action="hold"),
    image_rule(action="hold"),
    prompt_rule(operator={"type": "hash"}),
    prompt_rule(operator={"type": "pseudonym"}),
]


@pytest.mark.parametrize("spec", KEYED)
def test_what_needs_a_key_is_refused_while_there_is_none(spec):
    with pytest.raises(PolicyError) as refused:
        check_capabilities(policy(**spec), replace(EVERYTHING, has_key=False))
    assert refused.value.reason == "key_missing"
    check_capabilities(policy(**spec), EVERYTHING)


@pytest.mark.parametrize("operator", [{"type": "replace"}, {"type": "mask"}, {"type": "remove"}])
def test_other_operators_need_no_key(operator):
    check_capabilities(policy(**prompt_rule(operator=operator)), replace(EVERYTHING, has_key=False))


SPEC_AND_KIND = pytest.mark.parametrize(
    ("spec", "kind"), [(prompt_rule(), ContentKind.PROMPT), (image_rule(), ContentKind.IMAGE)]
)


@SPEC_AND_KIND
def test_an_entity_that_no_detector_of_its_kind_finds_is_refused(spec, kind):
    blind = {kind: frozenset(), **{other: ALL for other in ContentKind if other is not kind}}
    with pytest.raises(PolicyError) as refused:
        check_capabilities(policy(**spec), Capabilities(blind, EVERYWHERE, has_key=True))
    assert refused.value.reason == "detector_missing"
    assert next(iter(policy(**spec).entities(kind))).value in str(refused.value)


@SPEC_AND_KIND
def test_a_process_does_not_ask_for_detectors_of_a_kind_that_it_does_not_judge(spec, kind):
    others = {other: frozenset() for other in ContentKind if other is not kind}
    check_capabilities(policy(**spec), Capabilities(others, EVERYWHERE, has_key=True))


def test_the_json_schema_is_closed_and_describes_every_object():
    schema = policy_json_schema()
    objects = [schema, *(part for part in schema["$defs"].values() if part["type"] == "object")]
    assert all(part["additionalProperties"] is False for part in objects)
    assert set(schema["$defs"]["OnError"]["enum"]) == {"reject", "hold"}
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
