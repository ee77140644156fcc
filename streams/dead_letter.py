"""Dead letters: what is kept of a record that could not be judged. Codes, positions and sizes; content only sealed."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from filters.verdict import Failure
from streams.identity import Identity, is_request_id, is_tenant
from streams.message import OutMessage, RawMessage
from streams.seal import Sealer

CONNECTOR_NAME = "veilstream"


@dataclass(frozen=True, slots=True)
class DeadLetterWriter:
    """Builds dead letters.

    Args:
        sealer: seals the original value; without a key it is not kept, and has no digest.
        max_sealed_bytes: the largest original value that is kept, sealed (a third more in the letter's Base64).
        connect_headers: add Kafka Connect's `__connect.errors.*`, for tools that know them.
    """

    sealer: Sealer
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
            verdict_id: of the record's verdict; also the associated data of the sealed value.
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
        if raw.value is None or not self.sealer.available or raw.size > self.max_sealed_bytes:
            return None
        return base64.b64encode(self.sealer.seal(tenant, raw.value, verdict_id.encode())).decode("ascii")

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


def open_dead_letter(sealer: Sealer, letter: bytes) -> bytes | None:
    """The original value that a dead letter keeps; None where it keeps none.

    Raises:
        ConfigurationError: no master key is set.
        ValueError: it is no dead letter, or the sealed value does not open with this key.
    """
    body = orjson.loads(letter)
    if not isinstance(body, dict) or not {"verdict_id", "tenant", "sealed"} <= body.keys():
        raise ValueError("not a dead letter")
    if body["sealed"] is None:
        return None
    sealed = base64.b64decode(body["sealed"], validate=True)
    return sealer.open(body["tenant"], sealed, str(body["verdict_id"]).encode())
