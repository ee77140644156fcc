"""Face detectors for tests: the real ones with real weights, and a fake that is held to the same contract."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from filters.findings import BoundingBox, Detection, EntityType, FindingSource
from filters.protocols import Pixels
from models.face import FaceDetector, build_face_detector
from models.manifest import Inputs, Manifest, ModelEntry, load_manifest
from models.session import Device
from models.weights import WeightStore

FROM_FILES = {"yunet_n": ("yunet", "yunet_n_dynamic.onnx"), "rfb_640": ("rfb", "version-RFB-640.onnx")}
"""Models that users bring as files: family and file name."""


def manifest_of_files(folder: Path, place: Path) -> Manifest:
    """The built-in models, and those of `folder` through a manifest that is written to `place`."""
    lines = ["models:"]
    for name, (family, file) in FROM_FILES.items():
        data = (folder / file).read_bytes()
        lines += [
            f"  - name: {name}",
            "    task: face",
            f"    family: {family}",
            f"    description: {name} from a file",
            f"    source: file:{folder / file}",
            f"    sha256: {hashlib.sha256(data).hexdigest()}",
            f"    size: {len(data)}",
            "    licence: MIT",
            "    inputs: {long_side: 1280, enlarge_to: 640, close_up: 192}",
        ]
    place.write_text("\n".join(lines) + "\n")
    return load_manifest(place)


def built(entry: ModelEntry, device: Device = Device.CPU, store: WeightStore | None = None) -> FaceDetector:
    """The detector of an entry; its weights are fetched where the cache lacks them, and a failure to do so is one."""
    return build_face_detector(entry, (store or WeightStore()).pull(entry), device)


def built_ensemble(manifest: Manifest, store: WeightStore) -> FaceDetector:
    """CenterFace and YuNet, voting together."""
    entry = manifest.entry("centerface").model_copy(update={"ensemble": ("yunet_n",)})
    other = manifest.entry("yunet_n")
    return build_face_detector(entry, store.pull(entry), Device.CPU, ensemble=[(other, store.pull(other))])


def with_inputs(entry: ModelEntry, **inputs: int) -> ModelEntry:
    """The entry, fed otherwise."""
    return entry.model_copy(update={"inputs": Inputs(**inputs)})


def with_changed_inputs(entry: ModelEntry, **inputs: int) -> ModelEntry:
    """The entry, fed otherwise in these respects only."""
    return entry.model_copy(update={"inputs": entry.inputs.model_copy(update=inputs)})


class SpotDetector:
    """`ImageDetector` that reports the one box around all pure white pixels."""

    name = "spots"
    digest = "0" * 64
    entities = frozenset({EntityType.FACE})
    sources = frozenset({FindingSource.PIXELS})

    def detect(self, batch: Sequence[Pixels]) -> list[list[Detection]]:
        return [self._find(frame) for frame in batch]

    def _find(self, frame: Pixels) -> list[Detection]:
        rows, columns = np.nonzero((frame == 255).all(axis=2))
        if not len(rows):
            return []
        box = BoundingBox(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
        return [Detection(box, EntityType.FACE, 1.0)]
