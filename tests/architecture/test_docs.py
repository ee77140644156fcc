"""What an operator can set, scrape or type is documented."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from prometheus_client import CollectorRegistry

from streams.cli.main import app
from streams.metrics import Metrics
from tests.support.settings_reference import settings_reference

DOCS = Path(__file__).parents[2] / "docs"


def verbs(command: typer.core.TyperGroup, prefix: str = "veilstream") -> Iterator[tuple[str, list[str]]]:
    for name, sub in command.commands.items():
        if hasattr(sub, "commands"):
            yield from verbs(sub, f"{prefix} {name}")
        else:
            options = [option for parameter in sub.params for option in parameter.opts if option.startswith("--")]
            yield f"{prefix} {name}", [option for option in options if option != "--help"]


def test_every_setting_is_documented():
    """The page is generated, and a setting without a description cannot be."""
    assert (DOCS / "settings.md").read_text() == settings_reference(), "run `make docs`"


def test_every_metric_is_documented_and_no_other():
    registry = CollectorRegistry()
    Metrics(registry, lambda _: True)
    exported = {f"{metric.name}_total" if metric.type == "counter" else metric.name for metric in registry.collect()}
    documented = set(re.findall(r"`(veilstream_\w+)`", (DOCS / "metrics.md").read_text()))
    assert exported == documented


@pytest.mark.parametrize(("verb", "options"), list(verbs(typer.main.get_command(app))))
def test_every_verb_and_option_is_documented(verb, options):
    text = (DOCS / "cli.md").read_text()
    assert f"`{verb}" in text, f"docs/cli.md does not name `{verb}`"
    section = text.split(f"`{verb}", 1)[1].split("\n## ", 1)[0]
    missing = [option for option in options if option not in section]
    assert not missing, f"docs/cli.md says nothing of {missing} of `{verb}`"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)[)#]", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} points at {target}"
