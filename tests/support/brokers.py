"""Brokers for tests: a real Apache Kafka process, and what it has in common with the embedded one."""

import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Protocol, Self

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

LARGEST_MESSAGE = 32 * 1024 * 1024
START_SECONDS = 90
STOP_SECONDS = 30
_CLUSTER_ID = "4L6g3nShT-eMCtK--X86sw"
_LOG_CONFIG = """
rootLogger.level = warn
rootLogger.appenderRefs = out
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
"""
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Broker(Protocol):
    """What tests may ask of any broker."""

    @property
    def bootstrap_servers(self) -> str:
        """`host:port`."""

    def create_topics(self, topics: Mapping[str, int]) -> None:
        """Make topics, with their number of partitions."""


def free_port() -> int:
    """A loopback port that nothing listens on, below the ephemeral range.

    Clients that reconnect to a killed broker draw their own ports from the ephemeral range; there they could take the
    broker's port, or connect to themselves.
    """
    for port in random.sample(range(20_000, 32_000), 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free loopback port between 20000 and 32000")


def create_topics(bootstrap: str, topics: Mapping[str, int], copies: int) -> None:
    """Make topics, with their number of partitions; returns when the controller has made them."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    new = [NewTopic(name, num_partitions=count, replication_factor=copies) for name, count in topics.items()]
    for future in admin.create_topics(new).values():
        future.result(timeout=30)


class RealKafka:
    """One Apache Kafka process in KRaft mode (broker and controller) on loopback ports.

    Args:
        jars: folder of Kafka's class path.
        folder: where configuration, log (`kafka.log`) and data go; the data are removed by `stop()`, the rest stays.
        configs: broker configurations on top of the ones for tests.
        port: where clients connect; a free one where absent.
    """

    def __init__(
        self, jars: Path, folder: Path, configs: Mapping[str, str] = _NOTHING, port: int | None = None
    ) -> None:
        self._jars = jars
        self._folder = folder
        self._port = free_port() if port is None else port
        self._configs = self._server_properties() | dict(configs)
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """`host:port`; the same after a restart."""
        return f"127.0.0.1:{self._port}"

    @property
    def log(self) -> Path:
        """What the process printed."""
        return self._folder / "kafka.log"

    @property
    def pid(self) -> int:
        """The process, for signals."""
        if self._process is None:
            raise RuntimeError("Kafka is not running")
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Format the data folder where it is new, start, and wait until groups can be served.

        Raises:
            RuntimeError: it does not come up; the end of its log is in the message.
        """
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Format the data folder where it is new, and start the process."""
        if not self._data.exists():
            self._format()
        self._output = self.log.open("ab")
        self._process = subprocess.Popen(
            [*self._java(heap="512m"), "kafka.Kafka", str(self._properties)],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    def stop(self) -> None:
        """Shut down in order, and remove the data."""
        self._end(signal.SIGTERM)
        shutil.rmtree(self._data, ignore_errors=True)

    def kill(self) -> None:
        """`kill -9`; the data stay."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """`kill -9` and start again on the same port with the same data."""
        self.kill()
        self.start()

    def create_topics(self, topics: Mapping[str, int]) -> None:
        """Make topics of one copy, with their number of partitions; returns when they can be used."""
        create_topics(self.bootstrap_servers, topics, copies=1)

    # ── the process ───────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _properties(self) -> Path:
        return self._folder / "server.properties"

    def _server_properties(self) -> dict[str, str]:
        controller = free_port()
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listeners": f"PLAINTEXT://{self.bootstrap_servers},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap_servers}",
            "log.dirs": str(self._data),
            "auto.create.topics.enable": "false",
            "message.max.bytes": str(LARGEST_MESSAGE),
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            # After `kill -9` the controller refuses the restarted broker until the old session ends (9 s by default).
            "broker.session.timeout.ms": "2000",
            "broker.heartbeat.interval.ms": "500",
            "offsets.topic.num.partitions": "4",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
        }

    def _java(self, heap: str) -> list[str]:
        # One process on a shared machine: the serial collector and the quick compiler start fastest.
        options = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Xmx{heap}"]
        log = f"-Dlog4j2.configurationFile={self._folder / 'log4j2.properties'}"
        return ["java", *options, log, "-cp", f"{self._jars}/*"]

    def _format(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "log4j2.properties").write_text(_LOG_CONFIG)
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in self._configs.items()))
        tool = ["kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(self._properties)]
        answer = subprocess.run(
            [*self._java(heap="128m"), *tool], capture_output=True, text=True, check=False, timeout=START_SECONDS
        )
        if answer.returncode:
            raise RuntimeError(f"Kafka's data folder could not be formatted:\n{answer.stdout}{answer.stderr}")

    def wait_until_ready(self) -> None:
        """Wait until groups can be served.

        Raises:
            RuntimeError: it does not come up; the end of its log is in the message.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                break
            if self._accepts_connections() and self._serves_groups():
                return
            time.sleep(0.1)
        self._end(signal.SIGKILL)
        raise RuntimeError(f"Kafka did not come up; {self.log} ends with:\n{self.log.read_text()[-3000:]}")

    def _accepts_connections(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def _serves_groups(self) -> bool:
        """Ask for a group's offset: the first such request makes the broker create its offsets topic."""
        consumer = Consumer(
            {"bootstrap.servers": self.bootstrap_servers, "group.id": "readiness", "log_level": 2},
        )
        try:
            consumer.committed([TopicPartition("readiness", 0)], timeout=5)
        except KafkaException:
            return False
        finally:
            consumer.close()
        return True

    def _end(self, with_signal: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(with_signal)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._output is not None:
            self._output.close()
        self._process = self._output = None
