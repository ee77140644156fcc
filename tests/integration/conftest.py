"""Houses on either broker and the figures that tests measure."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from streams.embedded_broker import EmbeddedBroker
from tests.support.brokers import Broker, RealKafka
from tests.support.house import House
from tests.support.tenants import POLICIES

MakeHouse = Callable[..., House]
Figures = Callable[[str], None]
_FIGURES = "figures"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Worker processes take seconds to start."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.kafka)


@pytest.fixture
def houses(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Makes houses on a broker; they end with the test."""
    with ExitStack() as stack:

        def make(broker: Broker, tenants: tuple[str, ...] = tuple(POLICIES)) -> House:
            folder = tmp_path / f"house-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return stack.enter_context(House(broker, folder, tenants))

        yield make


@pytest.fixture
def house(kafka_broker: Broker, houses: MakeHouse) -> House:
    """A house on the embedded broker, then one on a real Apache Kafka."""
    return houses(kafka_broker)


@pytest.fixture
def embedded_house(embedded_broker: EmbeddedBroker, houses: MakeHouse) -> House:
    """A house on the embedded broker."""
    return houses(embedded_broker)


@pytest.fixture
def real_house(real_kafka: RealKafka, houses: MakeHouse) -> House:
    """A house on a real Apache Kafka."""
    return houses(real_kafka)


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Takes what a test measured; shown at the end of the run."""
    return lambda text: request.node.user_properties.append((_FIGURES, text))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures."""
    reports = [report for category in ("passed", "failed") for report in terminalreporter.getreports(category)]
    lines = [
        f"{report.nodeid.rpartition('::')[2]}: {value}"
        for report in reports
        for name, value in report.user_properties
        if name == _FIGURES
    ]
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)
