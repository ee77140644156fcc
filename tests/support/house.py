"""A set of topics on a broker, with policies on them, and the workers that serve them."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from filters.protocols import ImageDetector
from streams.topics import TopicNames
from tests.support.brokers import Broker
from tests.support.kafka_io import Outgoing, produce, unique
from tests.support.oracle import Oracle, output_topics
from tests.support.tail import TopicTail
from tests.support.tenants import POLICIES
from tests.support.worker import VEILSTREAM, WorkerProcess, run_veilstream, worker_environment

PARTITIONS = 3
_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


class House:
    """Topics and a group of their own; every worker and reader that it gave out ends with it.

    Args:
        broker: where the topics are made.
        folder: for the workers' logs.
        tenants: whose policies of `POLICIES` are published at the start.
    """

    def __init__(self, broker: Broker, folder: Path, tenants: Iterable[str] = POLICIES) -> None:
        name = unique("e2e")
        roles = ("prompts", "images", "prompts_released", "images_released", "rejected", "held", "verdicts")
        names = {role: f"{name}.{role}" for role in (*roles, "dead_letters", "policies", "attempts")}
        self.topics = TopicNames(**names)
        self.group = f"{name}.group"
        self.bootstrap = broker.bootstrap_servers
        self.folder = folder
        self._workers = 0
        self._open = ExitStack()
        broker.create_topics(
            {topic: 1 if role in ("policies", "attempts") else PARTITIONS for role, topic in self.topics}
        )
        for tenant in tenants:
            self.publish(tenant, POLICIES[tenant].encode())

    def publish(self, tenant: str, policy: bytes) -> None:
        """Put a policy on the topic, unchecked; returns when the broker has acknowledged it."""
        produce(self.bootstrap, [Outgoing(self.topics.policies, policy, tenant.encode())])

    def environment(self, settings: Mapping[str, str] = _NO_SETTINGS) -> dict[str, str]:
        """The environment of a worker, or of another command, on these topics."""
        return worker_environment(self.bootstrap, self.topics, self.group, settings)

    def worker(
        self,
        *options: str,
        settings: Mapping[str, str] = _NO_SETTINGS,
        command: Iterable[str] = (*VEILSTREAM, "worker"),
    ) -> WorkerProcess:
        """A worker, started; it is killed at the end if it still runs."""
        self._workers += 1
        log = self.folder / f"worker-{self._workers}.log"
        return self._open.enter_context(WorkerProcess(self.environment(settings), log, (*command, *options)))

    def command(self, *arguments: str, settings: Mapping[str, str] = _NO_SETTINGS) -> tuple[int, str]:
        """Exit code and all output of a `veilstream` command that ends by itself."""
        answer = run_veilstream(*arguments, environment=self.environment(settings))
        return answer.returncode, answer.stdout + answer.stderr

    def tail(self, *topics: str) -> TopicTail:
        """A reader of some topics, or of all that workers write."""
        return self._open.enter_context(TopicTail(self.bootstrap, topics or output_topics(self.topics)))

    def oracle(self, detector: ImageDetector | None = None) -> Oracle:
        """An oracle over these topics."""
        return Oracle(self.tail(), self.topics, detector)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
