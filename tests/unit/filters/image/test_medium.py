"""Images in the pipeline: what detectors are shown, what comes of their answers, and whole ways through."""

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from filters.errors import InferenceError, UnknownTenant
from filters.findings import BoundingBox, Detection, EntityType
from filters.image.container import Frame
from filters.image.limits import ImageLimits
from filters.image.medium import ImageMedium
from filters.image.views import merged, views
from filters.pipeline import FilterPipeline
from filters.policy import FilterPolicy
from filters.records import ContentKind, ImageContent, Record, RecordContext, SourcePosition
from filters.verdict import Action, Outcome
from tests.unit.filters.image.images import (
    FORMATS,
    RegionDetector,
    animated,
    decode,
    encoded,
    jpeg_segment,
    photograph,
    png_chunk,
    with_chunks,
    with_segments,
)

RED = np.array([250, 10, 10], np.uint8)


def red_areas(pixels: np.ndarray) -> list[Detection]:
    """Where a frame is red, which no photograph here is: the stand-in for a face."""
    rows, columns = np.nonzero((np.abs(pixels.astype(int) - RED) < 40).all(axis=2))
    if rows.size < 50:
        return []
    box = BoundingBox(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    return [Detection(box, EntityType.FACE, 0.9)]


def with_red(x: int, y: int, width: int = 160, height: int = 120) -> np.ndarray:
    pixels = photograph(width, height) // 4 + 90
    pixels[y : y + 20, x : x + 20] = RED
    return pixels


def boxes(medium: ImageMedium, *files: bytes) -> list[list[tuple[int, BoundingBox | None]]]:
    found = medium.detect(medium.detectors[0], [medium.decode(ImageContent(file)) for file in files])
    return [[(finding.frame, finding.box) for finding in findings] for findings in found]


class BriefRegionDetector(RegionDetector):
    """`BriefImageDetector` that keeps how many frames it was shown briefly."""

    def __init__(self) -> None:
        super().__init__(red_areas)
        self.briefly = 0

    def detect_briefly(self, batch: Sequence[np.ndarray]) -> list[list[Detection]]:
        self.briefly += len(batch)
        return [red_areas(pixels) for pixels in batch]


def test_files_of_many_frames_are_shown_briefly():
    """Nine frames are many, eight are not, and every file keeps its own findings."""
    detector = BriefRegionDetector()
    places = range(0, 90, 10)
    many = animated([with_red(x, 0) for x in places], "PNG", duration=50)
    few = animated([with_red(x, 40) for x in places[:8]], "PNG", duration=50)
    found = boxes(ImageMedium([detector]), few, many, encoded(with_red(5, 60), "PNG"))
    assert (len(detector.shown), detector.briefly) == (9, 9)
    assert found[0] == [(index, BoundingBox(x, 40, x + 20, 60)) for index, x in enumerate(places[:8])]
    assert found[1] == [(index, BoundingBox(x, 0, x + 20, 20)) for index, x in enumerate(places)]
    assert found[2] == [(0, BoundingBox(5, 60, 25, 80))]


def test_releases_are_shown_briefly():
    """What all looks found was covered: the second look is for what was not."""
    detector = BriefRegionDetector()
    medium = ImageMedium([detector])
    content = ImageContent(encoded(with_red(10, 30), "PNG"), "image/png")
    ((finding,),) = medium.detect(detector, [medium.reopen(content)])
    assert (finding.box, len(detector.shown), detector.briefly) == (BoundingBox(10, 30, 30, 50), 0, 1)


def test_all_frames_of_all_images_are_one_call():
    """A batch of stills and animations becomes one call, and the answers find their frames again."""
    detector = RegionDetector(red_areas)
    files = (
        encoded(with_red(10, 30), "PNG"),
        animated([with_red(0, 0), photograph(160, 120) // 4, with_red(60, 50)], "PNG", duration=50),
        encoded(photograph(64, 64) // 4, "PNG"),
    )
    assert boxes(ImageMedium([detector]), *files) == [
        [(0, BoundingBox(10, 30, 30, 50))],
        [(0, BoundingBox(0, 0, 20, 20)), (2, BoundingBox(60, 50, 80, 70))],
        [],
    ]
    assert len(detector.shown) == 5


def test_a_repeated_frame_is_shown_once_and_found_every_time():
    """A still picture in a long animation costs one detection and has a finding in each frame."""
    detector = RegionDetector(red_areas)
    medium = ImageMedium([detector])
    image = medium.decode(ImageContent(encoded(with_red(10, 30), "PNG")))
    (frame,) = image.frames
    copies = (frame, Frame(frame.pixels.copy()), Frame(with_red(90, 30)), frame)
    still = type(image)(image.format, copies, loop=0)
    (findings,) = medium.detect(detector, [still])
    assert [finding.frame for finding in findings] == [0, 1, 2, 3]
    assert len(detector.shown) == 3


def transparent(pixels: np.ndarray, alpha: np.ndarray) -> bytes:
    return encoded(Image.fromarray(np.dstack([pixels, alpha])), "PNG")


def test_what_lies_under_transparent_pixels_is_found():
    """Colours under alpha 0 are shown to the detector as they are stored."""
    assert boxes(
        ImageMedium([RegionDetector(red_areas)]), transparent(with_red(10, 30), np.zeros((120, 160), np.uint8))
    )[0]


@pytest.mark.parametrize("background", [0, 255])
def test_what_is_drawn_in_alpha_is_found(background):
    """A shape in alpha over one stored colour shows on a white, or on a black ground."""
    alpha = np.full((60, 60), 255, np.uint8)
    alpha[20:40, 20:40] = 0
    pixels = np.full((60, 60, 3), 255 - background, np.uint8)

    def ground(shown: np.ndarray) -> list[Detection]:
        rows, columns = np.nonzero((shown == background).all(axis=2))
        return (
            [Detection(BoundingBox(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1), EntityType.FACE, 1.0)]
            if rows.size
            else []
        )

    assert boxes(ImageMedium([RegionDetector(ground)]), transparent(pixels, alpha)) == [
        [(0, BoundingBox(20, 20, 40, 40))]
    ]


def test_views_of_one_frame_are_three():
    """Raw, on white, on black; an opaque frame is shown once."""
    pixels = np.full((2, 2, 3), 100, np.uint8)
    raw, white, black = views(Frame(pixels, np.full((2, 2), 51, np.uint8)))
    assert (raw[0, 0, 0], white[0, 0, 0], black[0, 0, 0]) == (100, 224, 20)
    assert len(list(views(Frame(pixels)))) == 1


def test_the_same_thing_in_two_views_is_one_finding():
    """Overlapping boxes of a type become the box around both with the higher score; others stay apart."""
    face, other = EntityType.FACE, EntityType.QR_CODE
    first = [Detection(BoundingBox(10, 10, 50, 50), face, 0.6)]
    second = [Detection(BoundingBox(12, 8, 52, 50), face, 0.8), Detection(BoundingBox(10, 10, 50, 50), other, 0.5)]
    assert merged([first, second], 100, 100) == [
        Detection(BoundingBox(10, 8, 52, 50), face, 0.8),
        Detection(BoundingBox(10, 10, 50, 50), other, 0.5),
    ]


def test_boxes_are_clipped_to_whole_pixels_of_the_frame():
    """Boxes over the edge are cut, fractions are rounded outward, and what lies outside is dropped."""
    given = [BoundingBox(-5, 3.5, 10.2, 90), BoundingBox(100, 0, 120, 20)]
    detections = [Detection(box, EntityType.FACE, 0.9) for box in given]
    assert [one.box for one in merged([detections], 60, 40)] == [BoundingBox(0, 3, 11, 40)]


def test_a_box_that_is_no_number_is_an_error():
    """Infinite sides mean a broken detector, whose answer is not used."""
    with pytest.raises(InferenceError):
        merged([[Detection(BoundingBox(0, 0, float("inf"), 4), EntityType.FACE, 0.9)]], 60, 40)


def test_a_wrong_number_of_answers_is_an_error():
    """An answer list that does not fit the frames is never matched up by chance."""

    class Short(RegionDetector):
        def detect(self, batch):
            return super().detect(batch)[:-1]

    with pytest.raises(InferenceError) as caught:
        boxes(ImageMedium([Short(red_areas)]), encoded(with_red(0, 0), "PNG"))
    assert caught.value.reason == "wrong_count"


def test_weight_is_bytes_of_pixels_by_the_header():
    """Four bytes a pixel over all frames, without decoding; nothing for a file that will be refused."""
    medium = ImageMedium([], ImageLimits(max_side=500), batch_weight=1000)
    assert medium.weight(ImageContent(encoded(photograph(100, 50), "JPEG"))) == 100 * 50 * 4
    frames = [with_red(0, 0), with_red(9, 9)]
    assert medium.weight(ImageContent(animated(frames, "WEBP", duration=10))) == 160 * 120 * 4 * 2
    assert medium.weight(ImageContent(encoded(photograph(501, 50), "JPEG"))) == 0
    assert medium.weight(ImageContent(b"nonsense")) == 0
    assert (medium.batch_weight, medium.kind) == (1000, ContentKind.IMAGE)
    assert medium.own_entities == {EntityType.METADATA}


class OnePolicy:
    """`PolicyResolver` for the tenant acme."""

    def __init__(self, images: dict[str, object]) -> None:
        document = {"apiVersion": "veilstream/v1", "kind": "FilterPolicy", "metadata": {"tenant": "acme", "version": 1}}
        self._policy = FilterPolicy.model_validate(document | {"spec": {"images": images}})

    def resolve(self, tenant: str) -> FilterPolicy:
        if tenant != "acme":
            raise UnknownTenant("no policy", reason="no_policy")
        return self._policy


class Silent:
    """`PipelineObserver` that keeps nothing."""

    def stage_finished(self, stage, kind, seconds, records):
        pass

    def detector_failed(self, detector, code):
        pass

    def judged(self, verdict):
        pass


def judged(data: bytes, **images: object) -> Outcome:
    """The outcome of the real pipeline for one file."""
    rules = [{"entities": ["FACE"], "action": "redact", "operator": {"type": "mosaic_look", "shape": "ellipse"}}]
    pipeline = FilterPipeline(
        [ImageMedium([RegionDetector(red_areas)])], OnePolicy({"rules": rules} | images), Silent()
    )
    (outcome,) = pipeline.process_batch(
        [Record(RecordContext(SourcePosition("in", 0, 0), "acme", "r1"), ImageContent(data))]
    )
    return outcome


SOURCES = {
    "JPEG": {"quality": 90},
    "PNG": {},
    "WEBP": {"lossless": True},
}


@pytest.mark.parametrize("form", FORMATS)
def test_a_face_goes_through_the_pipeline_and_is_gone(form):
    """Found, covered, encoded, and not found again in the very bytes that go out."""
    outcome = judged(encoded(with_red(60, 50), form, **SOURCES[form]))
    assert outcome.verdict.action is Action.REDACT
    assert outcome.verdict.failure is None
    assert outcome.content.media_type == f"image/{form.lower()}"
    assert red_areas(decode(outcome.content.data).frames[0].pixels) == []


@pytest.mark.parametrize("alpha", ["flat", "ramp", "holes"])
@pytest.mark.parametrize(("form", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("WEBP", {"quality": 80})])
def test_transparent_images_pass_their_verification(alpha, form, options):
    """What `redact` makes of an image with alpha has no metadata of its own making, in lossy formats neither."""
    shapes = {
        "flat": np.full((240, 320), 120, np.uint8),
        "ramp": np.tile(np.linspace(0, 255, 320).astype(np.uint8), (240, 1)),
        "holes": np.kron(np.indices((6, 8)).sum(axis=0) % 2 * 255, np.ones((40, 40))).astype(np.uint8),
    }
    image = Image.fromarray(np.dstack([with_red(60, 50, 320, 240), shapes[alpha]]))
    outcome = judged(encoded(image, form, **options))
    assert outcome.verdict.action is Action.REDACT
    assert outcome.verdict.failure is None


@pytest.mark.parametrize("form", FORMATS)
def test_a_clean_image_is_released_byte_for_byte(form):
    """No face, no metadata: the very content that came in."""
    data = encoded(photograph(160, 120), form)
    outcome = judged(data)
    assert outcome.verdict.action is Action.ALLOW
    assert outcome.content.data is data


def test_metadata_is_stripped_unless_the_policy_keeps_it():
    """`metadata: strip` is the default; `keep` releases a file without findings as it came."""
    for data in (
        with_segments(encoded(photograph(160, 120), "JPEG"), jpeg_segment(0xFE, b"Jane")),
        with_chunks(encoded(photograph(160, 120), "PNG"), png_chunk(b"tEXt", b"Author\0Jane")),
    ):
        stripped, kept = judged(data), judged(data, metadata="keep")
        assert stripped.verdict.action is Action.REDACT
        assert b"Jane" not in stripped.content.data
        assert kept.content.data is data


def test_a_broken_file_is_rejected_with_its_reason():
    """A record error of the medium becomes a rejection with a code and a reason."""
    outcome = judged(encoded(photograph(160, 120), "PNG")[:200])
    assert outcome.verdict.action is Action.REJECT
    assert (outcome.verdict.failure.code, outcome.verdict.failure.reason) == ("unsupported_media", "truncated")
    assert outcome.content is None
