"""Detectors over patterns, built once a process."""

from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

from filters.decide import Hit, decide
from filters.findings import TextFinding
from filters.policy import FilterPolicy
from filters.records import ContentKind, PromptContent
from filters.text.patterns import PatternDetector

ROOT = Path(__file__).parents[2]


@cache
def detector() -> PatternDetector:
    """As the worker runs it."""
    return PatternDetector()


@cache
def ungated() -> PatternDetector:
    """Asks every recognizer about every text."""
    return PatternDetector(budget=60, gated=False)


@cache
def default_policy() -> FilterPolicy:
    """The policy of `veilstream scan` and the demo."""
    return FilterPolicy.model_validate(YAML(typ="safe").load(ROOT / "filters/default_policy.yaml"))


def findings(text: str, by: PatternDetector | None = None) -> list[TextFinding]:
    """What is found in one prompt."""
    return (by or detector()).detect([PromptContent({"prompt": text})])[0]


def hits(text: str, policy: FilterPolicy | None = None) -> tuple[Hit, ...]:
    """What a policy asks for in one prompt."""
    return decide(findings(text), policy or default_policy(), ContentKind.PROMPT).hits
