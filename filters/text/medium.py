"""`PromptMedium`: how the text of a generation request is opened, looked at and changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from filters.decide import Hit
from filters.errors import DetectionError, MessageError, PayloadTooLarge
from filters.findings import EntityType, TextFinding
from filters.keys import TenantKeys
from filters.protocols import TextDetector
from filters.records import ContentKind, PromptContent
from filters.text.attributes import attributed
from filters.text.language import Language, language_of
from filters.text.reading import Reading
from filters.text.redact import redact_fields

_BATCH_CHARACTERS = 1 << 18
"""Prompts lie in memory as they came: this only bounds how many are judged in one call."""


@dataclass(frozen=True, slots=True)
class TextLimits:
    """What a record may hold: characters over all fields, and fields."""

    max_characters: int = 65_536
    max_fields: int = 64


class PromptMedium:
    """`Medium` for prompts.

    Args:
        detectors: asked in this order.
        keys: for the operators `hash` and `pseudonym`.
        limits: what is more is refused.
    """

    kind = ContentKind.PROMPT
    own_entities: frozenset[EntityType] = frozenset()
    batch_weight = _BATCH_CHARACTERS

    def __init__(self, detectors: Sequence[TextDetector], keys: TenantKeys, limits: TextLimits) -> None:
        self.detectors = tuple(detectors)
        self._keys = keys
        self._limits = limits

    def weight(self, content: PromptContent) -> int:
        """Characters over all fields."""
        return content.size

    def decode(self, content: PromptContent) -> PromptContent:
        """Check the text.

        Raises:
            PayloadTooLarge: more characters or fields than the limits allow.
            MessageError: a field holds NUL or half a surrogate pair, which is no text.
        """
        limits = self._limits
        if len(content.fields) > limits.max_fields:
            raise PayloadTooLarge(f"{len(content.fields)} text fields; the limit is {limits.max_fields}")
        if content.size > limits.max_characters:
            raise PayloadTooLarge(f"{content.size} characters of text; the limit is {limits.max_characters}")
        if not all(map(_is_text, content.fields.values())):
            raise MessageError("a text field holds NUL or an unpaired surrogate", reason="invalid_text")
        return content

    def reopen(self, content: PromptContent) -> PromptContent:
        """Take it as it is: substitutes may be longer than what they stand for."""
        return content

    def own_findings(self, decoded: PromptContent) -> Sequence[TextFinding]:  # noqa: ARG002  the protocol's
        """None: opening text reveals nothing."""
        return ()

    def language(self, decoded: PromptContent) -> Language:
        """Of all fields together, the first ones first."""
        return language_of("\n".join(decoded.fields.values()))

    def detect(
        self, detector: TextDetector, batch: Sequence[PromptContent]
    ) -> Sequence[Sequence[TextFinding] | DetectionError]:
        """Ask the detector about each text (`filters.text.reading`), and read the context of what it found."""
        readings = [Reading(content) for content in batch]
        answers = detector.detect([reading.content for reading in readings])
        if len(answers) != len(batch):
            return answers  # the pipeline refuses it
        return [
            answer if isinstance(answer, DetectionError) else reading.findings(attributed(reading.content, answer))
            for reading, answer in zip(readings, answers, strict=True)
        ]

    def redact(self, decoded: PromptContent, hits: Sequence[Hit], tenant: str) -> PromptContent:
        """See `redact_fields`."""
        return PromptContent(redact_fields(decoded.fields, hits, self._keys, tenant))


def _is_text(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
