"""Recall and average precision of the face detectors on WIDER FACE photographs.

    python -m tests.benchmarks.eval_faces --faces ../shared/eval/faces [--models centerface …] [--manifest FILE]

`--faces` holds `annotations.json` and `images/`: photographs stretched to 416 × 416, which are stretched back to their
proportions at `--width` pixels. AP is the area under the precision-recall curve with its right-hand maxima, at IoU 0.5;
faces outside of the asked set (easy, medium, hard) count neither as found nor as missed, after WIDER FACE's protocol.
Close-ups are 1024 × 1024 crops around the larger of the easy faces, in which the face's longer side fills a given share
of the picture; a face counts as found from IoU 0.4 with its part inside the picture.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.boxes import overlaps
from models.face import FaceDetector, build_face_detector
from models.manifest import Inputs, ModelEntry, load_manifest
from models.session import Device
from models.weights import WeightStore

SETS = ("easy", "medium", "hard")
THRESHOLDS = (0.2, 0.4)
MATCH_IOU = 0.5
LOWEST_SCORE = 0.02
"""Of what AP is computed from; a detector in service reports from its manifest's `min_score`."""
SIZES = (0, 10, 20, 40, 80, 160, 10_000)
"""Limits of the size classes: pixels of a face's shorter side at the evaluated width."""

CLOSE_UP_SIDE = 1024
CLOSE_UP_FACE = 60
"""Pixels of a face's shorter side at the evaluated width, from which on enlarging leaves a face to see."""
CLOSE_UP_FILLS = (0.35, 0.6, 0.9, 1.2)
CLOSE_UP_IOU = 0.4


@dataclass(frozen=True)
class Photograph:
    """Pixels RGB, annotated boxes `(n, 4)` as x0, y0, x1, y1, and for each set which boxes count."""

    pixels: np.ndarray
    boxes: np.ndarray
    counted: dict[str, np.ndarray]


@dataclass(frozen=True)
class Answer:
    """What a detector said of a photograph, surest first, and the annotated box that each matches (-1: none)."""

    photograph: Photograph
    scores: np.ndarray
    matches: np.ndarray

    def found(self, threshold: float) -> np.ndarray:
        """Which annotated boxes were found with at least this score."""
        hits = self.matches[(self.scores >= threshold) & (self.matches >= 0)]
        return np.isin(np.arange(len(self.photograph.boxes)), hits)

    def false_boxes(self, threshold: float) -> int:
        """Boxes with at least this score that match nothing annotated."""
        return int(((self.scores >= threshold) & (self.matches < 0)).sum())


def photographs(folder: Path, width: int) -> Iterator[Photograph]:
    """The annotated photographs, `width` pixels wide in their own proportions."""
    for name, notes in json.loads((folder / "annotations.json").read_text()).items():
        faces = [face for face in notes["faces"] if face["orig_xywh"][2] > 0 and face["orig_xywh"][3] > 0]
        scale = width / notes["orig_w"]
        image = cv2.cvtColor(cv2.imread(str(folder / "images" / name)), cv2.COLOR_BGR2RGB)
        pixels = cv2.resize(image, (width, round(notes["orig_h"] * scale)), interpolation=cv2.INTER_LINEAR)
        corners = np.array([face["orig_xywh"] for face in faces], float).reshape(-1, 4) * scale
        corners[:, 2:] += corners[:, :2]
        yield Photograph(pixels, corners, {kind: np.array([face[kind] for face in faces], bool) for kind in SETS})


def answer(detector: FaceDetector, photograph: Photograph) -> Answer:
    """Detect, and match greedily: the surest box first takes the best free face of at least `MATCH_IOU`."""
    (found,) = detector.detect([photograph.pixels])
    found.sort(key=lambda detection: -detection.score)
    free = np.ones(len(photograph.boxes), bool)
    matches = []
    for detection in found:
        box = detection.box
        shared = overlaps(np.array([box.x0, box.y0, box.x1, box.y1], float), photograph.boxes) * free
        best = int(shared.argmax()) if len(shared) else -1
        if best < 0 or shared[best] < MATCH_IOU:
            best = -1
        else:
            free[best] = False
        matches.append(best)
    return Answer(photograph, np.array([d.score for d in found]), np.array(matches, int))


def average_precision(answers: Sequence[Answer], kind: str) -> float:
    """AP over the faces of one set."""
    total, scores, hits = 0, [], []
    for given in answers:
        counted = given.photograph.counted[kind]
        total += int(counted.sum())
        for score, match in zip(given.scores, given.matches, strict=True):
            if match < 0 or counted[match]:
                scores.append(score)
                hits.append(match >= 0)
    found = np.cumsum(np.array(hits)[np.argsort(-np.array(scores), kind="stable")])
    precision = found / np.arange(1, len(found) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(found, prepend=0) * best_from_here).sum() / total)


