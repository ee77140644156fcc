"""Events that the CloudEvents project's own SDK writes are read, and it reads what is released."""

from datetime import UTC, datetime

import pytest

from filters.records import ContentKind, ImageContent, PromptContent
from streams.mapping import MessageMapping
from streams.message import MessageReader, RawMessage

kafka = pytest.importorskip("cloudevents.core.bindings.kafka", reason="the CloudEvents SDK is not installed")
json_format = pytest.importorskip("cloudevents.core.formats.json")
v1 = pytest.importorskip("cloudevents.core.v1.event")

FORMAT = json_format.JSONFormat()
PNG = b"\x89PNG\r\n\x1a\n\0\xff"


def _event(data, media_type):
    attributes = {"id": "evt-1", "source": "/studio", "type": "created", "tenant": "acme", "requestid": "r-1"}
    return v1.CloudEvent(attributes | {"datacontenttype": media_type, "time": datetime(2026, 1, 2, tzinfo=UTC)}, data)


def _release(message, kind, content):
    raw = RawMessage("t", 0, 0, b"key", message.value, tuple(message.headers.items()))
    read = MessageReader(kind, MessageMapping(), 10_000).read(raw)
    assert (read.record.context.tenant, read.record.context.request_id) == ("acme", "r-1")
    out = read.render(content, [("veilstream-verdict", b"v")], "evt-2")
    return read.record.content, kafka.from_kafka(kafka.KafkaMessage(dict(out.headers), None, out.value), FORMAT)


MODES = pytest.mark.parametrize("write", [kafka.to_binary, kafka.to_structured])


def _check_attributes(event):
    attributes = event.get_attributes()
    assert (attributes["id"], attributes["causationid"]) == ("evt-2", "evt-1")
    assert (attributes["source"], attributes["type"]) == ("/studio", "created")
    assert attributes["time"] == datetime(2026, 1, 2, tzinfo=UTC)


@MODES
def test_json_prompts_of_the_sdk_go_through(write):
    message = write(_event({"prompt": "Jane — 8k", "seed": 7, "negative_prompt": None}, "application/json"), FORMAT)
    content, event = _release(message, ContentKind.PROMPT, PromptContent({"prompt": "<PERSON> — 8k"}))
    assert content.fields == {"prompt": "Jane — 8k"}
    assert event.get_data() == {"prompt": "<PERSON> — 8k", "seed": 7, "negative_prompt": None}
    _check_attributes(event)


@MODES
def test_text_prompts_of_the_sdk_go_through(write):
    message = write(_event('Jane, "8k"', "text/plain"), FORMAT)
    content, event = _release(message, ContentKind.PROMPT, PromptContent({"prompt": '<PERSON>, "8k"'}))
    assert content.fields == {"prompt": 'Jane, "8k"'}
    assert event.get_data() == '<PERSON>, "8k"'
    _check_attributes(event)


@MODES
def test_images_of_the_sdk_go_through(write):
    message = write(_event(PNG, "image/png"), FORMAT)
    content, event = _release(message, ContentKind.IMAGE, ImageContent(PNG + b"\x80", "image/png"))
    assert content == ImageContent(PNG, "image/png")
    assert event.get_data() == PNG + b"\x80"
    _check_attributes(event)
