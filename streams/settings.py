"""Every setting of a worker: one frozen document from arguments, environment and file, in that order of precedence.

Environment variables are `VEILSTREAM_` and the path with `__`: `VEILSTREAM_KAFKA__BOOTSTRAP_SERVERS`. The file is YAML,
named by `--config` or `VEILSTREAM_CONFIG`.
"""

import base64
import binascii
import os
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)
from yaml import YAMLError

from filters.errors import ConfigurationError
from filters.keys import MASTER_KEY_BYTES
from filters.policy import Keeping
from filters.records import ContentKind
from models.session import Device
from streams.mapping import MessageMapping
from streams.object_url import checked_prefix, meet
from streams.topics import TopicNames

PREFIX = "VEILSTREAM_"
CONFIG_VARIABLE = "VEILSTREAM_CONFIG"

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class KafkaSettings(_Group):
    """How to reach Kafka, and as whom."""

    bootstrap_servers: str = Field(default="localhost:9092", description="host:port, comma-separated.")
    group: str = Field(default="veilstream", description="Consumer group; prompts and images get a suffix each.")
    instance_id: str | None = Field(default=None, description="Static group membership; unique for each process.")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."
    )
    username: str | None = Field(default=None, description="For SASL.")
    password: SecretStr | None = Field(default=None, description="For SASL; never logged.")
    ca_file: Path | None = Field(default=None, description="CA certificates for TLS; the system's where absent.")
    session_timeout_seconds: Seconds = Field(
        default=30.0, description="After this silence the group gives the partitions to others."
    )
    metadata_seconds: Seconds = Field(
        default=30.0, description="How long partitions that were added to a topic may go unnoticed."
    )
    commit_interval_seconds: Seconds = Field(default=0.5, description="How much a crash may repeat, in time.")
    max_message_bytes: Count = Field(
        default=32 * 1024 * 1024,
        description="Largest record read or written; at most the brokers' and topics' `max.message.bytes`.",
    )


class StreamSettings(_Group):
    """One of the two streams."""

    mapping: MessageMapping = Field(default_factory=MessageMapping)
    batch_records: Count = Field(default=64, description="Records judged together, at most.")
    batch_linger_seconds: Annotated[float, Field(ge=0)] = Field(
        default=0.01, description="How long a batch waits for more records."
    )
    queue_records: Count = Field(default=128, description="Records waiting for a batch; beyond, reading pauses.")
    max_bytes: Count = Field(default=1024 * 1024, description="Larger records are rejected unread.")


class PromptSettings(StreamSettings):
    """The prompt stream."""

    max_characters: Count = Field(default=65_536, description="Over all text fields of a prompt.")
    names: Path | None = Field(
        default=None,
        description="A folder with lists of names that are added to the built-in ones: `artists.txt`, "
        "`characters.txt`, `figures.txt` … (docs/prompts.md).",
    )


class ImageSettings(StreamSettings):
    """The image stream; the limits are checked before pixels are decoded."""

    batch_records: Count = Field(default=4, description="Records judged together, at most.")
    queue_records: Count = Field(default=16, description="Records waiting for a batch; beyond, reading pauses.")
    max_bytes: Count = Field(
        default=26_000_000, description="Larger records are rejected unread; Base64 in JSON takes a third more."
    )
    max_image_bytes: Count = Field(default=25_000_000, description="Encoded image.")
    max_pixels: Count = Field(default=50_000_000, description="Over all frames.")
    max_side: Count = Field(default=12_000, description="Pixels.")
    max_frames: Count = Field(default=256, description="Frames of an animation.")
    max_decoded_bytes: Count = Field(
        default=200_000_000, description="Colours and alpha of all frames, 4 bytes a pixel; see `max_pixels`, too."
    )
    decode: Literal["isolated", "inline"] = Field(
        default="isolated",
        description="isolated: in processes of their own, where a crash or a hang of a codec costs one record (Linux); "
        "inline: in the worker itself.",
    )
    decode_processes: Count = Field(default=2, description="Processes that decode; isolated only.")
    decode_seconds: Seconds = Field(default=5.0, description="For one image; isolated only.")
    decode_memory_mib: Annotated[int, Field(ge=64)] = Field(
        default=1024,
        description="Address space that one image may take beyond an idle process; a pixel takes about 20 bytes at "
        "most. Isolated only.",
    )
    heic_release: Literal["jpeg", "png", "webp"] = Field(
        default="jpeg", description="What HEIC and AVIF images are released as."
    )
    codes: bool = Field(
        default=True,
        description="Look for codes (QR, bars, …) and into them, where a policy asks for what they may hold.",
    )
    batch_pixel_bytes: Count = Field(default=200_000_000, description="Decoded pixels held at a time, a batch.")


