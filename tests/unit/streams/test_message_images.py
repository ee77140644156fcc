"""Images in every envelope: whole values, Base64 fields, events."""

import base64
import json

import pytest

from filters.errors import MessageError, RedactionError
from filters.records import ContentKind, ImageContent, PromptContent
from streams.mapping import MessageMapping
from streams.message import MessageReader, RawMessage

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
NEW = b"\xff\xd8\xff" + bytes(range(255, 0, -1))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def read(headers, value, **mapping):
    reader = MessageReader(ContentKind.IMAGE, MessageMapping.model_validate(mapping), 10_000)
    return reader.read(RawMessage("images", 1, 2, b"k", value, tuple(headers)))


BINARY = [("ce_specversion", b"1.0"), ("ce_id", b"e-1"), ("ce_tenant", b"acme")]


@pytest.mark.parametrize(
    ("declared", "media_type"),
    [(b"image/png", "image/png"), (b"IMAGE/PNG; q=1", "image/png"), (b"application/octet-stream", None), (None, None)],
)
def test_a_raw_value_is_the_image_and_its_header_the_declared_type(declared, media_type):
    message = read([("tenant", b"acme"), ("content-type", declared)], PNG)
    assert message.record.content == ImageContent(PNG, media_type)
    assert message.record.context.request_id == "images:1:2"


def test_a_binary_events_value_is_the_image():
    message = read([*BINARY, ("content-type", b"image/png")], PNG)
    assert message.record.content == ImageContent(PNG, "image/png")
    out = message.render(ImageContent(NEW, "image/png"), [], "new")
    assert out.value == NEW
    assert out.headers == (
        *(("ce_specversion", b"1.0"), ("ce_id", b"new"), ("ce_tenant", b"acme")),
        *(("content-type", b"image/png"), ("ce_causationid", b"e-1")),
    )


def test_a_declared_media_type_follows_the_released_image():
    """A label that says PNG on a JPEG would be a fault of ours; where none was declared, none is added."""
    changed = ImageContent(NEW, "image/jpeg")
    binary = read([*BINARY, ("content-type", b"image/png")], PNG).render(changed, [], "new")
    assert dict(binary.headers)["content-type"] == b"image/jpeg"
    plain = read([("Content-Type", b"image/png"), ("tenant", b"acme")], PNG).render(changed, [], "new")
    assert plain.headers == (("Content-Type", b"image/jpeg"), ("tenant", b"acme"))
    bare = read([("tenant", b"acme")], PNG).render(changed, [], "new")
    assert bare.headers == (("tenant", b"acme"),)


def test_base64_in_json_is_decoded_and_encoded_in_the_platforms_spelling():
    value = json.dumps({"tenant": "acme", "w": 1.0, "image": b64(PNG)}).replace("/", "\\/").encode()
    message = read([], value)
    assert message.record.content == ImageContent(PNG, None)
    out = message.render(ImageContent(NEW, "image/png"), [], "new")
    assert out.value == value.replace(b64(PNG).replace("/", "\\/").encode(), b64(NEW).replace("/", "\\/").encode())
    assert message.render(ImageContent(PNG, None), [], "new").value == value


def test_a_data_url_keeps_its_form_and_follows_the_format():
    value = f'{{"tenant":"acme","image":"data:image/png;name=a.png;base64,{b64(PNG)}"}}'.encode()
    message = read([], value)
    assert message.record.content == ImageContent(PNG, "image/png")
    same = message.render(ImageContent(NEW, "image/png"), [], "new").value
    assert json.loads(same)["image"] == f"data:image/png;name=a.png;base64,{b64(NEW)}"
    other = message.render(ImageContent(NEW, "image/webp"), [], "new").value
    assert json.loads(other)["image"] == f"data:image/webp;name=a.png;base64,{b64(NEW)}"


def test_a_structured_events_image_stands_in_data_base64():
    text = '{"specversion":"1.0","id":"e","tenant":"acme","datacontenttype":"image/png","data_base64":"%s"}'
    message = read([("content-type", b"application/cloudevents+json")], (text % b64(PNG)).encode())
    assert message.record.content == ImageContent(PNG, "image/png")
    released = json.loads(message.render(ImageContent(NEW, "image/jpeg"), [], "new").value)
    assert released == {
        "specversion": "1.0",
        "id": "new",
        "causationid": "e",
        "tenant": "acme",
        "datacontenttype": "image/jpeg",
        "data_base64": b64(NEW),
    }


def test_a_structured_events_data_may_be_json_with_a_base64_field():
    text = '{"specversion":"1.0","id":"e","tenant":"acme","data":{"image":"%s","n":1}}'
    message = read([("content-type", b"application/cloudevents+json")], (text % b64(PNG)).encode())
    released = message.render(ImageContent(NEW, "image/png"), [], "new").value.decode()
    assert released == text.replace('"id":"e"', '"id":"new","causationid":"e"') % b64(NEW)


@pytest.mark.parametrize(
    ("headers", "value", "reason"),
    [
        ([], b'{"tenant":"acme"}', "no_image"),
        ([], b'{"tenant":"acme","image":null}', "no_image"),
        ([], b'{"tenant":"acme","image":""}', "no_image"),
        ([], b'{"tenant":"acme","image":"data:image/png;base64,"}', "no_image"),
        ([], b'{"tenant":"acme","image":[1,2]}', "not_a_string"),
        ([], b'{"tenant":"acme","image":"https://example.com/x.png"}', "invalid_base64"),
        ([], b'{"tenant":"acme","image":"data:image/png,%89PNG"}', "invalid_base64"),
        ([], b'{"tenant":"acme","image":"iVBO\\nRw0K"}', "invalid_base64"),
        ([], b'{"tenant":"acme","image":"iVBORw0"}', "invalid_base64"),
        ([], b'{"tenant":"acme","image":"aa","image":"bb"}', "duplicate_key"),
        ([("tenant", b"acme")], None, "null_value"),
        (
            [("content-type", b"application/cloudevents+json")],
            b'{"specversion":"1.0","id":"e","tenant":"acme","data":"iVBORw=="}',
            "no_image",
        ),
    ],
)
def test_missing_and_malformed_images_are_refused(headers, value, reason):
    with pytest.raises(MessageError) as caught:
        read(headers, value)
    assert caught.value.reason == reason


def test_content_of_another_shape_is_not_written():
    image = read([("tenant", b"acme")], PNG)
    with pytest.raises(RedactionError):
        image.render(PromptContent({"prompt": "x"}), [], "new")
    for value in (b"x", b'{"tenant":"acme","prompt":"x"}'):
        reader = MessageReader(ContentKind.PROMPT, MessageMapping(default_tenant="acme"), 100)
        prompt = reader.read(RawMessage("t", 0, 0, None, value))
        for other in (ImageContent(PNG), PromptContent({}), PromptContent({"prompt": "x", "more": "y"})):
            with pytest.raises(RedactionError):
                prompt.render(other, [], "new")
        with pytest.raises(RedactionError):
            prompt.render(PromptContent({"prompt": "\ud800"}), [], "new")
        with pytest.raises(ValueError, match="id"):
            prompt.render(PromptContent({"prompt": "y"}), [], "")
