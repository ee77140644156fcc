"""CloudEvents 1.0 in Kafka's binary and structured content modes, read and changed in place.

A changed event is another event: it gets an `id` of its own, and `causationid` names the one it came from. An event
whose data is not changed keeps its `id`. Data by reference (the `dataref` extension) is read on the image stream.
Only what the filter depends on is checked; the rest is the platform's.
"""

from filters.errors import MessageError, UnsupportedMedia
from filters.records import ContentKind
from streams.body import Body, JsonBody, Payload, ReferencedBody, decode_base64, encode_base64, open_body, text_body
from streams.claim import Claim, read_claim
from streams.envelope import OpenedEnvelope, changed_media_type, checked_value, header_text
from streams.headers import Headers, MediaType, parse_media_type
from streams.json_edit import Edit, JsonDocument
from streams.json_scan import JsonKind
from streams.mapping import CloudEventAttributes, MessageMapping

CONTENT_TYPE = "content-type"
HEADER_PREFIX = "ce_"
SPEC_VERSION = "1.0"
STRUCTURED_FAMILY = "application/cloudevents"
_STRUCTURED = (STRUCTURED_FAMILY, f"{STRUCTURED_FAMILY}+json")
_ID = "id"
_CAUSATION = "causationid"
_VERSION = "specversion"
_CLAIM_CHECK = "dataref"
_DATA = "data"
_BINARY_DATA = "data_base64"
_DATA_TYPE = "datacontenttype"


def open_cloudevent(
    kind: ContentKind, value: bytes | None, headers: Headers, mapping: MessageMapping
) -> OpenedEnvelope | None:
    """The event, or None where the message is none: neither the content type nor `ce_specversion` says so.

    Raises:
        MessageError: a batch, another format than JSON, another version than 1.0, both modes at a time, or a
            structured event that is no valid JSON.
    """
    content_type = (headers.get(CONTENT_TYPE) or b"").strip().lower()
    version = header_text(headers.get(HEADER_PREFIX + _VERSION))
    if not content_type.startswith(STRUCTURED_FAMILY.encode()):
        return None if version is None else BinaryEvent(kind, value, headers, mapping)
    if version is not None:
        raise MessageError(
            "marks of both CloudEvents modes; readers differ in which they take", reason="ambiguous_mode"
        )
    media_type = parse_media_type(content_type)
    if media_type is None or media_type.name not in _STRUCTURED:
        raise MessageError("of structured CloudEvents, single JSON ones are read", reason="unsupported_envelope")
    return StructuredEvent(kind, checked_value(value), headers, mapping)


def _check_version(version: str | None) -> None:
    if version != SPEC_VERSION:
        raise MessageError(f"CloudEvents {SPEC_VERSION} are read, no other version", reason="unsupported_version")


def _check_id(event_id: str | None) -> None:
    if not event_id:
        raise MessageError("the event has no id", reason="missing_event_id")


def _check_reference(kind: ContentKind, declared: MediaType | None, *, beside_data: bool) -> None:
    if kind is ContentKind.PROMPT:
        raise MessageError("prompts are not read by reference (`dataref`)", reason="claim_check_unsupported")
    if beside_data:
        # what it points at need not be the data, and the released event would hand it on
        raise MessageError("data and `dataref` exclude each other", reason="ambiguous_data")
    if declared is not None and declared.is_json:
        raise UnsupportedMedia("data by reference must be an image", reason="media_type")


def _claim_attributes(claim: Claim, attributes: CloudEventAttributes) -> dict[str, str]:
    """Letters that stand for themselves in headers and in JSON."""
    return {_CLAIM_CHECK: str(claim.url), attributes.sha256: claim.sha256 or "", attributes.size: str(claim.size)}


class BinaryEvent:
    """Attributes in `ce_*` headers, the data is the value."""

    def __init__(self, kind: ContentKind, value: bytes | None, headers: Headers, mapping: MessageMapping) -> None:
        self._kind = kind
        self._value = value
        self._headers = headers
        self._mapping = mapping
        _check_version(self._attribute(_VERSION))

    def tenant(self) -> str | None:
        return self._attribute(self._mapping.ce.tenant)

    def request_id(self) -> str | None:
        return self._attribute(self._mapping.ce.request_id)

    def event_id(self) -> str | None:
        return self._attribute(_ID)

    def body(self) -> Body:
        _check_id(self.event_id())
        url, declared = self._attribute(_CLAIM_CHECK), self._media_type()
        if url is None:
            return open_body(self._kind, checked_value(self._value), declared, self._mapping.json_pointers)
        _check_reference(self._kind, declared, beside_data=bool(self._value))
        sha256, size = self._attribute(self._mapping.ce.sha256), self._attribute(self._mapping.ce.size)
        return ReferencedBody(read_claim(url, sha256, size, declared.name if declared else None))

    def rewrite(self, body: Body, payload: Payload, new_event_id: str | None) -> tuple[bytes, Headers]:
        value, changes = body.rewrite(payload), dict[str, str]()
        if new_event_id is not None:
            changes |= {_ID: new_event_id, _CAUSATION: self.event_id() or ""}
        if isinstance(body, ReferencedBody) and isinstance(payload, Claim):
            changes |= _claim_attributes(payload, self._mapping.ce)
        headers = self._headers
        for name, text in changes.items():
            headers = headers.with_value(HEADER_PREFIX + name, text.encode("latin-1"))
        media_type = changed_media_type(self._media_type(), payload)
        if media_type:
            headers = headers.with_value(CONTENT_TYPE, media_type.encode())
        return value, headers

    def _attribute(self, name: str) -> str | None:
        return header_text(self._headers.get(HEADER_PREFIX + name))

    def _media_type(self) -> MediaType | None:
        return parse_media_type(self._headers.get(CONTENT_TYPE))


