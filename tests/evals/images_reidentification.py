"""Who is it? `python -m tests.evals.images_reidentification [--embedder FILE] [--sheet FOLDER]`.

Faces of the evaluation photographs are set into one scene, each `--probes` times, turned, moved, enlarged and lit at
random, and once more for the gallery. The scenes are released under a policy with one operator. Then each released face
is looked up by the nearest face: of the clear gallery, and of the gallery that was redacted in the same way. Everything
but the face is the same in all scenes, so that what is recognised was recognised by what is left of the face.

An embedder is a file: `.onnx` (faces as NCHW, RGB, (x − 127.5) / 127.5) or `.dat` (dlib's; needs the package dlib-bin).
Without one, faces are compared by their pixels (16 × 16, grey), which is enough for plain blur and mosaic (McPherson et
al., arXiv 1609.00408). The bound is Clopper and Pearson's, one-sided, 95 %.
"""

import argparse
import importlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest
from skimage import data

from filters.decide import decide
from filters.findings import ImageFinding
from filters.image.medium import ImageMedium
from filters.policy import FilterPolicy
from filters.protocols import ImageDetector, Pixels
from filters.records import ContentKind, ImageContent
from models.face import build_face_detector
from models.manifest import load_manifest
from models.session import Device
from models.weights import WeightStore
from tests.benchmarks.eval_faces import photographs
from tests.fakes import policy

EVAL = Path(__file__).parents[3] / "shared" / "eval" / "faces"
SCENE, FACE = 256, 104
"""Pixels: the scene's side, and a face's longer side in it before it is enlarged at random."""
PHOTOGRAPHED = 56
"""Pixels of a face's shorter side at 832 pixels' width, from which on it takes part."""
LEAST_SCORE = 0.3
PROPORTION = 0.8
"""Width by height that all faces are brought to: a photograph's own would tell it from the others in every release."""
SEEN = 0.25
"""Of a box's longer side: what an embedder sees beyond it."""
SAFE: Mapping[str, Mapping[str, object]] = {
    kind: {"type": kind} for kind in ("fill", "mosaic_look", "blur_look", "silhouette")
}
COSMETIC: Mapping[str, Mapping[str, object]] = {
    "mosaic": {"type": "mosaic", "cosmetic": True},
    "blur": {"type": "blur", "cosmetic": True},
}

Embedder: TypeAlias = Callable[[Pixels], np.ndarray]
"""A face, cut out square, to a vector of length 1."""
Box: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Scene:
    """One face in the scene: whose it is, the picture, what the detector saw, and the surest box of it."""

    person: int
    pixels: Pixels
    found: Sequence[ImageFinding]
    box: Box


@dataclass(frozen=True, slots=True)
class Recognised:
    """Of `probes` released faces the nearest of the gallery was the right one `hits` times."""

    hits: int
    probes: int

    @property
    def share(self) -> float:
        """Rank-1, from 0 to 1."""
        return self.hits / self.probes

    @property
    def bound(self) -> float:
        """The upper 95 % bound of `share`."""
        test = binomtest(self.hits, self.probes, alternative="less")
        return float(test.proportion_ci(0.95, method="exact").high)


# ── embedders ─────────────────────────────────────────────────────────────────────────────────────────────────────


def embedder(file: Path | None) -> Embedder:
    """From a file; pixels where there is none."""
    if file is None:
        return _by_pixels
    return _dlib(file) if file.suffix == ".dat" else _onnx(file)


def _unit(vector: np.ndarray) -> np.ndarray:
    vector = vector.astype(np.float64).ravel()
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def _by_pixels(face: Pixels) -> np.ndarray:
    small = cv2.resize(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), (16, 16), interpolation=cv2.INTER_AREA).astype(float)
    return _unit(small - small.mean())


def _onnx(file: Path) -> Embedder:
    import onnxruntime as ort

    session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
    taken = session.get_inputs()[0]
    side = taken.shape[-1] if isinstance(taken.shape[-1], int) else 112

    def embed(face: Pixels) -> np.ndarray:
        planes = (cv2.resize(face, (side, side)).astype(np.float32) - 127.5) / 127.5
        return _unit(session.run(None, {taken.name: planes.transpose(2, 0, 1)[None]})[0])

    return embed


