"""`veilstream policy`: data on stdout, the rest on stderr, and the exit codes."""

import json
import uuid
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from filters.policy import policy_json_schema
from filters.policy_source import lint_policy, parse_policy
from streams.cli.policy import app
from tests.unit.streams.policy_texts import policy_text

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "deploy/policies").glob("*.yaml"))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in ("VEILSTREAM_KAFKA__BOOTSTRAP_SERVERS", "VEILSTREAM_TOPICS__POLICIES", "VEILSTREAM_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def good(tmp_path) -> Path:
    path = tmp_path / "good.yaml"
    path.write_text(policy_text(), encoding="utf-8")
    return path


@pytest.fixture
def bad(tmp_path) -> Path:
    path = tmp_path / "bad.yaml"
    path.write_text(policy_text(action="rejct"), encoding="utf-8")
    return path


@pytest.fixture
def warned(tmp_path) -> Path:
    path = tmp_path / "warned.yaml"
    path.write_text(policy_text().replace("spec:", "spec:\n  mode: shadow"), encoding="utf-8")
    return path


def test_lint_of_good_files_says_nothing_on_stdout(good):
    result = run("lint", good)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "1 files: 0 errors, 0 warnings" in result.stderr


def test_lint_shows_place_caret_and_suggestion(bad, good):
    result = run("lint", good, bad)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"{bad}:6:55: error VS013: `action` is none of its 5 choices",
        "  6 |     rules: [{entities: [URL], min_score: 0.5, action: rejct}]",
        "    |                                                       ^",
        "    = did you mean `reject`?",
    ]


def test_the_caret_stands_under_its_column_behind_tabs_wide_signs_and_escapes(tmp_path):
    path = tmp_path / "wide.yaml"
    path.write_text('{"spec":\t{"日本": 1,\t"\u200b": 2}}', encoding="utf-8")
    lines = run("lint", path).stdout.splitlines()
    shown = [lines[at + 1] for at, line in enumerate(lines) if "VS010" in line]
    carets = [lines[at + 2] for at, line in enumerate(lines) if "VS010" in line]
    assert shown[0] == '  1 | {"spec": {"日本": 1, " ": 2}}'
    assert [caret.index("^") for caret in carets] == [len('  1 | {"spec": {'), len('  1 | {"spec": {"日本": 1, ') + 2]


def test_lint_as_json_is_one_list_of_issues(bad, good):
    result = run("lint", bad, good, "--format", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == [
        {
            "source": str(bad),
            "line": 6,
            "column": 55,
            "code": "VS013",
            "severity": "error",
            "message": "`action` is none of its 5 choices",
            "hint": "did you mean `reject`?",
        }
    ]
    assert json.loads(run("lint", good, "--format", "json").stdout) == []


def test_warnings_fail_only_when_strict(warned):
    assert run("lint", warned).exit_code == 0
    assert "warning VS102" in run("lint", warned).stdout
    assert run("lint", warned, "--strict").exit_code == 1


def test_lint_of_a_folder_reads_its_policies(tmp_path, good, bad):
    (tmp_path / "good_test.yaml").write_text("cases: []", encoding="utf-8")
    result = run("lint", tmp_path)
    assert result.exit_code == 1
    assert "2 files: 1 errors" in result.stderr


def test_a_file_that_is_not_text_is_a_finding(tmp_path):
    path = tmp_path / "image.yaml"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    result = run("lint", path)
    assert result.exit_code == 1
    assert ":1:1: error VS001: not UTF-8" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["lint"],
        ["lint", "/no/such/file.yaml"],
        ["lint", "--format", "xml", __file__],
        ["show"],
        ["show", "acme", "--all"],
        ["publish"],
        ["nonsense"],
    ],
)
def test_wrong_usage_exits_2(arguments):
    assert run(*arguments).exit_code == 2


def test_a_folder_without_policies_is_wrong_usage(tmp_path):
    assert run("lint", tmp_path).exit_code == 2


def test_the_committed_schema_is_what_the_command_prints():
    printed = run("schema").stdout
    assert json.loads(printed) == policy_json_schema()
    committed = ROOT / "deploy/policies/filterpolicy.schema.json"
    assert committed.read_text(encoding="utf-8") == printed, "run `veilstream policy schema` into that file"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_lints_clean_and_points_editors_at_the_schema(path):
    text = path.read_text(encoding="utf-8")
    assert lint_policy(text, path.name) == []
    first = text.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.partition("=")[2]).is_file()


