"""Platform messages ↔ records: read what is to be judged, and write it back into the platform's own message.

What is released is the message as it came, with only the private spans or pixels changed: key, value and headers
survive byte for byte but for the content, the `veilstream-` headers, and the identity of a changed CloudEvent.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from filters.errors import MessageError, PayloadTooLarge, RecordError
from filters.records import Content, ContentKind, Record, RecordContext, SourcePosition
from streams.body import Body
from streams.cloudevent import open_cloudevent
from streams.envelope import OpenedEnvelope, PlainMessage
from streams.headers import HeaderItems, Headers
from streams.identity import Identity, checked_request_id, checked_tenant, is_request_id
from streams.mapping import Envelope, MessageMapping

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
    """A message that was read: the record to judge, and the way back."""

    record: Record
    raw: RawMessage = field(repr=False)
    _envelope: OpenedEnvelope = field(repr=False)
    _body: Body = field(repr=False)

    def render(self, content: Content, added_headers: Iterable[tuple[str, bytes]], new_event_id: str) -> OutMessage:
        """The message with `content` in the place of its own.

        Args:
            content: of the record's kind, a prompt with the record's field names. Content equal to the record's leaves
                the value as it is, to the byte.
            added_headers: appended behind the message's own headers.
            new_event_id: what a changed CloudEvent is called; the same for the same input, so that a replay is known.

        Raises:
            RedactionError: the content does not fit the message.
            ValueError: `new_event_id` is empty.
        """
        if not new_event_id:
            raise ValueError("a changed event needs an id")
        if content == self.record.content:
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
        return ReadMessage(Record(context, body.content()), raw, envelope, body)

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
