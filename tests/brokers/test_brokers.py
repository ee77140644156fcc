"""Both brokers carry every client that the project and its users have."""

import signal
import subprocess
import sys

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka import KafkaException

from streams.embedded_broker import EmbeddedBroker
from tests.support.brokers import Broker, RealKafka
from tests.support.kafka_io import Outgoing, committed_offsets, drain_topic, end_offsets, produce, unique

TEN_MEGABYTES = 10 * 1024 * 1024


def test_records_come_back_as_they_were_written(kafka_broker: Broker):
    """Key, value, headers (twice the same name too), null value and partition survive."""
    topic = unique("round-trip")
    kafka_broker.create_topics({topic: 3})
    headers = (("a", b"1"), ("a", b"2"), ("empty", b""))
    places = produce(
        kafka_broker.bootstrap_servers,
        [Outgoing(topic, b"v0", b"k0", headers, partition=2), Outgoing(topic, None, b"k1", partition=0)],
    )
    read = {record.partition: record for record in drain_topic(kafka_broker.bootstrap_servers, topic)}
    assert places == [(topic, 2, 0), (topic, 0, 0)]
    assert (read[2].key, read[2].value, read[2].headers) == (b"k0", b"v0", headers)
    assert (read[0].key, read[0].value, read[0].headers) == (b"k1", None, ())
    assert end_offsets(kafka_broker.bootstrap_servers, topic) == {0: 1, 1: 0, 2: 1}


def test_a_ten_megabyte_record_passes(kafka_broker: Broker):
    """Oversize input has to reach the worker before the worker can refuse it."""
    topic = unique("large")
    kafka_broker.create_topics({topic: 1})
    value = bytes(range(256)) * (TEN_MEGABYTES // 256)
    produce(kafka_broker.bootstrap_servers, [Outgoing(topic, value)])
    (record,) = drain_topic(kafka_broker.bootstrap_servers, topic, count=1)
    assert record.value == value


def test_draining_too_long_a_wait_says_how_far_it_came(kafka_broker: Broker):
    """A reader that waits for records that never come ends with their number."""
    topic = unique("short")
    kafka_broker.create_topics({topic: 1})
    produce(kafka_broker.bootstrap_servers, [Outgoing(topic, b"only")])
    with pytest.raises(TimeoutError, match="only 1 records"):
        drain_topic(kafka_broker.bootstrap_servers, topic, count=2, timeout=2)


async def test_aiokafka_produces_idempotently_and_consumes_in_a_group(kafka_broker: Broker):
    """Idempotent acks=all writes, a group that commits, and a second member that goes on where it stopped."""
    topic, group = unique("aiokafka"), unique("group")
    bootstrap = kafka_broker.bootstrap_servers
    kafka_broker.create_topics({topic: 3})
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, acks="all")
    await producer.start()
    for number in range(30):
        await producer.send_and_wait(topic, b"%d" % number, partition=number % 3)
    await producer.stop()

    first = await _consume(bootstrap, topic, group, 30)
    assert sorted(first) == list(range(30))
    assert committed_offsets(bootstrap, group, [topic]) == {(topic, 0): 10, (topic, 1): 10, (topic, 2): 10}

    produce(bootstrap, [Outgoing(topic, b"30", partition=1)])
    assert await _consume(bootstrap, topic, group, 1) == [30]


async def _consume(bootstrap: str, topic: str, group: str, count: int) -> list[int]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        read: list[int] = []
        while len(read) < count:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                read += [int(record.value) for record in records]
        await consumer.commit()
        return read
    finally:
        await consumer.stop()


async def test_aiokafka_commits_offsets_that_another_client_reads(kafka_broker: Broker):
    """What aiokafka commits for one partition is what librdkafka reports, and nothing for the others."""
    topic, group = unique("commits"), unique("group")
    kafka_broker.create_topics({topic: 2})
    produce(kafka_broker.bootstrap_servers, [Outgoing(topic, b"x", partition=1) for _ in range(3)])
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka_broker.bootstrap_servers, group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        place = TopicPartition(topic, 1)
        consumer.assign([place])
        await consumer.commit({place: 2})
    finally:
        await consumer.stop()
    assert committed_offsets(kafka_broker.bootstrap_servers, group, [topic]) == {(topic, 1): 2}


def test_faust_reads_writes_and_commits(kafka_broker: Broker):
    """A stock Faust worker, in a process of its own, copies a topic and commits all of it on SIGTERM."""
    source, target, group = unique("faust-in"), unique("faust-out"), unique("faust")
    bootstrap = kafka_broker.bootstrap_servers
    kafka_broker.create_topics({source: 2, target: 1})
    produce(bootstrap, [Outgoing(source, b"%d" % number, partition=number % 2) for number in range(100)])
    command = [sys.executable, "-m", "tests.brokers.faust_echo", bootstrap, group, source, target]
    worker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        copies = drain_topic(bootstrap, target, count=100, timeout=60)
        worker.send_signal(signal.SIGTERM)
        worker.wait(30)
    finally:
        worker.kill()
        worker.wait()
    assert sorted(int(copy.value) for copy in copies) == list(range(100))
    assert committed_offsets(bootstrap, group, [source]) == {(source, 0): 50, (source, 1): 50}


def test_a_killed_kafka_comes_back_with_its_records(kafka_home, tmp_path):
    """`kill -9` and a restart: same address, same records, same committed offsets, and new ones are taken."""
    topic = unique("survives")
    with RealKafka(kafka_home, tmp_path) as broker:
        bootstrap = broker.bootstrap_servers
        broker.create_topics({topic: 1})
        produce(bootstrap, [Outgoing(topic, b"before")])
        before = broker.pid
        broker.restart()
        assert (broker.bootstrap_servers, broker.pid != before) == (bootstrap, True)
        produce(bootstrap, [Outgoing(topic, b"after")])
        assert [record.value for record in drain_topic(bootstrap, topic)] == [b"before", b"after"]


def test_a_kafka_that_cannot_start_shows_its_log(kafka_home, tmp_path):
    """A broken configuration ends in an error that carries the end of Kafka's log."""
    broker = RealKafka(kafka_home, tmp_path, {"num.network.threads": "none"})
    with pytest.raises(RuntimeError, match=r"num\.network\.threads"):
        broker.start()


def test_two_embedded_brokers_do_not_know_of_each_other():
    """Each has its own port and topics, and after its end nothing answers there."""
    with EmbeddedBroker({"shared-name": 1}) as one, EmbeddedBroker({"shared-name": 1}) as other:
        produce(one.bootstrap_servers, [Outgoing("shared-name", b"x")])
        gone = one.bootstrap_servers
        assert gone != other.bootstrap_servers
        assert drain_topic(other.bootstrap_servers, "shared-name") == []
    with pytest.raises((KafkaException, TimeoutError)):
        end_offsets(gone, "shared-name", timeout=1)
