"""Images by reference, in every envelope: what is read of them, and what a release says in their place."""

import json

import pytest

from filters.errors import MessageError, RecordError, RedactionError
from filters.records import ContentKind, ImageContent
from streams.claim import Claim
from streams.mapping import MessageMapping
from streams.message import MessageReader, RawMessage
from streams.object_url import parse_object_url

URL = "s3://images/in/acme/original-1.png"
DIGEST = "ab" * 32
DATA, CHANGED = b"original bytes", b"redacted bytes!"
NEW = Claim(parse_object_url("s3://images/out/verdict-1.jpeg"), "cd" * 32, len(CHANGED), "image/jpeg")
SAME = Claim(parse_object_url("s3://images/out/verdict-1.png"), DIGEST, len(DATA), "image/png")

BINARY = (
    *(("ce_specversion", b"1.0"), ("ce_id", b"e-1"), ("ce_tenant", b"acme"), ("content-type", b"image/png")),
    *(("ce_dataref", URL.encode()), ("ce_datarefsha256", DIGEST.encode()), ("ce_datarefsize", b"14")),
)
STRUCTURED = (("content-type", b"application/cloudevents+json"),)
EVENT = {
    "specversion": "1.0",
    "id": "e-1",
    "tenant": "acme",
    "datacontenttype": "image/png",
    "dataref": URL,
    "datarefsha256": DIGEST,
    "datarefsize": 14,
    "other": {"kept": [1, 2]},
}
DOCUMENT = {
    "tenant": "acme",
    "image_url": URL,
    "image_sha256": DIGEST,
    "image_size": 14,
    "type": "image/png",
    "seed": 7,
}
MAPPING = {"json": {"reference": "/image_url", "media_type": "/type"}}


def dumped(document) -> bytes:
    return json.dumps(document).encode()


def read(value, headers=(), kind=ContentKind.IMAGE, key=b"k", **mapping):
    reader = MessageReader(kind, MessageMapping.model_validate(mapping), 10_000)
    return reader.read(RawMessage("images", 1, 2, key, value, tuple(headers)))


MESSAGES = {
    "binary": lambda: read(None, BINARY),
    "structured": lambda: read(dumped(EVENT), STRUCTURED),
    "json": lambda: read(dumped(DOCUMENT), **MAPPING),
}


@pytest.mark.parametrize("envelope", MESSAGES)
def test_a_reference_is_read_with_all_that_is_said_of_it(envelope):
    """The record has no bytes until the object's are given."""
    message = MESSAGES[envelope]()
    assert message.claim == Claim(parse_object_url(URL), DIGEST, 14, "image/png")
    assert message.record.content == ImageContent(b"", "image/png")
    assert message.record.context.tenant == "acme"
    assert message.with_object(DATA).record.content == ImageContent(DATA, "image/png")


def test_a_changed_binary_event_points_at_the_new_object_and_is_another_event():
    out = MESSAGES["binary"]().with_object(DATA).render(ImageContent(CHANGED, "image/jpeg"), [("v", b"1")], "new", NEW)
    assert out.value == b""
    assert out.headers == (
        *(("ce_specversion", b"1.0"), ("ce_id", b"new"), ("ce_tenant", b"acme"), ("content-type", b"image/jpeg")),
        *(("ce_dataref", str(NEW.url).encode()), ("ce_datarefsha256", b"cd" * 32), ("ce_datarefsize", b"15")),
        *(("ce_causationid", b"e-1"), ("v", b"1")),
    )


def test_a_changed_structured_event_points_at_the_new_object_and_is_another_event():
    out = MESSAGES["structured"]().with_object(DATA).render(ImageContent(CHANGED, "image/jpeg"), [], "new", NEW)
    wanted = EVENT | {"id": "new", "causationid": "e-1", "datacontenttype": "image/jpeg"}
    wanted |= {"dataref": str(NEW.url), "datarefsha256": NEW.sha256, "datarefsize": 15}
    assert json.loads(out.value) == wanted


