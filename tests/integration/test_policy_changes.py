"""Policies change under a running worker: at once when they are good, not at all when they are broken."""

import itertools
import json
import time
from pathlib import Path

from confluent_kafka import Producer

from tests.integration.conftest import Figures
from tests.support.house import House
from tests.support.kafka_io import Incoming
from tests.support.material import Case, prompt_case
from tests.support.oracle import send
from tests.support.tail import TopicTail
from tests.support.tenants import POLICIES, REDACTS
from tests.support.worker import WorkerProcess

WITHIN_SECONDS = 2.0
MAIL = "jane.doe@example.com"


def policy(version: int, substitute: str) -> str:
    """A policy that puts `substitute` in the place of mail addresses."""
    operator = f"{{type: replace, text: {substitute}}}"
    return (
        "apiVersion: veilstream/v1\nkind: FilterPolicy\n"
        f"metadata: {{tenant: {REDACTS}, version: {version}}}\n"
        "spec:\n  prompts:\n    rules:\n"
        f"      - {{entities: [EMAIL_ADDRESS], action: redact, operator: {operator}}}\n"
    )


BROKEN = policy(9, "hidden").replace("action: redact", "action: pass")


def letter(number: int) -> Case:
    return prompt_case({"prompt": f"a letter to {MAIL}, no {number}"}, "json", REDACTS, f"letter-{number}")


def ask(house: House, tail: TopicTail, number: int) -> Incoming:
    """Send a prompt and wait for its release."""
    (given,) = send(house.bootstrap, house.topics, [letter(number)])

    def answers() -> list[Incoming]:
        return [each for each in tail.records if each.header("veilstream-source-offset") == given.source.encode()]

    assert tail.read_until(lambda: bool(answers()), timeout=20)
    return answers()[0]


def seconds_until(house: House, tail: TopicTail, version: int) -> tuple[float, Incoming]:
    """Seconds until a record judged under a version has been read, a prompt being sent every 20 ms."""
    wanted = f"{REDACTS}@{version}".encode()
    producer = Producer({"bootstrap.servers": house.bootstrap, "linger.ms": 0, "log_level": 2})
    started = time.monotonic()
    for number in itertools.count(1000 * version):
        case = letter(number)
        producer.produce(house.topics.prompts, case.value, case.key)
        producer.poll(0)
        answers = [each for each in tail.poll(0.02) if each.header("veilstream-policy") == wanted]
        seconds = time.monotonic() - started
        if answers:
            producer.flush(10)
            return seconds, answers[0]
        assert seconds < 5 * WITHIN_SECONDS, f"version {version} is not in force after {seconds:.1f} s"
    raise AssertionError


def started(house: House) -> tuple[WorkerProcess, TopicTail]:
    """A worker for prompts that has answered under version 2; version 1 is the house's own."""
    house.publish(REDACTS, policy(2, "first").encode())
    worker = house.worker("--streams", "prompts").wait_ready()
    tail = house.tail(house.topics.prompts_released)
    assert b"a letter to first, no 0" in (ask(house, tail, 0).value or b"")
    return worker, tail


def test_a_published_policy_takes_effect_within_two_seconds(house: House, figures: Figures):
    """Measured from the broker's acknowledgement to the release that was judged under it; three times."""
    worker, tail = started(house)
    pid = worker.process.pid
    measured = []
    for version in (3, 4, 5):
        house.publish(REDACTS, policy(version, f"word{version}").encode())
        seconds, answer = seconds_until(house, tail, version)
        measured.append(seconds)
        assert f"a letter to word{version}," in (answer.value or b"").decode()
    figures("a new policy judges after " + ", ".join(f"{seconds:.2f} s" for seconds in measured))
    assert max(measured) < WITHIN_SECONDS
    assert (worker.running, worker.process.pid) == (True, pid)
    assert worker.metric("veilstream_policy_info", tenant=REDACTS, version="5") == 1


def test_the_cli_publishes_a_good_policy_and_refuses_a_broken_one(embedded_house: House, tmp_path: Path):
    """`policy publish` names file:line:col and sends nothing."""
    house = embedded_house
    worker, tail = started(house)
    good, broken = tmp_path / "good.yaml", tmp_path / "broken.yaml"
    good.write_text(policy(3, "second"))
    broken.write_text(BROKEN)
    code, output = house.command("policy", "publish", str(good))
    assert code == 0, output
    seconds_until(house, tail, 3)
    code, output = house.command("policy", "publish", str(broken))
    line, column = place_of_the_fault()
    assert code == 1
    assert f"{broken}:{line}:{column}:" in output
    assert worker.metric("veilstream_policy_refusals_total") == 0
    assert ask(house, tail, 1).header("veilstream-policy") == f"{REDACTS}@3".encode()


def test_a_broken_policy_on_the_topic_is_refused_and_the_last_good_one_stays(real_house: House):
    """Whoever goes around the CLI changes nothing but the log, which names topic:partition@offset, line and column."""
    house = real_house
    worker, tail = started(house)
    house.publish(REDACTS, BROKEN.encode())
    house.publish(REDACTS, b"\xff\xfe not yaml")
    house.publish(REDACTS, policy(2, "changed").encode())  # as old as the one in force
    refusals = "policy refused, the last good one stays"
    worker.wait_for_line(refusals)
    deadline = time.monotonic() + 10
    while worker.metric("veilstream_policy_refusals_total") < 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    lines = worker.log_lines(refusals)
    line, column = place_of_the_fault()
    assert (lines[0]["line"], lines[0]["column"], lines[0]["tenant"]) == (line, column, REDACTS)
    assert lines[0]["source"].startswith(f"{house.topics.policies}:0@")
    assert {document["level"] for document in lines} == {"error"}
    assert worker.metric("veilstream_policy_refusals_total") == 3
    answer = ask(house, tail, 1)
    assert answer.header("veilstream-policy") == f"{REDACTS}@2".encode()
    assert json.loads(answer.value or b"")["prompt"] == "a letter to first, no 1"
    assert POLICIES[REDACTS] not in worker.log_text()


def place_of_the_fault() -> tuple[int, int]:
    """Line and column, from 1, of the value that makes `BROKEN` broken."""
    for number, line in enumerate(BROKEN.splitlines(), 1):
        if "pass" in line:
            return number, line.index("pass") + 1
    raise AssertionError
