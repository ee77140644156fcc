"""Fixtures that every test may use: brokers, and the optional material beside the checkout."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from models.face import build_face_detector
from models.manifest import load_manifest
from models.session import Device
from models.weights import WeightStore
from streams.embedded_broker import EmbeddedBroker
from tests.support.brokers import Broker, RealKafka
from tests.support.kafka_jars import kafka_jars, why_no_real_kafka

ROOT = Path(__file__).parents[1]
settings.register_profile("shared", deadline=None)  # machines are shared: a slow example is no defect
settings.load_profile("shared")
BROKER_FIXTURES = {"embedded_broker", "kafka_home", "real_kafka", "kafka_broker"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses a broker is marked `kafka`."""
    for item in items:
        if BROKER_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.kafka)


@pytest.fixture(scope="session")
def embedded_broker() -> Iterator[EmbeddedBroker]:
    """The embedded broker, one for the whole session: use topic and group names of your own."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture(scope="session")
def kafka_home() -> Path:
    """The class path of a real Apache Kafka; skips only where the machine cannot run one."""
    if (reason := why_no_real_kafka()) is not None:
        pytest.skip(reason)
    return kafka_jars(ROOT / ".cache")


@pytest.fixture(scope="session")
def real_kafka(kafka_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka]:
    """A real Apache Kafka, one for the whole session: use topic and group names of your own, and leave it running."""
    with RealKafka(kafka_home, tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="session", params=["embedded", "real"])
def kafka_broker(request: pytest.FixtureRequest) -> Broker:
    """Each test twice: on the embedded broker and on a real Apache Kafka."""
    return request.getfixturevalue({"embedded": "embedded_broker", "real": "real_kafka"}[request.param])


@pytest.fixture(scope="session")
def face_detector():
    """The default face detector, for a second look at what was released."""
    entry = load_manifest(None).entry("centerface")
    return build_face_detector(entry, WeightStore().path(entry), Device.CPU)


@pytest.fixture(scope="session")
def shared_material() -> Path:
    """The evaluation material beside the checkout; optional, never part of the project."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no evaluation material beside the checkout (../shared)")
    return folder
