"""What becomes of policies, in the log and in the metrics."""

from collections.abc import Sequence

import structlog

from filters.policy import FilterPolicy
from filters.policy_issues import PolicyIssue
from streams.metrics import Metrics


class PolicyLog:
    """`PolicyListener` of a worker."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log = structlog.get_logger()

    def on_accepted(self, policy: FilterPolicy) -> None:
        self._metrics.policy_accepted(policy)
        self._log.info(
            "policy in force",
            tenant=policy.tenant,
            version=policy.metadata.version,
            mode=policy.spec.mode.value,
        )

    def on_removed(self, tenant: str) -> None:
        self._metrics.policy_removed(tenant)
        self._log.warning("policy removed", tenant=tenant)

    def on_refused(self, tenant: str | None, issues: Sequence[PolicyIssue]) -> None:
        self._metrics.policy_refused()
        for issue in issues:
            self._log.error(
                "policy refused, the last good one stays",
                tenant=tenant,
                source=issue.source,
                line=issue.line,
                column=issue.column,
                code=issue.code.value,
                reason=issue.message,
            )