def _dlib(file: Path) -> Embedder:
    dlib = importlib.import_module("dlib")  # no dependency: only for whoever brings such a file

    model = dlib.face_recognition_model_v1(str(file))
    return lambda face: _unit(
        np.array(model.compute_face_descriptor(np.ascontiguousarray(cv2.resize(face, (150, 150)))))
    )


# ── scenes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def faces(folder: Path, limit: int) -> list[Pixels]:
    """The faces of the photographs that are large enough, cut out at their boxes, the largest first."""
    cut = []
    for photograph in photographs(folder, 832):
        for box in photograph.boxes[photograph.counted["easy"]].astype(int):
            x0, y0, x1, y1 = np.clip(box, 0, None)
            face = photograph.pixels[y0:y1, x0:x1]
            if min(face.shape[:2]) >= PHOTOGRAPHED and box.min() >= 0:
                cut.append(face)
    return sorted(cut, key=lambda each: -min(each.shape[:2]))[:limit]


def scene(face: Pixels, random: np.random.Generator) -> Pixels:
    """The face as an ellipse in front of a wall: turned by up to 10°, 0.85 to 1.15 as large, 0.8 to 1.2 as wide (heads
    that turn aside are narrower), moved, and lit."""
    wall = np.repeat(data.brick()[:SCENE, :SCENE, None], 3, axis=2).astype(np.float64)
    height = face.shape[0]
    width = round(height * PROPORTION * random.uniform(0.8, 1.2))
    face = cv2.resize(face, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    scale = FACE / max(height, width) * random.uniform(0.85, 1.15)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), random.uniform(-10, 10), scale)
    across, down = random.uniform(-16, 16, 2)
    turn[0, 2] += (SCENE - width) / 2 + across
    turn[1, 2] += (SCENE - height) / 2 + down
    lit = np.clip(face.astype(np.float64) * random.uniform(0.8, 1.2) + random.uniform(-12, 12), 0, 255)
    oval = np.zeros((height, width), np.float64)
    cv2.ellipse(oval, ((width / 2, height / 2), (0.94 * width, 0.94 * height), 0), 1.0, -1)
    placed = cv2.warpAffine(lit, turn, (SCENE, SCENE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    where = cv2.warpAffine(oval, turn, (SCENE, SCENE))[:, :, None]
    return np.round(wall * (1 - where) + placed * where).astype(np.uint8)


def scenes(cut: Sequence[Pixels], detector: ImageDetector, each: int, seed: int) -> list[Scene]:
    """`each` scenes a face, of which those in which the detector sees the face take part."""
    random, seen = np.random.default_rng(seed), []
    for person, face in enumerate(cut):
        for _ in range(each):
            pixels = scene(face, random)
            found = [
                ImageFinding(0, one.box, one.entity_type, one.score, detector.name, one.source, one.outline)
                for one in detector.detect([pixels])[0]
                if one.score >= LEAST_SCORE
            ]
            if found:
                box = max(found, key=lambda one: one.score).box
                assert box is not None
                seen.append(Scene(person, pixels, found, (box.x0, box.y0, box.x1, box.y1)))
    return seen


def looked_at(pixels: Pixels, box: Box) -> Pixels:
    """The square around the box that an embedder is shown."""
    x0, y0, x1, y1 = box
    half = round(max(x1 - x0, y1 - y0) * (0.5 + SEEN))
    across, down = (x0 + x1) // 2, (y0 + y1) // 2
    padded = cv2.copyMakeBorder(pixels, half, half, half, half, cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(padded[down : down + 2 * half, across : across + 2 * half], np.uint8)


def release(given: Scene, medium: ImageMedium, under: FilterPolicy) -> Pixels:
    """The scene as it is released under the policy, through decoding, decision, redaction and encoding."""
    file = io.BytesIO()
    Image.fromarray(given.pixels).save(file, "PNG")
    decoded = medium.decode(ImageContent(file.getvalue(), None))
    decision = decide(given.found, under, ContentKind.IMAGE)
    released = medium.redact(decoded, decision.redactions, "evaluation")
    assert isinstance(released, ImageContent)
    return np.asarray(Image.open(io.BytesIO(released.data)).convert("RGB"))


# ── recognition ───────────────────────────────────────────────────────────────────────────────────────────────────


def recognised(probes: Sequence[tuple[int, np.ndarray]], gallery: Sequence[tuple[int, np.ndarray]]) -> Recognised:
    """How often the nearest of the gallery is the right one. Equals count as a choice among them by chance."""
    persons, known = np.array([person for person, _ in gallery]), np.stack([vector for _, vector in gallery])
    random, hits = np.random.default_rng(1), 0
    for person, vector in probes:
        likeness = known @ vector
        hits += int(persons[random.choice(np.flatnonzero(likeness >= likeness.max() - 1e-9))] == person)
    return Recognised(hits, len(probes))


@dataclass(frozen=True, slots=True)
class Attack:
    """The scenes of an attacker's material, and how each is embedded."""

    gallery: Sequence[Scene]
    probes: Sequence[Scene]
    embed: Embedder

    def vectors(self, given: Sequence[Scene], released: Callable[[Scene], Pixels]) -> list[tuple[int, np.ndarray]]:
        """Of each scene after it was released."""
        return [(each.person, self.embed(looked_at(released(each), each.box))) for each in given]

    def against(self, released: Callable[[Scene], Pixels]) -> tuple[Recognised, Recognised]:
        """With the clear gallery, and with the gallery released in the same way."""
        probes = self.vectors(self.probes, released)
        clear = self.vectors(self.gallery, lambda each: each.pixels)
        return recognised(probes, clear), recognised(probes, self.vectors(self.gallery, released))


def releasing(operator: Mapping[str, object]) -> Callable[[Scene], Pixels]:
    """How scenes are released under a policy that redacts faces with this operator."""
    rule = {"entities": ["FACE"], "action": "redact", "min_score": LEAST_SCORE, "operator": dict(operator)}
    under, medium = policy(images={"rules": [rule]}), ImageMedium([])
    return lambda each: release(each, medium, under)


def single_look() -> ImageDetector:
    """The built-in face detector with one look, which is enough for one large face."""
    manifest, store = load_manifest(), WeightStore()
    entry = manifest.entry("centerface")
    store.pull(entry)
    assert entry.inputs is not None
    entry = entry.model_copy(
        update={"inputs": entry.inputs.model_copy(update={"fine": 0, "close_up": 0, "enlarge_to": 0})}
    )
    return build_face_detector(entry, store.path(entry), Device.CPU)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embedder", type=Path)
    parser.add_argument("--faces", type=int, default=60)
    parser.add_argument("--probes", type=int, default=10, help="of each face")
    parser.add_argument("--sheet", type=Path, help="a folder for a picture of some scenes under every operator")
    options = parser.parse_args()
    console, detector, cut = Console(width=120), single_look(), faces(EVAL, options.faces)
    attack = Attack(scenes(cut, detector, 1, 1), scenes(cut, detector, options.probes, 2), embedder(options.embedder))
    persons = len({each.person for each in attack.gallery})
    ways = {"nothing": lambda each: each.pixels} | {
        name: releasing(operator) for name, operator in {**SAFE, **COSMETIC}.items()
    }
    table = Table("operator", "clear gallery", "at most", "gallery redacted alike", "at most", "chance", "no better")
    better = []
    for name, released in ways.items():
        both = attack.against(released)
        safe = all(each.bound <= 2 / persons for each in both)
        better += [name] if name in SAFE and not safe else []
        cells = [cell for each in both for cell in (f"{each.share:.1%}", f"{each.bound:.1%}")]
        table.add_row(name, *cells, f"{1 / persons:.1%}", "yes" if safe else "no")
    console.print(table)
    console.print(f"{len(attack.probes)} released faces of {persons} persons")
    if options.sheet:
        options.sheet.mkdir(parents=True, exist_ok=True)
        rows = [np.concatenate([way(each) for each in attack.gallery[:8]], axis=1) for way in ways.values()]
        Image.fromarray(np.concatenate(rows)).save(options.sheet / "reidentification.png")
    return 1 if better else 0


if __name__ == "__main__":
    raise SystemExit(main())
