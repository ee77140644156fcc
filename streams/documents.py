"""The JSON documents that leave the filter about a record: findings, verdicts, rejections. Never content."""

from typing import Any

import orjson

from filters.findings import Finding, TextFinding
from filters.verdict import Verdict

_SCORE_DIGITS = 4
MOST_FINDINGS = 1000
"""Findings in one verdict record, some 110 bytes each: it has to fit into a broker's default of 1 MB."""


def finding_document(finding: Finding) -> dict[str, Any]:
    """A finding as JSON: place, type, score, detector."""
    if isinstance(finding, TextFinding):
        place: dict[str, Any] = {"field": finding.field, "start": finding.start, "end": finding.end}
    else:
        box = finding.box
        place = {"frame": finding.frame, "box": [box.x0, box.y0, box.x1, box.y1] if box else None}
    return (
        place
        | {
            "entity_type": finding.entity_type.value,
            "score": round(finding.score, _SCORE_DIGITS),
            "detector": finding.detector,
        }
        | _attributes(finding)
    )


def _attributes(finding: Finding) -> dict[str, Any]:
    """The codes of what surrounds a name; nothing where there is none."""
    codes = sorted(finding.attributes) if isinstance(finding, TextFinding) else []
    return {"attributes": [code.value for code in codes]} if codes else {}


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """The audit record of a verdict; beyond `MOST_FINDINGS`, findings are counted only."""
    failure = verdict.failure
    return {
        "verdict_id": verdict.id,
        "request_id": verdict.context.request_id,
        "tenant": verdict.context.tenant,
        "kind": verdict.kind.value,
        "source": str(verdict.context.source),
        "action": verdict.action.value,
        "intended": verdict.intended.value,
        "rules": list(verdict.rules),
        "findings": [finding_document(finding) for finding in verdict.findings[:MOST_FINDINGS]],
        "findings_total": len(verdict.findings),
        "policy": {
            "tenant": verdict.policy.tenant,
            "version": verdict.policy.version,
            "mode": verdict.policy.mode,
        },
        "language": verdict.language,
        "coverage": verdict.coverage.value if verdict.coverage else None,
        "models": [{"name": model.name, "digest": model.digest} for model in verdict.models],
        "error": {"code": failure.code, "reason": failure.reason, "stage": failure.stage} if failure else None,
        "timings": {stage: round(seconds, 6) for stage, seconds in verdict.timings.items()},
    }


def rejection_document(verdict: Verdict) -> dict[str, Any]:
    """What the sender of a rejected or held record is told: codes and reasons."""
    failure = verdict.failure
    return {
        "verdict_id": verdict.id,
        "request_id": verdict.context.request_id,
        "tenant": verdict.context.tenant,
        "kind": verdict.kind.value,
        "source": str(verdict.context.source),
        "action": verdict.action.value,
        "rules": list(verdict.rules),
        "entity_types": sorted({finding.entity_type.value for finding in verdict.findings}),
        "error": {"code": failure.code, "reason": failure.reason} if failure else None,
    }


def encode(document: dict[str, Any]) -> bytes:
    """Compact JSON."""
    return orjson.dumps(document)