class StructuredEvent:
    """The whole event is one JSON object: data in `data`, or as Base64 in `data_base64`."""

    def __init__(self, kind: ContentKind, value: bytes, headers: Headers, mapping: MessageMapping) -> None:
        self._kind = kind
        self._headers = headers
        self._mapping = mapping
        own = (_ID, _CAUSATION, _VERSION, _CLAIM_CHECK, _DATA, _BINARY_DATA, _DATA_TYPE)
        names = (*own, mapping.ce.tenant, mapping.ce.request_id, mapping.ce.sha256, mapping.ce.size)
        self._attributes = mapping.ce
        self._document = JsonDocument(value, {name: (name,) for name in names})
        _check_version(self._document.text(_VERSION))

    def tenant(self) -> str | None:
        return self._document.identifier(self._mapping.ce.tenant)

    def request_id(self) -> str | None:
        return self._document.identifier(self._mapping.ce.request_id)

    def event_id(self) -> str | None:
        return self._document.text(_ID)

    def body(self) -> Body:
        _check_id(self.event_id())
        if self._has(_CLAIM_CHECK):
            return self._referenced()
        if self._has(_DATA) and self._has(_BINARY_DATA):
            raise MessageError("`data` and `data_base64` exclude each other", reason="ambiguous_data")
        if self._has(_BINARY_DATA):
            data = checked_value(decode_base64(self._document.text(_BINARY_DATA) or ""))
            return open_body(self._kind, data, self._media_type(), self._mapping.json_pointers)
        if self._document.kind(_DATA) is JsonKind.STRING:
            return self._text_body()
        if self._has(_DATA):
            return JsonBody(self._kind, self._document.raw(_DATA), self._mapping.json_pointers)
        raise MessageError("the event has no data", reason="no_data")

    def rewrite(self, body: Body, payload: Payload, new_event_id: str | None) -> tuple[bytes, Headers]:
        document, data = self._document, body.rewrite(payload)
        edits = [] if new_event_id is None else self._identity_edits(new_event_id)
        if isinstance(body, ReferencedBody) and isinstance(payload, Claim):
            edits += self._claim_edits(payload)
        else:
            edits.append(self._data_edit(data))
        media_type = changed_media_type(self._media_type(), payload)
        if media_type:
            edits.append(document.replace(_DATA_TYPE, media_type))
        return document.edited(edits), self._headers

    def _identity_edits(self, new_event_id: str) -> list[Edit]:
        return [
            self._document.replace(_ID, new_event_id),
            self._member_edit(_ID, _CAUSATION, self._document.raw(_ID)),
        ]

    def _claim_edits(self, claim: Claim) -> list[Edit]:
        """A size that was a number stays one."""
        said = {name: b'"%s"' % text.encode() for name, text in _claim_attributes(claim, self._attributes).items()}
        if self._document.kind(self._attributes.size) is not JsonKind.STRING:
            said[self._attributes.size] = str(claim.size).encode()
        return [self._member_edit(_CLAIM_CHECK, name, value) for name, value in said.items()]

    def _member_edit(self, neighbour: str, name: str, value: bytes) -> Edit:
        """`value`, itself JSON, in the place of the member `name`, or in a new one behind `neighbour`."""
        if name in self._document.values:
            return self._document.replace_raw(name, value)
        return self._document.insert_after(neighbour, name, value)

    def _referenced(self) -> Body:
        document, declared = self._document, self._media_type()
        _check_reference(self._kind, declared, beside_data=self._has(_DATA) or self._has(_BINARY_DATA))
        sha256, size = document.text(self._attributes.sha256), document.identifier(self._attributes.size)
        url = document.text(_CLAIM_CHECK) or ""
        return ReferencedBody(read_claim(url, sha256, size, declared.name if declared else None))

    def _has(self, name: str) -> bool:
        return self._document.kind(name) not in (None, JsonKind.NULL)

    def _media_type(self) -> MediaType | None:
        declared = self._document.text(_DATA_TYPE)
        return parse_media_type(None if declared is None else declared.encode())

    def _text_body(self) -> Body:
        """A string is the data itself, be the declared type JSON, text, or absent."""
        text = (self._document.text(_DATA) or "").encode()
        if self._kind is ContentKind.IMAGE:
            raise MessageError("an image stands in `data_base64`, not in a string of `data`", reason="no_image")
        declared = self._media_type()
        if declared is None or declared.is_json:
            return text_body(self._kind, text, declared)
        return open_body(self._kind, text, declared, self._mapping.json_pointers)

    def _data_edit(self, data: bytes) -> Edit:
        if self._has(_BINARY_DATA):
            return self._document.replace(_BINARY_DATA, encode_base64(data))
        if self._document.kind(_DATA) is JsonKind.STRING:
            return self._document.replace(_DATA, data.decode())
        return self._document.replace_raw(_DATA, data)
