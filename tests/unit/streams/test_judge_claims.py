"""What is written of an image by reference: a new object, a record that points there, nothing of the original."""

import base64
import hashlib
import io
import json
import time

import numpy as np
import pytest
from PIL import Image

from filters.errors import DetectorTimeout, ObjectStoreError
from filters.findings import BoundingBox, Detection, EntityType
from filters.image.medium import ImageMedium
from filters.keys import TenantKeys
from filters.pipeline import FilterPipeline
from filters.records import ContentKind
from filters.verdict import Action
from streams.claim_check import ClaimCheck, ClaimRules
from streams.dead_letter import LetterKeeping
from streams.judge import Judge, OutputLimits
from streams.mapping import MessageMapping
from streams.message import MessageReader, RawMessage
from streams.original import open_original
from streams.seal import Sealer
from streams.topics import TopicNames
from tests.fakes import CollectingObserver, MemoryObjects, StaticPolicies, policy
from tests.unit.filters.image.images import RegionDetector, encoded, photograph

TOPICS = TopicNames()
KEYS = TenantKeys(bytes(32))
FOREVER = float("inf")
RED = np.array([250, 10, 10], np.uint8)
IN, OUT = "s3://images/in/", "s3://images/out/"


def red_square(pixels: np.ndarray) -> list[Detection]:
    """The stand-in for a face."""
    rows, columns = np.nonzero((np.abs(pixels.astype(int) - RED) < 40).all(axis=2))
    if rows.size < 50:
        return []
    box = BoundingBox(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    return [Detection(box, EntityType.FACE, 0.9)]


def picture(*, private: bool, shade: int = 4) -> bytes:
    pixels = photograph(160, 120) // shade + 90
    if private:
        pixels[30:50, 40:60] = RED
    return encoded(pixels, "PNG")


PRIVATE, HARMLESS = picture(private=True), picture(private=False)


def shows_red(data: bytes) -> bool:
    return bool(red_square(np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))))


def face_policy(action: str, **spec) -> object:
    rule = {"id": "faces", "entities": ["FACE"], "action": action}
    return policy(prompts={"rules": []}, images={"rules": [rule]}, **spec)


class Desk:
    """A judge of images with a store in memory."""

    def __init__(
        self, *policies, max_message_bytes=1_000_000, seconds=1.0, max_bytes=100_000, answer=red_square
    ) -> None:
        self.store = MemoryObjects()
        medium = ImageMedium([RegionDetector(answer)])
        board = StaticPolicies(*policies)
        pipeline = FilterPipeline([medium], board, CollectingObserver())
        mapping = MessageMapping.model_validate({"json": {"reference": "/image_url"}})
        reader = MessageReader(ContentKind.IMAGE, mapping, 500_000)
        claims = ClaimCheck(self.store, ClaimRules((IN,), OUT, max_bytes, seconds))
        limits = OutputLimits(max_message_bytes, 500_000)
        self.judge = Judge(ContentKind.IMAGE, reader, pipeline, TOPICS, KEYS, limits, LetterKeeping(board), claims)

    def given(self, data: bytes, name: str = "original-7.png", offset: int = 0, **said) -> RawMessage:
        self.store.objects[IN + name] = data
        said = {"image_sha256": hashlib.sha256(data).hexdigest(), "image_size": len(data)} | said
        value = json.dumps({"tenant": "acme", "request_id": "r-1", "image_url": IN + name} | said).encode()
        return RawMessage("generation.images", 0, offset, b"key", value)

    def judged(self, *raws: RawMessage):
        return self.judge.judge(raws, FOREVER)

    @property
    def released(self) -> dict[str, bytes]:
        return {url: data for url, data in self.store.objects.items() if url.startswith(OUT)}


def all_bytes(judgement) -> bytes:
    parts = []
    for record in (judgement.audit, *judgement.outputs):
        parts += [record.key or b"", record.value]
        parts += [part for name, value in record.headers for part in (name.encode(), value or b"")]
    return b"\0".join(parts)


def test_a_redaction_is_a_new_object_that_the_release_points_at():
    desk = Desk(face_policy("redact"))
    (judgement,) = desk.judged(desk.given(PRIVATE))
    (record,) = judgement.outputs
    document = json.loads(record.value)
    ((url, data),) = desk.released.items()
    assert judgement.verdict.action is Action.REDACT
    assert record.topic == TOPICS.images_released
    assert document["image_url"] == url
    assert (document["image_sha256"], document["image_size"]) == (hashlib.sha256(data).hexdigest(), len(data))
    assert not shows_red(data)
    assert b"original-7" not in all_bytes(judgement)
    assert desk.store.objects[IN + "original-7.png"] == PRIVATE


