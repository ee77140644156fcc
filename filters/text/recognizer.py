"""What `PatternDetector` asks of a recognizer."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from filters.findings import EntityType
from filters.text.candidate import Candidate


class Recognizer(Protocol):
    """Finds candidates of one entity type."""

    @property
    def name(self) -> str:
        """Presidio's name of it."""

    @property
    def entity_type(self) -> EntityType:
        """What it finds."""

    @property
    def context(self) -> Sequence[str]:
        """Words or phrases that support a candidate when they stand before it."""

    def scan(self, text: str, deadline: float) -> Iterator[Candidate]:
        """Every candidate in `text`.

        Raises:
            TimeoutError: `deadline` (on `time.monotonic`) passed before the end of the text.
        """

    def describe(self) -> str:
        """Everything that its answers depend on, for the digest."""
