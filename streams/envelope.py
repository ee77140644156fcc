"""What every envelope offers, and the plain one: a body with its identity in JSON or in headers."""

from typing import Protocol

from filters.errors import MessageError
from filters.records import ContentKind, PromptContent
from streams.body import Body, JsonBody, Payload, is_json, is_undeclared_event, open_body, whole_body
from streams.headers import Headers, MediaType, parse_media_type
from streams.mapping import Envelope, MessageMapping


class OpenedEnvelope(Protocol):
    """A message taken apart. Each method raises MessageError for what it needs and finds missing or malformed."""

    def tenant(self) -> str | None:
        """As the message says, unchecked."""

    def request_id(self) -> str | None:
        """As the message says, unchecked."""

    def event_id(self) -> str | None:
        """The event's own id, unchecked; None for what is no event."""

    def body(self) -> Body:
        """Where the content lies."""

    def rewrite(self, body: Body, payload: Payload, new_event_id: str | None) -> tuple[bytes, Headers]:
        """Value and headers with another payload in the place of the body's; without an id, the event keeps its own."""


def header_text(value: bytes | None) -> str | None:
    """A header as text of the same length in bytes; only ASCII can pass the checks that follow."""
    return None if value is None else value.decode("latin-1")


def checked_value(value: bytes | None) -> bytes:
    """A value with something in it.

    Raises:
        MessageError: it is null (a tombstone) or empty.
    """
    if value is None:
        raise MessageError("the value is null", reason="null_value")
    if not value:
        raise MessageError("the value is empty", reason="empty_value")
    return value


def changed_media_type(declared: MediaType | None, payload: Payload) -> str | None:
    """What the declared media type becomes when a redacted image is of another format; None to leave it."""
    if declared is None or declared.is_json or isinstance(payload, PromptContent):
        return None
    return payload.media_type if payload.media_type != declared.name else None


class PlainMessage:
    """JSON by pointers, or raw bytes with headers.

    Raises:
        MessageError: the JSON is malformed, or the declared media type is.
    """

    def __init__(self, kind: ContentKind, value: bytes | None, headers: Headers, mapping: MessageMapping) -> None:
        self._kind = kind
        self._value = value
        self._headers = headers
        self._mapping = mapping
        self._declared = self._media_type()
        self._json = self._read_json()

    def _media_type(self) -> MediaType | None:
        """A pinned envelope says what the value is, whatever a header calls it; but images have many formats."""
        name = self._mapping.headers.media_type
        pinned = self._mapping.envelope in (Envelope.JSON, Envelope.RAW) and self._kind is ContentKind.PROMPT
        return None if name is None or pinned else parse_media_type(self._headers.get(name))

    def _read_json(self) -> JsonBody | None:
        if not self._value or self._mapping.envelope is Envelope.RAW:
            return None
        if self._mapping.envelope is Envelope.JSON or is_json(self._value, self._declared):
            if self._mapping.envelope is Envelope.AUTO and is_undeclared_event(self._value):
                raise MessageError("a CloudEvent that is not declared as one", reason="ambiguous_body")
            return JsonBody(self._kind, self._value, self._mapping.json_pointers, identity=True)
        return None

    def tenant(self) -> str | None:
        name = self._mapping.headers.tenant
        return _agreed(self._json.tenant() if self._json else None, self._header(name), "conflicting_tenant")

    def request_id(self) -> str | None:
        name = self._mapping.headers.request_id
        return _agreed(self._json.request_id() if self._json else None, self._header(name), "conflicting_request_id")

    def event_id(self) -> str | None:
        return None

    def body(self) -> Body:
        value = checked_value(self._value)
        if self._json:
            return self._json
        if self._mapping.envelope is Envelope.RAW:
            return whole_body(self._kind, value, self._declared)
        return open_body(self._kind, value, self._declared, self._mapping.json_pointers)

    def rewrite(self, body: Body, payload: Payload, new_event_id: str | None) -> tuple[bytes, Headers]:  # noqa: ARG002  no event
        name, media_type = self._mapping.headers.media_type, changed_media_type(self._declared, payload)
        headers = self._headers.with_value(name, media_type.encode()) if name and media_type else self._headers
        return body.rewrite(payload), headers

    def _header(self, name: str | None) -> str | None:
        return header_text(self._headers.get(name)) if name is not None else None


def _agreed(one: str | None, other: str | None, reason: str) -> str | None:
    """The one that is there; body and header that differ would let a sender pick the laxer policy."""
    if one is not None and other is not None and one != other:
        raise MessageError("the body and a header name different ones", reason=reason)
    return one if one is not None else other
