"""The cache of weights: fetched once, checked against the manifest every time they are used."""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from filters.errors import ModelError
from models.manifest import FileEntry, ModelEntry
from models.sources import PackageSource

_CHUNK_BYTES = 1 << 20
_DIGEST_SHOWN = 16


class WeightState(StrEnum):
    """What lies in the cache for a model."""

    READY = "ready"
    MISSING = "missing"
    ALTERED = "altered"


_WORST_FIRST = (WeightState.ALTERED, WeightState.MISSING, WeightState.READY)


def default_cache_dir() -> Path:
    """`$XDG_CACHE_HOME/veilstream/models`; `~/.cache` where the variable is unset or not absolute (XDG base dirs).

    Raises:
        ModelError: there is no home directory either.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        return (base if base.is_absolute() else Path.home() / ".cache") / "veilstream" / "models"
    except RuntimeError:
        raise ModelError("there is no home directory for the cache: set `models.cache_dir`", reason="cache") from None


@dataclass(frozen=True, slots=True)
class StoredModel:
    """The bytes of a model's files, checked against the manifest."""

    weights: bytes = field(repr=False)
    companions: Mapping[str, bytes] = field(repr=False)


class WeightStore:
    """Weights and the files beside them on disk, by name and digest: two versions of a model lie side by side.

    Several processes may pull at a time: a file appears whole and checked, or not at all. What was installed with the
    program (`package:` sources) is used where it lies.
    """

    def __init__(self, cache_dir: Path | None = None) -> None:
        self.cache_dir = cache_dir or default_cache_dir()

    def location(self, entry: ModelEntry, companion: str = "") -> Path:
        """Where the weights belong, or the file beside them that is called so; whether it is there or not.

        Raises:
            ModelError: it lies in a package that is not installed.
        """
        file = entry.files[companion]
        if isinstance(file.source, PackageSource):
            return file.source.path
        return self.cache_dir / f"{entry.name}-{file.sha256[:_DIGEST_SHOWN]}.{companion or 'onnx'}"

    def state(self, entry: ModelEntry) -> WeightState:
        """Whether all files are there and are the manifest's. Reads them."""
        states = {_state(self.location(entry, name), file) for name, file in entry.files.items()}
        return next(state for state in _WORST_FIRST if state in states)

    def path(self, entry: ModelEntry) -> Path:
        """The checked weights.

        Raises:
            ModelError: they are not in the cache, or are not what the manifest says.
        """
        self.verify(entry)
        return self.location(entry)

    def stored(self, entry: ModelEntry) -> StoredModel:
        """The bytes of all files; what was read is what was checked.

        Raises:
            ModelError: see `path`.
        """
        self.verify(entry)
        data = {name: _checked(self.location(entry, name), file, entry.name) for name, file in entry.files.items()}
        return StoredModel(data.pop(""), data)

    def verify(self, entry: ModelEntry) -> None:
        """Check the weights and the files beside them.

        Raises:
            ModelError: see `path`.
        """
        for name, file in entry.files.items():
            path = self.location(entry, name)
            match _state(path, file):
                case WeightState.MISSING:
                    raise ModelError(
                        f"{name or 'the file'} of the weights of {entry.name} is not in {path.parent}: "
                        f"{_remedy(entry.name, file)}",
                        reason="weights_missing",
                    )
                case WeightState.ALTERED:
                    raise ModelError(
                        f"{path} is not the file that the manifest describes (SHA-256 or size differ) and is not "
                        f"used: {_remedy(entry.name, file)}",
                        reason="weights_altered",
                    )

    def pull(self, entry: ModelEntry) -> Path:
        """Fetch what the cache lacks or has otherwise, and check it before it is put there. The place of the weights.

        Raises:
            ModelError: what came is not what the manifest describes, or the cache cannot be written; or what was
                installed with the program is missing or altered.
            SourceUnreachable: the source does not answer.
        """
        for name, file in entry.files.items():
            path = self.location(entry, name)
            if _state(path, file) is WeightState.READY:
                continue
            if isinstance(file.source, PackageSource):
                self.verify(entry)
            self._fetch(file, path)
        return self.location(entry)

    def _fetch(self, file: FileEntry, path: Path) -> None:
        try:
            self.cache_dir.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".pull-", dir=self.cache_dir) as folder:
                fetched = Path(folder) / "weights"
                file.source.fetch(fetched, file.size)
                check_digest(file, file_digest(fetched), str(file.source))
                fetched.replace(path)
        except OSError as error:
            raise ModelError(
                f"the cache {self.cache_dir} cannot be written: {error.strerror}", reason="cache"
            ) from None


def _state(path: Path, file: FileEntry) -> WeightState:
    try:
        if path.stat().st_size != file.size:
            return WeightState.ALTERED
        return WeightState.READY if file_digest(path) == file.sha256 else WeightState.ALTERED
    except FileNotFoundError:
        return WeightState.MISSING
    except OSError as error:
        raise ModelError(f"the weights {path} cannot be read: {error.strerror}", reason="cache") from None


def _checked(path: Path, file: FileEntry, model: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} of {model} cannot be read: {error.strerror}", reason="cache") from None
    check_digest(file, hashlib.sha256(data).hexdigest(), str(path))
    return data


def _remedy(model: str, file: FileEntry) -> str:
    return "reinstall veilstream" if isinstance(file.source, PackageSource) else f"run `veilstream models pull {model}`"


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def check_digest(entry: FileEntry, digest: str, what: str) -> None:
    """Refuse a file that is not the manifest's.

    Raises:
        ModelError: `digest` is another.
    """
    if digest != entry.sha256:
        raise ModelError(
            f"{what}: its SHA-256 begins {digest[:_DIGEST_SHOWN]} and the manifest says "
            f"{entry.sha256[:_DIGEST_SHOWN]}; it is not used",
            reason="weights_altered",
        )
