"""From raw messages to what is written about them: read, run the pipeline, render.

A judgement is a verdict, its audit record, and the outputs that its action asks for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from filters.errors import (
    MessageError,
    PayloadTooLarge,
    RecordError,
    RedactionError,
    VeilstreamError,
)
from filters.keys import TenantKeys
from filters.pipeline import FilterPipeline
from filters.records import Content, ContentKind, ImageContent, RecordContext
from filters.verdict import Action, Failure, Outcome, PolicyRef, Verdict, verdict_id
from streams.attempts import GIVE_UP_AT
from streams.claim import Claim
from streams.claim_check import ClaimCheck, no_claims
from streams.dead_letter import DeadLetterWriter, LetterKeeping, most_sealed_bytes, replayed_from
from streams.documents import encode, rejection_document, verdict_document
from streams.emit import OutputRecord
from streams.identity import Identity
from streams.message import MessageReader, RawMessage, ReadMessage
from streams.original import packed
from streams.seal import Sealer
from streams.topics import TopicNames

JSON_HEADER = ("content-type", b"application/json")
SEALED_HEADER = ("content-type", b"application/vnd.veilstream.sealed")
LARGEST_ASIDE_KEY = 1024
"""Bytes. Verdicts and rejections have to fit into a broker's default of 1 MB whatever a sender makes of its key."""
UNREAD = ""
"""Tenant and request id of a message that could not be read."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and all that is written about the record: first `audit`, then `outputs`."""

    verdict: Verdict
    audit: OutputRecord
    outputs: tuple[OutputRecord, ...]


@dataclass(frozen=True, slots=True)
class OutputLimits:
    """Bytes: the largest record that may be released, the largest original that a dead letter keeps sealed."""

    max_message_bytes: int
    max_sealed_bytes: int


