"""`PatternDetector`: Presidio's pattern recognizers behind a gate, with context words and prompt syntax."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from filters.errors import DetectionError, DetectorTimeout
from filters.findings import EntityType, TextFinding
from filters.records import PromptContent
from filters.text.candidate import Candidate, without_contained
from filters.text.context import ContextWords
from filters.text.gate import GATES, Features, Gate
from filters.text.normalize import view_of
from filters.text.plausibility import judged
from filters.text.recognizer import Recognizer
from filters.text.technical import GRAMMAR, is_number_like, technical_tokens, without_labelled_numbers

DEFAULT_BUDGET_SECONDS = 2.0
"""A hundred times what a prompt of 65,536 characters takes, unless it is made to take longer."""


@dataclass(frozen=True, slots=True)
class _Gated:
    recognizer: Recognizer
    gate: Gate
    context: ContextWords


class PatternDetector:
    """`TextDetector` over Presidio's pattern recognizers (cards, IBANs, e-mail addresses, national identifiers, …).

    Each text is searched as it stands and, where they differ, as it reads (`filters.text.normalize`). Findings in
    technical tokens of the prompt are dropped (`filters.text.technical`). Building one imports Presidio: seconds.

    Args:
        budget: seconds of searching that one prompt, with all its fields, may take.
        gated: whether recognizers that cannot match are skipped. The findings are the same; only time differs.
    """

    name = "presidio"

    def __init__(self, budget: float = DEFAULT_BUDGET_SECONDS, *, gated: bool = True) -> None:
        from filters.text import presidio_recognizers as presidio  # noqa: PLC0415  seconds of imports: only for who builds one

        recognizers = [presidio.scanner(recognizer) for recognizer in presidio.predefined()]
        self.digest = presidio.digest(recognizers, GRAMMAR)
        self.entities = frozenset(recognizer.entity_type for recognizer in recognizers)
        gates = GATES if gated else dict.fromkeys(GATES, Gate())
        self._all = [_Gated(r, gates[r.entity_type], ContextWords(r.context)) for r in recognizers]
        self._gated = gated
        self._budget = budget

    def detect(self, batch: Sequence[PromptContent]) -> list[list[TextFinding] | DetectionError]:
        """See `TextDetector.detect`. A prompt that could not be searched within the budget is a `DetectorTimeout`."""
        return [self._answer(content) for content in batch]

    def _answer(self, content: PromptContent) -> list[TextFinding] | DetectionError:
        deadline = time.monotonic() + self._budget
        try:
            return [
                finding for field, text in content.fields.items() for finding in self._findings(field, text, deadline)
            ]
        except TimeoutError:
            return DetectorTimeout(f"the text could not be searched within {self._budget} s", reason="budget")

    def _findings(self, field: str, text: str, deadline: float) -> Iterator[TextFinding]:
        found = self._search(text, deadline)
        view = view_of(text)
        if view is not None:
            mapped = [
                replace(candidate, start=start, end=end)
                for candidate in self._search(view.text, deadline)
                for start, end in [view.span(candidate.start, candidate.end)]
            ]
            found = without_contained([*found, *mapped])
        for each in found:
            yield TextFinding(field, each.start, each.end, each.entity_type, each.score, self.name)

    def _search(self, text: str, deadline: float) -> list[Candidate]:
        features = Features.of(text)
        open_gates = [gated for gated in self._all if gated.gate.opens(features)]
        if not open_gates:
            return []
        tokens = technical_tokens(text)
        if self._gated and tokens:
            open_gates = list(_still_open(open_gates, Features.of(without_labelled_numbers(text, tokens))))
        candidates = [candidate for gated in open_gates for candidate in _scan(gated, text, deadline)]
        return without_contained(judged(text, candidates, tokens))


def _still_open(open_gates: Iterable[_Gated], features: Features) -> Iterator[_Gated]:
    """Those that something outside of labelled numbers could match."""
    for gated in open_gates:
        entity_type = gated.recognizer.entity_type
        reads_labels = is_number_like(entity_type) and entity_type is not EntityType.DATE_TIME
        if not reads_labels or gated.gate.opens(features):
            yield gated


def _scan(gated: _Gated, text: str, deadline: float) -> Iterator[Candidate]:
    for candidate in without_contained(gated.recognizer.scan(text, deadline)):
        yield gated.context.enhance(text, candidate)
