"""What may be fetched, what is compared before anything decodes it, and what releases are called."""

import hashlib
import json
import time

import pytest

from filters.errors import MessageError, ObjectError, ObjectStoreError, PayloadTooLarge
from filters.records import ContentKind, ImageContent
from filters.verdict import Action, Outcome, PolicyRef, Verdict, verdict_id
from streams.claim_check import ClaimCheck, ClaimRules, no_claims
from streams.mapping import MessageMapping
from streams.message import MessageReader, RawMessage
from tests.fakes import MemoryObjects

DATA = b"an image" * 100
FOREVER = float("inf")
READER = MessageReader(ContentKind.IMAGE, MessageMapping.model_validate({"json": {"reference": "/url"}}), 100_000)


def message(url, *, data=DATA, tenant="acme", offset=0, **said):
    said = {"image_sha256": hashlib.sha256(data).hexdigest(), "image_size": len(data)} | said
    value = json.dumps({"tenant": tenant, "url": url} | said).encode()
    return READER.read(RawMessage("images", 0, offset, None, value))


def inline(offset=0):
    return READER.read(RawMessage("images", 0, offset, None, b'{"tenant": "acme", "image": "cG5n"}'))


def rules(*allowed, released="s3://images/out/", max_bytes=10_000, seconds=1.0, require_sha256=True):
    return ClaimRules(allowed or ("s3://images/in/",), released, max_bytes, seconds, require_sha256)


def fetched(claims, *messages, deadline=FOREVER):
    return claims.fetch(messages, deadline)


def reason_of(answer):
    return type(answer), answer.reason


def test_an_object_is_fetched_and_its_neighbours_stay():
    store = MemoryObjects()
    store.objects["s3://images/in/a.png"] = DATA
    first, second, third = fetched(ClaimCheck(store, rules()), inline(), message("s3://images/in/a.png"), inline(2))
    assert second.record.content == ImageContent(DATA)
    assert (first.record.content.data, third.record.content.data) == (b"png", b"png")


REFUSED = [
    ("s3://images/in", MessageError, "reference_not_allowed"),
    ("s3://images/in2/a.png", MessageError, "reference_not_allowed"),
    ("s3://images/out/a.png", MessageError, "reference_not_allowed"),
    ("s3://other/in/a.png", MessageError, "reference_not_allowed"),
    ("file:///images/in/a.png", MessageError, "reference_not_allowed"),
    ("s3://images/in/none.png", ObjectError, "object_missing"),
]


@pytest.mark.parametrize(("url", "kind", "reason"), REFUSED)
def test_only_what_lies_below_an_allowed_prefix_is_asked_for(url, kind, reason):
    store = MemoryObjects()
    (answer,) = fetched(ClaimCheck(store, rules()), message(url))
    assert reason_of(answer) == (kind, reason)
    assert (store.fetched == []) is (kind is MessageError)


def test_without_allowed_prefixes_every_claim_is_refused():
    (answer,) = fetched(no_claims(), message("s3://images/in/a.png"))
    assert reason_of(answer) == (MessageError, "claim_check_unsupported")


def test_a_tenant_reads_its_own_folder_only():
    """`{tenant}` keeps one tenant from having another's images released to itself."""
    store = MemoryObjects()
    store.objects["s3://images/acme/a.png"] = DATA
    claims = ClaimCheck(store, rules("s3://images/{tenant}/"))
    own, others = fetched(
        claims, message("s3://images/acme/a.png"), message("s3://images/acme/a.png", tenant="globex", offset=1)
    )
    assert own.record.content.data == DATA
    assert reason_of(others) == (MessageError, "reference_not_allowed")


@pytest.mark.parametrize(
    ("said", "kind", "reason"),
    [
        ({"image_sha256": "0" * 64}, ObjectError, "digest_mismatch"),
        ({"image_size": len(DATA) + 1}, ObjectError, "size_mismatch"),
        ({"image_size": len(DATA) - 1}, PayloadTooLarge, "object_too_large"),
        ({"image_size": 10_001}, PayloadTooLarge, "object_too_large"),
        ({"image_sha256": None}, MessageError, "missing_digest"),
    ],
)
def test_what_is_not_as_its_record_says_is_refused(said, kind, reason):
    store = MemoryObjects()
    store.objects["s3://images/in/a.png"] = DATA
    (answer,) = fetched(ClaimCheck(store, rules()), message("s3://images/in/a.png", **said))
    assert reason_of(answer) == (kind, reason)


def test_a_digest_may_be_waived_and_a_size_need_not_be_said():
    store = MemoryObjects()
    store.objects["s3://images/in/a.png"] = DATA
    plain = message("s3://images/in/a.png", image_sha256=None, image_size=None)
    (answer,) = fetched(ClaimCheck(store, rules(require_sha256=False)), plain)
    assert answer.record.content.data == DATA


def test_an_object_that_outgrows_the_limit_is_never_taken_whole():
    store = MemoryObjects()
    store.objects["s3://images/in/a.png"] = big = bytes(10_001)
    (answer,) = fetched(ClaimCheck(store, rules()), message("s3://images/in/a.png", data=big, image_size=None))
    assert reason_of(answer) == (PayloadTooLarge, "object_too_large")