def recall(answers: Sequence[Answer], threshold: float, chosen: Callable[[Photograph], np.ndarray]) -> tuple[int, int]:
    """Found and all of the chosen faces."""
    found = sum(int(given.found(threshold)[chosen(given.photograph)].sum()) for given in answers)
    return found, sum(int(chosen(given.photograph).sum()) for given in answers)


def in_size(low: int, high: int) -> Callable[[Photograph], np.ndarray]:
    """Chooses the counted faces whose shorter side is in `[low, high)`."""

    def chosen(photograph: Photograph) -> np.ndarray:
        shorter = (photograph.boxes[:, 2:] - photograph.boxes[:, :2]).min(axis=1)
        return photograph.counted["hard"] & (shorter >= low) & (shorter < high)

    return chosen


def close_ups(material: Sequence[Photograph], fill: float) -> Iterator[Photograph]:
    """Crops in which one face has `fill` of the side; beyond the photograph's edge it is mirrored."""
    for photograph in material:
        height, width, _ = photograph.pixels.shape
        for x0, y0, x1, y1 in photograph.boxes[photograph.counted["easy"]]:
            side = int(max(x1 - x0, y1 - y0) / fill)
            if min(x1 - x0, y1 - y0) < CLOSE_UP_FACE or side >= min(width, height):
                continue
            left, top = int((x0 + x1 - side) / 2), int((y0 + y1 - side) / 2)
            around = cv2.copyMakeBorder(photograph.pixels, side, side, side, side, cv2.BORDER_REFLECT_101)
            crop = around[top + side : top + 2 * side, left + side : left + 2 * side]
            box = (np.array([[x0, y0, x1, y1]]) - (left, top, left, top)) * CLOSE_UP_SIDE / side
            pixels = cv2.resize(crop, (CLOSE_UP_SIDE, CLOSE_UP_SIDE), interpolation=cv2.INTER_CUBIC)
            yield Photograph(pixels, box.clip(0, CLOSE_UP_SIDE), {})


def missed_close_ups(detector: FaceDetector, material: Sequence[Photograph], fill: float) -> dict[str, str]:
    """Missed and all, by threshold."""
    best = []
    for crop in close_ups(material, fill):
        (found,) = detector.detect([crop.pixels])
        corners = [np.array([d.box.x0, d.box.y0, d.box.x1, d.box.y1], float) for d in found]
        hits = [d.score for d, box in zip(found, corners, strict=True) if overlaps(box, crop.boxes)[0] >= CLOSE_UP_IOU]
        best.append(max(hits, default=0.0))
    return {f"at {limit}": f"{sum(score < limit for score in best)}/{len(best)}" for limit in THRESHOLDS}


def evaluate(entry: ModelEntry, store: WeightStore, material: Sequence[Photograph]) -> dict[str, Any]:
    """All figures of one model."""
    thresholds = entry.thresholds.model_copy(update={"min_score": LOWEST_SCORE})
    in_service = build_face_detector(entry, store.pull(entry), Device.AUTO)
    patient = entry.model_copy(update={"thresholds": thresholds})
    detector = build_face_detector(patient, store.path(entry), Device.AUTO)
    started = time.perf_counter()
    answers = [answer(detector, photograph) for photograph in material]
    seconds = time.perf_counter() - started
    figures: dict[str, Any] = {"model": entry.name, "ap": {kind: average_precision(answers, kind) for kind in SETS}}
    for threshold in THRESHOLDS:
        figures[f"at {threshold}"] = {
            "recall": {
                kind: round(np.divide(*recall(answers, threshold, lambda photo, kind=kind: photo.counted[kind])), 3)
                for kind in SETS
            },
            "missed by size": {
                f"{low}-{high}": _missed(*recall(answers, threshold, in_size(low, high)))
                for low, high in pairwise(SIZES)
            },
            "false boxes an image": sum(given.false_boxes(threshold) for given in answers) / len(answers),
        }
    figures["missed close-ups by fill"] = {
        fill: missed_close_ups(in_service, material, fill) for fill in CLOSE_UP_FILLS
    }
    return figures | {"ms an image": seconds / len(answers) * 1000}


def _missed(found: int, total: int) -> str:
    return f"{total - found}/{total}"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--models", nargs="+", default=["centerface"])
    parser.add_argument("--manifest", type=Path)
    parser.add_argument("--width", type=int, default=832)
    parser.add_argument("--inputs", help="instead of the manifest's: LONG_SIDE,ENLARGE_TO,CLOSE_UP")
    options = parser.parse_args()
    material = list(photographs(options.faces, options.width))
    manifest = load_manifest(options.manifest)
    for name in options.models:
        entry = manifest.entry(name)
        if options.inputs:
            sides = dict(zip(Inputs.model_fields, map(int, options.inputs.split(",")), strict=True))
            entry = entry.model_copy(update={"inputs": Inputs(**sides)})
        json.dump(evaluate(entry, WeightStore(), material), sys.stdout, indent=1)
        sys.stdout.write("\n")


if __name__ == "__main__":
    main()
