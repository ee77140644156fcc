"""F2 on the sentences of presidio-research: patterns and text model together, beside each alone.

    python -m tests.evals.presidio

A span counts as found when 70 % of its characters are covered by findings of its type, a finding as right when 70 % of
it lies in spans of its type. ADDRESS and LOCATION count as one type in the figure of that name only: the material calls
"Vienna 1010" an address in one sentence and a location in the next. F2 weighs recall four times as much as precision.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filters.errors import DetectionError
from filters.records import ContentKind, PromptContent
from models.session import Device
from streams import app as build
from streams.settings import load_settings
from tests.evals.figures import Figure, shown

MATERIAL = Path(__file__).parents[3] / "shared" / "eval" / "text" / "presidio_generated_large.json"
GOAL = 0.90
COVERED = 0.7
LEAST_SCORE = 0.4
"""Of patterns, as the default policy has it; the text model's findings carry its own threshold."""
_NAMED: Mapping[str, str] = {"DOMAIN_NAME": "URL"}
TYPES = frozenset(
    {
        *("PERSON", "ADDRESS", "LOCATION", "PHONE_NUMBER", "EMAIL_ADDRESS", "CREDIT_CARD", "US_SSN", "IBAN_CODE"),
        *("IP_ADDRESS", "URL", "US_DRIVER_LICENSE"),
    }
)
_ONE_PLACE: Mapping[str, str] = {"ADDRESS": "place", "LOCATION": "place"}
Span = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Counted:
    """Shares from 0 to 1."""

    recall: float
    precision: float
    spans: int

    @property
    def f2(self) -> float:
        """F-measure with recall weighed four times as much."""
        both = 4 * self.precision + self.recall
        return 5 * self.precision * self.recall / both if both else 0.0


def sentences() -> Iterator[tuple[str, list[Span]]]:
    """Each text with its spans of the types that count."""
    for row in json.loads(MATERIAL.read_text(encoding="utf-8")):
        spans = [
            (span["start_position"], span["end_position"], _NAMED.get(span["entity_type"], span["entity_type"]))
            for span in row["spans"]
        ]
        yield row["full_text"], [span for span in spans if span[2] in TYPES]


def found(texts: Sequence[str]) -> Mapping[str, list[list[Span]]]:
    """By detector, the spans of each text that count."""
    settings = load_settings(models={"device": Device.CPU, "threads": 1})
    (medium,) = build.build_media(settings, [ContentKind.PROMPT], build.build_keys(settings))
    contents = [PromptContent({"prompt": text}) for text in texts]
    answers: dict[str, list[list[Span]]] = {}
    for detector in medium.detectors:
        if not {entity.value for entity in detector.entities} & TYPES:
            continue
        rows: list[list[Span]] = []
        for start in range(0, len(contents), 32):
            for answer in medium.detect(detector, contents[start : start + 32]):
                if isinstance(answer, DetectionError):
                    raise answer
                rows.append(
                    [(f.start, f.end, f.entity_type.value) for f in answer if f.score >= LEAST_SCORE and _counts(f)]
                )
        answers[detector.name] = rows
    return answers


def _counts(finding: object) -> bool:
    return getattr(finding, "entity_type", None) in TYPES


def counted(
    gold: Sequence[Sequence[Span]], seen: Sequence[Sequence[Span]], kind: Callable[[str], str] = str
) -> Counted:
    """How many spans are found and how many findings are right; `kind` says which types count as one."""
    hit = wanted = right = claimed = 0
    for spans, findings in zip(gold, seen, strict=True):
        wanted, claimed = wanted + len(spans), claimed + len(findings)
        hit += sum(_covered(span, findings, kind) for span in spans)
        right += sum(_covered(finding, spans, kind) for finding in findings)
    return Counted(hit / wanted if wanted else 0.0, right / claimed if claimed else 1.0, wanted)


def _covered(span: Span, by: Sequence[Span], kind: Callable[[str], str]) -> bool:
    start, end, own = span
    inside = {place for a, b, other in by if kind(other) == kind(own) for place in range(max(start, a), min(end, b))}
    return len(inside) >= COVERED * (end - start)


def table() -> list[Figure]:
    """The goal's figure first, then each detector alone, then each type."""
    rows = list(sentences())
    gold = [spans for _, spans in rows]
    alone = found([text for text, _ in rows])
    both = [[span for each in some for span in each] for some in zip(*alone.values(), strict=True)]
    figures = [
        _figure("F2 over eleven types", counted(gold, both), goal=True),
        _figure("F2, ADDRESS and LOCATION as one", counted(gold, both, _as_one)),
        _figure("F2, of any type", counted(gold, both, lambda _: "private")),
    ]
    figures += [_figure(f"F2, `{name}` alone", counted(gold, spans)) for name, spans in alone.items()]
    for kind in sorted(TYPES):
        of = counted(_only(gold, kind), _only(both, kind))
        figures.append(Figure(f"recall of {kind}", of.recall, of.spans, beside=f"precision {of.precision:.1%}"))
    return figures


def _as_one(kind: str) -> str:
    return _ONE_PLACE.get(kind, kind)


def _only(rows: Sequence[Sequence[Span]], kind: str) -> list[list[Span]]:
    return [[span for span in spans if span[2] == kind] for spans in rows]


def _figure(what: str, of: Counted, *, goal: bool = False) -> Figure:
    beside = f"recall {of.recall:.1%}, precision {of.precision:.1%}"
    return Figure(what, of.f2, of.spans, least=GOAL if goal else None, beside=beside)


if __name__ == "__main__":
    shown("presidio_generated_large.json", table())
