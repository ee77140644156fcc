"""Faust wiring: raw records into the gates, acks back, and nothing else of Faust's.

Faust owns the group, the fetch and the lifecycle. What it does around acknowledgements would lose records (see
docs/delivery.md), so events are consumed with `noack()`, and every event holds one reference more than Faust knows of:
when Faust acks an event that it skips during a rebalance, the reference keeps that ack from reaching the consumer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import faust
from faust.exceptions import ConsumerNotStarted
from faust.types import TP, EventT, Message

from streams.acks import Delivery
from streams.gate import Gate
from streams.message import RawMessage


class RawSchema(faust.Schema[bytes, bytes]):
    """Hands records on as bytes: reading them is part of the judging, so that bad ones get a verdict too."""

    def compile(self, app: Any, **_hooks: Any) -> Callable[..., Awaitable[EventT[Any]]]:  # noqa: ANN401  Faust's signature
        """A decoder that cannot fail, and takes the reference that only the gate gives back."""

        async def decode(message: Message, *, propagate: bool = False) -> EventT[Any]:
            del propagate
            message.incref()
            return app.create_event(message.key, message.value, message.headers, message)  # type: ignore[no-any-return]

        return decode


class FaustDelivery:
    """`Delivery` of one Faust event.

    Args:
        app: whose consumer read it.
        message: the event's message.
        commits: whether Faust commits what is acked; False where offsets are committed together with the outputs.
    """

    __slots__ = ("_app", "_commits", "_message", "generation", "raw")

    def __init__(self, app: faust.App, message: Message, *, commits: bool = True) -> None:
        self._app = app
        self._message = message
        self._commits = commits
        self.generation: int = message.generation_id or 0
        self.raw = raw_message(message)

    def ack(self) -> None:
        """Ack, unless a rebalance has come between: the partition is then another's, or will be read again."""
        consumer: Any = self._app.consumer
        current = self._message.generation_id == self._app.consumer_generation_id
        if current and self._commits:
            consumer.ack(self._message)
            return
        # Faust waits for its unacked events before it lets go of partitions; this one will never be acked
        consumer._unacked_messages.discard(self._message)  # noqa: SLF001  pinned by tests/contract
        if current:
            # a commit by Faust could come late and move the offset back; `lags` has to know of ours
            consumer._committed_offset[self._message.tp] = self.raw.offset + 1  # noqa: SLF001  pinned by tests/contract


def raw_message(message: Message) -> RawMessage:
    """A Faust message as the edge's own type."""
    headers: Any = message.headers or ()
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return RawMessage(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        headers=tuple(pairs),
        timestamp_ms=_milliseconds(message.timestamp),
    )


def _milliseconds(timestamp: float | None) -> int | None:
    """None where the producer set none, which brokers write as -1."""
    return int(timestamp * 1000) if timestamp is not None and timestamp >= 0 else None


def attach(app: faust.App, topic: str, gate: Gate, *, commits: bool = True) -> None:
    """Let `gate` take in what comes on `topic`; Faust commits what it acks, or nothing at all."""
    channel = app.topic(topic, schema=RawSchema(key_type=bytes, value_type=bytes), internal=False)

    async def intake(stream: Any) -> None:  # noqa: ANN401  Faust's stream types are not exported
        async for event in stream.noack().events():
            delivery: Delivery = FaustDelivery(app, event.message, commits=commits)
            await gate.submit(delivery)

    app.agent(channel, name=f"veilstream.intake.{topic}", concurrency=1)(intake)


def lags(app: faust.App) -> list[tuple[str, int, int]]:
    """`(topic, partition, records)` that lie behind the committed position, for each assigned partition."""
    consumer: Any = app.consumer
    result = []
    for tp in partitions(app):
        high = consumer.highwater(tp)
        committed = consumer._committed_offset.get(tp)  # noqa: SLF001  pinned by tests/contract
        if high is not None and committed is not None:
            result.append((tp.topic, tp.partition, max(0, high - committed)))
    return result


def partitions(app: faust.App) -> set[TP]:
    """The partitions that this worker owns now."""
    try:
        return set(app.consumer.assignment())
    except ConsumerNotStarted:
        return set()


def has_joined(app: faust.App) -> bool:
    """Whether the group has given this worker its share; with more workers than partitions that may be nothing."""
    return app.consumer_generation_id > 0


async def run_until(app: faust.App, stop: asyncio.Event, drain_seconds: float) -> None:
    """Run the Faust app until `stop` is set, then let it finish what it has taken in.

    Raises:
        TimeoutError: the drain took longer than `drain_seconds`.
        Exception: whatever crashed the app.
    """
    await app.start()
    crashed = asyncio.ensure_future(app.wait_until_stopped())
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({crashed, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if app.crash_reason is not None:
        raise app.crash_reason
    async with asyncio.timeout(drain_seconds):
        await app.stop()
    await crashed
