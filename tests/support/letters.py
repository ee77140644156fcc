"""Dead letters as workers write them, for tests that read them again."""

from datetime import UTC, datetime

from filters.keys import TenantKeys
from filters.policy import Keeping
from filters.records import ContentKind
from filters.verdict import Failure, verdict_id
from streams.dead_letter import DeadLetterWriter, LetterKeeping
from streams.identity import Identity
from streams.message import OutMessage, RawMessage
from streams.seal import Sealer
from tests.fakes import StaticPolicies
from tests.support.kafka_io import Outgoing

KEY = bytes(range(32))
SECRET = b"a portrait of Zebulon Quackenbush"
EVENT = (("ce_id", b"1"), ("note", b"for Zebulon"), ("veilstream-verdict", b"forged"), ("null", None))
AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def raw(topic: str = "generation.prompts", partition: int = 0, offset: int = 0, value: bytes = SECRET) -> RawMessage:
    """A message that somebody sent; content stands in its value, its headers and its key."""
    return RawMessage(topic, partition, offset, b"user-Zebulon", value, EVENT)


def letter(
    message: RawMessage,
    *,
    kind: ContentKind = ContentKind.PROMPT,
    code: str = "unknown_tenant",
    tenant: str | None = "acme",
    key: bytes | None = KEY,
    keeping: Keeping = Keeping.SEALED,
    at: datetime = AT,
) -> OutMessage:
    """The letter about a message; its own key is `k`."""
    writer = DeadLetterWriter(Sealer(TenantKeys(key)), LetterKeeping(StaticPolicies(), keeping), 1_000_000)
    failure = Failure(code, "because", "resolve")
    named = verdict_id(message.source, kind)
    written = writer.write(message, failure, Identity(tenant, "r-1"), verdict_id=named, attempts=2, at=at)
    return OutMessage(b"k", written.value, written.headers)


def outgoing(topic: str, written: OutMessage, partition: int = 0) -> Outgoing:
    """The letter, for a partition of the dead-letter topic."""
    headers = tuple((name, value or b"") for name, value in written.headers)
    return Outgoing(topic, written.value, written.key, headers, partition)
