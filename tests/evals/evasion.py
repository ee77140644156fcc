"""Private values in disguise: which share is found and removed, vector by vector, beside the same engine without views.

    python -m tests.evals.evasion [--show]

A value counts as found and removed when the released prompt holds no four of its characters in a row, as they were
written, that the rest of the prompt does not hold as well.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Sequence

from filters.keys import TenantKeys
from filters.pipeline import FilterPipeline
from filters.records import PromptContent, Record, RecordContext, SourcePosition
from filters.text.medium import PromptMedium, TextLimits
from filters.text.normalize import View
from filters.text.patterns import PatternDetector
from filters.text.views import no_views
from filters.verdict import Outcome
from models.manifest import load_manifest
from models.session import Device
from models.text_pii import build_text_detector
from models.weights import WeightStore
from tests.evals.figures import Figure, shown
from tests.fakes import CollectingObserver, StaticPolicies, policy
from tests.support.evasions import VALUES, Evasion, evasions

GOAL = 0.95
EACH = 12
_RESIDUE = 4
_RULE = {"entities": sorted(VALUES), "min_score": 0.4, "action": "redact"}
_BATCH = 32
_SUBSTITUTE = re.compile("<[A-Z_]+>")
_GRAMMAR = re.compile(r"<lora:|embedding:|_v2\b|V2\b|:\d\.\d|BREAK|__|[()<>]")
"""Of the prompts that evasions are written in: it stays, and nothing of a value is in it."""


def engine(*, views: bool) -> FilterPipeline:
    """Patterns and text model, with the views of a prompt or with the bare text."""
    entry = load_manifest().entry("veilstream-pii")
    stored = WeightStore().stored(entry)
    if views:
        detectors = [PatternDetector(), build_text_detector(entry, stored, Device.CPU, threads=1)]
    else:
        bare = build_text_detector(entry, stored, Device.CPU, threads=1, view=_as_it_stands)
        detectors = [PatternDetector(views=no_views), bare]
    medium = PromptMedium(detectors, TenantKeys(None), TextLimits())
    return FilterPipeline([medium], StaticPolicies(policy(prompts={"rules": [_RULE]})), CollectingObserver())


def _as_it_stands(_: str) -> View | None:
    return None


def removed(judge: FilterPipeline, some: Sequence[Evasion]) -> list[bool]:
    """Whether each value is found and gone."""
    records = [
        Record(RecordContext(SourcePosition("p", 0, n), "acme", str(n)), PromptContent({"prompt": each.text}))
        for n, each in enumerate(some)
    ]
    outcomes = [
        outcome
        for start in range(0, len(records), _BATCH)
        for outcome in judge.process_batch(records[start : start + _BATCH])
    ]
    return [is_removed(each, outcome) for each, outcome in zip(some, outcomes, strict=True)]


def is_removed(evasion: Evasion, outcome: Outcome) -> bool:
    """Whether nothing of the value is left in what an outcome releases. That a prompt is withheld is no merit."""
    if outcome.error is not None:
        return False
    if not isinstance(outcome.content, PromptContent):
        raise TypeError(type(outcome.content))
    released = _SUBSTITUTE.sub("", outcome.content.fields["prompt"])
    value = evasion.text[evasion.start : evasion.end]
    around = evasion.text[: evasion.start] + "\n" + evasion.text[evasion.end :]
    pieces = {
        fragment[at : at + _RESIDUE]
        for fragment in _GRAMMAR.split(value)
        for at in range(max(1, len(fragment) - _RESIDUE + 1))
    }
    left = {piece for piece in pieces if any(map(str.isalnum, piece)) and piece in released and piece not in around}
    return outcome.changed and not left


def table(each: int = EACH, *, show: bool = False) -> list[Figure]:
    """All vectors together, each type, and each vector."""
    some = list(evasions(each))
    seen, bare = removed(engine(views=True), some), removed(engine(views=False), some)
    if show:
        for evasion in (evasion for evasion, gone in zip(some, seen, strict=True) if not gone):
            sys.stdout.write(f"left: {evasion.vector} / {evasion.entity_type}: {evasion.text!r}\n")
    figures = [_figure("every vector", range(len(some)), seen, bare, goal=True)]
    groups: dict[str, list[int]] = defaultdict(list)
    for place, evasion in enumerate(some):
        groups[evasion.entity_type].append(place)
    for place, evasion in enumerate(some):
        groups[f"vector: {evasion.vector}"].append(place)
    return figures + [_figure(name, places, seen, bare) for name, places in groups.items()]


def _figure(
    what: str, places: Sequence[int], seen: Sequence[bool], bare: Sequence[bool], *, goal: bool = False
) -> Figure:
    value, without = (sum(some[place] for place in places) / len(places) for some in (seen, bare))
    return Figure(what, value, len(places), least=GOAL if goal else None, beside=f"without views {without:.1%}")


if __name__ == "__main__":
    shown("private values in disguise, found and removed", table(show="--show" in sys.argv))
