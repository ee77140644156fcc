"""What the filter says of a record: action, verdict, outcome."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from filters.errors import VeilstreamError
from filters.findings import Finding
from filters.records import Content, ContentKind, RecordContext, SourcePosition


class Action(StrEnum):
    """What happens to a record, from mildest to strictest."""

    ALLOW = "allow"
    FLAG = "flag"
    REDACT = "redact"
    HOLD = "hold"
    REJECT = "reject"

    @property
    def severity(self) -> int:
        """0 (allow) to 4 (reject). Compare this: the members themselves compare as words."""
        return _SEVERITY[self]

    @property
    def releases(self) -> bool:
        """Whether content goes on to its audience."""
        return self.severity < Action.HOLD.severity


_SEVERITY: Mapping[Action, int] = {action: severity for severity, action in enumerate(Action)}


def strictest(actions: Iterable[Action]) -> Action:
    """The strictest of `actions`; allow where there is none."""
    return max(actions, key=lambda action: action.severity, default=Action.ALLOW)


def verdict_id(source: SourcePosition, kind: ContentKind) -> str:
    """32 hex digits (SHA-256, cut) of position and kind alone, so that a replay is recognised."""
    parts = (source.topic, str(source.partition), str(source.offset), kind.value)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class PolicyRef:
    """The policy behind a verdict. Version 0 means that none applied (the message was unreadable, say)."""

    tenant: str
    version: int
    mode: str


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A detector that ran, and the digest of what it ran with (weights or pattern set)."""

    name: str
    digest: str


class Coverage(StrEnum):
    """What a prompt's text was looked through for, with the quality that docs/prompts.md states.

    `patterns+names`: patterns, and names by a model that was made for the language. `patterns`: patterns only; a name
    model may have run, but was not made for the language.
    """

    PATTERNS = "patterns"
    PATTERNS_AND_NAMES = "patterns+names"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a record could not be judged: codes only.

    `stage` is one of read, fetch, resolve, decode, detect, act, verify.
    """

    code: str
    reason: str
    stage: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one record. Holds positions, codes and digests, never content.

    `action` is what is done; `intended` is what enforcement would do (they differ in shadow and canary mode).
    `rules` names the rules that fired; `timings` are seconds by stage. `language` is a guess (`en`, `de`, `fr`, `es`,
    `it`, `pt`, `nl`, `other`, `und`); it and `coverage` are None for images and where nothing was looked for.
    """

    id: str
    context: RecordContext
    kind: ContentKind
    action: Action
    intended: Action
    rules: tuple[str, ...]
    findings: tuple[Finding, ...]
    policy: PolicyRef
    models: tuple[ModelRef, ...]
    timings: Mapping[str, float] = field(default_factory=dict, compare=False)
    failure: Failure | None = None
    language: str | None = None
    coverage: Coverage | None = None

    def refused(self, error: VeilstreamError, stage: str) -> "Verdict":
        """The verdict where, after it was given, its outcome could not be written: reject, under the same policy."""
        failure = Failure(error.code, error.reason, stage)
        rules = (f"error.{error.code}",)
        return replace(self, action=Action.REJECT, intended=Action.REJECT, rules=rules, failure=failure)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict and the content it releases; None where nothing is released.

    `changed` tells whether the content differs from the original. `error` is the cause of a failed judgement.
    """

    verdict: Verdict
    content: Content | None
    changed: bool = False
    error: VeilstreamError | None = None
