"""What the tests of policy sources share: a policy as text, and a listener that remembers."""

from collections.abc import Sequence

from filters.policy import FilterPolicy
from filters.policy_issues import PolicyIssue

POLICY = """\
apiVersion: veilstream/v1
kind: FilterPolicy
metadata: {{tenant: {tenant}, version: {version}}}
spec:
  prompts:
    rules: [{{entities: [{entity}], min_score: 0.5, action: {action}}}]
  images:
    rules: [{{entities: [FACE], action: redact}}]
"""


def policy_text(tenant: str = "acme", version: int = 1, entity: str = "URL", action: str = "redact") -> str:
    """A small policy; its prompt rule stands in line 6."""
    return POLICY.format(tenant=tenant, version=version, entity=entity, action=action)


class Events:
    """`PolicyListener` that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple] = []
        self.issues: list[PolicyIssue] = []

    def on_accepted(self, policy: FilterPolicy) -> None:
        self.told.append(("accepted", policy.tenant, policy.metadata.version))

    def on_removed(self, tenant: str) -> None:
        self.told.append(("removed", tenant))

    def on_refused(self, tenant: str | None, issues: Sequence[PolicyIssue]) -> None:
        self.told.append(("refused", tenant, *((issue.code, issue.line, issue.column) for issue in issues)))
        self.issues.extend(issues)
