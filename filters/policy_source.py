"""From text to a tenant's policy: YAML or JSON in, a validated document or issues with places out."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources

from pydantic import ValidationError

from filters.policy import FilterPolicy
from filters.policy_issues import IssueCode, Place, PolicyDocumentError, PolicyIssue
from filters.policy_lint import policy_warnings
from filters.policy_schema import schema_issues
from filters.policy_yaml import Path, YamlTree, read_yaml


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A valid policy, and where its parts stand in its source."""

    policy: FilterPolicy
    tree: YamlTree

    @property
    def source(self) -> str:
        return self.tree.source

    def issue(self, code: IssueCode, path: Path, message: str, hint: str = "") -> PolicyIssue:
        """An issue at the value of `path` (`("metadata", "version")`, say)."""
        return PolicyIssue.at(self.source, self.tree.place(path), code, message, hint)


def decode_policy(data: bytes, source: str) -> str:
    """The text of a policy file or topic value.

    Raises:
        PolicyDocumentError: it is not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        place = Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        issue = PolicyIssue.at(source, place, IssueCode.SYNTAX, "not UTF-8", "save the document as UTF-8")
    raise PolicyDocumentError([issue])


def read_policy(text: str, source: str) -> PolicyDocument:
    """The policy in `text` (YAML or JSON) together with the places of its parts.

    Args:
        source: what to call the text in issues: a file name, or `topic:partition@offset`.

    Raises:
        PolicyDocumentError: the text is not such a document; one issue for each thing that is wrong.
    """
    tree = read_yaml(text, source)
    try:
        # By way of JSON: strict about types ("7" is no number), yet enums and tuples are written as strings and lists.
        policy = FilterPolicy.model_validate_json(json.dumps(tree.data), strict=True)
    except ValidationError as invalid:
        issues = _in_order(schema_issues(tree, invalid))
    else:
        return PolicyDocument(policy, tree)
    # Raised outside of the handler: pydantic's own exception quotes the document.
    raise PolicyDocumentError(issues)


def parse_policy(text: str, source: str) -> FilterPolicy:
    """The policy in `text` (YAML or JSON).

    Raises:
        PolicyDocumentError: the text is no valid policy document; its `issues` say where and why.
    """
    return read_policy(text, source).policy


def lint_policy(text: str, source: str) -> list[PolicyIssue]:
    """All issues of a document in its order; warnings only where it is valid."""
    try:
        document = read_policy(text, source)
    except PolicyDocumentError as error:
        return list(error.issues)
    return _in_order(policy_warnings(document.policy, document.tree))


def load_default_policy() -> FilterPolicy:
    """The policy of `filters/default_policy.yaml`, for use where none is given. Its tenant is `default`."""
    resource = resources.files("filters").joinpath("default_policy.yaml")
    return parse_policy(resource.read_text(encoding="utf-8"), "filters/default_policy.yaml")


def _in_order(issues: Iterable[PolicyIssue]) -> list[PolicyIssue]:
    return sorted(issues, key=lambda issue: (issue.line, issue.column, issue.code))
