"""What a run of the demo leaves behind: everything that its claims and its pages are made of."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from filters.records import ContentKind
from filters.verdict import Action
from streams.demo.outcomes import CaseOutcome


@dataclass(frozen=True, slots=True)
class Evidence:
    """One run.

    Args:
        outcomes: of every input, in the order in which they were produced.
        metrics: the worker's `/metrics`, scraped when all verdicts were there.
        log: the worker's whole log.
        exit_code: of the worker, after SIGTERM.
        master_key: made for this run; opens what is held.
        seconds: how long each phase took, by its name.
    """

    outcomes: Sequence[CaseOutcome]
    metrics: str = field(repr=False)
    log: str = field(repr=False)
    exit_code: int
    master_key: bytes = field(repr=False)
    seconds: Mapping[str, float]

    def of_kind(self, kind: ContentKind) -> list[CaseOutcome]:
        """The outcomes of one stream."""
        return [outcome for outcome in self.outcomes if outcome.case.kind is kind]

    def counts(self, kind: ContentKind) -> dict[Action, int]:
        """Verdicts by action, from mild to strict."""
        tally = Counter(outcome.action for outcome in self.of_kind(kind))
        return {action: tally[action] for action in Action}
