"""Warnings about valid policies: what is allowed, and yet seldom meant."""

from collections.abc import Iterator, Sequence
from typing import Final

from filters.findings import CARRY_ATTRIBUTES, EntityType
from filters.policy import FilterPolicy, ImageRule, MetadataHandling, Mode, PromptRule, Section
from filters.policy_issues import IssueCode, PolicyIssue
from filters.policy_operators import CosmeticOperator, EncryptText, GeneraliseText
from filters.policy_yaml import Path, YamlTree

Rule = PromptRule | ImageRule

SECRETS: Final = frozenset(
    {
        EntityType.CREDIT_CARD,
        EntityType.IBAN_CODE,
        EntityType.US_BANK_NUMBER,
        EntityType.US_SSN,
        EntityType.US_ITIN,
        EntityType.US_PASSPORT,
        EntityType.UK_NINO,
        EntityType.UK_PASSPORT,
    }
)
"""Accounts and identity numbers that no generator has a use for, not even encrypted."""
GENERALISED: Final = frozenset(
    {EntityType.ADDRESS, EntityType.LOCATION, EntityType.DATE_OF_BIRTH, EntityType.DATE_TIME}
)


def policy_warnings(policy: FilterPolicy, tree: YamlTree) -> Iterator[PolicyIssue]:
    """The warnings for a valid policy, placed by the tree that it was read from."""
    yield from _not_enforced(policy, tree)
    for name, section in (("prompts", policy.spec.prompts), ("images", policy.spec.images)):
        path: Path = ("spec", name)
        if section is None:
            message = f"there is no `{name}` section, so that all {name} are rejected"
            yield PolicyIssue.at(tree.source, tree.key_place(("spec",)), IssueCode.ABSENT_SECTION, message)
        else:
            yield from _section_warnings(section, path, tree)
    if policy.spec.images and policy.spec.images.metadata is MetadataHandling.KEEP:
        message = "`metadata: keep` releases places, names, serial numbers and prompts that nobody has judged"
        hint = "use `strip`, and `keep_metadata` for what the audience needs"
        place = tree.place(("spec", "images", "metadata"))
        yield PolicyIssue.at(tree.source, place, IssueCode.KEPT_METADATA, message, hint)


def _not_enforced(policy: FilterPolicy, tree: YamlTree) -> Iterator[PolicyIssue]:
    mode = policy.spec.mode
    if mode in (Mode.OFF, Mode.SHADOW):
        message = f"`mode: {mode}` releases everything unchanged"
        hint = "use canary or enforce to protect anybody"
        yield PolicyIssue.at(tree.source, tree.place(("spec", "mode")), IssueCode.NOT_ENFORCED, message, hint)


def _section_warnings(section: Section, path: Path, tree: YamlTree) -> Iterator[PolicyIssue]:
    rules: Sequence[Rule] = section.rules
    if not rules:
        message = f"`{path[-1]}` has no rules, so that nothing is looked for"
        yield PolicyIssue.at(tree.source, tree.key_place(path), IssueCode.EMPTY_SECTION, message, "add rules")
    for index, rule in enumerate(rules):
        at: Path = (*path, "rules", index)
        yield from _operator_warnings(rule, at, tree)
        if rule.min_score == 0:
            message = "`min_score: 0` takes every guess of a detector for a finding"
            place = tree.place((*at, "min_score"))
            yield PolicyIssue.at(tree.source, place, IssueCode.NO_THRESHOLD, message, "use 0.2 or more")
        yield from _unless_without_effect(rule, at, tree)
        yield from _never_reached(rules, index, at, tree)


def _operator_warnings(rule: Rule, at: Path, tree: YamlTree) -> Iterator[PolicyIssue]:
    place = tree.place((*at, "operator"))
    match rule.operator:
        case CosmeticOperator() as cosmetic:
            message = f"`{cosmetic.type}` can be reversed: published attacks recover faces and text behind it"
            yield PolicyIssue.at(tree.source, place, IssueCode.COSMETIC, message, "use `fill` or a look")
        case EncryptText() if SECRETS.intersection(rule.entities):
            names = ", ".join(sorted(SECRETS.intersection(rule.entities)))
            message = f"`encrypt` can be reversed with the key, and hands {names} on in every released prompt"
            yield PolicyIssue.at(
                tree.source, place, IssueCode.REVERSIBLE, message, "use `replace`, or `action: reject`"
            )
        case GeneraliseText() if not GENERALISED.issuperset(rule.entities):
            names = ", ".join(sorted(set(rule.entities) - GENERALISED))
            message = f"`generalise` knows no part to keep of {names} and writes the type's name"
            yield PolicyIssue.at(tree.source, place, IssueCode.NOTHING_SHARED, message, "use `replace` there")


def _unless_without_effect(rule: Rule, at: Path, tree: YamlTree) -> Iterator[PolicyIssue]:
    if not isinstance(rule, PromptRule) or not rule.unless:
        return
    for position, entity in enumerate(rule.entities):
        if entity not in CARRY_ATTRIBUTES:
            message = f"`unless` excepts nothing here: only names carry attributes, not {entity}"
            place = tree.place((*at, "entities", position))
            hint = "give the entity a rule of its own, without `unless`"
            yield PolicyIssue.at(tree.source, place, IssueCode.UNLESS_WITHOUT_EFFECT, message, hint)


def _never_reached(rules: Sequence[Rule], index: int, at: Path, tree: YamlTree) -> Iterator[PolicyIssue]:
    for position, entity in enumerate(rules[index].entities):
        stronger = next((i for i in range(len(rules)) if i != index and _covers(rules, i, index, entity)), None)
        if stronger is not None:
            name = rules[stronger].id or f"rules[{stronger}]"
            message = f"this rule never decides about {entity}: `{name}` always does"
            place = tree.place((*at, "entities", position))
            hint = "drop the entity here, or raise `min_score` there"
            yield PolicyIssue.at(tree.source, place, IssueCode.NEVER_REACHED, message, hint)


def _covers(rules: Sequence[Rule], strong: int, weak: int, entity: EntityType) -> bool:
    """Whether rule `strong` wins for `entity` wherever rule `weak` applies (the strictest wins, then the first)."""
    one, other = rules[strong], rules[weak]
    if entity not in one.entities or one.min_score > other.min_score or not _as_wide(one, other):
        return False
    difference = one.action.severity - other.action.severity
    return difference > 0 or (difference == 0 and strong < weak)


def _as_wide(one: Rule, other: Rule) -> bool:
    if isinstance(one, PromptRule) and isinstance(other, PromptRule):
        as_many_lists = not one.lists or set(one.lists) >= set(other.lists or [""])
        return as_many_lists and set(one.unless) <= set(other.unless)
    if isinstance(one, ImageRule) and isinstance(other, ImageRule):
        return one.source in (None, other.source)
    return False
