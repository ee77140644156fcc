"""`veilstream worker` as operators meet it: probes, metrics, and what it says when it cannot start."""

import re
import time
from pathlib import Path

import pytest

from tests.support.brokers import free_port
from tests.support.house import House
from tests.support.material import prompt_case, prompt_cases
from tests.support.oracle import send
from tests.support.tenants import POLICIES, REDACTS

METRICS_PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
CONFIGURATION, DEPENDENCY = 3, 4


def test_probes_turn_ready_and_metrics_carry_their_documented_names(embedded_house: House):
    """Not ready while it loads, alive throughout; every metric of docs/metrics.md is exported, and no other."""
    house = embedded_house
    worker = house.worker()
    worker.wait_for_line("listening")
    status, conditions = worker.probe("/readyz")
    assert (status, '"models_loaded": false' in conditions) == (503, True)
    assert worker.probe("/healthz")[0] == 200
    worker.wait_ready()
    inputs = send(house.bootstrap, house.topics, prompt_cases(50))
    oracle = house.oracle()
    assert oracle.settled(inputs, timeout=60)
    time.sleep(1.5)  # lag is read every second
    assert worker.probe("/healthz")[0] == 200
    page = worker.probe("/metrics")[1]
    exported = set(re.findall(r"^# TYPE (veilstream_\w+)", page, re.MULTILINE))
    documented = set(re.findall(r"`(veilstream_\w+)`", METRICS_PAGE.read_text()))
    assert {name for name in exported if not name.endswith("_created")} == documented
    assert worker.metric("veilstream_events_total", stream="prompt") == 50
    assert worker.metric("veilstream_open_records") == 0
    assert worker.metric("veilstream_model_info") == len(
        ("presidio", "text_pii", "terms", "centerface", "zxing", "ppocr")
    )
    assert worker.probe("/nothing")[0] == 404
    assert worker.terminate() == 0


def test_one_stream_can_run_alone(embedded_house: House):
    """`--streams prompts` needs no weights and leaves pictures where they are."""
    house = embedded_house
    worker = house.worker("--streams", "prompts", settings={"MODELS__CACHE_DIR": str(house.folder)}).wait_ready()
    inputs = send(house.bootstrap, house.topics, [prompt_case({"prompt": "a red house"}, "raw", REDACTS, "alone")])
    assert house.oracle().settled(inputs, timeout=30)
    assert worker.terminate() == 0


@pytest.mark.parametrize(
    ("settings", "options", "said"),
    [
        ({"KAFKA__SESSION_TIMEOUT_SECONDS": "soon"}, (), "kafka.session_timeout_seconds"),
        ({"KAFAK__GROUP": "x"}, (), "VEILSTREAM_KAFAK__GROUP"),
        ({"KEYS__MASTER": "c2hvcnQ="}, (), "keys.master"),
        ({"KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT"}, (), "kafka.username"),
        ({}, ("--config", "no-such-file.yaml"), "no-such-file.yaml"),
        ({"MODELS__CACHE_DIR": "no-such-folder"}, ("--streams", "images"), "veilstream models pull"),
        ({"MODELS__FACE": "no-such-model"}, ("--streams", "images"), "no-such-model"),
        (
            {"TOPICS__POLICIES": "no-such-topic", "POLICIES__CATCH_UP_SECONDS": "2"},
            ("--streams", "prompts"),
            "no-such-topic",
        ),
    ],
)
def test_what_is_configured_wrongly_is_named_and_ends_with_3(
    embedded_house: House, settings: dict[str, str], options: tuple[str, ...], said: str
):
    """One line that names the setting, no traceback, no value of a secret."""
    code, output = embedded_house.command("worker", *options, settings=settings)
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    assert code == CONFIGURATION, output
    assert len(errors) == 1, output
    assert said in errors[0]
    assert "Traceback" not in output
    assert "c2hvcnQ=" not in output


def test_a_taken_port_is_named_and_ends_with_3(embedded_house: House):
    """Two workers cannot have the same port."""
    port = str(free_port())
    settings = {"HTTP__PORT": port}
    embedded_house.worker("--streams", "prompts", settings=settings).wait_ready()
    code, output = embedded_house.command("worker", "--streams", "prompts", settings=settings)
    assert (code, port in output) == (CONFIGURATION, True), output


def test_no_broker_ends_with_4_within_its_bound(embedded_house: House):
    """`policies.catch_up_seconds` bounds the wait for a broker that does not answer."""
    settings = {"KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}", "POLICIES__CATCH_UP_SECONDS": "3"}
    started = time.monotonic()
    code, output = embedded_house.command("worker", "--streams", "prompts", settings=settings)
    assert code == DEPENDENCY, output
    assert "broker" in output.splitlines()[-1]
    assert "Traceback" not in output
    assert time.monotonic() - started < 25


def test_no_broker_for_records_ends_with_4(embedded_house: House, tmp_path: Path):
    """Policies from a folder need no broker, records do."""
    (tmp_path / "acme.yaml").write_text(POLICIES[REDACTS])
    settings = {"KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}
    code, output = embedded_house.command(
        "worker", "--streams", "prompts", "--policies", str(tmp_path), settings=settings
    )
    assert code == DEPENDENCY, output
    assert "Traceback" not in output
