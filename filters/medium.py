"""The seam between the pipeline and a kind of content: text and images each implement `Medium`."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from filters.decide import Hit
from filters.errors import DetectionError
from filters.findings import EntityType, Finding, FindingSource
from filters.policy import FilterPolicy
from filters.protocols import Detector
from filters.records import ContentKind, PromptContent
from filters.text.language import Language

C = TypeVar("C")
"""The content as it came (`PromptContent`, `ImageContent`)."""
D = TypeVar("D")
"""The content as detectors and operators see it."""
DetectorT = TypeVar("DetectorT", bound=Detector)


class Medium(Protocol[C, D, DetectorT]):
    """How one kind of content is decoded, looked at, and changed. Stateless and thread-safe."""

    @property
    def kind(self) -> ContentKind:
        """The kind of content that it handles."""

    @property
    def detectors(self) -> Sequence[DetectorT]:
        """The detectors to ask, in order; each is asked only for policies that it concerns."""

    @property
    def own_entities(self) -> frozenset[EntityType]:
        """Entity types that `decode` reports by itself, without a detector."""

    @property
    def sources(self) -> Mapping[EntityType, frozenset[FindingSource]]:
        """The ways by which its detectors, and itself, find each type; empty where rules know of no ways."""

    def concerns(self, detector: DetectorT, policy: FilterPolicy) -> bool:
        """Whether the policy asks for something that the detector finds: it is then required."""

    def weight(self, content: C) -> int:
        """What `content` will cost once decoded (characters, or bytes of pixels), without decoding it; 0 if unknown."""

    @property
    def batch_weight(self) -> int:
        """Largest sum of weights to hold decoded at a time; a single heavier record goes alone."""

    def decode(self, content: C) -> D:
        """Open the content.

        Raises:
            RecordError: it is malformed, too large or of an unsupported type.
            DetectionError: it cannot be opened at the moment.
        """

    def reopen(self, content: C) -> D:
        """Open content that `redact` made: as `decode`, but for limits that a substitute may exceed.

        Raises:
            RecordError: it cannot be opened.
        """

    def own_findings(self, decoded: D) -> Sequence[Finding]:
        """What decoding itself revealed (metadata)."""

    def language(self, decoded: D) -> Language | None:
        """A guess at the language of the content's text; None where the kind has no text of its own."""

    def carried_text(self, decoded: D, policy: FilterPolicy) -> PromptContent | None:
        """Text that travels with the content, where there is any and the policy keeps it: judged as a prompt."""

    def keeping(self, decoded: D, policy: FilterPolicy, text: PromptContent | None) -> D:
        """The content, knowing what its release keeps beside it: as the policy says, and of texts only `text`."""

    def detect(
        self, detector: DetectorT, batch: Sequence[D], policies: Sequence[FilterPolicy] = ()
    ) -> Sequence[Sequence[Finding] | DetectionError]:
        """One list of findings a record, in the order of `batch`, or the error that this record alone met.

        What `redact` wrote into content is no finding. `policies` has each record's; a detector of the tenant's own
        terms needs them.

        Raises whatever the detector raises.
        """

    @property
    def signs(self) -> bool:
        """Whether it can sign releases."""

    def signed(self, content: C, policy: FilterPolicy) -> C:
        """What `redact` made and was verified, signed where the policy asks for it and the kind has signatures.

        Raises:
            RedactionError: it cannot be signed.
        """

    def redact(self, decoded: D, hits: Sequence[Hit], tenant: str) -> C:
        """The content with every hit removed; same input, same bytes.

        Raises:
            RedactionError: an operator could not be applied.
        """