def test_a_batch_is_fetched_at_the_same_time_and_a_slow_object_is_left_at_its_own_timeout():
    store = MemoryObjects()
    urls = [f"s3://images/in/{index}.png" for index in range(8)]
    store.objects |= dict.fromkeys(urls, DATA)
    store.faults[urls[3]] = 60.0
    started = time.monotonic()
    claims = ClaimCheck(store, rules(seconds=0.3))
    answers = fetched(claims, *(message(url, offset=index) for index, url in enumerate(urls)))
    assert time.monotonic() - started < 1
    assert store.most_together == 8
    assert reason_of(answers.pop(3)) == (ObjectStoreError, "object_timeout")
    assert all(answer.record.content.data == DATA for answer in answers)


def test_a_deadline_leaves_time_for_the_judging():
    """Half of what is left, so that neighbours do not time out in the detectors."""
    store = MemoryObjects()
    store.faults["s3://"] = 60.0
    claims = ClaimCheck(store, rules(seconds=60), clock=lambda: 100.0)
    started = time.monotonic()
    (answer,) = fetched(claims, message("s3://images/in/a.png"), deadline=100.4)
    assert time.monotonic() - started < 0.35
    assert reason_of(answer) == (ObjectStoreError, "object_timeout")
    (late,) = fetched(claims, message("s3://images/in/a.png"), deadline=99.0)
    assert reason_of(late) == (ObjectStoreError, "object_timeout")


def test_parts_bound_what_lies_in_memory_and_inline_images_wait_for_no_store():
    """Two of the largest size together; what does not say its size counts as the largest."""
    claims = ClaimCheck(MemoryObjects(), rules(max_bytes=1000))
    messages = [
        message("s3://images/in/0.png", image_size=900),
        inline(1),
        message("s3://images/in/2.png", image_size=900),
        message("s3://images/in/3.png", image_size=None),
        message("s3://images/in/4.png", image_size=10),
        inline(5),
        message("s3://images/in/6.png", image_size=5000),
    ]
    assert claims.parts(messages) == [[1, 5], [0, 2], [3, 4], [6]]
    assert claims.parts([]) == []


# ── releases ──────────────────────────────────────────────────────────────────────────────────────────────────────


def outcome(given, content):
    context = given.record.context
    verdict = Verdict(
        id=verdict_id(context.source, ContentKind.IMAGE),
        context=context,
        kind=ContentKind.IMAGE,
        action=Action.ALLOW if content else Action.REJECT,
        intended=Action.ALLOW,
        rules=(),
        findings=(),
        policy=PolicyRef("acme", 1, "enforce"),
        models=(),
    )
    return Outcome(verdict, content)


def test_a_release_is_a_new_object_under_a_name_of_verdict_and_content():
    """The same input gives the same name; what another policy makes of it never changes the first object."""
    store = MemoryObjects()
    claims = ClaimCheck(store, rules("s3://images/in/", released="s3://images/out/{tenant}/"))
    given = message("s3://images/in/a.png")
    first = outcome(given, ImageContent(b"first", "image/webp"))
    (place,) = claims.place([(given, first)], FOREVER)
    (again,) = claims.place([(given, first)], FOREVER)
    (other,) = claims.place([(given, outcome(given, ImageContent(b"other")))], FOREVER)
    digest = hashlib.sha256(b"first").hexdigest()
    assert str(place.url) == f"s3://images/out/acme/{first.verdict.id}-{digest[:32]}.webp"
    assert (place.sha256, place.size, place.media_type) == (digest, 5, "image/webp")
    assert again == place
    assert other.url != place.url
    assert store.objects == {str(place.url): b"first", str(other.url): b"other"}
    assert store.media_types[str(place.url)] == "image/webp"


def test_only_releases_of_claims_are_written():
    """Neither what is withheld, nor what came inline."""
    store = MemoryObjects()
    claimed, direct = message("s3://images/in/a.png"), inline()
    judged = [(claimed, outcome(claimed, None)), (direct, outcome(direct, ImageContent(b"x")))]
    assert ClaimCheck(store, rules()).place(judged, FOREVER) == [None, None]
    assert store.objects == {}


def test_a_release_that_cannot_be_written_is_an_error_of_its_own():
    store = MemoryObjects()
    claims = ClaimCheck(store, rules(seconds=0.2))
    given = message("s3://images/in/a.png")
    store.faults["s3://images/out/"] = 60.0
    (slow,) = claims.place([(given, outcome(given, ImageContent(b"x")))], FOREVER)
    assert reason_of(slow) == (ObjectStoreError, "object_timeout")
    store.faults["s3://images/out/"] = ObjectStoreError("down", reason="object_unreachable")
    (down,) = claims.place([(given, outcome(given, ImageContent(b"x")))], FOREVER)
    assert reason_of(down) == (ObjectStoreError, "object_unreachable")


def test_nothing_is_written_after_the_deadline():
    """A judging that was left behind must not write for a record that has been rejected meanwhile."""
    store = MemoryObjects()
    given = message("s3://images/in/a.png")
    claims = ClaimCheck(store, rules(), clock=lambda: 100.0)
    (late,) = claims.place([(given, outcome(given, ImageContent(b"x")))], 99.9)
    assert reason_of(late) == (ObjectStoreError, "object_timeout")
    assert store.objects == {}


def test_stages_are_told_with_their_objects():
    told = []
    store = MemoryObjects()
    store.objects["s3://images/in/a.png"] = DATA
    claims = ClaimCheck(store, rules(), lambda stage, seconds, count: told.append((stage, seconds >= 0, count)))
    (given,) = fetched(claims, message("s3://images/in/a.png"))
    claims.place([(given, outcome(given, given.record.content))], FOREVER)
    fetched(claims, inline())
    assert told == [("fetch", True, 1), ("put", True, 1)]
