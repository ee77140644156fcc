"""Three Apache Kafka processes that are one cluster: each partition on all of them, and two must have a write."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka.admin import AdminClient

from tests.support.brokers import RealKafka, create_topics, free_port

COPIES = 3
MIN_IN_SYNC = 2


class KafkaCluster:
    """Three nodes, each broker and controller; two of them are a quorum.

    Args:
        jars: folder of Kafka's class path.
        folder: each node gets a folder in it.
    """

    def __init__(self, jars: Path, folder: Path) -> None:
        ports = {node: (free_port(), free_port()) for node in range(1, COPIES + 1)}
        self.nodes: dict[int, RealKafka] = {
            node: RealKafka(jars, folder / f"node-{node}", _configs(node, ports), ports[node][0]) for node in ports
        }
        """By node id, from 1."""

    @property
    def bootstrap_servers(self) -> str:
        """All three, comma-separated."""
        return ",".join(node.bootstrap_servers for node in self.nodes.values())

    def create_topics(self, topics: Mapping[str, int]) -> None:
        """Make topics with a copy on every node, with their number of partitions."""
        create_topics(self.bootstrap_servers, topics, copies=COPIES)

    def leader(self, topic: str, partition: int) -> int:
        """The node that leads a partition; -1 where none does."""
        return self._metadata(topic, partition).leader

    def in_sync(self, topic: str, partition: int) -> frozenset[int]:
        """The nodes that have all of a partition."""
        return frozenset(self._metadata(topic, partition).isrs)

    def coordinator(self, group: str) -> int:
        """The node that keeps a group."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 2})
        (described,) = admin.describe_consumer_groups([group]).values()
        return described.result(timeout=10).coordinator.id

    def start(self) -> None:
        """Start all nodes; returns when each serves groups."""
        for node in self.nodes.values():
            node.launch()
        for node in self.nodes.values():
            node.wait_until_ready()

    def stop(self) -> None:
        """Kill all nodes and remove their data: an orderly end would wait for a quorum."""
        for node in self.nodes.values():
            node.kill()
        for node in self.nodes.values():
            node.stop()

    def _metadata(self, topic: str, partition: int):
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 2})
        return admin.list_topics(topic, timeout=10).topics[topic].partitions[partition]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _configs(node: int, ports: Mapping[int, tuple[int, int]]) -> dict[str, str]:
    client, controller = ports[node]
    voters = ",".join(f"{number}@127.0.0.1:{theirs}" for number, (_, theirs) in ports.items())
    return {
        "node.id": str(node),
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{client}",
        "min.insync.replicas": str(MIN_IN_SYNC),
        "unclean.leader.election.enable": "false",
        "offsets.topic.replication.factor": str(COPIES),
        "transaction.state.log.replication.factor": str(COPIES),
        "transaction.state.log.min.isr": str(MIN_IN_SYNC),
        # A follower that is gone leaves the in-sync set within seconds, not half a minute.
        "replica.lag.time.max.ms": "2000",
        "replica.fetch.wait.max.ms": "100",
    }
