"""The fault matrix: seeds that can be replayed, brokers that may be broken, and a table of what the faults did.

`--fault-seed N` replays a run, `--fault-table FILE` writes the rows as Markdown.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from streams.embedded_broker import EmbeddedBroker
from tests.faults.rows import Row, table
from tests.support.brokers import Broker, RealKafka, free_port
from tests.support.cluster import KafkaCluster
from tests.support.house import House
from tests.support.proxy import Proxy
from tests.support.tenants import POLICIES

MakeHouse = Callable[..., House]
Record = Callable[[Row], None]
_ROW = "fault_row"
_SEED = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `make faults` and a person who replays a run need."""
    group = parser.getgroup("faults")
    group.addoption("--fault-seed", type=int, help="when and where faults strike; drawn where absent")
    group.addoption("--fault-table", type=Path, help="a file for the table of figures, in Markdown")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Worker processes take seconds to start, and every row has a broker."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.kafka)
            item.add_marker(pytest.mark.faults)


def _seed(config: pytest.Config) -> int:
    if _SEED not in config.stash:
        given = config.getoption("--fault-seed", default=None)
        config.stash[_SEED] = time.time_ns() % 1_000_000 if given is None else given
    return config.stash[_SEED]


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    """The run's seed; it stands in every row of figures."""
    return _seed(pytestconfig)


@pytest.fixture
def rng(seed: int, request: pytest.FixtureRequest) -> random.Random:
    """A test's own dice: the same for the same seed, whatever other tests run beside it."""
    return random.Random(f"{seed} {request.node.name}")  # noqa: S311  faults, not secrets


@pytest.fixture
def houses(tmp_path: Path) -> Iterator[MakeHouse]:
    """Makes houses on a broker; they end with the test."""
    with ExitStack() as stack:

        def make(broker: Broker, tenants: tuple[str, ...] = tuple(POLICIES)) -> House:
            folder = tmp_path / f"house-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return stack.enter_context(House(broker, folder, tenants))

        yield make


@pytest.fixture
def faults_house(real_kafka: RealKafka, houses: MakeHouse) -> House:
    """A house on the session's Apache Kafka, which other tests use too: it must stay as it is."""
    return houses(real_kafka)


@dataclass(frozen=True)
class Breakable:
    """An Apache Kafka for faults only: killed, forbidden to read, or reached through a network that fails.

    Clients that connect at the proxy are told to stay there; all others connect directly.
    """

    kafka: RealKafka
    proxy: Proxy

    @property
    def bootstrap_servers(self) -> str:
        return self.kafka.bootstrap_servers

    def create_topics(self, topics: Mapping[str, int]) -> None:
        self.kafka.create_topics(topics)


@pytest.fixture(scope="session")
def breakable(kafka_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Breakable]:
    """One for all rows: leave it running and healed."""
    direct, proxied, behind, controller = (free_port() for _ in range(4))
    inside, outside = f"PLAINTEXT://127.0.0.1:{direct}", "PROXIED://127.0.0.1:"
    configs = {
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"{inside},{outside}{behind},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"{inside},{outside}{proxied}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
        "log.cleaner.backoff.ms": "200",
    }
    with (
        Proxy(proxied, behind) as proxy,
        RealKafka(kafka_home, tmp_path_factory.mktemp("breakable"), configs, direct) as kafka,
    ):
        yield Breakable(kafka, proxy)


@pytest.fixture(scope="session")
def cluster(kafka_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Three brokers for all rows: leave them running."""
    with KafkaCluster(kafka_home, tmp_path_factory.mktemp("cluster")) as three:
        yield three


@pytest.fixture
def mock_broker() -> Iterator[EmbeddedBroker]:
    """A mock of one's own, to be broken by `mock_broker.cluster`."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture
def mock_house(mock_broker: EmbeddedBroker, houses: MakeHouse) -> House:
    """A house on that mock."""
    return houses(mock_broker)


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """Takes a row of figures; to be called before anything is asserted, so that failures have figures too."""
    return lambda row: request.node.user_properties.append((_ROW, asdict(row)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the rows, and write them where `--fault-table` says."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    rows = [Row(**value) for report in reports for name, value in report.user_properties if name == _ROW]
    if not rows:
        return
    text = table(rows)
    terminalreporter.section(f"faults, --fault-seed {_seed(config)}")
    terminalreporter.write_line(text)
    path: Path | None = config.getoption("--fault-table", default=None)
    if path is not None:
        path.write_text(text)
