"""Every model: where its weights come from, what they must hash to, under which licence, and how they are fed."""

from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from filters.errors import ModelError
from filters.findings import EntityType
from models.sources import FileSource, Source, parse_source

BUILT_IN = Path(__file__).with_name("manifest.yaml")
MAX_MANIFEST_BYTES = 1_000_000
SIDE_STEP = 32
"""Sides of a model's input are multiples of this: the detectors halve their input five times."""

CONFIG, TOKENIZER = "config.json", "tokenizer.json"
"""The files beside the weights of a token classifier, named as Hugging Face's exports name them."""
RECOGNIZER, TURNED = "recognizer.onnx", "turned.onnx"
"""Beside the weights that find lines of text: those that read them, and that tell which stand on their heads."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Task(StrEnum):
    """What a model looks for."""

    FACE = "face"
    TEXT_PII = "text_pii"
    OCR = "ocr"


class Family(StrEnum):
    """How a model's input is made and its output read."""

    CENTERFACE = "centerface"
    YUNET = "yunet"
    RFB = "rfb"
    TOKEN_CLASSIFICATION = "token_classification"  # noqa: S105  no password
    PPOCR = "ppocr"

    @property
    def task(self) -> Task:
        """What models of this family look for."""
        others = {Family.TOKEN_CLASSIFICATION: Task.TEXT_PII, Family.PPOCR: Task.OCR}
        return others.get(self, Task.FACE)

    @property
    def companions(self) -> frozenset[str]:
        """The files that it needs beside the weights."""
        needed = {Family.TOKEN_CLASSIFICATION: {CONFIG, TOKENIZER}, Family.PPOCR: {RECOGNIZER, TURNED}}
        return frozenset(needed.get(self, ()))


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Side = Annotated[int, Field(ge=0, le=8192, multiple_of=SIDE_STEP)]


class Inputs(_Part):
    """How frames are brought to the model: longer sides of its input, in pixels. A model of one size ignores it.

    A detector that has learnt faces of 10 to 300 pixels does not see one that fills a large picture: the close-up, a
    small copy, costs a few per cent and finds those. The fine looks and the first one vote (`models.votes`).
    """

    long_side: Side = Field(default=1280, ge=SIDE_STEP, description="Larger frames are shrunk to this.")
    enlarge_to: Side = Field(default=0, description="Smaller frames are enlarged to this, at most twofold; 0: never.")
    close_up: Side = Field(default=0, description="A look at frames shrunk to this besides; 0: none.")
    fine: Side = Field(
        default=0,
        description="Two more looks, one of them mirrored, half as large again, but no larger than this; 0: none.",
    )
    turned: Side = Field(
        default=0,
        description="Three looks at a copy of this size, turned by a quarter, a half, three quarters; 0: none.",
    )
    tiles: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Much larger frames are looked at in up to so many parts of `long_side` besides; 0: in none.",
    )

    @property
    def brief(self) -> Self:
        """The first look and the close-up alone."""
        return self.model_copy(update={"fine": 0, "turned": 0, "tiles": 0})

    @model_validator(mode="after")
    def _sides_are_ordered(self) -> Self:
        if max(self.enlarge_to, self.close_up) > self.long_side:
            raise ValueError("`enlarge_to` and `close_up` must not exceed `long_side`")
        return self


class Thresholds(_Part):
    """What of a model's answer is reported."""

    min_score: Share = Field(default=0.2, gt=0.0, description="Detections below are dropped; policies choose above it.")
    min_reading: Share = Field(default=0.5, description="Lines of text read with a smaller score are no text.")
    large_exponent: float = Field(
        default=1.0, gt=0.0, le=1.0, description="Scores of large boxes are raised to this power (`models.votes`)."
    )
    max_overlap: Share = Field(default=0.3, description="Of two boxes with a larger IoU only the surer one stays.")


class Reading(_Part):
    """How a token classifier is fed and what of its answer is reported."""

    max_tokens: int = Field(default=128, ge=16, le=4096, description="Longer texts are read in windows of so many.")
    overlap: int = Field(default=32, ge=0, description="Tokens that neighbouring windows share.")
    temperature: float = Field(default=1.0, gt=0.0, le=10.0, description="Divides the logits: makes scores honest.")
    min_score: Share = Field(default=0.5, gt=0.0, description="Words below are not reported; policies choose above it.")
    min_scores: Mapping[EntityType, Share] = Field(default={}, description="Other such thresholds, by entity type.")
    labels: Mapping[str, EntityType | None] = Field(
        default={}, description="Label names (without B- and I-) to entity types, or to null: ignored."
    )

    @model_validator(mode="after")
    def _windows_move_on(self) -> Self:
        if 2 * self.overlap > self.max_tokens - 8:
            raise ValueError("`overlap` must be less than half of `max_tokens`")
        return self

    def shortened(self, positions: int | None) -> "Reading":
        """The same for a model that takes no more than so many tokens."""
        if positions is None or positions >= self.max_tokens:
            return self
        return self.model_copy(update={"max_tokens": positions, "overlap": min(self.overlap, positions // 4)})


class FileEntry(_Part):
    """A file: where it comes from and what it must be. `size` is in bytes."""

    source: Annotated[Source, BeforeValidator(parse_source)]
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(gt=0, le=2**32)


class ModelEntry(FileEntry):
    """One model, by its weights. `licence` is an SPDX expression."""

    name: Name
    task: Task
    family: Family
    description: str = Field(min_length=1, max_length=300)
    licence: str = Field(pattern=r"^[A-Za-z0-9.+() -]{1,100}$")
    inputs: Inputs = Inputs()
    thresholds: Thresholds = Thresholds()
    reading: Reading = Reading()
    ensemble: tuple[Name, ...] = Field(
        default=(), max_length=4, description="Face models of the manifest whose looks vote together with this one's."
    )
    companions: Mapping[str, FileEntry] = Field(default={}, description="Files beside the weights, by name.")

    @model_validator(mode="after")
    def _family_fits(self) -> Self:
        if self.family.task is not self.task:
            raise ValueError(f"models of the family {self.family} have the task {self.family.task}")
        if self.ensemble and self.task is not Task.FACE:
            raise ValueError("`ensemble` goes with models of the task `face`")
        if set(self.companions) != self.family.companions:
            wanted = ", ".join(sorted(self.family.companions)) or "none"
            raise ValueError(f"`companions` of the family {self.family} are: {wanted}")
        return self

    @property
    def files(self) -> Mapping[str, FileEntry]:
        """All files: the weights under the empty name, the companions under theirs."""
        return {"": self, **self.companions}

    @property
    def digests(self) -> Mapping[str, str]:
        """The SHA-256 of all files."""
        return {name: file.sha256 for name, file in sorted(self.files.items())}


Entry = TypeVar("Entry", bound=FileEntry)


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
        companions = {name: _in_folder(file, folder) for name, file in entry.companions.items()}
        return _in_folder(entry, folder).model_copy(update={"companions": companions})

    return Manifest(models=tuple(anchored(entry) for entry in manifest.models))


def _in_folder(file: Entry, folder: Path) -> Entry:
    if not isinstance(file.source, FileSource):
        return file
    return file.model_copy(update={"source": FileSource(folder / file.source.path)})
