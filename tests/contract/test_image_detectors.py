"""What every `ImageDetector` owes the pipeline, asked of the real ones and of the fake."""

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import zxingcpp
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from filters.findings import Detection
from filters.image.barcodes import BarcodeDetector
from filters.image.text_in_image import TextInImageDetector
from filters.protocols import ImageDetector, Pixels
from models.manifest import load_manifest
from models.ocr import build_line_reader
from models.weights import WeightStore
from tests.fakes import WordDetector
from tests.support.face_models import FROM_FILES, SpotDetector, built, built_ensemble, manifest_of_files


@pytest.fixture(scope="module", params=["fake", "codes", "text", "centerface", *FROM_FILES, "ensemble"])
def detector(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ImageDetector:
    if request.param == "fake":
        return SpotDetector()
    if request.param == "codes":
        return BarcodeDetector([WordDetector(["@"])])
    if request.param == "text":
        entry, store = load_manifest().entry("ppocr"), WeightStore()
        store.pull(entry)
        return TextInImageDetector(build_line_reader(entry, store.stored(entry)), [WordDetector(["@"])])
    if request.param == "centerface":
        return built(load_manifest().entry("centerface"))
    folder: Path = request.getfixturevalue("shared_material") / "models"
    if not folder.is_dir():
        pytest.skip("no further models beside the checkout (../shared/models)")
    place = tmp_path_factory.mktemp("models")
    manifest, store = manifest_of_files(folder, place / "manifest.yaml"), WeightStore(place / "cache")
    if request.param == "ensemble":
        return built_ensemble(manifest, store)
    return built(manifest.entry(request.param), store=store)


@pytest.fixture(scope="module")
def frames() -> list[Pixels]:
    """Frames with and without faces, of sizes and proportions that differ."""
    portrait = data.astronaut()
    noise = np.random.default_rng(7).integers(0, 256, (97, 131, 3), np.uint8)
    beside = np.concatenate([portrait, portrait[:, ::-1]], axis=1)
    code = zxingcpp.create_barcode("mailto:a@example.com", zxingcpp.BarcodeFormat.QRCode)
    return [
        portrait,
        data.coffee(),
        noise,
        beside,
        portrait[30:230, 140:340],
        portrait,
        np.full((64, 64, 3), 255, np.uint8),
        np.repeat(np.array(code.to_image(scale=3))[..., None], 3, axis=2),
        np.asarray(_written("jane@example.com")),
    ]


def _written(text: str) -> Image.Image:
    page = Image.new("RGB", (320, 90), "white")
    ImageDraw.Draw(page).text((20, 30), text, fill="black", font=ImageFont.load_default(28))
    return page


@pytest.fixture(scope="module")
def alone(detector: ImageDetector, frames: list[Pixels]) -> list[list[Detection]]:
    """Each frame's detections when it is asked for by itself."""
    return [list(detector.detect([frame])[0]) for frame in frames]


def test_an_empty_batch_has_an_empty_answer(detector: ImageDetector) -> None:
    """No frames, no lists, no error."""
    assert list(detector.detect([])) == []


def test_one_list_a_frame_in_the_order_of_the_batch(
    detector: ImageDetector, frames: list[Pixels], alone: list[list[Detection]]
) -> None:
    """The answer has as many lists as the batch has frames, each that of its frame alone: batches change nothing."""
    assert [list(found) for found in detector.detect(frames)] == alone
    backwards = detector.detect(frames[::-1])
    assert [list(found) for found in backwards] == alone[::-1]


def test_any_part_of_a_batch_gives_the_same(
    detector: ImageDetector, frames: list[Pixels], alone: list[list[Detection]]
) -> None:
    """A frame's detections are the same in every company."""
    for start in range(len(frames)):
        assert [list(found) for found in detector.detect(frames[start : start + 3])] == alone[start : start + 3]


def test_something_is_found(alone: list[list[Detection]]) -> None:
    """The suite would say nothing of a detector that finds nothing."""
    assert sum(map(len, alone)) > 0


def test_boxes_lie_inside_their_frame(
    detector: ImageDetector, frames: list[Pixels], alone: list[list[Detection]]
) -> None:
    """Boxes are whole pixels of the frame, scores are numbers from 0 to 1, entities are announced."""
    for frame, found in zip(frames, alone, strict=True):
        for detection in found:
            box = detection.box
            assert 0 <= box.x0 < box.x1 <= frame.shape[1]
            assert 0 <= box.y0 < box.y1 <= frame.shape[0]
            assert all(isinstance(side, int) for side in (box.x0, box.y0, box.x1, box.y1))
            assert math.isfinite(detection.score)
            assert 0 <= detection.score <= 1
            assert detection.entity_type in detector.entities


def test_threads_may_ask_at_the_same_time(
    detector: ImageDetector, frames: list[Pixels], alone: list[list[Detection]]
) -> None:
    """Answers to several threads are those to one."""
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda frame: list(detector.detect([frame])[0]), frames * 3))
    assert answers == alone * 3


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (2, 1500), (1500, 2), (31, 33), (3, 4000)])
def test_odd_frames_are_judged(detector: ImageDetector, shape: tuple[int, int]) -> None:
    """Tiny and very long frames get an answer, with boxes inside them."""
    frame = np.full((*shape, 3), 200, np.uint8)
    (found,) = detector.detect([frame])
    assert all(detection.box.clipped(shape[1], shape[0]) == detection.box for detection in found)


def test_frames_are_left_as_they_are(detector: ImageDetector, frames: list[Pixels]) -> None:
    """Detection writes nothing into the pixels, even where they cannot be written."""
    frame = frames[0].copy()
    frame.flags.writeable = False
    detector.detect([frame])
    assert np.array_equal(frame, frames[0])


def test_a_detector_names_itself(detector: ImageDetector) -> None:
    """Findings, verdicts and metrics need a plain name and a digest in hex."""
    assert detector.name
    assert detector.name.isprintable()
    assert len(detector.digest) == 64
    assert set(detector.digest) <= set("0123456789abcdef")
    assert detector.entities
