"""`PatternDetector`: Presidio's pattern recognizers behind a gate, with context words and prompt syntax."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from filters.errors import DetectionError, DetectorTimeout
from filters.findings import EntityType, TextFinding
from filters.records import PromptContent
from filters.text.candidate import Candidate, without_contained
from filters.text.context import Words
from filters.text.gate import GATES, OWN_GATES, Features, Gate
from filters.text.normalize import view_of
from filters.text.overlap import without_outdone
from filters.text.own_recognizers import own
from filters.text.plausibility import judged
from filters.text.prose import prose_view
from filters.text.search import Gated, PatternSearch
from filters.text.technical import (
    GRAMMAR,
    TechnicalToken,
    is_number_like,
    technical_tokens,
    without_labelled_numbers,
)

DEFAULT_BUDGET_SECONDS = 2.0
"""A hundred times what a prompt of 65,536 characters takes, unless it is made to take longer."""


class PatternDetector:
    """`TextDetector` over Presidio's pattern recognizers (cards, IBANs, e-mail addresses, national identifiers, …).

    Each text is searched as it stands and, where they differ, as it reads (`filters.text.normalize`) and without
    grammar (`filters.text.prose`). Findings in technical tokens of the prompt are dropped (`filters.text.technical`).
    Building one imports Presidio: seconds.

    Args:
        budget: seconds of searching that one prompt, with all its fields, may take.
        gated: whether recognizers that cannot match are skipped. The findings are the same; only time differs.
    """

    name = "presidio"

    def __init__(self, budget: float = DEFAULT_BUDGET_SECONDS, *, gated: bool = True) -> None:
        from filters.text import presidio_recognizers as presidio  # noqa: PLC0415  seconds of imports: only for who builds one

        recognizers = [presidio.scanner(recognizer) for recognizer in presidio.predefined()]
        others = own()
        self.digest = presidio.digest([*recognizers, *others], GRAMMAR)
        self.entities = frozenset(recognizer.entity_type for recognizer in [*recognizers, *others])
        self.patterns = PatternSearch(recognizers, GATES if gated else dict.fromkeys(GATES, Gate()))
        self._own = PatternSearch(others, OWN_GATES if gated else dict.fromkeys(OWN_GATES, Gate()))
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
        for view in (view_of(text), prose_view(text)):
            if view is None:
                continue
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
        opened = self._opened(features)
        tokens: list[TechnicalToken] | None = None
        if self._gated and any(map(_reads_labels, opened)):
            tokens = technical_tokens(text)
            opened = self._still_opened(opened, text, tokens)
        if not opened:
            return []
        found = self.patterns.run(text, opened, Words(text, substitutes=True), deadline)
        if not found:
            return []
        supported = [self.patterns.context_of(each.entity_type).enhance_by_phrase(text, each) for each in found]
        believed = judged(text, supported, technical_tokens(text) if tokens is None else tokens)
        return without_outdone(without_contained(believed))

    def _opened(self, features: Features) -> list[Gated]:
        return self.patterns.opened(features) + self._own.opened(features)

    def _still_opened(self, opened: list[Gated], text: str, tokens: list[TechnicalToken]) -> list[Gated]:
        """Those that something outside of labelled numbers could match."""
        rest = without_labelled_numbers(text, tokens)
        if rest is text:
            return opened
        still = {gated.entity_type for gated in self._opened(Features.of(rest))}
        return [gated for gated in opened if gated.entity_type in still or not _reads_labels(gated)]


def _reads_labels(gated: Gated) -> bool:
    """Whether labelled numbers (a seed, a step count) speak for all that it finds."""
    return is_number_like(gated.entity_type) and gated.entity_type is not EntityType.DATE_TIME
