"""`veilstream doctor`: each check on sound and on broken ground, and the exit code that follows."""

import base64
import json
import sys
import time

import pytest
import typer
from typer.testing import CliRunner

from models.session import RuntimeReport, runtime_report
from streams.checkup import (
    Cause,
    CheckResult,
    Status,
    brokers,
    guarantee,
    master_key,
    objects,
    onnx_runtime,
    package_owner,
    policy_source,
    python_version,
    weights,
)
from streams.cli.doctor import doctor, exit_code
from streams.cli.output import ExitCode
from streams.embedded_broker import EmbeddedBroker
from streams.settings import load_settings
from streams.topics import TopicNames
from tests.support.brokers import free_port
from tests.support.objects import CREDENTIALS, S3Server

NAMES = TopicNames()


def outcome(result: CheckResult) -> tuple[Status, Cause | None]:
    """The part of a result that decides."""
    return result.status, result.cause


@pytest.mark.parametrize(
    ("version", "fits"), [((3, 10), False), ((3, 11), True), ((3, 12), True), ((3, 13), True), ((3, 14), False)]
)
def test_only_locked_pythons_are_fit(version, fits):
    """3.11 to 3.13, as `requires-python` says."""
    assert (python_version(version).status is Status.OK) is fits


@pytest.mark.parametrize(
    ("distributions", "providers", "told"),
    [
        ({}, (), "install veilstream[cpu] or veilstream[gpu]"),
        ({"onnxruntime": "1", "onnxruntime-gpu": "1"}, ("X",), "onnxruntime and onnxruntime-gpu are both installed"),
        ({"onnxruntime": "1"}, (), "cannot be imported"),
    ],
)
def test_none_two_or_a_broken_onnxruntime_are_told_apart(distributions, providers, told):
    """Two overwrite each other's files; what is left of one may no longer be imported."""
    result = onnx_runtime(RuntimeReport(distributions, providers))
    assert outcome(result) == (Status.FAILED, Cause.INSTALLATION)
    assert told in result.detail


def test_one_runtime_shows_its_providers():
    """What this very environment has."""
    result = onnx_runtime(runtime_report())
    assert result.status is Status.OK
    assert "CPUExecutionProvider" in result.detail


@pytest.mark.parametrize("package", ["filters", "models", "streams"])
def test_our_packages_are_ours(package):
    """In this environment all three come from this distribution."""
    assert package_owner(package).status is Status.OK


def test_a_package_from_elsewhere_is_noticed():
    """A module that some other distribution put on the path fails by its place."""
    result = package_owner("numpy")
    assert outcome(result) == (Status.FAILED, Cause.INSTALLATION)
    assert "not from veilstream" in result.detail


