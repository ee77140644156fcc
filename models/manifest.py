"""Every model: where its weights come from, what they must hash to, under which licence, and how they are fed."""

from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from filters.errors import ModelError
from models.sources import FileSource, Source, parse_source

BUILT_IN = Path(__file__).with_name("manifest.yaml")
MAX_MANIFEST_BYTES = 1_000_000
SIDE_STEP = 32
"""Sides of a model's input are multiples of this: the detectors halve their input five times."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Task(StrEnum):
    """What a model looks for."""

    FACE = "face"


class Family(StrEnum):
    """How a model's input is made and its output read."""

    CENTERFACE = "centerface"
    YUNET = "yunet"
    RFB = "rfb"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Side = Annotated[int, Field(ge=0, le=8192, multiple_of=SIDE_STEP)]


class Inputs(_Part):
    """How frames are brought to the model: longer sides of its input, in pixels. A model of one size ignores it.

    A detector that has learnt faces of 10 to 300 pixels does not see one that fills a large picture: the second look,
    at a small copy, costs a few per cent and finds those.
    """

    long_side: Side = Field(default=1280, ge=SIDE_STEP, description="Larger frames are shrunk to this.")
    enlarge_to: Side = Field(default=0, description="Smaller frames are enlarged to this, at most twofold; 0: never.")
    close_up: Side = Field(default=0, description="A second look at frames shrunk to this; 0: none.")

    @model_validator(mode="after")
    def _sides_are_ordered(self) -> Self:
        if max(self.enlarge_to, self.close_up) > self.long_side:
            raise ValueError("`enlarge_to` and `close_up` must not exceed `long_side`")
        return self


class Thresholds(_Part):
    """What of a model's answer is reported."""

    min_score: Share = Field(default=0.2, gt=0.0, description="Detections below are dropped; policies choose above it.")
    max_overlap: Share = Field(default=0.3, description="Of two boxes with a larger IoU only the surer one stays.")


class ModelEntry(_Part):
    """One model. `size` is in bytes, `licence` an SPDX expression."""

    name: Name
    task: Task
    family: Family
    description: str = Field(min_length=1, max_length=300)
    source: Annotated[Source, BeforeValidator(parse_source)]
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(gt=0, le=2**32)
    licence: str = Field(pattern=r"^[A-Za-z0-9.+() -]{1,100}$")
    inputs: Inputs = Inputs()
    thresholds: Thresholds = Thresholds()


class Manifest(_Part):
    """The models of an installation; names are unique."""

    models: tuple[ModelEntry, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [entry.name for entry in self.models]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"more than one model is called {', '.join(twice)}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.models)

    def entry(self, name: str) -> ModelEntry:
        """The model called `name`.

        Raises:
            ModelError: there is none.
        """
        for entry in self.models:
            if entry.name == name:
                return entry
        close = get_close_matches(name, self.names, n=1)
        hint = f"; did you mean {close[0]}?" if close else f"; known are {', '.join(self.names)}"
        raise ModelError(f"no model is called {name!r}{hint}", reason="unknown_model")


def load_manifest(extra: Path | None = None) -> Manifest:
    """The built-in models, and those of the file `extra`; an entry there replaces a built-in one of the same name.

    Raises:
        ModelError: a file cannot be read, is no YAML, or does not follow the schema.
    """
    built_in = read_manifest(BUILT_IN)
    if extra is None:
        return built_in
    added = read_manifest(extra)
    kept = tuple(entry for entry in built_in.models if entry.name not in added.names)
    return Manifest(models=kept + added.models)


def read_manifest(path: Path) -> Manifest:
    """The models of one file; `file:` sources count from its folder.

    Raises:
        ModelError: see `load_manifest`.
    """
    try:
        return _anchored(Manifest.model_validate(_read_yaml(path)), path.absolute().parent)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ModelError(f"the model manifest {path} is not valid: {faults}", reason="manifest") from None


def _read_yaml(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise ModelError(f"the model manifest {path} is larger than {MAX_MANIFEST_BYTES} bytes", reason="manifest")
        document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"the model manifest {path} cannot be read: {error.strerror}", reason="manifest") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise ModelError(f"the model manifest {path} is not YAML: {error}", reason="manifest") from None
    if not isinstance(document, Mapping):
        raise ModelError(f"the model manifest {path} must be a mapping with `models:`", reason="manifest")
    return document


def _anchored(manifest: Manifest, folder: Path) -> Manifest:
    def anchored(entry: ModelEntry) -> ModelEntry:
        if not isinstance(entry.source, FileSource):
            return entry
        return entry.model_copy(update={"source": FileSource(folder / entry.source.path)})

    return Manifest(models=tuple(anchored(entry) for entry in manifest.models))
