"""What streams/transport.py rests on inside Faust and aiokafka."""

import asyncio
from collections.abc import AsyncIterator

import faust
import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED as FETCHER_READS_COMMITTED

from streams.embedded_broker import EmbeddedBroker
from streams.transport import read_committed
from tests.support.kafka_io import unique


@pytest.fixture
async def app() -> AsyncIterator[faust.App]:
    """An app that runs against the embedded broker."""
    topic = unique("isolation")
    with EmbeddedBroker({topic: 1}) as broker:
        app = read_committed(
            faust.App(
                unique("contract"),
                broker=f"kafka://{broker.bootstrap_servers}",
                store="memory://",
                web_enabled=False,
                topic_allow_declare=False,
                topic_disable_leader=True,
            )
        )

        @app.agent(app.topic(topic, value_type=bytes))
        async def read(stream: faust.StreamT[bytes]) -> None:
            async for _ in stream:
                pass

        await app.start()
        yield app
        await app.stop()


async def test_the_fetcher_of_a_running_app_reads_committed_records_only(app: faust.App):
    """The level reaches the object that asks the brokers; Faust's default is the other one."""
    async with asyncio.timeout(20):
        while app.consumer_generation_id <= 0:
            await asyncio.sleep(0.05)
    fetcher = app.consumer._thread._consumer._fetcher
    assert fetcher._isolation_level == FETCHER_READS_COMMITTED, (
        f"Faust {faust.__version__} builds its consumer in another way: find where aiokafka's consumer is made, and "
        "give it isolation_level='read_committed' there; without it, records of aborted transactions are judged"
    )
