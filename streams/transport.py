"""Faust's consumer, reading committed records only.

A platform may write inside transactions. What it aborted was never sent, and must not be judged, let alone released;
Faust reads it all the same unless it runs its own exactly-once mode, which loses records (docs/delivery.md).
"""

from typing import Any

import faust
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport

READ_COMMITTED = "read_committed"


class _CommittedThread(AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Transport) -> Any:  # noqa: ANN401  aiokafka has no types
        consumer: Any = super()._create_worker_consumer(transport)
        consumer._isolation_level = READ_COMMITTED  # noqa: SLF001  read at its start; pinned by tests/contract
        return consumer


class _CommittedConsumer(Consumer):
    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)


class CommittedTransport(Transport):
    """Faust's own transport but for the isolation level."""

    Consumer = _CommittedConsumer


def read_committed(app: faust.App) -> faust.App:
    """The app, before its start, with that transport."""
    app.transport = CommittedTransport(app.conf.broker_consumer, app)
    return app
