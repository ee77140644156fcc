"""How content lies in a message's body: as the whole of it, or in JSON."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Protocol

import orjson

from filters.errors import MessageError, RedactionError, UnsupportedMedia
from filters.records import Content, ContentKind, ImageContent, PromptContent
from streams.claim import Claim, read_claim
from streams.headers import MediaType, parse_media_type
from streams.json_edit import Edit, JsonDocument
from streams.json_scan import JsonKind, Segments, decode_utf8, parse_pointer
from streams.mapping import JsonPointers

TEXT_FIELD = "prompt"
"""The field name of a prompt that is the whole body."""
_FIELD = "field:"
_IMAGE = "image"
_REFERENCE = "reference"
_SHA256, _SIZE, _TYPE = f"{_REFERENCE}_sha256", f"{_REFERENCE}_size", f"{_REFERENCE}_media_type"
_EVENT_DATA = frozenset({"data", "data_base64"})
_TENANT = "tenant"
_REQUEST_ID = "request_id"
_DATA_URL = re.compile(r"data:([^;,]{0,127})((?:;[^;,]{0,127}){0,8});base64,", re.IGNORECASE)
"""Bounded: the engine keeps a frame for each repetition, and a sender could ask for millions."""


Payload = Content | Claim
"""What takes the place of a body's content: content, or a reference where the body had one."""


class Body(Protocol):
    """A body, its content, and its bytes with other content of the same shape in their place."""

    def content(self) -> Content:
        """The content that is to be judged; an image without bytes where the body has a claim.

        Raises:
            MessageError: it is missing or malformed.
        """

    def claim(self) -> Claim | None:
        """The reference that stands in the place of an image, if one does.

        Raises:
            MessageError: it is malformed, or stands beside an image.
        """

    def rewrite(self, payload: Payload) -> bytes:
        """The body's bytes, with `payload` in the place of its own.

        Raises:
            RedactionError: `payload` has other fields, or is of another kind.
        """


def _fields(payload: Payload) -> Mapping[str, str]:
    if not isinstance(payload, PromptContent):
        raise RedactionError("a prompt's body was given something else", reason="content_mismatch")
    return payload.fields


def _image(payload: Payload) -> ImageContent:
    if not isinstance(payload, ImageContent):
        raise RedactionError("an image's body was given something else", reason="content_mismatch")
    return payload


def _reference(payload: Payload) -> Claim:
    if not isinstance(payload, Claim):
        raise RedactionError("a body with a reference was given content", reason="content_mismatch")
    return payload


def _check_same_fields(new: Mapping[str, str], old: Mapping[str, str]) -> None:
    if new.keys() != old.keys():
        raise RedactionError(f"a body of {len(old)} fields was given others", reason="content_mismatch")


def decode_base64(text: str) -> bytes:
    """Strict Base64 (RFC 4648 §4): padded, no line breaks.

    Raises:
        MessageError: it is something else.
    """
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:  # also for characters beyond ASCII
        pass
    raise MessageError("a Base64 value is malformed", reason="invalid_base64")


def encode_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


class TextBody:
    """The whole body is one UTF-8 prompt."""

    def __init__(self, data: bytes) -> None:
        self._text = decode_utf8(data)

    def content(self) -> PromptContent:
        return PromptContent({TEXT_FIELD: self._text})

    def claim(self) -> None:
        return None

    def rewrite(self, payload: Payload) -> bytes:
        fields = _fields(payload)
        _check_same_fields(fields, {TEXT_FIELD: ""})
        try:
            return fields[TEXT_FIELD].encode()
        except UnicodeEncodeError:
            pass
        raise RedactionError("the redacted text cannot be encoded", reason="lone_surrogate")


class ImageBody:
    """The whole body is one image file."""

    def __init__(self, data: bytes, media_type: MediaType | None) -> None:
        self._content = ImageContent(data, media_type.name if media_type else None)

    def content(self) -> ImageContent:
        return self._content

    def claim(self) -> None:
        return None

    def rewrite(self, payload: Payload) -> bytes:
        return _image(payload).data


