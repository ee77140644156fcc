"""The embedded broker's life, and the faults that it makes on command."""

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from streams.embedded_broker import KEPT_BYTES_PER_PARTITION, EmbeddedBroker
from streams.librdkafka import ApiKey, MockCluster
from tests.support.kafka_io import Outgoing, drain_topic, produce


def partitions(bootstrap: str, topic: str) -> int:
    """How many partitions a broker reports."""
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
    return len(client.list_topics(topic, timeout=5).topics[topic].partitions)


def test_topics_have_the_partitions_that_were_asked_for():
    """At the start, and later on."""
    with EmbeddedBroker({"one": 1, "seven": 7}) as broker:
        broker.create_topics({"later": 3})
        assert [partitions(broker.bootstrap_servers, name) for name in ("one", "seven", "later")] == [1, 7, 3]


def test_a_topic_is_not_made_twice():
    """The second call says so instead of changing the first topic."""
    with EmbeddedBroker({"one": 1}) as broker, pytest.raises(RuntimeError, match="TOPIC_ALREADY_EXISTS"):
        broker.create_topics({"one": 2})


def test_it_lists_every_broker():
    """Three brokers, three addresses."""
    with EmbeddedBroker({"t": 2}, brokers=3) as broker:
        addresses = broker.bootstrap_servers.split(",")
        assert len(set(addresses)) == 3
        assert all(address.startswith("127.0.0.1:") for address in addresses)


def test_it_starts_once_and_stops_as_often_as_one_likes():
    """A second start is an error, a second stop is not, and a stopped one has no address."""
    broker = EmbeddedBroker()
    broker.start()
    with pytest.raises(RuntimeError, match="runs already"):
        broker.start()
    broker.stop()
    broker.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = broker.bootstrap_servers


def test_a_closed_cluster_refuses_to_be_used():
    """No call reaches freed memory."""
    cluster = MockCluster()
    cluster.close()
    cluster.close()
    with pytest.raises(RuntimeError, match="closed"):
        cluster.create_topic("t", 1)


def test_it_forgets_the_oldest_records_as_documented():
    """The limit that the docstring names is librdkafka's: never use it for a promise."""
    record = Outgoing("t", bytes(1024 * 1024))
    with EmbeddedBroker({"t": 1}) as broker:
        produce(broker.bootstrap_servers, [record] * 8)
        kept = drain_topic(broker.bootstrap_servers, "t")
    assert 3 * 1024 * 1024 < sum(len(incoming.value) for incoming in kept) <= KEPT_BYTES_PER_PARTITION


def test_a_refused_request_reaches_the_client():
    """A produce error on command arrives as that error."""
    with EmbeddedBroker({"t": 1}) as broker:
        broker.cluster.fail_requests(ApiKey.PRODUCE, [KafkaError.TOPIC_AUTHORIZATION_FAILED])
        with pytest.raises(KafkaException) as refused:
            produce(broker.bootstrap_servers, [Outgoing("t", b"x")])
        assert refused.value.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
        assert drain_topic(broker.bootstrap_servers, "t") == []


def test_a_broker_that_is_down_answers_again_once_it_is_up():
    """Down: no answer. Up: the same records."""
    with EmbeddedBroker({"t": 1}) as broker:
        produce(broker.bootstrap_servers, [Outgoing("t", b"x")])
        broker.cluster.set_down(1)
        with pytest.raises(KafkaException):
            partitions_within(broker.bootstrap_servers, seconds=1)
        broker.cluster.set_up(1)
        assert [record.value for record in drain_topic(broker.bootstrap_servers, "t", count=1)] == [b"x"]


def partitions_within(bootstrap: str, seconds: float) -> int:
    """Ask for metadata, with a bound."""
    return len(AdminClient({"bootstrap.servers": bootstrap, "log_level": 2}).list_topics(timeout=seconds).topics)


def test_answers_can_be_delayed():
    """A round trip of a second is a timeout for who waits half of one."""
    with EmbeddedBroker({"t": 1}) as broker:
        broker.cluster.set_round_trip(1, 1.0)
        with pytest.raises(KafkaException):
            partitions_within(broker.bootstrap_servers, seconds=0.5)
        assert partitions_within(broker.bootstrap_servers, seconds=10) == 1


def test_a_partition_can_be_led_by_another_broker():
    """Clients find it there, with its records."""
    with EmbeddedBroker({"t": 1}, brokers=3) as broker:
        produce(broker.bootstrap_servers, [Outgoing("t", b"x")])
        for leader in (2, 3, 1):
            broker.cluster.set_leader("t", 0, leader)
            admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 2})
            assert admin.list_topics("t", timeout=5).topics["t"].partitions[0].leader == leader
            assert [record.value for record in drain_topic(broker.bootstrap_servers, "t", count=1)] == [b"x"]
        with pytest.raises(RuntimeError, match="refuses"):
            broker.cluster.set_leader("t", 7, 1)