def test_a_changed_json_message_points_at_the_new_object():
    out = MESSAGES["json"]().with_object(DATA).render(ImageContent(CHANGED, "image/jpeg"), [], "new", NEW)
    wanted = {"image_url": str(NEW.url), "image_sha256": NEW.sha256, "image_size": 15, "type": "image/jpeg"}
    assert json.loads(out.value) == DOCUMENT | wanted
    assert list(json.loads(out.value)) == list(DOCUMENT)


@pytest.mark.parametrize("envelope", MESSAGES)
def test_what_is_allowed_points_at_its_copy_and_stays_the_same_event(envelope):
    """Same data, same event: only the place is another."""
    out = MESSAGES[envelope]().with_object(DATA).render(ImageContent(DATA, "image/png"), [], "new", SAME)
    text = out.value + b"".join(value for _, value in out.headers)
    assert URL.encode() not in text
    assert str(SAME.url).encode() in text
    assert b"causationid" not in text + b"".join(name.encode() for name, _ in out.headers)
    if envelope == "binary":
        assert dict(out.headers)["ce_id"] == b"e-1"
    if envelope == "structured":
        assert json.loads(out.value) == EVENT | {"dataref": str(SAME.url)}


@pytest.mark.parametrize("envelope", MESSAGES)
def test_a_claim_is_not_rendered_without_a_place(envelope):
    """Whoever forgets to write the object releases nothing."""
    message = MESSAGES[envelope]().with_object(DATA)
    with pytest.raises(RedactionError):
        message.render(ImageContent(DATA, "image/png"), [], "new")


def test_digest_and_size_are_said_of_the_new_object_even_where_they_were_not_of_the_old_one():
    headers = tuple(header for header in BINARY if header[0] not in ("ce_datarefsha256", "ce_datarefsize"))
    message = read(b"", headers)
    assert (message.claim.sha256, message.claim.size) == (None, None)
    out = dict(message.with_object(DATA).render(ImageContent(CHANGED), [], "new", NEW).headers)
    assert (out["ce_datarefsha256"], out["ce_datarefsize"]) == (b"cd" * 32, b"15")
    event = {name: value for name, value in EVENT.items() if not name.startswith("dataref")} | {"dataref": URL}
    rendered = read(dumped(event), STRUCTURED).with_object(DATA).render(ImageContent(CHANGED), [], "new", NEW)
    assert json.loads(rendered.value)["datarefsize"] == 15


def test_a_size_that_was_a_string_stays_one():
    """And what a JSON message does not say stays unsaid: its shape is the platform's."""
    event = read(dumped(EVENT | {"datarefsize": "14"}), STRUCTURED)
    assert json.loads(event.with_object(DATA).render(ImageContent(CHANGED), [], "n", NEW).value)["datarefsize"] == "15"
    plain = read(dumped({"tenant": "acme", "image_url": URL, "image_size": "14"}), **MAPPING)
    out = plain.with_object(DATA).render(ImageContent(CHANGED), [], "n", NEW)
    assert json.loads(out.value) == {"tenant": "acme", "image_url": str(NEW.url), "image_size": "15"}


def test_a_reference_may_stand_in_the_json_data_of_an_event():
    headers = (*BINARY[:3], ("content-type", b"application/json"))
    message = read(dumped(DOCUMENT), headers, **MAPPING)
    out = message.with_object(DATA).render(ImageContent(CHANGED, "image/jpeg"), [], "new", NEW)
    assert json.loads(out.value)["image_url"] == str(NEW.url)
    assert dict(out.headers)["ce_id"] == b"new"
    event = {"specversion": "1.0", "id": "e-1", "tenant": "acme", "data": DOCUMENT}
    structured = read(dumped(event), STRUCTURED, **MAPPING)
    assert structured.claim.size == 14
    out = structured.with_object(DATA).render(ImageContent(CHANGED, "image/jpeg"), [], "new", NEW)
    assert json.loads(out.value)["data"]["image_size"] == 15


