"""End-to-end loops on a broker: a bare consume-produce loop, and a real worker process."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from filters.records import ContentKind
from tests.support.brokers import Broker, free_port
from tests.support.kafka_io import Incoming, Outgoing, drain_topic, produce, unique

PARTITIONS = 4
_TIMEOUT = 300.0


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
    names = {role: unique(role) for role in ("released", "verdicts", "rejected", "held", "dead")}
    broker.create_topics(dict.fromkeys(names.values(), PARTITIONS))
    plural = f"{kind.value}s"
    environment = os.environ | {
        "VEILSTREAM_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "VEILSTREAM_KAFKA__GROUP": unique("bench"),
        f"VEILSTREAM_TOPICS__{plural.upper()}": records[0].topic,
        f"VEILSTREAM_TOPICS__{plural.upper()}_RELEASED": names["released"],
        "VEILSTREAM_TOPICS__VERDICTS": names["verdicts"],
        "VEILSTREAM_TOPICS__REJECTED": names["rejected"],
        "VEILSTREAM_TOPICS__HELD": names["held"],
        "VEILSTREAM_TOPICS__DEAD_LETTERS": names["dead"],
        "VEILSTREAM_HTTP__PORT": str(free_port()),
        "VEILSTREAM_LOG__LEVEL": "warning",
    }
    command = [
        sys.executable,
        "-m",
        "streams.cli.main",
        "worker",
        "--streams",
        plural,
        "--policies",
        str(policy.parent),
    ]
    with (folder / f"{plural}.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

        def all_judged(read: Sequence[Incoming]) -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"the worker ended with {process.returncode}; see {log.name}")
            return len(read) >= len(records)

        try:
            verdicts = drain_topic(broker.bootstrap_servers, names["verdicts"], until=all_judged, timeout=_TIMEOUT)
        finally:
            process.terminate()
            process.wait(60)
    stamps = [datetime.fromisoformat(json.loads(verdict.value or b"{}")["judged_at"]) for verdict in verdicts]
    return len(stamps) / (max(stamps) - min(stamps)).total_seconds()


def load(broker: Broker, records: Sequence[Outgoing]) -> None:
    """Put the records on their topic."""
    broker.create_topics({records[0].topic: PARTITIONS})
    produce(broker.bootstrap_servers, records, timeout=120)
