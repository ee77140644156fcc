"""The demo's tenants and their policies."""

import json
from collections.abc import Iterator
from importlib import resources

from filters.policy_source import load_default_policy

DEFAULT_TENANT = "acme"
"""Has the built-in default policy under its own name."""
MOSAIC_TENANT = "atelier"
HOLDING_TENANT = "newsroom"
UNKNOWN_TENANT = "nobody-knows"


def policy_documents() -> Iterator[tuple[str, str]]:
    """The policies to publish: what to call each in messages, and its text (YAML or JSON)."""
    yield f"{DEFAULT_TENANT} (default policy)", _default_policy()
    for tenant in (MOSAIC_TENANT, HOLDING_TENANT):
        name = f"{tenant}.yaml"
        yield name, resources.files("streams.demo").joinpath("policies", name).read_text(encoding="utf-8")


def _default_policy() -> str:
    document = load_default_policy().model_dump(mode="json", exclude_none=True)
    return json.dumps(document | {"metadata": document["metadata"] | {"tenant": DEFAULT_TENANT}}, indent=2)