class PolicySettings(_Group):
    """Where policies come from: the topic, or a folder of YAML files instead of it."""

    folder: Path | None = Field(default=None, description="Read policies here, not from the topic.")
    catch_up_seconds: Seconds = Field(default=30.0, description="The worker gives up when policies take longer.")
    max_stale_seconds: Seconds = Field(
        default=60.0, description="Not ready once the policies could not be read for this long."
    )


class ModelSettings(_Group):
    """Neural detectors."""

    cache_dir: Path | None = Field(default=None, description="`$XDG_CACHE_HOME/veilstream/models` where absent.")
    manifest: Path | None = Field(default=None, description="A manifest whose entries are added to the built-in ones.")
    face: str = Field(default="centerface", description="The face detector, by its name in the manifest.")
    text: str = Field(
        default="veilstream-pii",
        description="The text model, by its name in the manifest; empty: names, addresses … are not looked for.",
    )
    ocr: str = Field(
        default="ppocr",
        description="What reads text in images, by its name in the manifest; empty: text in images is not looked for.",
    )
    device: Device = Field(default=Device.AUTO, description="auto, cpu or cuda.")
    threads: Annotated[int, Field(ge=0)] = Field(default=0, description="Per inference; 0 leaves it to onnxruntime.")


class KeySettings(_Group):
    """Secrets."""

    master: SecretStr | None = Field(
        default=None,
        description="32 random bytes in base64; for `hold`, `hash`, `pseudonym`, sealed dead letters and digests.",
    )

    @model_validator(mode="after")
    def _master_is_32_bytes(self) -> Self:
        self.master_bytes()
        return self

    def master_bytes(self) -> bytes | None:
        """The decoded master key."""
        if self.master is None:
            return None
        try:
            key = base64.b64decode(self.master.get_secret_value(), validate=True)
        except binascii.Error:
            raise ValueError("`keys.master` must be base64") from None
        if len(key) != MASTER_KEY_BYTES:
            raise ValueError(f"`keys.master` must decode to {MASTER_KEY_BYTES} bytes, got {len(key)}")
        return key


class ContentCredentialsSettings(_Group):
    """Who signs releases, for policies that say `content_credentials: sign`."""

    certificate: Path | None = Field(
        default=None, description="PEM file with the certificate chain, the signer's own first."
    )
    private_key: Path | None = Field(default=None, description="PEM file with its key (PKCS #8, no passphrase).")
    algorithm: Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"] = Field(
        default="es256", description="Of the signature; what the key is made for."
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.certificate is None) is not (self.private_key is None):
            raise ValueError("`certificate` and `private_key` go together")
        return self


class DeliverySettings(_Group):
    """What is promised, and the deadlines of the gate."""

    guarantee: Literal["at_least_once", "exactly_once"] = Field(
        default="at_least_once",
        description="at_least_once, or exactly_once: transactions, for consumers that read committed records only.",
    )
    judge_seconds: Seconds = Field(default=30.0, description="A batch that is not judged by then fails closed.")
    deliver_seconds: Seconds = Field(default=30.0, description="Outputs that are not durable by then end the process.")
    drain_seconds: Seconds = Field(default=40.0, description="On SIGTERM, time to finish what was taken in.")
    max_sealed_bytes: Count = Field(default=5_000_000, description="Dead letters keep larger originals not at all.")
    dead_letters_without_policy: Keeping = Field(
        default=Keeping.NONE,
        description="sealed or none: whether dead letters keep originals for whose tenant no policy is in force.",
    )

    @property
    def transactional(self) -> bool:
        """Whether outputs and input offsets are committed together."""
        return self.guarantee == "exactly_once"


ObjectPrefix = Annotated[str, AfterValidator(checked_prefix)]


