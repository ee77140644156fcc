"""What the demo writes: the gallery, contact sheets, released images, results."""

from pathlib import Path

import orjson

from filters.records import ContentKind, ImageContent, PromptContent
from streams.demo.claims import Claim
from streams.demo.evidence import Evidence
from streams.demo.gallery import gallery_page
from streams.demo.outcomes import CaseOutcome
from streams.demo.sheet import write_sheets

_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}
_RELEASED = "released"


def write_pages(folder: Path, evidence: Evidence, claims: list[Claim]) -> list[Path]:
    """Write all of it below `folder`; the gallery first, then what else there is to look at."""
    images = evidence.of_kind(ContentKind.IMAGE)
    released = _write_released(folder, images)
    sheets = write_sheets(images, folder)
    index = folder / "index.html"
    index.write_text(gallery_page(evidence, claims, released), encoding="utf-8")
    results = folder / "results.json"
    results.write_bytes(orjson.dumps(_results(evidence, claims, released), option=orjson.OPT_INDENT_2))
    metrics = folder / "metrics.txt"
    metrics.write_text(evidence.metrics, encoding="utf-8")
    return [index, *sheets, results, metrics]


def _write_released(folder: Path, outcomes: list[CaseOutcome]) -> dict[str, str]:
    """The released image files; their paths relative to `folder`, by case id."""
    target = folder / _RELEASED
    target.mkdir(exist_ok=True)
    paths = {}
    for outcome in outcomes:
        for suffix in _SUFFIXES.values():  # of an earlier run
            (target / (outcome.case.id + suffix)).unlink(missing_ok=True)
        if isinstance(outcome.content, ImageContent):
            name = outcome.case.id + _SUFFIXES[outcome.content.media_type or ""]
            (target / name).write_bytes(outcome.content.data)
            paths[outcome.case.id] = f"{_RELEASED}/{name}"
    return paths


def _results(evidence: Evidence, claims: list[Claim], released: dict[str, str]) -> dict[str, object]:
    return {
        "claims": [
            {"text": claim.text, "holds": claim.holds, "contradicted_by": claim.contradicted_by} for claim in claims
        ],
        "counts": {
            kind.value: {action.value: count for action, count in evidence.counts(kind).items()} for kind in ContentKind
        },
        "seconds": {name: round(seconds, 2) for name, seconds in evidence.seconds.items()},
        "cases": [_result(outcome, released) for outcome in evidence.outcomes],
    }


def _result(outcome: CaseOutcome, released: dict[str, str]) -> dict[str, object]:
    content = outcome.content
    return {
        "id": outcome.case.id,
        "kind": outcome.case.kind.value,
        "envelope": outcome.case.envelope,
        "expected": outcome.case.expected.value,
        "released_fields": dict(content.fields) if isinstance(content, PromptContent) else None,
        "released_path": released.get(outcome.case.id),
        "verdict": dict(outcome.verdict),
    }
