"""An outlet under test: what goes in, and what a consumer finds."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from filters.records import ContentKind, RecordContext, SourcePosition
from filters.verdict import Action, PolicyRef, Verdict, verdict_id
from streams.emit import OutputRecord
from streams.judge import Judgement
from streams.message import RawMessage
from streams.outlet import Judged, Outlet
from tests.fakes import FakeDelivery
from tests.support.brokers import RealKafka
from tests.support.kafka_io import Outgoing, drain_topic, produce, unique

SECONDS = 20.0
MAX_BYTES = 1024 * 1024
PARTITIONS, RECORDS = 2, 20


@dataclass
class Rig:
    """An outlet, the topic that it is fed from, and the texts that a consumer has found on one of its topics."""

    outlet: Outlet
    source: str
    verdicts: str
    content: str
    arrived: Callable[[str], Awaitable[list[str]]]

    def batch(self, *numbers: int, partition: int = 0) -> list[FakeDelivery]:
        return [FakeDelivery(RawMessage(self.source, partition, number, b"k", b"x"), []) for number in numbers]

    def judged(self, delivery: FakeDelivery, size: int = 0) -> Judged:
        raw = delivery.raw
        source = SourcePosition(raw.topic, raw.partition, raw.offset)
        verdict = Verdict(
            id=verdict_id(source, ContentKind.PROMPT),
            context=RecordContext(source, "acme", "r"),
            kind=ContentKind.PROMPT,
            action=Action.ALLOW,
            intended=Action.ALLOW,
            rules=(),
            findings=(),
            policy=PolicyRef("acme", 1, "enforce"),
            models=(),
            failure=None,
        )
        text = f"{raw.partition}:{raw.offset}".encode()
        content = OutputRecord(self.content, b"key", text + b"secret" * size)
        return delivery, Judgement(verdict, OutputRecord(self.verdicts, b"key", text), (content,))

    async def send(self, *judged: Judged, previous: Awaitable[None] | None = None) -> None:
        await self.outlet.send(judged, previous or asyncio.sleep(0), SECONDS)


async def kafka_topics(broker: RealKafka) -> tuple[str, list[str], Callable[[str], Awaitable[list[str]]]]:
    """Bootstrap servers; input, verdicts and content topics, the input filled; and what a topic holds."""
    topics = [unique(name) for name in ("in", "verdicts", "content")]
    await asyncio.to_thread(broker.create_topics, dict.fromkeys(topics, PARTITIONS))
    inputs = [Outgoing(topics[0], b"x", partition=number % PARTITIONS) for number in range(PARTITIONS * RECORDS)]
    await asyncio.to_thread(produce, broker.bootstrap_servers, inputs)

    async def arrived(topic: str) -> list[str]:
        read = await asyncio.to_thread(drain_topic, broker.bootstrap_servers, topic)
        return [(record.value or b"").decode() for record in read]

    return broker.bootstrap_servers, topics, arrived
