"""`PromptMedium`: how the text of a generation request is opened, looked at and changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from filters.decide import Hit
from filters.errors import DetectionError, MessageError, PayloadTooLarge
from filters.findings import EntityType, FindingSource, TextFinding
from filters.keys import TenantKeys
from filters.policy import FilterPolicy
from filters.protocols import PolicyTextDetector, TextDetector
from filters.records import ContentKind, PromptContent
from filters.text.attributes import attributed
from filters.text.known_names import KnownNames
from filters.text.language import Language, language_of
from filters.text.reading import Reading
from filters.text.redact import redacted_content
from filters.written import without_own

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
        keys: for the operators that need the tenant's key.
        limits: what is more is refused.
        known: names that are no secret; those that come with the product where None.
    """

    kind = ContentKind.PROMPT
    own_entities: frozenset[EntityType] = frozenset()
    batch_weight = _BATCH_CHARACTERS

    def __init__(
        self,
        detectors: Sequence[TextDetector | PolicyTextDetector],
        keys: TenantKeys,
        limits: TextLimits,
        known: KnownNames | None = None,
    ) -> None:
        self.detectors = tuple(detectors)
        self._keys = keys
        self._limits = limits
        self._known = known

    @property
    def sources(self) -> Mapping[EntityType, frozenset[FindingSource]]:
        """None: rules for prompts know of no ways."""
        return {}

    def concerns(self, detector: TextDetector | PolicyTextDetector, policy: FilterPolicy) -> bool:
        """Whether a rule names one of the detector's entities."""
        return not detector.entities.isdisjoint(policy.entities(self.kind))

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
        return PromptContent(content.fields) if content.written else content  # nothing of it was written here

    @property
    def signs(self) -> bool:
        """Never: text has no place for a signature."""
        return False

    def signed(self, content: PromptContent, policy: FilterPolicy) -> PromptContent:  # noqa: ARG002
        """The content itself."""
        return content

    def reopen(self, content: PromptContent) -> PromptContent:
        """Take it as it is: substitutes may be longer than what they stand for."""
        return content

    def own_findings(self, decoded: PromptContent) -> Sequence[TextFinding]:  # noqa: ARG002  the protocol's
        """None: opening text reveals nothing."""
        return ()

    def language(self, decoded: PromptContent) -> Language:
        """Of all texts together, the first ones first."""
        return language_of("\n".join(Reading(decoded).content.fields.values()))

    def carried_text(self, decoded: PromptContent, policy: FilterPolicy) -> None:
        """None: a prompt is all text."""

    def keeping(
        self,
        decoded: PromptContent,
        policy: FilterPolicy,  # noqa: ARG002  the protocol's
        text: PromptContent | None,  # noqa: ARG002  the protocol's
    ) -> PromptContent:
        """The prompt as it is."""
        return decoded

    def detect(
        self,
        detector: TextDetector | PolicyTextDetector,
        batch: Sequence[PromptContent],
        policies: Sequence[FilterPolicy] = (),
    ) -> Sequence[Sequence[TextFinding] | DetectionError]:
        """Ask the detector about each text (`filters.text.reading`), and read the context of what it found.

        Substitutes that redaction wrote are left out (`filters.written`).
        """
        readings = [Reading(content) for content in batch]
        texts = [reading.content for reading in readings]
        if isinstance(detector, PolicyTextDetector):
            answers = detector.detect_for(texts, policies)
        else:
            answers = detector.detect(texts)
        if len(answers) != len(batch):
            return answers  # the pipeline refuses it
        return [
            answer if isinstance(answer, DetectionError) else self._findings(content, reading, answer)
            for content, reading, answer in zip(batch, readings, answers, strict=True)
        ]

    def redact(self, decoded: PromptContent, hits: Sequence[Hit], tenant: str) -> PromptContent:
        """See `redacted_content`."""
        return redacted_content(decoded, hits, self._keys, tenant)

    def _findings(
        self, content: PromptContent, reading: Reading, answer: Sequence[TextFinding]
    ) -> Sequence[TextFinding]:
        found = reading.findings(attributed(reading.content, answer, self._known))
        return without_own(found, content.fields, content.written)


def _is_text(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