def test_what_is_allowed_is_copied_byte_for_byte_and_points_at_the_copy():
    desk = Desk(face_policy("redact"))
    (judgement,) = desk.judged(desk.given(HARMLESS))
    ((url, data),) = desk.released.items()
    assert data == HARMLESS
    assert json.loads(judgement.outputs[0].value)["image_url"] == url
    assert b"original-7" not in all_bytes(judgement)


@pytest.mark.parametrize("mode", ["off", "shadow"])
def test_no_mode_releases_the_original_itself(mode):
    """Where nothing is enforced, or even decoded, the bytes are copied all the same."""
    desk = Desk(face_policy("redact", mode=mode))
    (judgement,) = desk.judged(desk.given(PRIVATE))
    assert judgement.verdict.action is Action.ALLOW
    assert list(desk.released.values()) == [PRIVATE]
    assert b"original-7" not in all_bytes(judgement)


def test_the_same_input_writes_the_same_object_and_record_again():
    """A replay after a crash."""
    desk = Desk(face_policy("redact"))
    raw = desk.given(PRIVATE)
    (first,), (second,) = desk.judged(raw), desk.judged(raw)
    assert first.outputs == second.outputs
    assert len(desk.released) == 1


def test_a_rejection_writes_no_object_and_names_none():
    desk = Desk(face_policy("reject"))
    (judgement,) = desk.judged(desk.given(PRIVATE))
    assert [record.topic for record in judgement.outputs] == [TOPICS.rejected]
    assert desk.released == {}
    assert b"original-7" not in all_bytes(judgement)


def test_what_is_held_is_the_object_itself_and_opens_with_the_key_only():
    """The original may be gone, or another, by the time that a person looks."""
    desk = Desk(face_policy("hold"))
    (judgement,) = desk.judged(desk.given(PRIVATE))
    (held,) = judgement.outputs
    assert held.topic == TOPICS.held
    assert open_original(Sealer(KEYS), "acme", held.value, judgement.verdict.id).claimed == PRIVATE
    assert PRIVATE[:40] not in held.value
    assert b"original-7" not in all_bytes(judgement)


def test_what_is_too_large_to_be_held_is_rejected():
    desk = Desk(face_policy("hold"), max_message_bytes=len(PRIVATE) + 100)
    (judgement,) = desk.judged(desk.given(PRIVATE))
    assert judgement.verdict.failure.reason == "held_too_large"
    assert [record.topic for record in judgement.outputs] == [TOPICS.rejected, TOPICS.dead_letters]


def test_an_image_that_is_held_for_an_error_keeps_its_object():
    """`on_error: hold`, and a detector that raises."""

    def raises(pixels):
        raise RuntimeError

    desk = Desk(face_policy("redact", on_error="hold"), answer=raises)
    (judgement,) = desk.judged(desk.given(PRIVATE))
    assert [record.topic for record in judgement.outputs] == [TOPICS.held, TOPICS.dead_letters]
    assert open_original(Sealer(KEYS), "acme", judgement.outputs[0].value, judgement.verdict.id).claimed == PRIVATE


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        ("missing", "object", "object_missing"),
        ("longer", "payload_too_large", "object_too_large"),
        ("shorter", "object", "size_mismatch"),
        ("replaced", "object", "digest_mismatch"),
        ("too large", "payload_too_large", "object_too_large"),
        ("elsewhere", "message", "reference_not_allowed"),
        ("slow", "object_store", "object_timeout"),
        ("down", "object_store", "object_unreachable"),
        ("no image", "unsupported_media", "unknown_format"),
    ],
)
def test_a_fault_of_one_object_costs_one_record(fault, code, reason):
    """It is rejected with a dead letter; neighbours, by reference and inline, are judged as ever."""
    desk = Desk(face_policy("redact"), seconds=0.3)
    data = b"no image at all" if fault == "no image" else PRIVATE
    said = {"image_size": 200_000} if fault == "too large" else {}
    bad = desk.given(data, "bad-canary.png", offset=1, **said)
    if fault == "elsewhere":
        bad = RawMessage(bad.topic, 0, 1, bad.key, bad.value.replace(b"/in/", b"/elsewhere/"))
    url = IN + "bad-canary.png"
    changed = {"longer": PRIVATE + b"\0", "shorter": PRIVATE[:-1], "replaced": PRIVATE[:-1] + b"\0"}
    if fault == "missing":
        del desk.store.objects[url]
    elif fault in changed:
        desk.store.objects[url] = changed[fault]
    elif fault == "slow":
        desk.store.faults[url] = 60.0
    elif fault == "down":
        desk.store.faults[url] = ObjectStoreError("x", reason="object_unreachable")
    inline = json.dumps({"tenant": "acme", "image": base64.b64encode(HARMLESS).decode()}).encode()
    neighbours = (desk.given(PRIVATE, "a.png"), RawMessage("generation.images", 0, 2, None, inline))
    started = time.monotonic()
    before, judgement, after = desk.judged(neighbours[0], bad, neighbours[1])
    assert time.monotonic() - started < 3
    failure = judgement.verdict.failure
    assert (failure.code, failure.reason) == (code, reason)
    assert judgement.verdict.action is Action.REJECT
    assert [record.topic for record in judgement.outputs] == [TOPICS.rejected, TOPICS.dead_letters]
    assert json.loads(judgement.outputs[1].value)["reason"] == reason
    assert b"canary" not in all_bytes(judgement)
    assert (before.verdict.action, after.verdict.action) == (Action.REDACT, Action.ALLOW)
    assert after.outputs[0].value == inline
    assert len(desk.released) == 1


