"""Face detectors: one class for what they share, one family each for what differs."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from filters.errors import InferenceError, ModelError
from filters.findings import Detection, EntityType, FindingSource
from filters.protocols import Pixels
from models.batching import map_in_buckets, stack
from models.boxes import Candidates, in_frame, merged, suppress, to_detections
from models.centerface import CenterFace
from models.manifest import Family, ModelEntry, Task, Thresholds
from models.resize import InputPlan
from models.rfb import Rfb
from models.session import Device, OnnxSession, Tensor, open_session
from models.weights import check_digest
from models.yunet import YuNet

_CUDA_BATCH = 8
_WARM_UP_SIDE = 640


class FaceFamily(Protocol):
    """What differs between detectors. Stateless, so thread-safe."""

    @property
    def revision(self) -> int:
        """Counts changes of `tensor` and `decode` that change answers."""

    @property
    def outputs(self) -> Sequence[str]:
        """The names of the outputs that `decode` wants, in its order."""

    def graph(self, model: bytes) -> bytes:
        """The published ONNX bytes, made fit to run on any batch (and size)."""

    def looks(self, width: int, height: int) -> Sequence[InputPlan]:
        """How to bring a frame of this size to the model: at least one way, and no two alike."""

    def tensor(self, frame: Pixels, plan: InputPlan) -> Tensor:
        """The input `(3, height, width)` for one look."""

    def decode(self, outputs: Sequence[Tensor], plan: InputPlan, min_score: float) -> Candidates:
        """The boxes of one look with at least `min_score`, in input pixels, before suppression.

        Raises:
            InferenceError: the outputs hold something that is no number.
        """


class FaceDetector:
    """`ImageDetector` over one model. An answer depends on the frame alone, not on its batch."""

    entities = frozenset({EntityType.FACE})
    sources = frozenset({FindingSource.PIXELS})

    def __init__(
        self, name: str, digest: str, family: FaceFamily, session: OnnxSession, thresholds: Thresholds, batch_size: int
    ) -> None:
        self.name = name
        self.digest = digest
        self.provider = session.provider
        self._family = family
        self._session = session
        self._thresholds = thresholds
        self._batch_size = batch_size

    def detect(self, batch: Sequence[Pixels]) -> list[list[Detection]]:
        """One list of faces a frame, surest first.

        Raises:
            InferenceError: a frame is empty, or the model's answer holds something that is no number.
        """
        looks = [(index, plan) for index, frame in enumerate(batch) for plan in self._looks(frame)]
        seen = map_in_buckets(
            looks,
            bucket=lambda look: (look[1].width, look[1].height),
            infer=lambda chunk: self._infer([(batch[index], plan) for index, plan in chunk]),
            batch_size=self._batch_size,
        )
        by_frame: list[list[Candidates]] = [[] for _ in batch]
        for (index, _), candidates in zip(looks, seen, strict=True):
            by_frame[index].append(candidates)
        return [self._report(frame, candidates) for frame, candidates in zip(batch, by_frame, strict=True)]

    def warm_up(self) -> None:
        """Run once, so that the first record does not pay for lazy initialisation."""
        for plan in self._family.looks(_WARM_UP_SIDE, _WARM_UP_SIDE):
            self._session.warm_up((self._batch_size, 3, plan.height, plan.width))

    def _looks(self, frame: Pixels) -> Sequence[InputPlan]:
        height, width, _ = frame.shape
        if not (width and height):
            raise InferenceError("a frame without pixels", reason="empty_frame")
        return self._family.looks(width, height)

    def _infer(self, looks: Sequence[tuple[Pixels, InputPlan]]) -> list[Candidates]:
        tensors = [self._family.tensor(frame, plan) for frame, plan in looks]
        answers = self._session.run(stack(tensors, self._batch_size), self._family.outputs)
        return [self._read([answer[index] for answer in answers], plan) for index, (_, plan) in enumerate(looks)]

    def _read(self, outputs: Sequence[Tensor], plan: InputPlan) -> Candidates:
        return in_frame(self._family.decode(outputs, plan, self._thresholds.min_score), plan)

    def _report(self, frame: Pixels, candidates: Sequence[Candidates]) -> list[Detection]:
        height, width, _ = frame.shape
        kept = suppress(merged(candidates), self._thresholds.max_overlap)
        return to_detections(kept, width, height, EntityType.FACE)


def build_face_detector(
    entry: ModelEntry, weights: Path, device: Device = Device.AUTO, *, threads: int = 0
) -> FaceDetector:
    """The detector of a manifest entry, loaded and warm.

    Args:
        weights: the file that `WeightStore.path` gave; what is read from it is checked once more.
        threads: that one inference may use on the CPU; 0 leaves it to onnxruntime.

    Raises:
        ModelError: the weights are not the manifest's or do not load, or the device is not there; or the
            entry is for another task.
    """
    family = _family(entry)
    session = open_session(family.graph(_checked_bytes(entry, weights)), device, threads=threads)
    batch_size = _CUDA_BATCH if session.on_cuda else 1  # on a CPU a batch only pushes the frames out of its caches
    digest = _digest(entry, family, session)
    detector = FaceDetector(entry.name, digest, family, session, entry.thresholds, batch_size)
    detector.warm_up()
    return detector


def _family(entry: ModelEntry) -> FaceFamily:
    if entry.family.task is not Task.FACE:
        raise ModelError(
            f"{entry.name} finds no faces: `models.face` has to name a model of the task `face`", reason="task"
        )
    families: Mapping[Family, type[CenterFace | YuNet | Rfb]] = {
        Family.CENTERFACE: CenterFace,
        Family.YUNET: YuNet,
        Family.RFB: Rfb,
    }
    return families[entry.family](entry.inputs)


def _checked_bytes(entry: ModelEntry, weights: Path) -> bytes:
    try:
        model = weights.read_bytes()
    except OSError as error:
        raise ModelError(f"the weights {weights} cannot be read: {error.strerror}", reason="cache") from None
    check_digest(entry, hashlib.sha256(model).hexdigest(), str(weights))
    return model


def _digest(entry: ModelEntry, family: FaceFamily, session: OnnxSession) -> str:
    """SHA-256 over what answers depend on: weights, their use, and the runtime, whose kernels round each its way."""
    used = {
        "weights": entry.sha256,
        "family": entry.family.value,
        "revision": family.revision,
        "inputs": entry.inputs.model_dump(mode="json"),
        "thresholds": entry.thresholds.model_dump(mode="json"),
        "runtime": f"{session.provider} {session.version}",
    }
    return hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()