def test_a_package_that_another_distribution_also_installs_is_noticed(tmp_path, monkeypatch):
    """`models` is a plain name: a second owner in the same environment overwrites files."""
    info = tmp_path / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (info / "RECORD").write_text("models/__init__.py,,\n")
    (info / "top_level.txt").write_text("models\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    result = package_owner("models")
    assert outcome(result) == (Status.FAILED, Cause.INSTALLATION)
    assert "stranger" in result.detail


def test_absent_weights_are_a_matter_of_configuration(tmp_path):
    """An empty cache fails and names the command that fills it."""
    result = weights(load_settings(models={"cache_dir": tmp_path}))
    assert outcome(result) == (Status.FAILED, Cause.CONFIGURATION)
    assert "veilstream models pull" in result.detail


def test_a_key_is_reported_without_being_shown():
    """Set or not set; never a part of it."""
    secret = base64.b64encode(bytes(range(32))).decode()
    with_key = master_key(load_settings(keys={"master": secret}))
    assert (with_key.status, with_key.detail) == (Status.OK, "set")
    assert master_key(load_settings()).status is Status.NOTE
    needed = master_key(load_settings(delivery={"dead_letters_without_policy": "sealed"}))
    assert (needed.status, needed.cause) == (Status.FAILED, Cause.CONFIGURATION)


def test_the_policy_source_is_named(tmp_path):
    """The topic; or a folder, which has to hold a policy."""
    assert NAMES.policies in policy_source(load_settings()).detail
    missing = load_settings(policies={"folder": tmp_path / "absent"})
    empty = load_settings(policies={"folder": tmp_path})
    assert outcome(policy_source(missing)) == outcome(policy_source(empty)) == (Status.FAILED, Cause.CONFIGURATION)
    (tmp_path / "acme.yaml").write_text("kind: FilterPolicy\n")
    assert policy_source(empty) == CheckResult("policies", Status.OK, f"1 in {tmp_path}")


def test_silent_brokers_are_a_missing_dependency_within_the_bound():
    """Nothing listens: failed, and soon."""
    settings = load_settings(kafka={"bootstrap_servers": f"127.0.0.1:{free_port()}"})
    started = time.monotonic()
    (result,) = brokers(settings, timeout=0.5)
    assert outcome(result) == (Status.FAILED, Cause.DEPENDENCY)
    assert time.monotonic() - started < 5


def test_answering_brokers_are_counted_and_missing_topics_named():
    """A cluster with all topics but one."""
    topics = dict.fromkeys(NAMES.model_dump().values(), 1)
    del topics[NAMES.held]
    with EmbeddedBroker(topics) as broker:
        settings = load_settings(kafka={"bootstrap_servers": broker.bootstrap_servers})
        kafka, missing, delivery = brokers(settings, timeout=5)
        assert (kafka.status, missing.status) == (Status.OK, Status.NOTE)
        assert f"missing: {NAMES.held};" in missing.detail
        assert delivery.status is Status.OK
        assert "at least once" in delivery.detail
        broker.create_topics({NAMES.held: 1})
        assert [result.status for result in brokers(settings, timeout=5)] == [Status.OK] * 3


def test_exactly_once_on_the_embedded_broker_is_a_matter_of_configuration():
    """Found before a worker is started, which would refuse too."""
    with EmbeddedBroker(dict.fromkeys(NAMES.model_dump().values(), 1)) as broker:
        settings = load_settings(
            kafka={"bootstrap_servers": broker.bootstrap_servers}, delivery={"guarantee": "exactly_once"}
        )
        (result,) = brokers(settings, timeout=5)
    assert outcome(result) == (Status.FAILED, Cause.CONFIGURATION)
    assert "needs a real Kafka" in result.detail


def test_exactly_once_tells_what_consumers_have_to_do():
    """Readers of uncommitted records would see what is aborted."""
    result = guarantee(load_settings(delivery={"guarantee": "exactly_once"}))
    assert result.status is Status.NOTE
    assert "isolation.level=read_committed" in result.detail


@pytest.mark.parametrize(
    ("causes", "expected"),
    [
        ([], ExitCode.OK),
        ([Cause.INSTALLATION], ExitCode.FINDINGS),
        ([Cause.INSTALLATION, Cause.DEPENDENCY], ExitCode.DEPENDENCY),
        ([Cause.DEPENDENCY, Cause.CONFIGURATION, Cause.INSTALLATION], ExitCode.CONFIGURATION),
    ],
)
def test_the_exit_code_names_the_first_thing_to_mend(causes, expected):
    """Configuration, then dependencies, then the installation; notes do not count."""
    results = [CheckResult("x", Status.FAILED, "", cause) for cause in causes]
    assert exit_code([CheckResult("n", Status.NOTE, ""), *results]) is expected


def store_settings(*allowed: str, endpoint: str | None = None):
    return load_settings(objects={"allowed": allowed, "released": "s3://images/out/", "endpoint": endpoint})


def test_prefixes_that_answer_are_fine(tmp_path, monkeypatch):
    """Nothing needs to lie there; a tenant's folder need not exist, the folder above it does."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "in").mkdir()
    with S3Server("images") as server:
        allowed = ("s3://images/in/{tenant}/", f"file://{tmp_path}/in/", f"file://{tmp_path}/in/{{tenant}}/x/")
        results = objects(store_settings(*allowed, endpoint=server.endpoint), 5)
    assert [(result.status, result.detail) for result in results] == [
        (Status.OK, prefix) for prefix in (*allowed, "s3://images/out/")
    ]


def test_a_store_that_is_down_and_a_folder_that_is_missing_are_told_apart(tmp_path, monkeypatch):
    """One is a dependency, the other a setting."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    allowed = ("s3://images/in/", f"file://{tmp_path}/none/")
    results = objects(store_settings(*allowed, endpoint=f"http://127.0.0.1:{free_port()}"), 5)
    assert [outcome(result) for result in results] == [
        (Status.FAILED, Cause.DEPENDENCY),
        (Status.OK, None),
        (Status.FAILED, Cause.DEPENDENCY),
        (Status.FAILED, Cause.CONFIGURATION),
    ]
    assert "object_unreachable" in results[0].detail


def test_without_prefixes_no_store_is_asked():
    assert objects(load_settings(), 5) == []


def run(*arguments: str):
    """The command as the command line runs it."""
    app = typer.Typer()
    app.command()(doctor)
    return CliRunner().invoke(app, [*arguments])


def test_the_command_reports_every_check_as_json(tmp_path):
    """Broken settings do not hide the installation's checks; one document on stdout."""
    broken = tmp_path / "settings.yaml"
    broken.write_text("kafka: {nonsense: 1}\n")
    result = run("--json", "--config", str(broken))
    report = json.loads(result.stdout)
    assert result.exit_code == ExitCode.CONFIGURATION
    assert report["ok"] is False
    assert [check["status"] for check in report["checks"]] == ["ok"] * 5 + ["failed"]
    assert "nonsense" in report["checks"][-1]["detail"]


def test_the_command_asks_brokers_only_when_told(tmp_path, monkeypatch):
    """Naming brokers is telling: exit 4 when they are silent, and the table says which."""
    (tmp_path / "acme.yaml").write_text("kind: FilterPolicy\n")
    monkeypatch.setenv("VEILSTREAM_POLICIES__FOLDER", str(tmp_path))
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setattr("streams.cli.doctor.settings_checks", lambda settings: [policy_source(settings)])
    assert run().exit_code == ExitCode.OK
    silent = run("--bootstrap-servers", address, "--timeout", "0.5")
    assert silent.exit_code == ExitCode.DEPENDENCY
    assert "no broker answers" in " ".join(silent.stdout.split())