class ObjectSettings(_Group):
    """Images by reference (claim checks); see docs/large-images.md. Credentials for S3 come from the environment."""

    allowed: tuple[ObjectPrefix, ...] = Field(
        default=(),
        description="Prefixes under which images may be referenced: `s3://bucket/prefix/`, `file:///folder/`; a "
        "segment `{tenant}` is the record's tenant. None: references are refused.",
    )
    released: ObjectPrefix | None = Field(
        default=None, description="Prefix of released images; apart from all allowed ones."
    )
    require_sha256: bool = Field(default=True, description="Refuse references without a SHA-256 of the object.")
    timeout_seconds: Seconds = Field(
        default=5.0, description="For one fetch or one write, retries included; never beyond the batch's deadline."
    )
    endpoint: str | None = Field(default=None, description="URL of an S3 that is not Amazon's.")
    region: str | None = Field(default=None, description="S3 region; `AWS_REGION` of the environment where absent.")

    @property
    def prefixes(self) -> tuple[str, ...]:
        """All that are named."""
        return self.allowed if self.released is None else (*self.allowed, self.released)

    @model_validator(mode="after")
    def _released_is_apart(self) -> Self:
        if self.allowed and self.released is None:
            raise ValueError("`objects.allowed` needs `objects.released`: an original is never released in its place")
        if self.released is not None and any(meet(self.released, prefix) for prefix in self.allowed):
            raise ValueError("`objects.released` meets an allowed prefix: a release could be taken for an original")
        return self


class HttpSettings(_Group):
    """The operators' port."""

    host: str = Field(
        default="0.0.0.0",  # noqa: S104  probes and scrapes come from outside the pod
        description="Address to listen on.",
    )
    port: Annotated[int, Field(ge=0, le=65535)] = Field(default=9464, description="0 picks a free one.")


class LogSettings(_Group):
    """Logs, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="debug, info, warning or error."
    )
    format: Literal["json", "console"] = Field(default="json", description="json or console.")


class Settings(BaseSettings):
    """Everything. Raises through `load_settings` only."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    topics: TopicNames = Field(default_factory=TopicNames)
    prompts: PromptSettings = Field(default_factory=PromptSettings)
    images: ImageSettings = Field(default_factory=ImageSettings)
    policies: PolicySettings = Field(default_factory=PolicySettings)
    models: ModelSettings = Field(default_factory=ModelSettings)
    keys: KeySettings = Field(default_factory=KeySettings)
    content_credentials: ContentCredentialsSettings = Field(default_factory=ContentCredentialsSettings)
    objects: ObjectSettings = Field(default_factory=ObjectSettings)
    delivery: DeliverySettings = Field(default_factory=DeliverySettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    log: LogSettings = Field(default_factory=LogSettings)

    def stream(self, kind: ContentKind) -> PromptSettings | ImageSettings:
        """The settings of one stream."""
        return self.prompts if kind is ContentKind.PROMPT else self.images


def load_settings(config: Path | None = None, **overrides: Any) -> Settings:  # noqa: ANN401  groups, as mappings
    """Settings from `overrides`, then the environment, then the file.

    Raises:
        ConfigurationError: a setting is unknown or invalid; the message names each and never holds its value.
    """
    path = config or (Path(os.environ[CONFIG_VARIABLE]) if CONFIG_VARIABLE in os.environ else None)
    if path is not None and not path.is_file():
        raise ConfigurationError(f"the settings file {path} does not exist", reason="settings_file")
    _refuse_unknown_variables()
    try:
        return _from_file(path)(**overrides)
    except (SettingsError, YAMLError) as error:
        where = path if isinstance(error, YAMLError) else "the environment"
        raise ConfigurationError(
            f"{where} cannot be read as settings: {type(error).__name__}", reason="settings"
        ) from None
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_input=False)]
        raise ConfigurationError("invalid settings: " + "; ".join(lines), reason="settings") from None


def _from_file(path: Path | None) -> type[Settings]:
    class FileSettings(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            file = [YamlConfigSettingsSource(settings_cls, yaml_file=path)] if path else []
            del dotenv_settings, file_secret_settings
            return (init_settings, env_settings, *file)

    return FileSettings


def _refuse_unknown_variables() -> None:
    for name in os.environ:
        if not name.startswith(PREFIX) or name == CONFIG_VARIABLE:
            continue
        group = name.removeprefix(PREFIX).split("__")[0].lower()
        if group not in Settings.model_fields:
            close = get_close_matches(group, Settings.model_fields, n=1)
            hint = f"; did you mean {PREFIX}{close[0].upper()}__…?" if close else ""
            raise ConfigurationError(f"unknown environment variable {name}{hint}", reason="settings")
