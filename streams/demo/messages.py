"""The platform's side of the bus: cases wrapped in each envelope, and released messages taken apart again.

A platform knows its own messages, so nothing of the filter's message mapping is used here.
"""

import base64
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import orjson

from filters.records import Content, ContentKind, ImageContent, PromptContent
from streams.demo.cases import Outgoing

Headers = tuple[tuple[str, bytes], ...]

_JSON = "application/json"
_SOURCE = "//platform.example/app"
_EVENT_TYPE = {ContentKind.PROMPT: "example.prompt.submitted", ContentKind.IMAGE: "example.image.generated"}
TEXT_FIELDS: Mapping[str, str] = {
    "prompt": "/prompt",
    "negative_prompt": "/negative_prompt",
    "workflow": "/workflow",
    "regions": "/regions/*",
}
"""The demo platform's text fields, as its worker's message mapping has to name them."""


class Wrapping(StrEnum):
    """The envelopes that the demo platform speaks."""

    BINARY = "cloudevents-binary"
    STRUCTURED = "cloudevents-structured"
    JSON = "json"
    RAW = "raw"


def wrap_prompt(wrapping: Wrapping, tenant: str, request_id: str, fields: Mapping[str, Any]) -> Outgoing:
    """A prompt's message. Only JSON can carry more than `prompt`."""
    if wrapping is Wrapping.RAW:
        return _raw(tenant, request_id, fields["prompt"].encode(), "text/plain; charset=utf-8")
    data = {**fields, "settings": {"steps": 30, "size": "1024x1024"}}
    match wrapping:
        case Wrapping.BINARY:
            return _binary(ContentKind.PROMPT, tenant, request_id, orjson.dumps(data), _JSON)
        case Wrapping.STRUCTURED:
            return _structured(ContentKind.PROMPT, tenant, request_id, {"datacontenttype": _JSON, "data": data})
    return _plain_json(tenant, request_id, data)


def wrap_image(wrapping: Wrapping, tenant: str, request_id: str, image: ImageContent) -> Outgoing:
    """An image's message."""
    media_type = image.media_type or "application/octet-stream"
    text = base64.b64encode(image.data).decode()
    match wrapping:
        case Wrapping.BINARY:
            return _binary(ContentKind.IMAGE, tenant, request_id, image.data, media_type)
        case Wrapping.STRUCTURED:
            data = {"datacontenttype": media_type, "data_base64": text}
            return _structured(ContentKind.IMAGE, tenant, request_id, data)
        case Wrapping.JSON:
            return _plain_json(tenant, request_id, {"image": f"data:{media_type};base64,{text}", "seed": 1234567890})
        case Wrapping.RAW:
            return _raw(tenant, request_id, image.data, media_type)


def open_released(kind: ContentKind, value: bytes, headers: Sequence[tuple[str, bytes | None]]) -> Content:
    """The content of a released message.

    Raises:
        ValueError: it is none of the platform's messages.
    """
    media_type = (dict(headers).get("content-type") or b"").decode("latin-1").partition(";")[0]
    if media_type.startswith("application/cloudevents"):
        event = orjson.loads(value)
        if "data_base64" in event:
            return ImageContent(base64.b64decode(event["data_base64"]), event["datacontenttype"])
        return PromptContent(text_fields(event["data"]))
    if media_type == _JSON:
        document = orjson.loads(value)
        return _data_url(document["image"]) if "image" in document else PromptContent(text_fields(document))
    if kind is ContentKind.PROMPT:
        return PromptContent({"prompt": value.decode()})
    return ImageContent(value, media_type)


def text_fields(document: Mapping[str, Any]) -> dict[str, str]:
    """The text fields of a prompt's JSON, arrays element by element, as findings name them."""
    texts: dict[str, str] = {}
    for name in TEXT_FIELDS:
        value = document.get(name)
        if isinstance(value, str):
            texts[name] = value
        elif isinstance(value, list):
            texts |= {f"{name}/{index}": text for index, text in enumerate(value)}
    return texts


def _data_url(url: str) -> ImageContent:
    kind, _, data = url.removeprefix("data:").partition(";base64,")
    return ImageContent(base64.b64decode(data), kind)


def _binary(kind: ContentKind, tenant: str, request_id: str, value: bytes, media_type: str) -> Outgoing:
    attributes = _attributes(kind, tenant, request_id)
    headers = tuple((f"ce_{name}", text.encode()) for name, text in attributes.items())
    return Outgoing(request_id.encode(), value, (*headers, ("content-type", media_type.encode())))


def _structured(kind: ContentKind, tenant: str, request_id: str, data: Mapping[str, Any]) -> Outgoing:
    event = _attributes(kind, tenant, request_id) | dict(data)
    header = ("content-type", b"application/cloudevents+json; charset=utf-8")
    return Outgoing(request_id.encode(), orjson.dumps(event), (header,))


def _attributes(kind: ContentKind, tenant: str, request_id: str) -> dict[str, str]:
    return {
        "specversion": "1.0",
        "id": f"event-{request_id}",
        "source": _SOURCE,
        "type": _EVENT_TYPE[kind],
        "tenant": tenant,
        "requestid": request_id,
    }


def _plain_json(tenant: str, request_id: str, document: Mapping[str, Any]) -> Outgoing:
    value = orjson.dumps({"tenant": tenant, "request_id": request_id, **document})
    return Outgoing(request_id.encode(), value, (("content-type", _JSON.encode()),))


def _raw(tenant: str, request_id: str, value: bytes, media_type: str) -> Outgoing:
    named = {"tenant": tenant, "request-id": request_id, "content-type": media_type}
    return Outgoing(request_id.encode(), value, tuple((name, text.encode()) for name, text in named.items()))
