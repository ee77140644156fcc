"""Policy issues for people (with the line and a caret) and for machines."""

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len

from filters.policy_issues import PolicyIssue


def issue_document(issue: PolicyIssue) -> dict[str, Any]:
    """An issue as JSON; `hint` is null where nothing is known."""
    return {
        "source": issue.source,
        "line": issue.line,
        "column": issue.column,
        "code": issue.code.value,
        "severity": issue.severity.value,
        "message": issue.message,
        "hint": issue.hint or None,
    }


def issue_text(issue: PolicyIssue, lines: Sequence[str]) -> str:
    """An issue with the line that it is about and a caret under its column.

    Args:
        lines: the document's lines. The operator's own file is shown to the operator alone: never for logs.
    """
    parts = [f"{issue.source}:{issue.line}:{issue.column}: {issue.severity.value} {issue.code.value}: {issue.message}"]
    if issue.line <= len(lines):
        number = str(issue.line)
        line = _printable(lines[issue.line - 1])
        parts.append(f"  {number} | {line}")
        parts.append(f"  {' ' * len(number)} | {' ' * cell_len(line[: issue.column - 1])}^")
    if issue.hint:
        parts.append(f"    = {issue.hint}")
    return "\n".join(parts)


def _printable(line: str) -> str:
    """The line, one cell for each character that a terminal would act on: tabs, escapes."""
    return "".join(character if character.isprintable() else " " for character in line)
