"""`veilstream topics plan | apply` on a real Apache Kafka, with names of its own each time."""

import json
import uuid

import pytest
from typer.testing import CliRunner

from filters.errors import ConfigurationError, DeliveryError
from streams.cli.output import ExitCode
from streams.cli.topics import app
from streams.topic_admin import TopicAdmin
from streams.topics import CreateTopic, TopicNames, TopicSizing, plan, wanted_topics
from tests.support.brokers import RealKafka, free_port

LARGEST = 8_000_000


@pytest.fixture
def names() -> TopicNames:
    """The usual names behind a prefix that no other test has."""
    prefix = uuid.uuid4().hex[:8]
    return TopicNames(**{role: f"{prefix}.{name}" for role, name in TopicNames()})


@pytest.fixture
def run(real_kafka: RealKafka, names: TopicNames, tmp_path):
    """The command line against the real broker; one broker can keep one copy."""
    config = tmp_path / "settings.yaml"
    kafka = {"bootstrap_servers": real_kafka.bootstrap_servers, "max_message_bytes": LARGEST}
    config.write_text(json.dumps({"kafka": kafka, "topics": names.model_dump()}))

    def invoke(command: str, *arguments: str, replication: int = 1):
        options = ["--config", str(config), "--replication", str(replication), "--partitions", "3"]
        return CliRunner().invoke(app, [command, *options, *arguments])

    return invoke


@pytest.fixture
def admin(real_kafka: RealKafka) -> TopicAdmin:
    """A second look at the broker."""
    return TopicAdmin({"bootstrap.servers": real_kafka.bootstrap_servers})


def changes(result) -> list[dict]:
    """What `--json` printed."""
    assert result.exception is None, result.output
    return json.loads(result.stdout)["changes"]


def test_a_plan_changes_nothing_and_apply_makes_it_true(run, admin, names):
    """Plan names ten topics; after apply they exist as wanted, and a second plan is empty."""
    planned = run("plan", "--json")
    assert planned.exit_code == ExitCode.OK
    assert [change["kind"] for change in changes(planned)] == ["create"] * 10
    assert admin.describe(names.model_dump().values()) == []

    applied = run("apply", "--yes", "--json")
    assert applied.exit_code == ExitCode.OK
    assert changes(applied) == changes(planned)
    assert changes(run("plan", "--json")) == []

    wanted = wanted_topics(names, TopicSizing(partitions=3, replication=1, max_message_bytes=LARGEST))
    topics = {topic.name: topic for topic in admin.describe(names.model_dump().values())}
    for spec in wanted:
        topic = topics[spec.name]
        assert (topic.partitions, topic.replication) == (spec.partitions, 1)
        assert dict(spec.required).items() <= dict(topic.configs).items()
        assert dict(spec.initial).items() <= dict(topic.configs).items()


def test_only_what_falls_short_is_mended(run, admin, names):
    """Partitions and configurations grow to what is wanted; the platform's retention stays as it was."""
    own = CreateTopic(
        names.held, 1, 1, {"retention.ms": "12345", "max.message.bytes": "1000", "cleanup.policy": "compact"}
    )
    admin.apply([own])
    mended = [change for change in changes(run("apply", "--yes", "--json")) if change["topic"] == names.held]
    assert [change["kind"] for change in mended] == ["add_partitions", "set_configs"]
    (held,) = admin.describe([names.held])
    assert held.partitions == 3
    assert held.configs["retention.ms"] == "12345"
    assert held.configs["max.message.bytes"] == str(LARGEST)
    assert held.configs["cleanup.policy"] == "delete"


def test_apply_asks_and_takes_silence_for_no(run, admin, names):
    """Without a terminal and without --yes nothing is changed: exit 2."""
    refused = run("apply")
    assert refused.exit_code == ExitCode.USAGE
    assert "--yes" in refused.stderr
    assert admin.describe(names.model_dump().values()) == []


def test_the_table_names_every_topic(run, names):
    """For people, on stdout."""
    table = "".join(run("plan").stdout.split())
    assert all(name in table for name in names.model_dump().values())


def test_more_copies_than_brokers_is_refused_before_anything_is_made(run, admin, names):
    """One broker cannot keep three copies: a matter of configuration, with the way out in the message."""
    result = run("apply", "--yes", replication=3)
    assert isinstance(result.exception, ConfigurationError)
    assert "--replication 1" in str(result.exception)
    assert admin.describe(names.model_dump().values()) == []


def test_what_kafka_refuses_is_a_matter_of_configuration(admin, names):
    """The broker's own words come through."""
    nonsense = CreateTopic(names.held, 1, 1, {"cleanup.policy": "shred"})
    with pytest.raises(ConfigurationError, match=names.held):
        admin.apply([nonsense])


def test_a_plan_read_from_the_cluster_is_stable(admin, names):
    """What was made by one plan is recognised by the next, whatever the cluster adds of its own."""
    wanted = wanted_topics(names, TopicSizing(partitions=2, replication=1))
    admin.apply(plan([], wanted))
    assert plan(admin.describe(spec.name for spec in wanted), wanted) == []


def test_silent_brokers_are_a_delivery_error():
    """The command line turns it into exit 4."""
    with pytest.raises(DeliveryError, match="no broker answers"):
        TopicAdmin({"bootstrap.servers": f"127.0.0.1:{free_port()}", "log_level": 2}, timeout=0.5).brokers()
