"""The seams of the core: what detectors, policy sources and observers have to offer."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from filters.errors import DetectionError
from filters.findings import Detection, EntityType, FindingSource, TextFinding
from filters.policy import FilterPolicy
from filters.records import PromptContent
from filters.verdict import Verdict

Pixels = npt.NDArray[np.uint8]
"""One upright frame, `(height, width, 3)` RGB, 8 bit, C-contiguous."""


class Detector(Protocol):
    """What every detector tells of itself."""

    @property
    def name(self) -> str:
        """Stable identifier, as it stands in findings and metrics (`presidio`, `centerface`, …)."""

    @property
    def digest(self) -> str:
        """Hex digest of what the answers depend on: weights, or pattern set and library version."""

    @property
    def entities(self) -> frozenset[EntityType]:
        """The entity types that it can report."""


class TextDetector(Detector, Protocol):
    """Finds private spans in prompts. Called from several threads at a time."""

    def detect(self, batch: Sequence[PromptContent]) -> Sequence[Sequence[TextFinding] | DetectionError]:
        """One list of findings a prompt, in the order of `batch`, or the error that this prompt alone met.

        May raise anything; each prompt is then asked for alone, once.
        """


@runtime_checkable
class PolicyTextDetector(Detector, Protocol):
    """Finds in prompts what their tenant's policy lists. Called from several threads at a time."""

    def detect_for(
        self, batch: Sequence[PromptContent], policies: Sequence[FilterPolicy]
    ) -> Sequence[Sequence[TextFinding] | DetectionError]:
        """As `TextDetector.detect`, with the policy of each prompt; fewer or more policies than prompts: it raises."""


class ImageDetector(Detector, Protocol):
    """Finds private regions in frames. Called from several threads at a time."""

    @property
    def sources(self) -> frozenset[FindingSource]:
        """The ways by which it finds: rules about others are not its business."""

    def detect(self, batch: Sequence[Pixels]) -> Sequence[Sequence[Detection]]:
        """One list of detections a frame, in the order of `batch`; frames differ in size; may raise anything."""


@runtime_checkable
class BriefImageDetector(ImageDetector, Protocol):
    """An image detector that can take less time for each of many frames."""

    def detect_briefly(self, batch: Sequence[Pixels]) -> Sequence[Sequence[Detection]]:
        """As `detect`, with less effort a frame."""


class PolicyResolver(Protocol):
    """Gives the policy in force."""

    def resolve(self, tenant: str) -> FilterPolicy:
        """The tenant's policy at this moment.

        Raises:
            UnknownTenant: no policy is in force for `tenant`.
        """


class PipelineObserver(Protocol):
    """Is told what the pipeline does; metrics hang here. Never given content."""

    def stage_finished(self, stage: str, kind: str, seconds: float, records: int) -> None:
        """A stage (fetch, decode, detect, decide, act, verify, put) ran over `records` records."""

    def detector_failed(self, detector: str, code: str) -> None:
        """A detector's answer could not be used."""

    def judged(self, verdict: Verdict) -> None:
        """A record got its verdict."""
