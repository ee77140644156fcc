"""How a platform's messages are laid out: where tenant, request id and content stand in them."""

from collections.abc import Mapping
from enum import StrEnum
from itertools import combinations
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from filters.policy import TENANT_PATTERN
from streams.json_scan import ANY_ELEMENT, parse_pointer


class Envelope(StrEnum):
    """What messages come in.

    `auto` tells the others apart message by message; pin the envelope where a platform speaks only one, so that no
    sender can choose another by a header.
    """

    AUTO = "auto"
    CLOUDEVENTS = "cloudevents"
    JSON = "json"
    RAW = "raw"


def _any_pointer(pointer: str) -> str:
    parse_pointer(pointer)
    return pointer


def _single_pointer(pointer: str) -> str:
    if ANY_ELEMENT in parse_pointer(pointer):
        raise ValueError("`*` stands for several values, and this must be one")
    return pointer


JsonPointer = Annotated[str, AfterValidator(_any_pointer)]
"""RFC 6901; a segment `*` stands for every element of an array."""
SinglePointer = Annotated[str, AfterValidator(_single_pointer)]
"""RFC 6901."""
AttributeName = Annotated[str, Field(pattern=r"^[a-z0-9]{1,20}$")]
"""A CloudEvents attribute: lower-case letters and digits, 20 at most, as CloudEvents 1.0 recommends."""
HeaderName = Annotated[str, Field(min_length=1, max_length=255)]
"""A Kafka header; upper and lower case are the same."""
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,62}$")]
"""A text field, as findings and verdicts name it."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)


class CloudEventAttributes(_Model):
    """Attributes of a CloudEvent that name tenant and request. Without the second, the event's `id` is the request."""

    tenant: AttributeName = Field(default="tenant", description="CloudEvents attribute that names the tenant.")
    request_id: AttributeName = Field(default="requestid", description="CloudEvents attribute with the request id.")
    sha256: AttributeName = Field(
        default="datarefsha256",
        description="CloudEvents attribute with the SHA-256 of what `dataref` points at, in hex.",
    )
    size: AttributeName = Field(
        default="datarefsize", description="CloudEvents attribute with the bytes of what `dataref` points at."
    )


class JsonPointers(_Model):
    """Where things stand in a JSON message, or in the JSON data of a CloudEvent.

    `fields` maps field names to pointers; under a pointer with `*` the names become `NAME/0`, `NAME/1`, … `image` is a
    string of Base64 (RFC 4648 §4), or a `data:` URL of it; in its stead, `reference` may be the URL of an object.
    """

    tenant: SinglePointer | None = Field(default="/tenant", description="JSON pointer to the tenant.")
    request_id: SinglePointer | None = Field(default="/request_id", description="JSON pointer to the request id.")
    fields: Annotated[Mapping[FieldName, JsonPointer], Field(min_length=1)] = Field(
        default={"prompt": "/prompt", "negative_prompt": "/negative_prompt"},
        description="Texts to judge: name to JSON pointer of a string, or of an object or array such as a workflow.",
    )
    image: SinglePointer = Field(default="/image", description="JSON pointer to the image, in Base64.")
    reference: SinglePointer | None = Field(
        default=None, description="JSON pointer to the URL of an image that is not in the message."
    )
    sha256: SinglePointer = Field(
        default="/image_sha256", description="With `reference`: JSON pointer to the object's SHA-256, in hex."
    )
    size: SinglePointer = Field(
        default="/image_size", description="With `reference`: JSON pointer to the object's bytes."
    )
    media_type: SinglePointer | None = Field(
        default=None, description="With `reference`: JSON pointer to the object's media type."
    )

    @model_validator(mode="after")
    def _pointers_are_apart(self) -> Self:
        named = {"tenant": self.tenant, "request_id": self.request_id, "image": self.image, **self.fields}
        named |= self.claim_pointers
        pointers = [(name, parse_pointer(pointer)) for name, pointer in named.items() if pointer is not None]
        for (one, first), (other, second) in combinations(pointers, 2):
            if all(a == b or ANY_ELEMENT in (a, b) for a, b in zip(first, second, strict=False)):
                raise ValueError(f"the pointers of `{one}` and `{other}` meet: one value cannot be both")
        return self

    @property
    def claim_pointers(self) -> Mapping[str, str | None]:
        """The pointers to an image by reference; none where `reference` is not mapped."""
        if self.reference is None:
            return {}
        parts = {"sha256": self.sha256, "size": self.size, "media_type": self.media_type}
        return {"reference": self.reference} | {f"reference_{name}": pointer for name, pointer in parts.items()}


class HeaderNames(_Model):
    """Message headers. `tenant` and `request_id` serve raw messages, and JSON messages that do not hold them."""

    tenant: HeaderName | None = Field(default="tenant", description="Header that names the tenant.")
    request_id: HeaderName | None = Field(default="request-id", description="Header with the request id.")
    media_type: HeaderName | None = Field(default="content-type", description="Header with the media type.")


class MessageMapping(_Model):
    """How one stream's messages are read. The defaults read CloudEvents, plain JSON and raw bytes."""

    envelope: Envelope = Field(
        default=Envelope.AUTO, description="auto, cloudevents, json or raw; pin it where the platform speaks one."
    )
    ce: CloudEventAttributes = CloudEventAttributes()
    json_pointers: JsonPointers = Field(default=JsonPointers(), alias="json")
    headers: HeaderNames = HeaderNames()
    default_tenant: Annotated[str, Field(pattern=TENANT_PATTERN)] | None = Field(
        default=None, description="For messages that name none; without it they are rejected."
    )
