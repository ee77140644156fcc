"""One suite for every `Transactions`: the one of tests/fakes.py keeps its protocol as the one on Kafka does."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from filters.errors import ConfigurationError, DeliveryError
from streams.app import build_outlet
from streams.embedded_broker import EmbeddedBroker
from streams.emit import KafkaEmitter, OutputRecord
from streams.exactly_once import ExactlyOnceOutlet
from streams.outlet import AtLeastOnceOutlet
from streams.settings import load_settings
from streams.transactions import KafkaTransactions, Place, Transactions, require_transactions, transactional_id
from tests.fakes import MemoryDeliverer, MemoryLog, MemoryTransactions
from tests.support.brokers import RealKafka
from tests.support.kafka_io import Outgoing, committed_offsets, drain_topic, produce, unique

SECONDS = 20.0
MAX_BYTES = 1024 * 1024


@dataclass
class Rig:
    """Makes transactions of an input partition; says what readers of committed records see, and what is committed."""

    make: Callable[[], Transactions]
    arrived: Callable[[], list[OutputRecord]]
    committed: Callable[[], int | None]
    topic: str


def memory_rig() -> Rig:
    log, place = MemoryLog(), ("in", 1)
    return Rig(lambda: MemoryTransactions(log, place), lambda: log.records, lambda: log.committed.get(place), "out")


def kafka_rig(broker: RealKafka) -> Rig:
    source, target, group = unique("in"), unique("out"), unique("group")
    broker.create_topics({source: 2, target: 2})
    bootstrap = broker.bootstrap_servers
    produce(bootstrap, [Outgoing(source, b"%d" % number, partition=1) for number in range(10)])
    place: Place = (source, 1)

    def arrived() -> list[OutputRecord]:
        return [OutputRecord(r.topic, r.key, r.value or b"", r.headers) for r in drain_topic(bootstrap, target)]

    def make() -> KafkaTransactions:
        return KafkaTransactions({"bootstrap.servers": bootstrap, "log_level": 2}, group, place, MAX_BYTES, SECONDS)

    return Rig(make, arrived, lambda: committed_offsets(bootstrap, group, [source]).get(place), target)


@pytest.fixture(params=["memory", pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.slow])])
def rig(request: pytest.FixtureRequest) -> Rig:
    return memory_rig() if request.param == "memory" else kafka_rig(request.getfixturevalue("real_kafka"))


@pytest.fixture
def opened(rig: Rig) -> Iterator[Callable[[], tuple[Transactions, int | None]]]:
    """Opens transactions, which end with the test."""
    made: list[Transactions] = []

    def open_one() -> tuple[Transactions, int | None]:
        made.append(rig.make())
        return made[-1], made[-1].open(SECONDS)

    yield open_one
    for each in made:
        each.close()


def outputs(rig: Rig, *numbers: int) -> list[OutputRecord]:
    return [OutputRecord(rig.topic, b"same key", b"%d" % number) for number in numbers]


def test_outputs_and_offset_are_there_when_it_returns(rig: Rig, opened):
    """Records unchanged, in their order, and the offset that was given."""
    transactions, committed = opened()
    assert committed is None
    headers = (("a", b"1"), ("a", b"\xff\x00"), ("none", None), ("empty", b""))
    records = [
        OutputRecord(rig.topic, b"key", b"value", headers),
        *(outputs(rig, 1, 2)),
        OutputRecord(rig.topic, b"", b""),
    ]
    transactions.write(records, 4, SECONDS)
    assert sorted(rig.arrived(), key=repr_of) == sorted(records, key=repr_of)
    assert [record.value for record in rig.arrived() if record.key == b"same key"] == [b"1", b"2"]
    assert rig.committed() == 4


def repr_of(record: OutputRecord) -> tuple[bool, bytes, bytes]:
    return record.key is None, record.key or b"", record.value


def test_one_transaction_follows_the_other(rig: Rig, opened):
    """In order; an offset without outputs is one too."""
    transactions, _ = opened()
    for number in range(5):
        transactions.write(outputs(rig, number), number + 1, SECONDS)
    transactions.write([], 6, SECONDS)
    assert [record.value for record in rig.arrived()] == [b"%d" % number for number in range(5)]
    assert rig.committed() == 6


def test_who_opens_later_reads_what_was_committed_and_shuts_the_earlier_one_out(rig: Rig, opened):
    """Nothing that the earlier one writes from then on is seen or moves the offset."""
    earlier, _ = opened()
    earlier.write(outputs(rig, 1), 1, SECONDS)
    later, committed = opened()
    assert committed == 1
    with pytest.raises(DeliveryError) as refused:
        earlier.write(outputs(rig, 2), 5, SECONDS)
    assert refused.value.reason == "fenced"
    assert rig.committed() == 1
    later.write(outputs(rig, 3), 2, SECONDS)
    assert [record.value for record in rig.arrived()] == [b"1", b"3"]
    assert rig.committed() == 2


def test_the_first_offset_is_that_of_the_record_at_or_after_the_start(rig: Rig, opened):
    """Also where nothing was committed yet; the end is behind the last record."""
    transactions, _ = opened()
    assert transactions.first_offset(None, SECONDS) == 0
    assert transactions.first_offset(7, SECONDS) == 7
    assert transactions.end_offset(SECONDS) == 10


def test_nothing_is_written_by_transactions_that_are_not_open(rig: Rig):
    with pytest.raises(DeliveryError, match="not open"):
        rig.make().write(outputs(rig, 1), 1, SECONDS)
    assert rig.arrived() == []


# ── Kafka's own ways ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_a_transaction_that_was_left_open_is_aborted_by_the_next_owner(real_kafka: RealKafka):
    """As `kill -9` leaves it: outputs written and flushed, the offset sent, no commit."""
    rig = kafka_rig(real_kafka)
    dead, next_owner = rig.make(), rig.make()
    dead.open(SECONDS)
    dead._produce(dead._producer, outputs(rig, 1, 2), 2, [], time.monotonic() + SECONDS)  # type: ignore[attr-defined]
    assert next_owner.open(SECONDS) is None, "an uncommitted offset counts"
    next_owner.write(outputs(rig, 1, 2), 2, SECONDS)
    assert [record.value for record in rig.arrived()] == [b"1", b"2"]
    assert rig.committed() == 2
    next_owner.close()
    dead.close()


@pytest.mark.slow
def test_what_librdkafka_says_of_a_fencing_goes_to_the_log_as_a_template(real_kafka: RealKafka):
    """Past any log level it would print it on stderr; the log passes templates without their arguments."""
    source, target, group = unique("in"), unique("out"), unique("group")
    real_kafka.create_topics({source: 2, target: 2})
    said = subprocess.run(
        [sys.executable, "-m", "tests.support.fencing", real_kafka.bootstrap_servers, group, source, target],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    told = [line for line in said.stdout.splitlines() if line.startswith("veilstream.librdkafka ")]
    assert told
    assert all(line.startswith("veilstream.librdkafka True ") and "fenced" not in line for line in told)
    assert "fenced" not in said.stderr


@pytest.mark.slow
def test_a_record_that_the_brokers_refuse_fails_the_transaction_and_quotes_nothing(real_kafka: RealKafka):
    """Nothing of the transaction is seen, and the offset stays."""
    rig = kafka_rig(real_kafka)
    transactions = rig.make()
    transactions.open(SECONDS)
    large = OutputRecord(rig.topic, b"secret-key", b"secret" * MAX_BYTES, (("h", b"secret-header"),))
    with pytest.raises(DeliveryError) as refused:
        transactions.write([*outputs(rig, 1), large], 2, SECONDS)
    assert "secret" not in str(refused.value)
    transactions.close()
    assert rig.arrived() == []
    assert rig.committed() is None


@pytest.mark.slow
async def test_a_key_lies_on_the_partition_where_the_emitter_puts_it(real_kafka: RealKafka):
    """Switching the guarantee must not break the order of a key."""
    rig = kafka_rig(real_kafka)
    emitter = KafkaEmitter({"bootstrap_servers": real_kafka.bootstrap_servers}, MAX_BYTES)
    records = [OutputRecord(rig.topic, b"key-%d" % number, b"") for number in range(40)]
    transactions = rig.make()
    await asyncio.to_thread(transactions.open, SECONDS)
    await asyncio.to_thread(transactions.write, records, 1, SECONDS)
    await emitter.start()
    await emitter.deliver(records, SECONDS)
    await emitter.stop()
    await asyncio.to_thread(transactions.close)
    places: dict[bytes | None, set[int]] = {}
    for record in await asyncio.to_thread(drain_topic, real_kafka.bootstrap_servers, rig.topic):
        places.setdefault(record.key, set()).add(record.partition)
    assert len(places) == 40
    assert {len(partitions) for partitions in places.values()} == {1}
    assert set.union(*places.values()) == {0, 1}


def test_no_broker_is_a_delivery_error_within_the_time():
    """Neither hangs, and neither is another error."""
    arguments: dict[str, str | int] = {"bootstrap.servers": "127.0.0.1:1", "log_level": 2}
    started = time.monotonic()
    with pytest.raises(DeliveryError):
        KafkaTransactions(arguments, "group", ("in", 0), MAX_BYTES, SECONDS).open(1.0)
    with pytest.raises(DeliveryError, match="no broker answers"):
        require_transactions(arguments, 1.0)
    assert time.monotonic() - started < 10


@pytest.mark.kafka
def test_the_embedded_broker_is_refused():
    """It keeps no transactional offsets and fences nobody."""
    with EmbeddedBroker({"in": 1}) as broker, pytest.raises(ConfigurationError, match="real Kafka"):
        require_transactions({"bootstrap.servers": broker.bootstrap_servers, "log_level": 2}, SECONDS)


@pytest.mark.slow
async def test_a_worker_is_built_with_the_outlet_of_its_guarantee(real_kafka: RealKafka):
    """And refuses to start where the guarantee cannot be kept."""
    exactly_once = {"guarantee": "exactly_once"}
    real = {"bootstrap_servers": real_kafka.bootstrap_servers}
    assert isinstance(await build_outlet(load_settings(kafka=real), MemoryDeliverer()), AtLeastOnceOutlet)
    outlet = await build_outlet(load_settings(kafka=real, delivery=exactly_once), MemoryDeliverer())
    assert isinstance(outlet, ExactlyOnceOutlet)
    await outlet.stop()
    with EmbeddedBroker() as broker:
        settings = load_settings(kafka={"bootstrap_servers": broker.bootstrap_servers}, delivery=exactly_once)
        with pytest.raises(ConfigurationError, match="real Kafka"):
            await build_outlet(settings, MemoryDeliverer())


def test_no_two_places_share_a_transactional_id():
    """A dash may stand in groups and topics, a slash in groups only."""
    places = [("a-b", ("c", 1)), ("a", ("b-c", 1)), ("a", ("b", 11)), ("a/b", ("c", 1)), ("a", ("b", 1))]
    assert len({transactional_id(group, place) for group, place in places}) == len(places)
