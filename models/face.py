"""Face detectors: one class for what they share, one family each for what differs."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from filters.errors import InferenceError, ModelError
from filters.findings import Detection, EntityType, FindingSource
from filters.protocols import Pixels
from models.batching import map_in_buckets, stack
from models.boxes import Candidates, at_least, in_frame, merged, suppress, to_detections
from models.centerface import CenterFace
from models.manifest import Family, Manifest, ModelEntry, Task, Thresholds
from models.resize import InputPlan
from models.rfb import Rfb
from models.session import Device, OnnxSession, Tensor, open_session
from models.votes import FLOOR, calibrated, fused, surer_of_upright
from models.weights import WeightStore, check_digest
from models.yunet import YuNet

REVISION = 2
"""Counts changes of the code that all families share, where they change answers."""
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

    def looks(self, width: int, height: int, *, brief: bool) -> Sequence[InputPlan]:
        """How to bring a frame of this size to the model: at least one way, and no two alike."""

    def tensor(self, frame: Pixels, plan: InputPlan) -> Tensor:
        """The input `(3, height, width)` for one look."""

    def decode(self, outputs: Sequence[Tensor], plan: InputPlan, min_score: float) -> Candidates:
        """The boxes of one look with at least `min_score`, in input pixels, before suppression.

        Raises:
            InferenceError: the outputs hold something that is no number.
        """


@dataclass(frozen=True, slots=True)
class FaceModel:
    """A family with its open weights."""

    family: FaceFamily
    session: OnnxSession

    @property
    def batch_size(self) -> int:
        """On a CPU a batch only pushes the frames out of its caches."""
        return _CUDA_BATCH if self.session.on_cuda else 1

    def seen(
        self, frames: Sequence[Pixels], floor: float, close_floor: float, *, brief: bool
    ) -> list[list[tuple[InputPlan, Candidates]]]:
        """What each look at each frame gives, in frame pixels, with at least `floor`, or `close_floor` in close-ups.

        Raises:
            InferenceError: a frame is empty, or the model's answer holds something that is no number.
        """
        looks = [(index, plan) for index, frame in enumerate(frames) for plan in self._looks(frame, brief=brief)]
        answers = map_in_buckets(
            looks,
            bucket=lambda look: (look[1].width, look[1].height),
            infer=lambda chunk: self._infer([(frames[index], plan) for index, plan in chunk], floor, close_floor),
            batch_size=self.batch_size,
        )
        by_frame: list[list[tuple[InputPlan, Candidates]]] = [[] for _ in frames]
        for (index, plan), candidates in zip(looks, answers, strict=True):
            by_frame[index].append((plan, candidates))
        return by_frame

    def warm_up(self) -> None:
        """Run once, so that the first record does not pay for lazy initialisation."""
        for plan in self.family.looks(_WARM_UP_SIDE, _WARM_UP_SIDE, brief=False):
            self.session.warm_up((self.batch_size, 3, plan.height, plan.width))

    def _looks(self, frame: Pixels, *, brief: bool) -> Sequence[InputPlan]:
        height, width, _ = frame.shape
        if not (width and height):
            raise InferenceError("a frame without pixels", reason="empty_frame")
        return self.family.looks(width, height, brief=brief)

    def _infer(self, looks: Sequence[tuple[Pixels, InputPlan]], floor: float, close_floor: float) -> list[Candidates]:
        tensors = [self.family.tensor(frame, plan) for frame, plan in looks]
        answers = self.session.run(stack(tensors, self.batch_size), self.family.outputs)
        return [
            in_frame(
                self.family.decode([answer[index] for answer in answers], plan, floor if plan.votes else close_floor),
                plan,
            )
            for index, (_, plan) in enumerate(looks)
        ]


class FaceDetector:
    """`BriefImageDetector` over one model, or several whose looks vote. An answer depends on the frame alone.

    Args:
        models: the first one gives name and pixel scale.
    """

    entities = frozenset({EntityType.FACE})
    sources = frozenset({FindingSource.PIXELS})

    def __init__(self, name: str, digest: str, models: Sequence[FaceModel], thresholds: Thresholds) -> None:
        self.name = name
        self.digest = digest
        self.provider = models[0].session.provider
        self._models = tuple(models)
        self._thresholds = thresholds

    def detect(self, batch: Sequence[Pixels]) -> list[list[Detection]]:
        """One list of faces a frame, surest first.

        Raises:
            InferenceError: a frame is empty, or a model's answer holds something that is no number.
        """
        return self._detect(batch, self._thresholds.large_exponent, brief=False)

    def detect_briefly(self, batch: Sequence[Pixels]) -> list[list[Detection]]:
        """As `detect`, with one look and a close-up a frame, whose scores are the models' own."""
        return self._detect(batch, 1.0, brief=True)

    def warm_up(self) -> None:
        """See `FaceModel.warm_up`."""
        for model in self._models:
            model.warm_up()

    def _detect(self, batch: Sequence[Pixels], large_exponent: float, *, brief: bool) -> list[list[Detection]]:
        least = self._thresholds.min_score
        answers = [model.seen(batch, min(least, FLOOR), least, brief=brief) for model in self._models]
        return [
            self._report(frame, [look for answer in answers for look in answer[index]], large_exponent)
            for index, frame in enumerate(batch)
        ]

    def _report(
        self, frame: Pixels, looks: Sequence[tuple[InputPlan, Candidates]], large_exponent: float
    ) -> list[Detection]:
        height, width, _ = frame.shape
        limits = self._thresholds
        voted = fused([seen for plan, seen in looks if plan.votes], limits.max_overlap)
        voted = calibrated(voted, looks[0][0].scale_x, large_exponent)
        close = [surer_of_upright(seen) if plan.turns else seen for plan, seen in looks if not plan.votes]
        kept = suppress(at_least(merged([voted, *close]), limits.min_score), limits.max_overlap)
        return to_detections(kept, width, height, EntityType.FACE)


