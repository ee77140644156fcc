"""Platform messages ↔ records: read what is to be judged, and write it back into the platform's own message.

What is released is the message as it came, with only the private spans or pixels changed: key, value and headers
survive byte for byte but for the content, the `veilstream-` headers, and the identity of a changed CloudEvent.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from filters.errors import MessageError, PayloadTooLarge, RecordError, RedactionError
from filters.records import Content, ContentKind, ImageContent, Record, RecordContext, SourcePosition
from streams.body import Body
from streams.claim import Claim, mentions
from streams.cloudevent import open_cloudevent
from streams.envelope import OpenedEnvelope, PlainMessage
from streams.headers import HeaderItems, Headers
from streams.identity import Identity, checked_request_id, checked_tenant, is_request_id
from streams.mapping import Envelope, MessageMapping
from streams.object_url import ObjectUrl

_NOWHERE = Claim(ObjectUrl("s3", "", ""), "0" * 64, 0)
"""Put in a reference's place to see what else of the message names the object."""
OWN_HEADERS = "veilstream-"
"""Prefix of the headers that Veilstream adds. Those that come in are dropped: a sender could forge a verdict."""


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message as Kafka gave it. `timestamp_ms` is in milliseconds of the Unix epoch; `attempts` counts from 1 how
    often judging it was begun, by this process or one that ended before.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: HeaderItems = field(default=(), repr=False)
    timestamp_ms: int | None = None
    attempts: int = 1

    @property
    def source(self) -> SourcePosition:
        return SourcePosition(self.topic, self.partition, self.offset)

    @property
    def size(self) -> int:
        """Bytes of the value."""
        return len(self.value or b"")


@dataclass(frozen=True, slots=True)
class OutMessage:
    """A message to be produced. Its value is never null: on a compacted topic that would delete."""

    key: bytes | None = field(repr=False)
    value: bytes = field(repr=False)
    headers: HeaderItems = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """A message that was read: the record to judge, and the way back.

    With a `claim`, the record's image has no bytes until `with_object` gives them.
    """

    record: Record
    raw: RawMessage = field(repr=False)
    _envelope: OpenedEnvelope = field(repr=False)
    _body: Body = field(repr=False)
    claim: Claim | None = None

    def with_object(self, data: bytes) -> "ReadMessage":
        """The message with the bytes that its claim leads to."""
        media_type = self.claim.media_type if self.claim else None
        return replace(self, record=Record(self.record.context, ImageContent(data, media_type)))

    def render(
        self,
        content: Content,
        added_headers: Iterable[tuple[str, bytes]],
        new_event_id: str,
        place: Claim | None = None,
    ) -> OutMessage:
        """The message with `content` in the place of its own.

        Args:
            content: of the record's kind, a prompt with the record's field names. Content equal to the record's leaves
                the value as it is, to the byte.
            added_headers: appended behind the message's own headers.
            new_event_id: what a changed CloudEvent is called; the same for the same input, so that a replay is known.
            place: where `content` lies, for a message with a claim: the message points there, whatever the content.

        Raises:
            RedactionError: the content does not fit the message, or has no place where it needs one.
            ValueError: `new_event_id` is empty.
        """
        if not new_event_id:
            raise ValueError("a changed event needs an id")
        if self.claim is not None:
            if place is None:
                raise RedactionError("a claim cannot be released without a place", reason="content_mismatch")
            changed_id = None if content == self.record.content else new_event_id
            value, headers = self._envelope.rewrite(self._body, place, changed_id)
        elif content == self.record.content:
            value, headers = self.raw.value or b"", Headers(self.raw.headers)
        else:
            value, headers = self._envelope.rewrite(self._body, content, new_event_id)
        kept = headers.without_prefix(OWN_HEADERS).items
        return OutMessage(self.raw.key, value, (*kept, *added_headers))


class MessageReader:
    """Reads the messages of one stream. Stateless and thread-safe.

    Args:
        kind: what the stream carries.
        mapping: how its messages are laid out.
        max_bytes: largest value that is read.

    Messages without a request id get one: a CloudEvent its `id`, if that is well formed, and everything else its
    position, `TOPIC:PARTITION:OFFSET`.
    """

    def __init__(self, kind: ContentKind, mapping: MessageMapping, max_bytes: int) -> None:
        self._kind = kind
        self._mapping = mapping
        self._max_bytes = max_bytes

    def read(self, raw: RawMessage) -> ReadMessage:
        """The message as a record.

        Raises:
            PayloadTooLarge: the value is larger than `max_bytes`.
            UnsupportedMedia: a prompt declared as something else than JSON or plain text.
            MessageError: everything else that keeps it from being read; `reason` says what.
        """
        if raw.size > self._max_bytes:
            raise PayloadTooLarge(f"{raw.size} bytes, and {self._max_bytes} are allowed", reason="bytes")
        envelope = self._open(raw)
        tenant = checked_tenant(envelope.tenant(), self._mapping.default_tenant)
        context = RecordContext(raw.source, tenant, self._request_id(envelope, raw.source))
        body = envelope.body()
        message = ReadMessage(Record(context, body.content()), raw, envelope, body, body.claim())
        _check_named_once(message)
        return message

    def identify(self, raw: RawMessage) -> Identity:
        """What can be told of the sender of a message that `read` refuses: only well-formed names, or None."""
        small = raw if raw.size <= self._max_bytes else replace(raw, value=None)
        try:
            envelope = self._open(small)
        except RecordError:
            return Identity(None, None)
        return Identity(self._tenant_or_none(envelope), self._request_id_or_none(envelope, raw.source))

    def _open(self, raw: RawMessage) -> OpenedEnvelope:
        headers, wanted = Headers(raw.headers), self._mapping.envelope
        if wanted in (Envelope.AUTO, Envelope.CLOUDEVENTS):
            event = open_cloudevent(self._kind, raw.value, headers, self._mapping)
            if event is not None:
                return event
        if wanted is Envelope.CLOUDEVENTS:
            raise MessageError("the message bears no mark of a CloudEvent", reason="unsupported_envelope")
        return PlainMessage(self._kind, raw.value, headers, self._mapping)

    def _request_id(self, envelope: OpenedEnvelope, source: SourcePosition) -> str:
        named = checked_request_id(envelope.request_id())
        if named is not None:
            return named
        event_id = envelope.event_id()
        return event_id if event_id is not None and is_request_id(event_id) else str(source)

    def _tenant_or_none(self, envelope: OpenedEnvelope) -> str | None:
        try:
            return checked_tenant(envelope.tenant(), self._mapping.default_tenant)
        except RecordError:
            return None

    def _request_id_or_none(self, envelope: OpenedEnvelope, source: SourcePosition) -> str | None:
        try:
            return self._request_id(envelope, source)
        except RecordError:
            return None


def _check_named_once(message: ReadMessage) -> None:
    """Nothing but the reference names the claimed object: whatever else did would be released with it."""
    if message.claim is None:
        return
    rest = message.render(message.record.content, (), "-", _NOWHERE)
    headers = [part for name, value in rest.headers for part in (name.encode(), value)]
    if mentions(message.claim.url, (rest.key, rest.value, *headers)):
        raise MessageError("the referenced object is named elsewhere in the message too", reason="reference_repeated")
