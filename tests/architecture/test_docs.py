"""What an operator can set, scrape or type is documented."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from streams.metrics import Metrics
from tests.support.cli_reference import cli_reference
from tests.support.settings_reference import settings_reference

DOCS = Path(__file__).parents[2] / "docs"


def test_every_setting_is_documented():
    """The page is generated, and a setting without a description cannot be."""
    assert (DOCS / "settings.md").read_text() == settings_reference(), "run `make docs`"


def test_every_metric_is_documented_and_no_other():
    registry = CollectorRegistry()
    Metrics(registry, lambda _: True)
    exported = {f"{metric.name}_total" if metric.type == "counter" else metric.name for metric in registry.collect()}
    documented = set(re.findall(r"`(veilstream_\w+)`", (DOCS / "metrics.md").read_text()))
    assert exported == documented


def test_every_verb_and_option_is_documented():
    """The page is generated from the commands."""
    assert (DOCS / "cli.md").read_text() == cli_reference(), "run `make docs`"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)[)#]", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} points at {target}"
