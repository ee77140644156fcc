"""Dead letters: what is kept of a record that could not be judged. Codes, positions and sizes; content only sealed.

The sealed part is the whole original (`streams.original`), under a key of its tenant, with the verdict's id as the
associated data. It is kept only where the tenant's policy asks for that.
"""

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import orjson

from filters.errors import UnknownTenant
from filters.policy import Keeping
from filters.protocols import PolicyResolver
from filters.verdict import Failure
from streams.headers import HeaderItems
from streams.identity import Identity, is_request_id, is_tenant
from streams.message import OutMessage, RawMessage
from streams.original import Original, open_original, packed
from streams.seal import OVERHEAD_BYTES, Sealer

CONNECTOR_NAME = "veilstream"
REPLAY_OF: Final = "veilstream-replay-of"
"""Header of a replayed record: the id of the verdict that its dead letter was written under."""
LETTER_BYTES: Final = 8 * 1024
"""Room for all of a letter but the sealed original: its fields, its headers, a key of 1 KiB and the framing."""
_VERDICT_ID = re.compile(rb"[0-9a-f]{32}")


def replayed_from(headers: HeaderItems) -> str | None:
    """The verdict id that a replayed record names; None for others. A sender can claim one, but nothing else."""
    named = [value for name, value in headers if name == REPLAY_OF and value is not None]
    return named[-1].decode("ascii") if named and _VERDICT_ID.fullmatch(named[-1]) else None


def most_sealed_bytes(max_message_bytes: int) -> int:
    """The largest original whose letter, in Base64, still fits into a record of `max_message_bytes`."""
    return max(0, (max_message_bytes - LETTER_BYTES) // 4 * 3 - OVERHEAD_BYTES)


@dataclass(frozen=True, slots=True)
class LetterKeeping:
    """Whether letters keep originals: as the tenant's policy in force says.

    Args:
        policies: where the policy is looked up, when the letter is written.
        without_policy: what is done where the tenant is not known, or has no policy.
    """

    policies: PolicyResolver
    without_policy: Keeping = Keeping.NONE

    def keeps(self, tenant: str | None) -> bool:
        """Whether a letter about a record of `tenant` (None: it could not be read) keeps the original."""
        try:
            said = self.policies.resolve(tenant).spec.dead_letters if tenant is not None else self.without_policy
        except UnknownTenant:
            said = self.without_policy
        return said is Keeping.SEALED


@dataclass(frozen=True, slots=True)
class DeadLetterWriter:
    """Builds dead letters.

    Args:
        sealer: seals the original; without a key it is not kept, and has no digest.
        keeping: whose originals are kept.
        max_sealed_bytes: the largest original, packed, that is kept (a third more in the letter's Base64).
        connect_headers: add Kafka Connect's `__connect.errors.*`, for tools that know them.
    """

    sealer: Sealer
    keeping: LetterKeeping
    max_sealed_bytes: int
    connect_headers: bool = False

    def write(
        self, raw: RawMessage, failure: Failure, identity: Identity, *, verdict_id: str, attempts: int, at: datetime
    ) -> OutMessage:
        """The dead letter of a message, under the message's own key and without any of its headers.

        Args:
            raw: the message as it came.
            failure: why it could not be judged.
            identity: its sender; a name that is not well formed is left out.
            verdict_id: of the record's verdict; also the associated data of the sealed original.
            attempts: how often judging was tried, from 1.
            at: now, with a time zone.
        """
        tenant = identity.tenant if is_tenant(identity.tenant) else None
        body = {
            "verdict_id": verdict_id,
            "code": failure.code,
            "reason": failure.reason,
            "stage": failure.stage,
            "topic": raw.topic,
            "partition": raw.partition,
            "offset": raw.offset,
            "tenant": tenant,
            "request_id": identity.request_id if is_request_id(identity.request_id) else None,
            "attempts": attempts,
            "replay_of": replayed_from(raw.headers),
            "size": raw.size,
            "digest": self._digest(raw, tenant),
            "timestamp": at.astimezone(UTC).isoformat(timespec="milliseconds"),
            "sealed": self._sealed(raw, tenant, verdict_id),
        }
        return OutMessage(raw.key, orjson.dumps(body), self._headers(raw, failure, attempts))

    def _digest(self, raw: RawMessage, tenant: str | None) -> str | None:
        if raw.value is None or not self.sealer.available:
            return None
        return self.sealer.digest(tenant, raw.value)

    def _sealed(self, raw: RawMessage, tenant: str | None, verdict_id: str) -> str | None:
        keeps = self.sealer.available and self.keeping.keeps(tenant)
        if raw.value is None or not keeps or raw.size > self.max_sealed_bytes:
            return None
        original = packed(raw)
        if len(original) > self.max_sealed_bytes:
            return None
        return base64.b64encode(self.sealer.seal(tenant, original, verdict_id.encode())).decode("ascii")

    def _headers(self, raw: RawMessage, failure: Failure, attempts: int) -> tuple[tuple[str, bytes], ...]:
        place = {"topic": raw.topic, "partition": raw.partition, "offset": raw.offset}
        own = {"code": failure.code, "stage": failure.stage, **place, "attempts": attempts}
        headers = [(f"veilstream.error.{name}", str(value).encode()) for name, value in own.items()]
        if self.connect_headers:
            connect = {
                **place,
                "connector.name": CONNECTOR_NAME,
                "stage": failure.stage,
                "exception.class.name": failure.code,
                "exception.message": failure.reason,
            }
            headers += [(f"__connect.errors.{name}", str(value).encode()) for name, value in connect.items()]
        return tuple(headers)


def open_dead_letter(sealer: Sealer, letter: bytes) -> Original | None:
    """The original that a dead letter keeps; None where it keeps none.

    Raises:
        ConfigurationError: no master key is set.
        ValueError: it is no dead letter, or the sealed original does not open with this key.
    """
    body = orjson.loads(letter)
    if not isinstance(body, dict) or not {"verdict_id", "tenant", "sealed"} <= body.keys():
        raise ValueError("not a dead letter")
    if body["sealed"] is None:
        return None
    sealed = base64.b64decode(body["sealed"], validate=True)
    return open_original(sealer, body["tenant"], sealed, str(body["verdict_id"]))