def test_there_are_examples_for_different_tenants():
    tenants = {parse_policy(path.read_text(encoding="utf-8"), path.name).tenant for path in EXAMPLES}
    assert len(tenants) == len(EXAMPLES) >= 3


def test_show_prints_a_policy_that_can_be_read_again(good):
    result = run("show", "acme", "--folder", good.parent)
    assert result.exit_code == 0
    assert parse_policy(result.stdout, "shown") == parse_policy(policy_text(), "written")
    as_json = run("show", "acme", "--folder", good.parent, "--json")
    assert parse_policy(as_json.stdout, "shown") == parse_policy(policy_text(), "written")


def test_show_all_is_a_line_a_tenant(tmp_path, good):
    (tmp_path / "other.yaml").write_text(policy_text("other", 12), encoding="utf-8")
    lines = run("show", "--all", "--folder", tmp_path).stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["tenant", "version", "mode", "on_error", "prompt_rules", "image_rules"],
        ["acme", "1", "enforce", "reject", "1", "1"],
        ["other", "12", "enforce", "reject", "1", "1"],
    ]
    rows = json.loads(run("show", "--all", "--folder", tmp_path, "--json").stdout)
    assert [(row["tenant"], row["version"]) for row in rows] == [("acme", 1), ("other", 12)]


def test_show_names_what_a_folder_refused_on_stderr(tmp_path, good, bad):
    result = run("show", "--all", "--folder", tmp_path)
    assert f"refused: {bad}:6:55" in result.stderr
    assert "rejct" not in result.stdout


def test_show_of_a_tenant_without_policy_exits_1(good):
    result = run("show", "nobody", "--folder", good.parent)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no policy is in force" in result.stderr


@pytest.mark.kafka
@pytest.mark.parametrize("command", [["show", "--all"], ["publish", "{good}"]])
def test_a_broker_that_does_not_answer_exits_4(good, command):
    arguments = [part.format(good=good) for part in command]
    result = run(*arguments, "--bootstrap-servers", "127.0.0.1:9", "--timeout", "0.5")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "broker unreachable" in result.stderr


def test_settings_that_cannot_be_used_exit_3(good, monkeypatch):
    monkeypatch.setenv("VEILSTREAM_KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    result = run("publish", good, "--bootstrap-servers", "127.0.0.1:9")
    assert result.exit_code == 3
    assert "kafka.username" in result.stderr


@pytest.fixture
def topic(embedded_broker, monkeypatch) -> str:
    name = f"cli-policies-{uuid.uuid4()}"
    embedded_broker.create_topics({name: 2})
    monkeypatch.setenv("VEILSTREAM_KAFKA__BOOTSTRAP_SERVERS", embedded_broker.bootstrap_servers)
    monkeypatch.setenv("VEILSTREAM_TOPICS__POLICIES", name)
    return name


def test_what_is_published_is_shown(topic, good, warned):
    first = run("publish", good)
    assert (first.exit_code, first.stdout.split(" as ")[0]) == (0, "acme version 1 published")
    assert topic in first.stdout
    assert run("publish", good).stdout == f"acme version 1 stands on {topic} already\n"
    shown = run("show", "acme")
    assert parse_policy(shown.stdout, "shown") == parse_policy(policy_text(), "written")


def test_publish_as_json_tells_partition_and_offset(topic, good):
    sent = json.loads(run("publish", good, "--json").stdout)
    assert (sent["tenant"], sent["version"], sent["offset"]) == ("acme", 1, 0)


def test_publish_of_a_broken_file_exits_1_and_sends_none_of_the_files(topic, good, bad):
    result = run("publish", good, bad)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{bad}:6:55: error VS013" in result.stderr
    assert run("show", "--all", "--json").stdout == "[]\n"


def test_publish_of_a_version_that_did_not_grow_exits_1(topic, tmp_path, good):
    assert run("publish", good).exit_code == 0
    good.write_text(policy_text(action="flag"), encoding="utf-8")
    result = run("publish", good)
    assert result.exit_code == 1
    assert f"{good}:3:35: error VS021" in result.stderr
    assert "    = write `version: 2`" in result.stderr


def test_publish_tells_warnings_and_goes_on(topic, warned):
    result = run("publish", warned)
    assert result.exit_code == 0
    assert "warning VS102" in result.stderr
    assert "published" in result.stdout
