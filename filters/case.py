"""One record on its way through the pipeline, and the verdict that comes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from filters.decide import Decision, is_enforced
from filters.errors import InferenceError, RecordError, VeilstreamError
from filters.findings import Finding
from filters.policy import FilterPolicy
from filters.records import Content, ContentKind, Record
from filters.text.language import Language
from filters.verdict import Action, Coverage, Failure, ModelRef, Outcome, PolicyRef, Verdict, verdict_id

NO_POLICY_VERSION = 0


@dataclass(slots=True)
class Case:
    """Working state of one record. The policy is pinned when the case is opened, whatever is published meanwhile."""

    record: Record
    policy: FilterPolicy | None = None
    decoded: Any = field(default=None, repr=False)
    findings: list[Finding] = field(default_factory=list)
    models: list[ModelRef] = field(default_factory=list)
    language: Language | None = None
    named: bool = False
    """Whether a detector of names has answered."""
    decision: Decision | None = None
    released: Content | None = field(default=None, repr=False)
    error: VeilstreamError | None = None
    stage: str = "resolve"
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def kind(self) -> ContentKind:
        return self.record.content.kind

    @property
    def open(self) -> bool:
        """Whether judging goes on."""
        return self.error is None

    @property
    def intended(self) -> Action:
        """What enforcement would do."""
        return self.decision.action if self.decision else Action.REJECT

    @property
    def enforced(self) -> bool:
        return self.policy is not None and is_enforced(self.policy, self.record.context.request_id)

    def fail(self, error: VeilstreamError, stage: str) -> None:
        """End the judging; whatever content it made so far is dropped."""
        self.error, self.stage, self.released = error, stage, None

    def outcome(self) -> Outcome:
        """The verdict, and the content it releases. A case that nobody decided fails closed."""
        if self.error is None and self.decision is None:
            self.fail(InferenceError("the record was not judged", reason="unjudged"), "decide")
        action = self._failure_action() if self.error else self._enforced_action()
        content = self._content(action)
        changed = content is not None and content is not self.record.content
        return Outcome(self._verdict(action), content, changed, self.error)

    def _failure_action(self) -> Action:
        if self.policy is None or isinstance(self.error, RecordError):
            return Action.REJECT
        return Action(self.policy.spec.on_error.value)

    def _enforced_action(self) -> Action:
        return self.intended if self.enforced else Action.ALLOW

    def _content(self, action: Action) -> Content | None:
        if not action.releases:
            return None
        return self.released if action is Action.REDACT else self.record.content

    def _verdict(self, action: Action) -> Verdict:
        context = self.record.context
        failed = Failure(self.error.code, self.error.reason, self.stage) if self.error else None
        return Verdict(
            id=verdict_id(context.source, self.kind),
            context=context,
            kind=self.kind,
            action=action,
            intended=action if self.error else self.intended,
            rules=self._rules(),
            findings=tuple(hit.finding for hit in self.decision.hits) if self.decision else (),
            policy=self.policy.ref if self.policy else PolicyRef(context.tenant, NO_POLICY_VERSION, "none"),
            models=tuple(self.models),
            timings=dict(self.timings),
            failure=failed,
            language=self.language.value if self.language else None,
            coverage=self._coverage(),
        )

    def _coverage(self) -> Coverage | None:
        if self.language is None or not self.models:
            return None
        return Coverage.PATTERNS_AND_NAMES if self.named and self.language.supported else Coverage.PATTERNS

    def _rules(self) -> tuple[str, ...]:
        if self.error is None:
            return self.decision.rules if self.decision else ()
        if self.policy is None or isinstance(self.error, RecordError):
            return (f"error.{self.error.code}",)
        return ("on_error", f"error.{self.error.code}")


def open_cases(cases: Sequence[Case]) -> list[Case]:
    """Those that are still being judged."""
    return [case for case in cases if case.open]
