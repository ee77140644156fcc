"""Faust wiring: raw records into the gates, acks back, and nothing else of Faust's.

Faust owns the group, the fetch and the lifecycle. What it does around acknowledgements would lose records (see
docs/delivery.md), so no agent and no stream of Faust's ever sees a message: only `FaustDelivery` acknowledges.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

import faust
from faust.exceptions import ConsumerNotStarted
from faust.types import TP, Message

from streams.gate import Gate
from streams.intake import IntakeConsumer
from streams.message import RawMessage


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

    @property
    def current(self) -> bool:
        """Whether no rebalance has come between, as far as this process knows."""
        return bool(self._message.generation_id == self._app.consumer_generation_id)

    def ack(self) -> None:
        """Ack, unless a rebalance has come between: the partition is then another's, or will be read again."""
        consumer: Any = self._app.consumer
        current = self.current
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
    """Let `gate` take in what comes on `topic`, the only one of this app; Faust commits what it acks, or nothing."""

    async def submit(message: Message) -> None:
        await gate.submit(FaustDelivery(app, message, commits=commits))

    transport: Any = app.transport  # makes its consumer when the app starts
    transport.Consumer = partial(IntakeConsumer, submit=submit)
    app.topics.add(app.topic(topic, key_type=bytes, value_type=bytes, internal=False))


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


def last_commit(app: faust.App, topic: str, partition: int) -> int | None:
    """The offset that this process committed last, by the word of the broker; None where it has committed none."""
    consumer: Any = app.consumer
    committed: int | None = consumer.last_commits.get(TP(topic, partition))
    return committed


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
    _raise_crash(app)
    drained = asyncio.ensure_future(app.stop())
    # not a timeout around it: Faust's services swallow cancellations while they stop
    await asyncio.wait({drained}, timeout=drain_seconds)
    if not drained.done():
        raise TimeoutError
    await drained
    await crashed
    _raise_crash(app)  # the last commit may have failed: this was no clean end


def _raise_crash(app: faust.App) -> None:
    if app.crash_reason is not None:
        raise app.crash_reason