def test_inline_images_are_no_claims():
    """Null is no reference."""
    assert read(b"png", (("tenant", b"acme"),)).claim is None
    document = {"tenant": "acme", "image": "cG5n", "image_url": None}
    assert read(dumped(document), **MAPPING).claim is None
    event = {"specversion": "1.0", "id": "e", "tenant": "acme", "dataref": None, "data_base64": "cG5n"}
    assert read(dumped(event), STRUCTURED).claim is None


REFUSED = [
    ("data beside a reference", b"x", BINARY, {}, "ambiguous_data"),
    ("data beside a reference, structured", dumped(EVENT | {"data_base64": "eA=="}), STRUCTURED, {}, "ambiguous_data"),
    ("two references", None, (*BINARY, ("ce_dataref", URL.encode())), {}, "duplicate_header"),
    ("an image beside a reference", dumped(DOCUMENT | {"image": "eA=="}), (), MAPPING, "ambiguous_data"),
    ("no event id", None, tuple(header for header in BINARY if header[0] != "ce_id"), {}, "missing_event_id"),
    ("no text", dumped(EVENT | {"dataref": 7}), STRUCTURED, {}, "not_a_string"),
    ("an empty reference", dumped(EVENT | {"dataref": ""}), STRUCTURED, {}, "invalid_reference"),
    ("a fraction", dumped(EVENT | {"datarefsize": 1.5}), STRUCTURED, {}, "invalid_size"),
    ("JSON by reference", None, (*BINARY[:3], *BINARY[4:], ("content-type", b"text/json+json")), {}, "media_type"),
    ("a dotted path", None, (*BINARY[:4], ("ce_dataref", b"s3://images/in/../x")), {}, "invalid_reference"),
]


@pytest.mark.parametrize(
    ("value", "headers", "mapping", "reason"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_a_message_that_reads_two_ways_or_none_is_refused(value, headers, mapping, reason):
    with pytest.raises(RecordError) as refused:
        read(value, headers, **mapping)
    assert refused.value.reason == reason


def test_prompts_are_not_read_by_reference():
    with pytest.raises(MessageError) as refused:
        read(None, BINARY, ContentKind.PROMPT)
    assert refused.value.reason == "claim_check_unsupported"


HTTPS = "https://images.s3.amazonaws.com/in/acme/original-1.png"


@pytest.mark.parametrize(
    "message",
    [
        lambda: read(None, (*BINARY, ("ce_source", URL.encode()))),
        lambda: read(None, (*BINARY, ("x-thumbnail", b"at " + HTTPS.encode()))),
        lambda: read(None, (*BINARY, (URL, b"header's name"))),
        lambda: read(None, BINARY, key=URL.encode()),
        lambda: read(dumped(EVENT | {"subject": "in/acme/original-1.png"}), STRUCTURED),
        lambda: read(dumped(EVENT | {"other": {"deep": [{"url": URL}]}}).replace(b"/", b"\\/"), STRUCTURED),
        lambda: read(dumped(DOCUMENT | {"original": HTTPS}), **MAPPING),
        lambda: read(dumped(DOCUMENT | {URL: 1}), **MAPPING),
        lambda: read(dumped(DOCUMENT), (("note", URL.encode()),), **MAPPING),
    ],
)
def test_an_object_that_is_named_twice_is_refused(message):
    """Nothing of the message is changed but the reference; what else names the original would be released."""
    with pytest.raises(MessageError) as refused:
        message()
    assert refused.value.reason == "reference_repeated"


def test_pointers_of_a_reference_lie_apart():
    with pytest.raises(ValueError, match="meet"):
        MessageMapping.model_validate({"json": {"reference": "/image"}})
    MessageMapping.model_validate({"json": {"image": "/image_size"}})
