"""The mutant: Veilstream's judging in a stock Faust agent, written as one would write it without knowing better.

`take()` acknowledges a batch whatever became of it, and sends are not awaited. It reads the settings of
`veilstream worker`, judges prompts, and must fail the oracle: `python -m tests.support.stock_worker`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import faust
from faust.types import EventT, Message
from prometheus_client import CollectorRegistry

from filters.pipeline import FilterPipeline
from filters.records import ContentKind
from streams import app as build
from streams.agents import raw_message
from streams.log import configure_logging
from streams.metrics import Metrics
from streams.settings import Settings, load_settings
from tests.support.raising import RaisingJudge, raising_judge

BATCH, WITHIN_SECONDS = 32, 0.2


class MessageSchema(faust.Schema[bytes, Any]):
    """Gives the agent whole messages, since verdict ids are made of positions; acknowledges as Faust does."""

    def compile(self, app: Any, **_hooks: Any) -> Callable[..., Awaitable[EventT[Any]]]:
        async def decode(message: Message, *, propagate: bool = False) -> EventT[Any]:
            return app.create_event(message.key, raw_message(message), message.headers, message)

        return decode


async def stock_judge(settings: Settings) -> RaisingJudge:
    """The judge of `veilstream worker`, its policies read."""
    keys = build.build_keys(settings)
    media = build.build_media(settings, [ContentKind.PROMPT], keys)
    metrics = Metrics(CollectorRegistry(), lambda _: False)
    board = build.build_board(media, keys, metrics)
    source = build.build_policy_source(settings, board)
    await source.start(30.0)
    await source.stop()
    return raising_judge(settings, ContentKind.PROMPT, FilterPipeline(media, board, metrics), keys)


def stock_app(settings: Settings, judge: RaisingJudge) -> faust.App:
    """A Faust app with one agent."""
    kafka = settings.kafka
    app = faust.App(
        f"{kafka.group}-prompts",
        broker=f"kafka://{kafka.bootstrap_servers}",
        broker_session_timeout=kafka.session_timeout_seconds,
        consumer_auto_offset_reset="earliest",
        topic_allow_declare=False,
        topic_disable_leader=True,
        broker_commit_interval=kafka.commit_interval_seconds,
        web_enabled=False,
        store="memory://",
    )
    source = app.topic(settings.topics.prompts, schema=MessageSchema(key_type=bytes, value_type=bytes))

    @app.agent(source)
    async def judge_batches(stream: Any) -> None:
        async for raws in stream.take(BATCH, within=WITHIN_SECONDS):
            for judgement in judge.judge(raws, time.monotonic() + 30):
                for record in (judgement.audit, *judgement.outputs):
                    target = app.topic(record.topic, value_serializer="raw", value_type=bytes, key_serializer="raw")
                    await target.send(key=record.key, value=record.value, headers=list(record.headers))

    return app


async def run(settings: Settings) -> None:
    """Until killed."""
    app = stock_app(settings, await stock_judge(settings))
    await app.start()
    await app.wait_until_stopped()


if __name__ == "__main__":
    configure_logging("warning")
    asyncio.run(run(load_settings()))