class ReferencedBody:
    """No body: the image lies where an attribute of the envelope says."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim

    def content(self) -> ImageContent:
        return ImageContent(b"", self._claim.media_type)

    def claim(self) -> Claim:
        return self._claim

    def rewrite(self, payload: Payload) -> bytes:
        _reference(payload)
        return b""


class JsonBody:
    """JSON that holds the content where the pointers say, and with `identity` also tenant and request id.

    Raises:
        MessageError: see `streams.json_scan.scan`.
    """

    def __init__(self, kind: ContentKind, data: bytes, pointers: JsonPointers, *, identity: bool = False) -> None:
        self._kind = kind
        self._document = JsonDocument(data, _targets(kind, pointers, identity=identity))

    def tenant(self) -> str | None:
        """Raises MessageError where it is neither text nor number."""
        return self._document.identifier(_TENANT)

    def request_id(self) -> str | None:
        """Raises MessageError where it is neither text nor number."""
        return self._document.identifier(_REQUEST_ID)

    def content(self) -> Content:
        if self._kind is ContentKind.PROMPT:
            return PromptContent(self._texts())
        claim = self.claim()
        return self._decoded_image() if claim is None else ImageContent(b"", claim.media_type)

    def claim(self) -> Claim | None:
        document = self._document
        url = document.text(_REFERENCE)
        if url is None:
            return None
        if document.kind(_IMAGE) not in (None, JsonKind.NULL):
            raise MessageError("an image and a reference to one exclude each other", reason="ambiguous_data")
        declared = parse_media_type((document.text(_TYPE) or "").encode())
        media_type = declared.name if declared else None
        return read_claim(url, document.text(_SHA256), document.identifier(_SIZE), media_type)

    def rewrite(self, payload: Payload) -> bytes:
        document = self._document
        if self._kind is ContentKind.IMAGE and document.text(_REFERENCE) is not None:
            return document.edited(self._reference_edits(_reference(payload)))
        if self._kind is ContentKind.IMAGE:
            return document.edited([document.replace(_IMAGE, self._encoded_image(_image(payload)))])
        old, new = self._texts(), _fields(payload)
        _check_same_fields(new, old)
        changed = {name: text for name, text in new.items() if text != old[name]}
        return document.edited(document.replace_source(_FIELD + name, text) for name, text in changed.items())

    def _reference_edits(self, claim: Claim) -> list[Edit]:
        """What the message says of the object, it says of the new one; what it does not say stays unsaid."""
        said = {_REFERENCE: str(claim.url), _SHA256: claim.sha256, _SIZE: str(claim.size), _TYPE: claim.media_type}
        texts = [
            self._document.replace(name, text)
            for name, text in said.items()
            if text is not None and self._document.kind(name) is JsonKind.STRING
        ]
        counted = self._document.kind(_SIZE) is JsonKind.NUMBER
        return [*texts, self._document.replace_raw(_SIZE, str(claim.size).encode())] if counted else texts

    def _texts(self) -> dict[str, str]:
        document = self._document
        targets = [name for name in document.values if name.startswith(_FIELD)]
        texts = {name.removeprefix(_FIELD): document.source(name) for name in targets}
        present = {name: text for name, text in texts.items() if text is not None}
        if not present:
            raise MessageError("none of the mapped text fields is there", reason="no_prompt")
        return present

    def _image_text(self) -> tuple[str, re.Match[str] | None]:
        text = self._document.text(_IMAGE)
        if text is None:
            raise MessageError("the mapped image field is not there", reason="no_image")
        return text, _DATA_URL.match(text)

    def _decoded_image(self) -> ImageContent:
        text, url = self._image_text()
        data = decode_base64(text[url.end() :] if url else text)
        if not data:
            raise MessageError("the mapped image field is empty", reason="no_image")
        return ImageContent(data, (url[1].lower() or None) if url else None)

    def _encoded_image(self, image: ImageContent) -> str:
        _, url = self._image_text()
        if not url:
            return encode_base64(image.data)
        kept = not url[1] or image.media_type in (None, url[1].lower())
        prefix = url[0] if kept else f"data:{image.media_type}{url[2]};base64,"
        return prefix + encode_base64(image.data)


def _targets(kind: ContentKind, pointers: JsonPointers, *, identity: bool) -> dict[str, Segments]:
    named: dict[str, str | None] = {_IMAGE: pointers.image, **pointers.claim_pointers}
    if kind is ContentKind.PROMPT:
        named = {_FIELD + name: pointer for name, pointer in pointers.fields.items()}
    if identity:
        named |= {_TENANT: pointers.tenant, _REQUEST_ID: pointers.request_id}
    return {name: parse_pointer(pointer) for name, pointer in named.items() if pointer is not None}


def looks_like_json(data: bytes) -> bool:
    """Whether data without a declared type is taken for JSON: it begins with `{` (after a byte order mark, even)."""
    return data.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").startswith(b"{")


def is_json(data: bytes, media_type: MediaType | None) -> bool:
    """By the declared media type, or by looks where there is none."""
    return media_type.is_json if media_type else looks_like_json(data)


def whole_body(kind: ContentKind, data: bytes, media_type: MediaType | None) -> Body:
    """A body that is nothing but content.

    Raises:
        MessageError: a prompt that is not UTF-8.
    """
    return TextBody(data) if kind is ContentKind.PROMPT else ImageBody(data, media_type)


def text_body(kind: ContentKind, data: bytes, media_type: MediaType | None) -> Body:
    """`whole_body`, but for a prompt that is JSON as well: its reader would find other text in it than was judged.

    A wildcard prompt (`{red|blue} house`) is no JSON, and passes.

    Raises:
        MessageError: `ambiguous_body`, or not UTF-8.
    """
    if kind is ContentKind.PROMPT and _reads_otherwise(data):
        raise MessageError("declared as text and valid JSON too; pin the envelope", reason="ambiguous_body")
    return whole_body(kind, data, media_type)


def _reads_otherwise(data: bytes) -> bool:
    text = data.removeprefix(b"\xef\xbb\xbf").strip()
    if not text.startswith((b"{", b"[", b'"')):
        return False
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return not isinstance(document, str) or document.encode() != text[1:-1]


def is_undeclared_event(data: bytes) -> bool:
    """Whether a JSON message that nothing marks as a CloudEvent reads as one, with content in its `data`."""
    if b"specversion" not in data and b"\\" not in data:
        return False
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return isinstance(document, dict) and "specversion" in document and not document.keys().isdisjoint(_EVENT_DATA)


def open_body(kind: ContentKind, data: bytes, media_type: MediaType | None, pointers: JsonPointers) -> Body:
    """A body by its declared media type, and by its looks where none is declared.

    Raises:
        MessageError: malformed JSON or UTF-8, or a text that is JSON too.
        UnsupportedMedia: a prompt that is neither JSON nor plain text: a form or a page would hide text.
    """
    if is_json(data, media_type):
        return JsonBody(kind, data, pointers)
    if kind is ContentKind.PROMPT and media_type and media_type.name != "text/plain":
        raise UnsupportedMedia("a prompt must be JSON or plain text", reason="media_type")
    return text_body(kind, data, media_type)