def build_face_detector(
    entry: ModelEntry,
    weights: Path,
    device: Device = Device.AUTO,
    *,
    threads: int = 0,
    ensemble: Sequence[tuple[ModelEntry, Path]] = (),
) -> FaceDetector:
    """The detector of a manifest entry, loaded and warm.

    Args:
        weights: the file that `WeightStore.path` gave; what is read from it is checked once more.
        threads: that one inference may use on the CPU; 0 leaves it to onnxruntime.
        ensemble: the entries that vote besides, with their weights.

    Raises:
        ModelError: the weights are not the manifest's or do not load, or the device is not there; or the
            entry is for another task, or names an ensemble that is not given.
    """
    given = tuple(each.name for each, _ in ensemble)
    if given != entry.ensemble:
        raise ModelError(
            f"{entry.name} votes together with {', '.join(entry.ensemble) or 'none'}, and was given "
            f"{', '.join(given) or 'none'}",
            reason="ensemble",
        )
    members = [(entry, weights), *ensemble]
    models = [_opened(each, path, device, threads) for each, path in members]
    digest = _digest([each for each, _ in members], models)
    detector = FaceDetector(entry.name, digest, models, entry.thresholds)
    detector.warm_up()
    return detector


def face_detector(
    manifest: Manifest, name: str, store: WeightStore, device: Device = Device.AUTO, *, threads: int = 0
) -> FaceDetector:
    """The detector called `name` with its ensemble, from the weights in a store.

    Raises:
        ModelError: as `build_face_detector`; or there is no such model, or its weights are not in the store.
    """
    entry = manifest.entry(name)
    others = [(other, store.path(other)) for other in map(manifest.entry, entry.ensemble)]
    return build_face_detector(entry, store.path(entry), device, threads=threads, ensemble=others)


def _opened(entry: ModelEntry, weights: Path, device: Device, threads: int) -> FaceModel:
    family = _family(entry)
    return FaceModel(family, open_session(family.graph(_checked_bytes(entry, weights)), device, threads=threads))


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


def _digest(entries: Sequence[ModelEntry], models: Sequence[FaceModel]) -> str:
    """SHA-256 over what answers depend on: weights, their use, and the runtime, whose kernels round each its way."""
    used = [
        {
            "weights": entry.sha256,
            "family": entry.family.value,
            "revisions": [REVISION, model.family.revision],
            "inputs": entry.inputs.model_dump(mode="json"),
            "thresholds": entry.thresholds.model_dump(mode="json"),
            "runtime": f"{model.session.provider} {model.session.version}",
        }
        for entry, model in zip(entries, models, strict=True)
    ]
    return hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()
