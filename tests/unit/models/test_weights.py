"""The cache: nothing is used that the manifest does not describe, and nothing half-written is ever seen."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from filters.errors import ModelError
from models.face import build_face_detector
from models.manifest import ModelEntry, load_manifest
from models.weights import WeightState, WeightStore, default_cache_dir

WEIGHTS = b"weights of a model" * 1000


def entry_for(source: Path, data: bytes = WEIGHTS) -> ModelEntry:
    return ModelEntry.model_validate(
        {
            "name": "mine",
            "task": "face",
            "family": "yunet",
            "description": "mine",
            "source": f"file:{source}",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
            "licence": "MIT",
        }
    )


@pytest.fixture
def entry(tmp_path: Path) -> ModelEntry:
    source = tmp_path / "source.onnx"
    source.write_bytes(WEIGHTS)
    return entry_for(source)


@pytest.fixture
def store(tmp_path: Path) -> WeightStore:
    return WeightStore(tmp_path / "deep" / "cache")


def test_missing_weights_name_the_remedy(entry: ModelEntry, store: WeightStore) -> None:
    """Who starts without weights is told the command that fetches them."""
    with pytest.raises(ModelError, match="veilstream models pull mine") as caught:
        store.path(entry)
    assert caught.value.reason == "weights_missing"


def test_pulled_weights_are_ready(entry: ModelEntry, store: WeightStore) -> None:
    """After a pull, the path holds the very bytes, and nothing else lies in the cache."""
    assert store.pull(entry) == store.path(entry)
    assert store.path(entry).read_bytes() == WEIGHTS
    assert list(store.cache_dir.iterdir()) == [store.path(entry)]


def test_sound_weights_are_not_fetched_again(entry: ModelEntry, store: WeightStore) -> None:
    """A second pull does not need the source."""
    store.pull(entry)
    Path(str(entry.source).removeprefix("file:")).unlink()
    assert store.pull(entry) == store.path(entry)


@pytest.mark.parametrize("data", [b"X" + WEIGHTS[1:], WEIGHTS[:-1], WEIGHTS + b"X", b""])
def test_altered_weights_are_never_used(entry: ModelEntry, store: WeightStore, data: bytes) -> None:
    """One byte changed, lost or added in the cache is an error, for the store and for the detector; a pull mends it."""
    store.pull(entry).write_bytes(data)
    assert store.state(entry) is WeightState.ALTERED
    with pytest.raises(ModelError, match="veilstream models pull mine"):
        store.path(entry)
    with pytest.raises(ModelError, match="it is not used"):
        build_face_detector(entry, store.location(entry))
    store.pull(entry)
    assert store.path(entry).read_bytes() == WEIGHTS


@pytest.mark.parametrize("data", [b"X" + WEIGHTS[1:], WEIGHTS[:-1], WEIGHTS + b"X"])
def test_a_source_with_other_bytes_is_refused(tmp_path: Path, store: WeightStore, data: bytes) -> None:
    """What a source gives is checked before it is put into the cache."""
    source = tmp_path / "source.onnx"
    source.write_bytes(data)
    entry = entry_for(source)
    with pytest.raises(ModelError) as caught:
        store.pull(entry)
    assert caught.value.reason in {"weights_altered", "altered"}
    assert store.state(entry) is WeightState.MISSING
    assert list(store.cache_dir.iterdir()) == []


def test_a_source_that_is_not_there_is_an_error(tmp_path: Path, store: WeightStore) -> None:
    """A `file:` that does not exist says so."""
    with pytest.raises(ModelError, match=r"absent\.onnx cannot be read"):
        store.pull(entry_for(tmp_path / "absent.onnx"))


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path: Path, entry: ModelEntry) -> None:
    """The operating system's refusal becomes an error of ours."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ModelError, match=r"cannot be (read|written)"):
        WeightStore(tmp_path / "file" / "cache").pull(entry)


def test_pulls_at_the_same_time_are_safe(entry: ModelEntry, store: WeightStore) -> None:
    """Many threads and another process pull one model: all get the whole file."""
    code = (
        "import sys; from pathlib import Path; from models.manifest import ModelEntry; from models.weights import "
        "WeightStore; print(WeightStore(Path(sys.argv[1])).pull(ModelEntry.model_validate_json(sys.argv[2])))"
    )
    document = entry.model_copy(update={"source": str(entry.source)}).model_dump_json(warnings=False)
    command = [sys.executable, "-c", code, str(store.cache_dir), document]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other, ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(lambda _: hashlib.sha256(store.pull(entry).read_bytes()).hexdigest(), range(40)))
        said, _ = other.communicate(timeout=60)
    assert set(digests) == {entry.sha256}
    assert said.strip() == str(store.path(entry))


def test_two_versions_lie_side_by_side(tmp_path: Path, store: WeightStore) -> None:
    """A new digest under an old name does not disturb workers that use the old one."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"old")
    new.write_bytes(b"new")
    first, second = entry_for(old, b"old"), entry_for(new, b"new")
    store.pull(first)
    store.pull(second)
    assert store.path(first).read_bytes() == b"old"
    assert store.path(second).read_bytes() == b"new"


@pytest.mark.parametrize(("variable", "cache"), [("/var/x", "/var/x"), ("", "/h/me/.cache"), ("x", "/h/me/.cache")])
def test_the_default_cache_follows_xdg(monkeypatch: pytest.MonkeyPatch, variable: str, cache: str) -> None:
    """`XDG_CACHE_HOME` counts where it is absolute, as its specification says."""
    monkeypatch.setenv("XDG_CACHE_HOME", variable)
    monkeypatch.setenv("HOME", "/h/me")
    assert default_cache_dir() == Path(cache) / "veilstream" / "models"


def test_what_is_installed_with_the_program_is_used_where_it_lies(store: WeightStore) -> None:
    """A `package:` source needs no pull and no cache, and a pull does not copy it."""
    entry = load_manifest().entry("veilstream-pii")
    assert store.state(entry) is WeightState.READY
    assert store.pull(entry) == store.path(entry)
    assert not store.cache_dir.exists()
    assert hashlib.sha256(store.stored(entry).weights).hexdigest() == entry.sha256


def test_an_altered_installation_is_not_mended_by_a_pull(store: WeightStore) -> None:
    """Only a new installation brings the file back, and the message says so."""
    entry = load_manifest().entry("veilstream-pii").model_copy(update={"sha256": "0" * 64})
    for call in (store.pull, store.verify, store.stored):
        with pytest.raises(ModelError, match="reinstall veilstream"):
            call(entry)
