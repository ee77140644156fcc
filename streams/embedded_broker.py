"""A Kafka broker inside this process, for the demo and for quick tests: nothing to install, nothing kept.

It speaks the real protocol (groups, commits, idempotent producers, transactions) on a loopback port, and is no
promise-keeper: about 5 MB a partition are kept and the oldest records then vanish, whether read or not; nothing is
compacted, nobody is fenced, and CreateTopics is not served (an unknown topic appears on the first metadata request,
with 4 partitions). The first member of a new group is served at once; every later join waits for the members'
session timeout less a second, so tests that restart a worker here choose a short session.
"""

from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Self

from streams.librdkafka import MockCluster

KEPT_BYTES_PER_PARTITION = 5 * 1024 * 1024
"""librdkafka's constant (`rdkafka_mock.c`, `max_size` of a partition); a single larger record is kept whole."""


class EmbeddedBroker:
    """Starts with `start()` or `with`, and must be stopped in the same process.

    Args:
        topics: partitions (≥ 1) by topic name, made at the start.
        brokers: broker processes to imitate, ≥ 1.
    """

    def __init__(self, topics: Mapping[str, int] = MappingProxyType({}), brokers: int = 1) -> None:
        self._topics = dict(topics)
        self._brokers = brokers
        self._cluster: MockCluster | None = None

    def start(self) -> None:
        """Open the port and make the topics.

        Raises:
            RuntimeError: it runs already, or librdkafka refuses.
        """
        if self._cluster is not None:
            raise RuntimeError("the embedded broker runs already")
        self._cluster = MockCluster(self._brokers)
        self._cluster.set_group_delay(0)
        self.create_topics(self._topics)

    def stop(self) -> None:
        """Close the port and forget everything. May be called twice."""
        if self._cluster is not None:
            self._cluster.close()
        self._cluster = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def cluster(self) -> MockCluster:
        """The running mock: what makes it fail on command.

        Raises:
            RuntimeError: it is not running.
        """
        if self._cluster is None:
            raise RuntimeError("the embedded broker is not running")
        return self._cluster

    @property
    def bootstrap_servers(self) -> str:
        """`host:port`, comma-separated."""
        return self.cluster.bootstrap_servers

    def create_topics(self, topics: Mapping[str, int]) -> None:
        """Make topics, with their number of partitions; every broker replicates them.

        Raises:
            RuntimeError: one exists already.
        """
        for name, partitions in topics.items():
            self.cluster.create_topic(name, partitions, self._brokers)
