"""The policies in force: an immutable snapshot that is swapped whole, and the rules for what may enter it."""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from filters.errors import PolicyError, UnknownTenant
from filters.findings import EntityType
from filters.policy import (
    TENANT_PATTERN,
    Capabilities,
    FilterPolicy,
    ImageRule,
    Keeping,
    PromptRule,
    check_capabilities,
    never_fires,
)
from filters.policy_issues import IssueCode, PolicyIssue
from filters.policy_operators import KEYED_OPERATORS
from filters.policy_source import PolicyDocument
from filters.policy_yaml import Path
from filters.records import ContentKind
from filters.verdict import Action


def is_tenant_name(name: str) -> bool:
    """Whether a policy could name this tenant."""
    return re.fullmatch(TENANT_PATTERN, name) is not None


class PolicySnapshot(Mapping[str, FilterPolicy]):
    """Tenant → policy, at one moment; never changes."""

    def __init__(self, policies: Mapping[str, FilterPolicy]) -> None:
        self._policies = MappingProxyType(dict(policies))

    def __getitem__(self, tenant: str) -> FilterPolicy:
        return self._policies[tenant]

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def __len__(self) -> int:
        return len(self._policies)

    def resolve(self, tenant: str) -> FilterPolicy:
        """The tenant's policy.

        Raises:
            UnknownTenant: there is none. The name is repeated only where it has the form of a tenant's name.
        """
        policy = self._policies.get(tenant)
        if policy is not None:
            return policy
        if not is_tenant_name(tenant):
            raise UnknownTenant("the record's tenant is no valid name", reason="tenant_invalid")
        raise UnknownTenant(f"no policy is in force for tenant {tenant!r}", reason="tenant_unknown")


class PolicyListener(Protocol):
    """Is told what becomes of policies; logs and metrics hang here. Called from the source's thread."""

    def on_accepted(self, policy: FilterPolicy) -> None:
        """A policy is in force from now on."""

    def on_removed(self, tenant: str) -> None:
        """The tenant has no policy any more: its records are rejected."""

    def on_refused(self, tenant: str | None, issues: Sequence[PolicyIssue]) -> None:
        """A policy was refused and the last good one stays. `tenant` is None where it is not known."""


class PolicyBoard:
    """Holds the snapshot in force; thread-safe.

    Args:
        capabilities: what the installation can do; None accepts whatever is well-formed (for tools that only read).
        listener: told of every change and refusal.
    """

    def __init__(self, capabilities: Capabilities | None, listener: PolicyListener) -> None:
        self._capabilities = capabilities
        self._listener = listener
        self._snapshot = PolicySnapshot({})
        self._lock = threading.Lock()

    @property
    def snapshot(self) -> PolicySnapshot:
        """The policies in force at this moment."""
        return self._snapshot

    def resolve(self, tenant: str) -> FilterPolicy:
        """The tenant's policy at this moment.

        Raises:
            UnknownTenant: no policy is in force for `tenant`.
        """
        return self._snapshot.resolve(tenant)

    def check(self, document: PolicyDocument) -> tuple[PolicyIssue, ...]:
        """Why `document` may not come into force now; empty where it may, or already is."""
        return (*_version_issues(document, self._snapshot.get(document.policy.tenant)), *self._incapable(document))

    def offer(self, document: PolicyDocument) -> tuple[PolicyIssue, ...]:
        """Put a policy in force, or refuse it and keep the last good one. The very policy in force changes nothing.

        Returns:
            Why it was refused; empty where it is in force now.
        """
        policy = document.policy
        with self._lock:
            issues = self.check(document)
            unchanged = self._snapshot.get(policy.tenant) == policy
            if not issues and not unchanged:
                self._snapshot = PolicySnapshot({**self._snapshot, policy.tenant: policy})
        if issues:
            self.refuse(policy.tenant, issues)
        elif not unchanged:
            self._listener.on_accepted(policy)
        return issues

    def refuse(self, tenant: str | None, issues: Sequence[PolicyIssue]) -> None:
        """Note that something offered as a policy is none."""
        self._listener.on_refused(tenant, issues)

    def remove(self, tenant: str) -> None:
        """Take the tenant's policy out of force; does nothing where there is none."""
        with self._lock:
            known = tenant in self._snapshot
            self._snapshot = PolicySnapshot({name: self._snapshot[name] for name in self._snapshot if name != tenant})
        if known:
            self._listener.on_removed(tenant)

    def _incapable(self, document: PolicyDocument) -> tuple[PolicyIssue, ...]:
        if self._capabilities is None:
            return ()
        try:
            check_capabilities(document.policy, self._capabilities)
        except PolicyError as error:
            path = _offender(document.policy, self._capabilities, error.reason)
            return (document.issue(IssueCode.NOT_CAPABLE, path, str(error)),)
        return ()


def _version_issues(document: PolicyDocument, current: FilterPolicy | None) -> tuple[PolicyIssue, ...]:
    policy = document.policy
    if current is None or current == policy or current.metadata.version < policy.metadata.version:
        return ()
    version = current.metadata.version
    message = (
        f"version {policy.metadata.version} of tenant {policy.tenant!r} does not follow version {version} in force"
    )
    hint = f"write `version: {version + 1}`"
    return (document.issue(IssueCode.VERSION_NOT_GROWN, ("metadata", "version"), message, hint),)


def _offender(policy: FilterPolicy, capabilities: Capabilities, reason: str) -> Path:
    """The first place in the document that the installation cannot honour, by the reason of the check."""
    for kind in ContentKind:
        section = policy.section(kind)
        rules: Sequence[PromptRule | ImageRule] = section.rules if section else ()
        for index, rule in enumerate(rules):
            path: Path = ("spec", f"{kind.value}s", "rules", index)
            if reason == "detector_missing":
                found = capabilities.entities.get(kind, frozenset(EntityType))
                missing = [place for place, entity in enumerate(rule.entities) if entity not in found]
                if missing:
                    return (*path, "entities", missing[0])
            elif reason == "source_missing":
                if isinstance(rule, ImageRule) and never_fires(rule, capabilities):
                    return (*path, "source")
            elif rule.action is Action.HOLD:
                return (*path, "action")
            elif isinstance(rule.operator, KEYED_OPERATORS):
                return (*path, "operator")
    holds = Action(policy.spec.on_error.value) is Action.HOLD
    return ("spec", "on_error") if holds or policy.spec.dead_letters is Keeping.NONE else ("spec", "dead_letters")
