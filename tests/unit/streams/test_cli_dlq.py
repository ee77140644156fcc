"""`veilstream dlq` on the embedded broker: what it tells, what it writes, and its exit codes. Never content."""

import base64
import json
import stat
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from filters.errors import ConfigurationError, DeliveryError, VeilstreamError
from filters.policy import Keeping
from filters.records import ContentKind, SourcePosition
from filters.verdict import verdict_id
from streams.cli.main import _exit_code, app
from streams.dead_letter import REPLAY_OF
from streams.message import RawMessage
from streams.topics import TopicNames
from tests.support.kafka_io import Incoming, Outgoing, drain_topic, produce, unique
from tests.support.letters import KEY, SECRET, letter, outgoing, raw

PARTITIONS = 3


@dataclass
class Desk:
    """Topics of their own on a broker, and the command line on them."""

    bootstrap: str
    names: TopicNames
    config: Path

    def put(self, *letters: tuple[int, object]) -> list[str]:
        """Write letters to partitions of the topic; their names."""
        records = [outgoing(self.names.dead_letters, written, partition) for partition, written in letters]
        return [":".join(map(str, place)) for place in produce(self.bootstrap, records)]

    def message(self, offset: int = 0, partition: int = 0) -> RawMessage:
        return raw(self.names.prompts, partition, offset)

    def settings(self, **groups: object) -> None:
        kafka = {"bootstrap_servers": self.bootstrap}
        key = base64.b64encode(KEY).decode()
        given = {"kafka": kafka, "topics": self.names.model_dump(), "keys": {"master": key}} | groups
        self.config.write_text(json.dumps(given))

    def run(self, command: str, *arguments: str) -> Result:
        """The command; an error of ours has the exit code that `main` gives it."""
        result = CliRunner().invoke(app, ["dlq", command, *arguments, "--config", str(self.config)])
        if isinstance(result.exception, VeilstreamError):
            result.exit_code = int(_exit_code(result.exception))
            result.stderr_bytes += str(result.exception).encode()
        assert "Zebulon" not in result.stdout + result.stderr
        return result

    def lines(self, *arguments: str) -> list[dict]:
        """What a command printed as JSON lines; it must have succeeded."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    def replayed(self) -> list[Incoming]:
        return drain_topic(self.bootstrap, self.names.prompts)


@pytest.fixture
def desk(embedded_broker, tmp_path) -> Desk:
    prefix = unique("dlq")
    names = TopicNames(**{role: f"{prefix}.{role}" for role, _ in TopicNames()})
    embedded_broker.create_topics(
        dict.fromkeys((names.prompts, names.images, names.dead_letters, names.prompts_released), PARTITIONS)
    )
    desk = Desk(embedded_broker.bootstrap_servers, names, tmp_path / "settings.yaml")
    desk.settings()
    return desk


# ── list ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_empty_topic_has_no_letters(desk):
    result = desk.run("list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "0 letters" in result.stderr


def test_list_has_a_line_a_letter_with_all_that_people_ask_for(desk):
    first, second = desk.put(
        (2, letter(desk.message(offset=5, partition=1))), (0, letter(desk.message(offset=6), key=None, tenant=None))
    )
    head, *lines = (line.split() for line in desk.run("list").stdout.splitlines())
    assert head == [
        *("letter", "time", "code", "reason", "stage", "source", "tenant", "request_id"),
        *("attempts", "size", "kept", "replays"),
    ]
    told = ["2026-03-04T05:06:07Z", "unknown_tenant", "because", "resolve"]
    assert sorted(lines) == sorted(
        [
            [first, *told, f"{desk.names.prompts}:1:5", "acme", "r-1", "2", "33", "yes", "0"],
            [second, *told, f"{desk.names.prompts}:0:6", "-", "r-1", "2", "33", "no", "0"],
        ]
    )


def test_list_finds_by_code_and_tenant_and_limits_itself_to_the_newest(desk):
    names = desk.put(
        *((number % 3, letter(desk.message(number), code="message", tenant="acme")) for number in range(5)),
        (0, letter(desk.message(5), code="detection", tenant="acme")),
        (1, letter(desk.message(6), code="message", tenant="globex")),
    )
    assert {line["letter"] for line in desk.lines("list", "--code", "message", "--tenant", "acme")} == set(names[:5])
    assert [line["letter"] for line in desk.lines("list", "--tenant", "globex")] == [names[6]]
    result = desk.run("list", "--limit", "2", "--json")
    assert len(result.stdout.splitlines()) == 2
    assert "7 letters; 5 older ones are left out" in result.stderr


def test_what_is_no_letter_is_counted_and_not_shown(desk):
    """Anybody may have written it: it can hold content."""
    desk.put((0, letter(desk.message())))
    produce(desk.bootstrap, [Outgoing(desk.names.dead_letters, SECRET), Outgoing(desk.names.dead_letters, None, b"k")])
    result = desk.run("list", "--json")
    assert len(result.stdout.splitlines()) == 1
    assert "2 other records on the topic are no letters" in result.stderr


# ── show ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_show_tells_everything_but_the_original(desk):
    message = desk.message(offset=4)
    _, name = desk.put((1, letter(desk.message(offset=3))), (1, letter(message)))
    shown = json.loads(desk.run("show", name, "--json").stdout)
    assert shown["letter"] == name
    assert shown["verdict_id"] == verdict_id(message.source, ContentKind.PROMPT)
    assert (shown["attempts"], shown["offset"], shown["kept"]) == (2, 4, True)
    assert "sealed" not in shown
    assert "offset      4\n" in desk.run("show", name).stdout


def test_reveal_writes_the_original_where_only_its_owner_reads_and_checks_its_digest(desk, tmp_path):
    (name,) = desk.put((0, letter(desk.message())))
    file = tmp_path / "original"
    result = desk.run("show", name, "--reveal", str(file))
    assert result.exit_code == 0, result.stderr
    assert "digest_matches  yes" in result.stdout
    assert file.read_bytes() == SECRET
    beside = json.loads((tmp_path / "original.headers.json").read_bytes())
    assert base64.b64decode(beside["key"]) == b"user-Zebulon"
    assert dict(beside["headers"])["null"] is None
    assert base64.b64decode(dict(beside["headers"])["note"]) == b"for Zebulon"
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (file, tmp_path / "original.headers.json")}
    assert modes == {0o600}


def test_a_digest_that_is_not_the_originals_is_told(desk, tmp_path):
    written = letter(desk.message())
    body = json.loads(written.value) | {"digest": "0" * 64}
    (name,) = desk.put((0, replace(written, value=json.dumps(body).encode())))
    result = desk.run("show", name, "--reveal", str(tmp_path / "original"))
    assert result.exit_code == 1
    assert "digest_matches  no" in result.stdout


@pytest.mark.parametrize("existing", ["original", "original.headers.json"])
def test_reveal_overwrites_nothing_and_follows_no_link(desk, tmp_path, existing):
    (name,) = desk.put((0, letter(desk.message())))
    (tmp_path / existing).symlink_to("/dev/stdout")
    result = desk.run("show", name, "--reveal", str(tmp_path / "original"))
    assert result.exit_code == 2
    assert "nothing is overwritten" in result.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("original")] == [existing]


@pytest.mark.parametrize(
    ("options", "keys", "code", "why"),
    [
        ({}, {}, 3, "VEILSTREAM_KEYS__MASTER"),
        ({}, {"master": base64.b64encode(KEY[::-1]).decode()}, 1, "the key that it was sealed with"),
        ({"keeping": Keeping.NONE}, {"master": base64.b64encode(KEY).decode()}, 1, "keeps no original"),
    ],
    ids=["no key", "wrong key", "nothing kept"],
)
def test_what_cannot_be_revealed_is_said_and_leaves_no_file(desk, tmp_path, options, keys, code, why):
    (name,) = desk.put((0, letter(desk.message(), **options)))
    desk.settings(keys=keys)
    result = desk.run("show", name, "--reveal", str(tmp_path / "original"))
    assert (result.exit_code, why in result.stderr) == (code, True), result.stderr
    assert list(tmp_path.glob("original*")) == []


def test_a_letter_that_is_not_there_is_said_so(desk):
    produce(desk.bootstrap, [Outgoing(desk.names.dead_letters, SECRET, partition=0)])
    for partition, offset in ((0, 0), (0, 1), (1, 0), (7, 0)):
        result = desk.run("show", f"{desk.names.dead_letters}:{partition}:{offset}")
        assert result.exit_code == 1
        assert "there is no letter" in result.stderr


# ── replay ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_replay_writes_the_original_to_its_partition_and_says_under_which_verdict_it_will_be_judged(desk):
    message = desk.message(offset=8, partition=2)
    (name,) = desk.put((1, letter(message)))
    (report,) = desk.lines("replay", name, "--yes")
    (record,) = desk.replayed()
    assert (record.partition, record.key, record.value) == (2, b"user-Zebulon", SECRET)
    assert record.header(REPLAY_OF) == verdict_id(message.source, ContentKind.PROMPT).encode()
    assert (record.header("ce_id"), record.header("veilstream-verdict")) == (b"1", None)
    place = SourcePosition(record.topic, record.partition, record.offset)
    assert report == {
        "letter": name,
        "status": "replayed",
        "detail": "",
        "position": str(place),
        "verdict_id": verdict_id(place, ContentKind.PROMPT),
    }


def test_a_second_replay_is_skipped_and_seen_and_done_only_when_asked(desk):
    (name,) = desk.put((1, letter(desk.message())))
    assert desk.run("replay", "--all", "--yes").exit_code == 0
    again = desk.run("replay", "--all", "--yes")
    assert again.exit_code == 0
    assert "skipped: it was replayed once before" in again.stdout
    assert len(desk.replayed()) == 1
    assert desk.run("replay", name, "--yes", "--again").exit_code == 0
    assert len(desk.replayed()) == 2
    assert [line["replays"] for line in desk.lines("list")] == [2]


def test_a_selection_is_replayed_oldest_first_and_others_are_left(desk):
    desk.put(*((0, letter(desk.message(number), code="message")) for number in range(4)))
    desk.put((0, letter(desk.message(9), code="detection")), (0, letter(desk.message(8), code="message", tenant=None)))
    reports = desk.lines("replay", "--code", "message", "--tenant", "acme", "--yes")
    assert [report["letter"].rpartition(":")[2] for report in reports] == ["0", "1", "2", "3"]
    assert [report["position"].rpartition(":")[2] for report in reports] == ["0", "1", "2", "3"]


def test_a_dry_run_opens_and_tells_and_changes_nothing(desk):
    desk.put((0, letter(desk.message())), (1, letter(desk.message(1), key=KEY[::-1])))
    result = desk.run("replay", "--all", "--dry-run")
    assert result.exit_code == 1
    assert f"would be replayed: to {desk.names.prompts}, partition 0, 33 bytes" in result.stdout
    assert "not replayable: the sealed value was altered" in result.stdout
    assert "1 would be replayed, 1 not replayable" in result.stderr
    assert desk.replayed() == []
    assert [line["replays"] for line in desk.lines("list")] == [0, 0]


def test_what_cannot_be_replayed_costs_the_others_nothing_and_the_exit_code_tells(desk):
    kept, bare, elsewhere = desk.put(
        (0, letter(desk.message(0))),
        (0, letter(desk.message(1), keeping=Keeping.NONE)),
        (0, letter(raw(desk.names.prompts_released))),
    )
    missing = f"{desk.names.dead_letters}:2:99"
    result = desk.run("replay", kept, bare, elsewhere, missing, "--yes", "--json")
    assert result.exit_code == 1
    reports = {report["letter"]: report for report in map(json.loads, result.stdout.splitlines())}
    assert {name: report["status"] for name, report in reports.items()} == {
        kept: "replayed",
        bare: "not_replayable",
        elsewhere: "not_replayable",
        missing: "failed",
    }
    assert "dead_letters: sealed" in reports[bare]["detail"]
    assert "no input topic" in reports[elsewhere]["detail"]
    assert len(desk.replayed()) == 1
    assert drain_topic(desk.bootstrap, desk.names.prompts_released) == []


def test_without_a_key_nothing_is_replayed(desk):
    desk.put((0, letter(desk.message())))
    desk.settings(keys={})
    result = desk.run("replay", "--all", "--yes")
    assert isinstance(result.exception, ConfigurationError)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "VEILSTREAM_KEYS__MASTER" in result.stderr
    assert desk.replayed() == []


def test_nobody_to_ask_is_taken_for_no(desk):
    (name,) = desk.put((0, letter(desk.message())))
    result = desk.run("replay", name)
    assert (result.exit_code, desk.replayed()) == (2, [])
    assert "--yes" in result.stderr


def test_more_letters_than_the_limit_are_refused_whole(desk):
    desk.put(*((0, letter(desk.message(number))) for number in range(3)))
    result = desk.run("replay", "--all", "--limit", "2", "--yes")
    assert (result.exit_code, desk.replayed()) == (2, [])
    assert "3 letters match" in result.stderr


def test_a_record_that_its_topic_cannot_take_costs_the_others_nothing(desk):
    """A partition that is not there (any more), a record larger than the settings allow."""
    large = replace(desk.message(2), value=bytes(20_000))
    desk.put((0, letter(desk.message(partition=7))), (0, letter(large)), (1, letter(desk.message(1))))
    desk.settings(kafka={"bootstrap_servers": desk.bootstrap, "max_message_bytes": 10_000})
    result = desk.run("replay", "--all", "--yes")
    assert result.exit_code == 1
    assert "has no partition 7" in result.stdout
    assert "too large" in result.stdout
    assert "1 replayed, 2 not replayable" in result.stderr
    assert [record.value for record in desk.replayed()] == [SECRET]


def test_what_no_broker_acknowledges_ends_the_replay_with_4_and_is_told(desk, monkeypatch):
    """The letters behind it are not tried: whatever is wrong is wrong for them too."""

    async def refuse(*_arguments: object) -> None:
        raise DeliveryError("no broker took it")

    first, _ = desk.put((0, letter(desk.message())), (0, letter(desk.message(1))))
    monkeypatch.setattr("streams.replay.InputProducer.send", refuse)
    result = desk.run("replay", "--all", "--yes")
    assert isinstance(result.exception, DeliveryError)
    assert result.exit_code == 4
    assert result.stdout == f"{first} failed: no broker took it; it may be written all the same\n"


# ── wrong usage, silent brokers ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay"],
        ["replay", "--all", "--code", "message"],
        ["replay", "{topic}:0:0", "--all"],
        ["replay", "{topic}:0:0", "--since", "1h"],
        ["replay", "other:0:0", "--yes"],
        ["replay", "nonsense", "--yes"],
        ["replay", "--since", "1h", "--yes"],
        ["show"],
        ["show", "other:0:0"],
        ["list", "--since", "yesterday"],
        ["list", "--limit", "0"],
    ],
)
def test_wrong_usage_exits_2(desk, arguments):
    assert desk.run(*(argument.format(topic=desk.names.dead_letters) for argument in arguments)).exit_code == 2


@pytest.mark.parametrize("arguments", [["list"], ["show", "{topic}:0:0"], ["replay", "--all", "--yes"]])
def test_a_broker_that_does_not_answer_exits_4(desk, arguments):
    desk.settings(kafka={"bootstrap_servers": "127.0.0.1:9"})
    filled = [argument.format(topic=desk.names.dead_letters) for argument in arguments]
    result = desk.run(*filled, "--timeout", "0.5")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "broker unreachable" in result.stderr


def test_a_topic_that_is_not_there_exits_3(desk):
    desk.settings(topics=desk.names.model_dump() | {"dead_letters": "missing"})
    result = desk.run("list", "--timeout", "1")
    assert result.exit_code == 3
    assert "topic missing" in result.stderr


def test_letters_are_read_whatever_their_number_and_partition(desk):
    """More than one fetch brings, on every partition: each is listed once."""
    names = desk.put(*((number % 3, letter(desk.message(number))) for number in range(600)))
    listed = desk.lines("list", "--limit", "1000")
    assert sorted(line["letter"] for line in listed) == sorted(names)
