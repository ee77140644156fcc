"""From findings and a policy to a decision: a pure function."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from filters.findings import UNSEEN_DETECTOR, EntityType, Finding, ImageFinding, TextFinding
from filters.policy import (
    FilterPolicy,
    ImageRule,
    ImageSection,
    MetadataHandling,
    Mode,
    PromptRule,
    PromptSection,
    Section,
)
from filters.policy_operators import CosmeticOperator, FillRegion, ImageOperator, ReplaceText, TextOperator
from filters.records import ContentKind
from filters.verdict import Action, strictest


@dataclass(frozen=True, slots=True)
class Hit:
    """A finding that a rule asks something for.

    `operator` is set where the action is redact and the finding has a place in the content.
    """

    finding: Finding
    action: Action
    rule: str
    operator: TextOperator | ImageOperator | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy asks for a record: its strictest action, the rules that fired, and the hits in finding order."""

    action: Action
    rules: tuple[str, ...] = ()
    hits: tuple[Hit, ...] = ()

    @property
    def redactions(self) -> tuple[Hit, ...]:
        """The hits that ask for changed content."""
        return tuple(hit for hit in self.hits if hit.action is Action.REDACT)

    def remaining(self) -> "Decision":
        """What may not be in released content: hits to redact, hold or reject, but for cosmetic redactions.

        A cosmetic operator leaves what it covers recognisable, and the policy has said that it knows.
        """
        left = tuple(
            hit
            for hit in self.hits
            if hit.action.severity >= Action.REDACT.severity and not isinstance(hit.operator, CosmeticOperator)
        )
        return Decision(strictest(hit.action for hit in left), tuple(dict.fromkeys(hit.rule for hit in left)), left)


def _applies(rule: PromptRule | ImageRule, finding: Finding) -> bool:
    if finding.entity_type not in rule.entities or finding.score < rule.min_score:
        return False
    if isinstance(rule, PromptRule):
        if not isinstance(finding, TextFinding) or (rule.lists and finding.term_list not in rule.lists):
            return False
        return finding.attributes.isdisjoint(rule.unless)
    return isinstance(finding, ImageFinding) and rule.source in (None, finding.source)


def _operator(rule: PromptRule | ImageRule) -> TextOperator | ImageOperator | None:
    if rule.action is not Action.REDACT:
        return None
    return rule.operator or (ReplaceText() if isinstance(rule, PromptRule) else FillRegion())


def _hits(finding: Finding, section: Section, prefix: str) -> Iterator[Hit]:
    rules: tuple[PromptRule | ImageRule, ...] = section.rules
    for index, rule in enumerate(rules):
        if _applies(rule, finding):
            yield Hit(finding, rule.action, rule.id or f"{prefix}.rules[{index}]", _operator(rule))
    strips = isinstance(section, ImageSection) and section.metadata is MetadataHandling.STRIP
    if finding.entity_type is EntityType.METADATA and (strips or finding.detector == UNSEEN_DETECTOR):
        yield Hit(finding, Action.REDACT, f"{prefix}.metadata")


def decide(
    findings: Sequence[Finding], policy: FilterPolicy, kind: ContentKind, *, unsupported_language: bool = False
) -> Decision:
    """What `policy` asks for a record of `kind` with these findings.

    `unsupported_language`: names could not be looked for as they should.

    Each finding gets the strictest rule that applies to it, among equals the first. A kind of content without a
    section in the policy is rejected.
    """
    prefix = f"{kind.value}s"
    section = policy.section(kind)
    if section is None:
        return Decision(Action.REJECT, rules=(f"{prefix}.absent",))
    candidates = [list(_hits(finding, section, prefix)) for finding in findings]
    least = section.on_unsupported_language if isinstance(section, PromptSection) and unsupported_language else None
    hits = tuple(max(options, key=lambda hit: hit.action.severity) for options in candidates if options)
    actions = [hit.action for hit in hits] + ([Action(least.value)] if least else [])
    rules = [hit.rule for hit in hits] + ([f"{prefix}.on_unsupported_language"] if least else [])
    return Decision(strictest(actions), tuple(dict.fromkeys(rules)), hits)


def is_enforced(policy: FilterPolicy, request_id: str) -> bool:
    """Whether the decision is carried out. A canary picks by request id: a prompt and its images fare alike."""
    match policy.spec.mode:
        case Mode.ENFORCE:
            return True
        case Mode.CANARY:
            digest = hashlib.sha256(f"{policy.tenant}\0{request_id}".encode()).digest()
            return int.from_bytes(digest[:8]) % 100 < (policy.spec.canary_percent or 0)
        case Mode.OFF | Mode.SHADOW:
            return False
