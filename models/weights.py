"""The cache of weights: fetched once, checked against the manifest every time they are used."""

import hashlib
import os
import tempfile
from enum import StrEnum
from pathlib import Path

from filters.errors import ModelError
from models.manifest import ModelEntry

_CHUNK_BYTES = 1 << 20
_DIGEST_SHOWN = 16


class WeightState(StrEnum):
    """What lies in the cache for a model."""

    READY = "ready"
    MISSING = "missing"
    ALTERED = "altered"


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


class WeightStore:
    """Weights on disk, by name and digest, so that two versions of a model lie side by side.

    Several processes may pull at a time: a file appears whole and checked, or not at all.
    """

    def __init__(self, cache_dir: Path | None = None) -> None:
        self.cache_dir = cache_dir or default_cache_dir()

    def location(self, entry: ModelEntry) -> Path:
        """Where the weights belong, whether they are there or not."""
        return self.cache_dir / f"{entry.name}-{entry.sha256[:_DIGEST_SHOWN]}.onnx"

    def state(self, entry: ModelEntry) -> WeightState:
        """Whether the weights are there and are the manifest's. Reads the whole file."""
        path = self.location(entry)
        try:
            if path.stat().st_size != entry.size:
                return WeightState.ALTERED
            return WeightState.READY if file_digest(path) == entry.sha256 else WeightState.ALTERED
        except FileNotFoundError:
            return WeightState.MISSING
        except OSError as error:
            raise ModelError(f"the weights {path} cannot be read: {error.strerror}", reason="cache") from None

    def path(self, entry: ModelEntry) -> Path:
        """The checked weights.

        Raises:
            ModelError: they are not in the cache, or are not what the manifest says.
        """
        self.verify(entry)
        return self.location(entry)

    def verify(self, entry: ModelEntry) -> None:
        """Check the weights.

        Raises:
            ModelError: see `path`.
        """
        remedy = f"run `veilstream models pull {entry.name}`"
        match self.state(entry):
            case WeightState.MISSING:
                raise ModelError(
                    f"the weights of {entry.name} are not in {self.cache_dir}: {remedy}", reason="weights_missing"
                )
            case WeightState.ALTERED:
                raise ModelError(
                    f"{self.location(entry)} is not the file that the manifest describes (SHA-256 or size differ) and "
                    f"is not used: {remedy}",
                    reason="weights_altered",
                )

    def pull(self, entry: ModelEntry) -> Path:
        """Fetch the weights where the cache lacks them or has others, and check them before they are put there.

        Raises:
            ModelError: what came is not what the manifest describes, or the cache cannot be written.
            SourceUnreachable: the source does not answer.
        """
        path = self.location(entry)
        if self.state(entry) is WeightState.READY:
            return path
        try:
            self.cache_dir.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".pull-", dir=self.cache_dir) as folder:
                fetched = Path(folder) / "weights"
                entry.source.fetch(fetched, entry.size)
                check_digest(entry, file_digest(fetched), str(entry.source))
                fetched.replace(path)
        except OSError as error:
            raise ModelError(
                f"the cache {self.cache_dir} cannot be written: {error.strerror}", reason="cache"
            ) from None
        return path


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def check_digest(entry: ModelEntry, digest: str, what: str) -> None:
    """Refuse weights that are not the manifest's.

    Raises:
        ModelError: `digest` is another.
    """
    if digest != entry.sha256:
        raise ModelError(
            f"{what}: its SHA-256 begins {digest[:_DIGEST_SHOWN]} and the manifest says "
            f"{entry.sha256[:_DIGEST_SHOWN]}; it is not used",
            reason="weights_altered",
        )