class Judge:
    """`BatchJudge` for one stream.

    Args:
        kind: of content on the stream.
        reader: the platform's message mapping.
        pipeline: judges records.
        topics: where outputs go.
        keys: for sealing what is held and for digests.
        limits: sizes.
        keeping: whose dead letters keep the original.
        claims: fetches and writes what messages point at; without it, every claim is refused.
    """

    def __init__(
        self,
        kind: ContentKind,
        reader: MessageReader,
        pipeline: FilterPipeline,
        topics: TopicNames,
        keys: TenantKeys,
        limits: OutputLimits,
        keeping: LetterKeeping,
        claims: ClaimCheck | None = None,
    ) -> None:
        self._claims = claims or no_claims()
        self._kind = kind
        self._reader = reader
        self._pipeline = pipeline
        self._topics = topics
        self._sealer = Sealer(keys)
        most = min(limits.max_sealed_bytes, most_sealed_bytes(limits.max_message_bytes))
        self._letters = DeadLetterWriter(self._sealer, keeping, most)
        self._limits = limits

    def judge(self, raws: Sequence[RawMessage], deadline: float) -> list[Judgement]:
        """One judgement a message, in order."""
        read = [self._read(raw) for raw in raws]
        messages = [message for message in read if isinstance(message, ReadMessage)]
        judged: dict[int, Judgement] = {}
        for part in self._claims.parts(messages):
            judged |= zip(part, self._judge_part([messages[index] for index in part], deadline), strict=True)
        judgements = (judged[index] for index in range(len(messages)))
        return [
            next(judgements) if isinstance(message, ReadMessage) else self._unread(raw, message)
            for raw, message in zip(raws, read, strict=True)
        ]

    def _judge_part(self, messages: Sequence[ReadMessage], deadline: float) -> list[Judgement]:
        fetched = self._claims.fetch(messages, deadline)
        records = [message.record for message in fetched if isinstance(message, ReadMessage)]
        outcomes = iter(self._pipeline.process_batch(records, deadline))
        judged = [
            (given, next(outcomes)) if isinstance(given, ReadMessage) else (message, self._unfetched(message, given))
            for message, given in zip(messages, fetched, strict=True)
        ]
        places = self._claims.place(judged, deadline)
        return [
            self._judgement(message, outcome, place) for (message, outcome), place in zip(judged, places, strict=True)
        ]

    def _unfetched(self, message: ReadMessage, error: VeilstreamError) -> Outcome:
        return self._pipeline.failed(message.record, error, "fetch")

    def failed(self, raw: RawMessage, error: VeilstreamError) -> Judgement:
        """The judgement of a message whose judging failed as a whole."""
        # a record that killed even an attempt which only read it is not read again
        unread = MessageError("reading the message ended the process", reason="poison")
        message = unread if raw.attempts > GIVE_UP_AT else self._read(raw)
        if not isinstance(message, ReadMessage):
            return self._unread(raw, message)
        return self._judgement(message, self._pipeline.failed(message.record, error, "detect"), None)

    def _read(self, raw: RawMessage) -> ReadMessage | RecordError:
        try:
            return self._reader.read(raw)
        except RecordError as error:
            return error

    def _unread(self, raw: RawMessage, error: RecordError) -> Judgement:
        identity = self._reader.identify(raw)
        verdict = Verdict(
            id=verdict_id(raw.source, self._kind),
            context=RecordContext(raw.source, identity.tenant or UNREAD, identity.request_id or UNREAD),
            kind=self._kind,
            action=Action.REJECT,
            intended=Action.REJECT,
            rules=(f"error.{error.code}",),
            findings=(),
            policy=PolicyRef(UNREAD, 0, "none"),
            models=(),
            failure=Failure(error.code, error.reason, "read"),
        )
        return self._withheld(raw, verdict)

    def _judgement(self, message: ReadMessage, outcome: Outcome, place: Claim | VeilstreamError | None) -> Judgement:
        verdict = outcome.verdict
        if isinstance(place, VeilstreamError):
            return self._withheld(message.raw, verdict.refused(place, "put"))
        if outcome.content is None:
            return self._withheld(message.raw, self._keepable(message, verdict), _claimed(message))
        try:
            released = self._released(message, outcome.content, verdict, place)
        except (RedactionError, PayloadTooLarge) as error:
            return self._withheld(message.raw, verdict.refused(error, "act"))
        return Judgement(verdict, self._audit(message.raw, verdict), (released,))

    def _keepable(self, message: ReadMessage, verdict: Verdict) -> Verdict:
        """The verdict, but that what was claimed and could not be fetched is not held: there is nothing to look at."""
        if verdict.action is not Action.HOLD or message.claim is None or message.record.content.size:
            return verdict
        return replace(verdict, action=Action.REJECT, intended=Action.REJECT)

    def _released(self, message: ReadMessage, content: Content, verdict: Verdict, place: Claim | None) -> OutputRecord:
        out = message.render(content, self._marks(verdict), verdict.id, place)
        released = OutputRecord(self._released_topic, out.key, out.value, out.headers)
        if _size(released) > self._limits.max_message_bytes:
            raise PayloadTooLarge("the redacted message exceeds kafka.max_message_bytes", reason="released_too_large")
        return released

    @property
    def _released_topic(self) -> str:
        return self._topics.prompts_released if self._kind is ContentKind.PROMPT else self._topics.images_released

    def _withheld(self, raw: RawMessage, verdict: Verdict, claimed: bytes | None = None) -> Judgement:
        held = verdict.action is Action.HOLD
        try:
            outputs = [self._held(raw, verdict, claimed) if held else self._rejected(raw, verdict)]
        except PayloadTooLarge as error:
            verdict = verdict.refused(error, "act")
            outputs = [self._rejected(raw, verdict)]
        if verdict.failure is not None:
            outputs.append(self._dead_letter(raw, verdict, verdict.failure))
        return Judgement(verdict, self._audit(raw, verdict), tuple(outputs))

    def _marks(self, verdict: Verdict) -> tuple[tuple[str, bytes], ...]:
        policy = f"{verdict.policy.tenant}@{verdict.policy.version}"
        return (
            ("veilstream-verdict", verdict.id.encode()),
            ("veilstream-action", verdict.action.value.encode()),
            ("veilstream-policy", policy.encode()),
            ("veilstream-source-offset", str(verdict.context.source).encode()),
        )

    def _audit(self, raw: RawMessage, verdict: Verdict) -> OutputRecord:
        document = verdict_document(verdict) | {"judged_at": datetime.now(UTC).isoformat(timespec="milliseconds")}
        if (replay_of := replayed_from(raw.headers)) is not None:
            document["replay_of"] = replay_of
        return OutputRecord(
            self._topics.verdicts, _aside_key(raw), encode(document), (JSON_HEADER, *self._marks(verdict))
        )

    def _rejected(self, raw: RawMessage, verdict: Verdict) -> OutputRecord:
        value = encode(rejection_document(verdict))
        return OutputRecord(self._topics.rejected, _aside_key(raw), value, (JSON_HEADER, *self._marks(verdict)))

    def _held(self, raw: RawMessage, verdict: Verdict, claimed: bytes | None) -> OutputRecord:
        sealed = self._sealer.seal(verdict.context.tenant, packed(raw, claimed), verdict.id.encode())
        headers = (SEALED_HEADER, *self._marks(verdict), ("veilstream-tenant", verdict.context.tenant.encode()))
        held = OutputRecord(self._topics.held, _aside_key(raw), sealed, headers)
        if _size(held) > self._limits.max_message_bytes:
            raise PayloadTooLarge("the sealed original exceeds kafka.max_message_bytes", reason="held_too_large")
        return held

    def _dead_letter(self, raw: RawMessage, verdict: Verdict, failure: Failure) -> OutputRecord:
        context = verdict.context
        letter = self._letters.write(
            raw,
            failure,
            Identity(context.tenant or None, context.request_id or None),
            verdict_id=verdict.id,
            attempts=raw.attempts,
            at=datetime.now(UTC),
        )
        return OutputRecord(self._topics.dead_letters, _aside_key(raw), letter.value, letter.headers)


def _claimed(message: ReadMessage) -> bytes | None:
    """The object that a message pointed at, as far as it was fetched; None where the message holds the image."""
    content = message.record.content
    return content.data if message.claim is not None and isinstance(content, ImageContent) else None


def _aside_key(raw: RawMessage) -> bytes | None:
    """The platform's key, for what is written beside the released topics; dropped where it alone could be too large."""
    return raw.key if raw.key is not None and len(raw.key) <= LARGEST_ASIDE_KEY else None


def _size(record: OutputRecord) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.value) + len(record.key or b"") + headers + 512  # batch and record framing, generously
