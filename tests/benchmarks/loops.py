"""End-to-end loops on a broker: a bare consume-produce loop, and a real worker process."""

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from filters.records import ContentKind
from streams.topics import TopicNames
from tests.support.brokers import Broker
from tests.support.kafka_io import Incoming, Outgoing, drain_topic, end_offsets, produce, unique
from tests.support.worker import VEILSTREAM, WorkerProcess, worker_environment

PARTITIONS = 4
_TIMEOUT = 300.0
_SAMPLE_SECONDS = 0.1
_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
_LARGE_BATCHES = MappingProxyType(
    {"PROMPTS__BATCH_RECORDS": "256", "PROMPTS__QUEUE_RECORDS": "512", "PROMPTS__MAX_BYTES": "8000000"}
)
"""What docs/delivery.md names for throughput; the defaults repeat less after a crash."""


def prompt_records(topic: str, texts: Sequence[str]) -> list[Outgoing]:
    """Mapped-JSON prompts of the tenant `bench`."""
    return [
        Outgoing(topic, json.dumps({"tenant": "bench", "request_id": f"r{n}", "prompt": text}).encode(), b"%d" % n)
        for n, text in enumerate(texts)
    ]


def image_records(topic: str, files: Sequence[bytes]) -> list[Outgoing]:
    """Raw JPEG values with headers, of the tenant `bench`."""
    headers = (("tenant", b"bench"), ("content-type", b"image/jpeg"))
    return [Outgoing(topic, file, b"%d" % n, (*headers, ("request-id", b"r%d" % n))) for n, file in enumerate(files)]


def bare_loop(broker: Broker, records: Sequence[Outgoing]) -> float:
    """Records a second of aiokafka alone: read, write to another topic, commit."""
    source, target, group = records[0].topic, unique("bare"), unique("bare")
    broker.create_topics({target: PARTITIONS})
    return asyncio.run(_bare_loop(broker.bootstrap_servers, source, target, group, len(records)))


async def _bare_loop(bootstrap: str, source: str, target: str, group: str, count: int) -> float:
    consumer = AIOKafkaConsumer(
        source,
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=100,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, acks="all", max_request_size=32 * 1024 * 1024
    )
    await consumer.start()
    await producer.start()
    try:
        seen, started = 0, 0.0
        while seen < count:
            batches = await consumer.getmany(timeout_ms=500, max_records=64)
            records = [record for batch in batches.values() for record in batch]
            if not records:
                continue
            started = started or time.perf_counter()
            sent = [await producer.send(target, record.value, record.key) for record in records]
            await asyncio.gather(*sent)
            await consumer.commit()
            seen += len(records)
        return count / (time.perf_counter() - started)
    finally:
        await consumer.stop()
        await producer.stop()


def worker_loop(broker: Broker, kind: ContentKind, records: Sequence[Outgoing], policy: Path, folder: Path) -> float:
    """Records a second through a real worker process, from its first verdict to its last."""
    topics = _outputs(broker, kind, records[0].topic)
    command = [*VEILSTREAM, "worker", "--streams", f"{kind.value}s", "--policies", str(policy.parent)]
    with _worker(broker, topics, folder / f"{kind.value}.log", command) as worker:

        def all_judged(read: Sequence[Incoming]) -> bool:
            _check(worker)
            return len(read) >= len(records)

        verdicts = drain_topic(broker.bootstrap_servers, topics.verdicts, until=all_judged, timeout=_TIMEOUT)
    stamps = [datetime.fromisoformat(json.loads(verdict.value or b"{}")["judged_at"]) for verdict in verdicts]
    return len(stamps) / (max(stamps) - min(stamps)).total_seconds()


def gate_loop(broker: Broker, records: Sequence[Outgoing], folder: Path) -> float:
    """Records a second through the gate of a real worker process whose judge lets everything pass unread.

    Two records are written for each that is read. Nobody reads them meanwhile: the ends of the topic are asked for.
    """
    topics = _outputs(broker, ContentKind.PROMPT, records[0].topic)
    command = [sys.executable, "-m", "tests.support.passing"]
    with _worker(broker, topics, folder / "gate.log", command, _LARGE_BATCHES) as worker:
        worker.wait_ready()
        deadline, released, since, started = time.monotonic() + _TIMEOUT, 0, 0, 0.0
        while released < len(records) and time.monotonic() < deadline:
            _check(worker)
            time.sleep(_SAMPLE_SECONDS)
            released = sum(end_offsets(broker.bootstrap_servers, topics.prompts_released).values())
            if released and not since:
                since, started = released, time.monotonic()
        return (released - since) / (time.monotonic() - started)


def _outputs(broker: Broker, kind: ContentKind, source: str) -> TopicNames:
    """Topics of their own for a worker that reads `source`."""
    roles = [role for role in TopicNames.model_fields if role not in {"prompts", "images"}]
    topics = TopicNames(**{f"{kind.value}s": source}, **{role: unique(role) for role in roles})
    partitions = {getattr(topics, role): PARTITIONS for role in roles}
    broker.create_topics(partitions | {topics.policies: 1, topics.attempts: 1})
    return topics


@contextmanager
def _worker(
    broker: Broker, topics: TopicNames, log: Path, command: Sequence[str], settings: Mapping[str, str] = _NO_SETTINGS
) -> Iterator[WorkerProcess]:
    settings = {"KAFKA__SESSION_TIMEOUT_SECONDS": "30"} | dict(settings)
    environment = worker_environment(broker.bootstrap_servers, topics, unique("bench"), settings)
    with WorkerProcess(environment, log, command) as worker:
        yield worker
        worker.terminate()


def _check(worker: WorkerProcess) -> None:
    if not worker.running:
        raise RuntimeError(f"the worker ended with {worker.process.returncode}:\n{worker.log_text()[-2000:]}")


def load(broker: Broker, records: Sequence[Outgoing]) -> None:
    """Put the records on their topic."""
    broker.create_topics({records[0].topic: PARTITIONS})
    produce(broker.bootstrap_servers, records, timeout=120)