@pytest.mark.parametrize("on_error", ["reject", "hold"])
def test_a_fault_of_the_store_follows_on_error_but_holds_nothing_that_was_not_fetched(on_error):
    """To hold is to keep the original: there is none."""
    desk = Desk(face_policy("redact", on_error=on_error))
    raw = desk.given(PRIVATE)
    desk.store.faults[IN] = ObjectStoreError("x", reason="object_unreachable")
    (judgement,) = desk.judged(raw)
    assert judgement.verdict.rules == ("on_error", "error.object_store")
    assert judgement.verdict.failure.stage == "fetch"
    assert [record.topic for record in judgement.outputs] == [TOPICS.rejected, TOPICS.dead_letters]


def test_a_judging_that_failed_as_a_whole_is_rejected_where_nothing_was_fetched():
    desk = Desk(face_policy("redact", on_error="hold"))
    judgement = desk.judge.failed(desk.given(PRIVATE), DetectorTimeout("late"))
    assert judgement.verdict.failure.code == "detector_timeout"
    assert [record.topic for record in judgement.outputs] == [TOPICS.rejected, TOPICS.dead_letters]


def test_a_release_that_cannot_be_written_is_rejected():
    """The verdict says so: a record that is not there was never promised."""
    desk = Desk(face_policy("redact"))
    raw = desk.given(PRIVATE)
    desk.store.faults[OUT] = ObjectStoreError("x", reason="object_denied")
    (judgement,) = desk.judged(raw)
    assert (judgement.verdict.action, judgement.verdict.failure.stage) == (Action.REJECT, "put")
    assert [record.topic for record in judgement.outputs] == [TOPICS.rejected, TOPICS.dead_letters]
    assert json.loads(judgement.audit.value)["action"] == "reject"


def test_a_judge_without_a_claim_check_refuses_claims():
    """Prompts, and installations that allow no prefix."""
    desk = Desk(face_policy("redact"))
    reader = MessageReader(
        ContentKind.IMAGE, MessageMapping.model_validate({"json": {"reference": "/image_url"}}), 10_000
    )
    board = StaticPolicies(policy())
    pipeline = FilterPipeline([ImageMedium([])], board, CollectingObserver())
    judge = Judge(ContentKind.IMAGE, reader, pipeline, TOPICS, KEYS, OutputLimits(10_000, 10_000), LetterKeeping(board))
    (judgement,) = judge.judge([desk.given(PRIVATE)], FOREVER)
    assert judgement.verdict.failure.reason == "claim_check_unsupported"


def test_large_objects_are_judged_in_parts_and_come_back_in_order():
    """No more than two of the largest size lie in memory at a time."""
    desk = Desk(face_policy("redact"), max_bytes=max(len(PRIVATE), len(HARMLESS)))
    data = [PRIVATE, HARMLESS] * 4
    raws = [desk.given(each, f"{index}-original.png", index) for index, each in enumerate(data)]
    judgements = desk.judged(*raws)
    assert [judgement.verdict.context.source.offset for judgement in judgements] == list(range(8))
    assert [judgement.verdict.action for judgement in judgements] == [Action.REDACT, Action.ALLOW] * 4
    assert desk.store.most_together == 2
