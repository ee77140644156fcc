"""Prompts as A1111, ComfyUI, InvokeAI, Fooocus and SwarmUI write them: what is found, and what is released."""

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from filters.decide import decide
from filters.keys import TenantKeys
from filters.policy import FilterPolicy
from filters.records import ContentKind, PromptContent
from filters.text.medium import PromptMedium, TextLimits
from tests.support.prompts import detector

GOLDEN = Path(__file__).parents[3] / "golden/text"
MEDIUM = PromptMedium([], TenantKeys(None), TextLimits())


def load(name):
    return YAML(typ="safe").load(GOLDEN / name)


def everything(action="redact"):
    rule = {"entities": sorted(detector().entities), "action": action, "min_score": 0.4}
    return FilterPolicy.model_validate(
        {
            "apiVersion": "veilstream/v1",
            "kind": "FilterPolicy",
            "metadata": {"tenant": "acme", "version": 1},
            "spec": {"prompts": {"rules": [rule]}},
        }
    )


def hits(content):
    (findings,) = MEDIUM.detect(detector(), [content])
    return decide(findings, everything(), ContentKind.PROMPT).hits


@pytest.mark.parametrize("case", load("structured_clean.yaml"), ids=lambda case: case["name"])
def test_nothing_is_found_in_what_generators_write(case):
    found = hits(PromptContent(case["fields"]))
    assert [(hit.finding.entity_type, hit.finding.score) for hit in found] == []


@pytest.mark.parametrize("case", load("structured.yaml"), ids=lambda case: case["name"])
def test_released_prompts(case):
    """Only the private characters are changed, the document is one still, and a second look finds nothing."""
    content = PromptContent(case["fields"])
    released = MEDIUM.redact(content, hits(content), "acme")
    assert released.fields == case["released"]
    assert hits(released) == ()
    for before, after in zip(content.fields.values(), released.fields.values(), strict=True):
        if before.startswith("{") and '"' in before:
            assert type(json.loads(before)) is type(json.loads(after))
