"""The topics: their names, what delivery needs of each, and the changes that bring a cluster there.

Pure; `streams.topic_admin` talks to the brokers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

TopicName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]

MAX_MESSAGE_BYTES = "max.message.bytes"
MIN_INSYNC_REPLICAS = "min.insync.replicas"
CLEANUP_POLICY = "cleanup.policy"
RETENTION_MS = "retention.ms"
SEGMENT_BYTES = "segment.bytes"
AT_LEAST = frozenset({MAX_MESSAGE_BYTES, MIN_INSYNC_REPLICAS})
"""Configurations of which a topic may have more than is needed."""

DEFAULT_PARTITIONS = 12
"""Divides evenly among 2, 3, 4, 6 or 12 workers."""
DEFAULT_REPLICATION = 3

_NO_CONFIGS: Mapping[str, str] = MappingProxyType({})
_DAY_MS = 24 * 60 * 60 * 1000


class TopicNames(BaseModel):
    """Where records are read from and written to. All names differ: a release into an input would be judged again."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    prompts: TopicName = Field(default="generation.prompts", description="Input: prompts to judge.")
    images: TopicName = Field(default="generation.images", description="Input: images to judge.")
    prompts_released: TopicName = Field(default="generation.prompts.released", description="Prompts to distribute.")
    images_released: TopicName = Field(default="generation.images.released", description="Images to distribute.")
    rejected: TopicName = Field(default="generation.rejected", description="Refusals: codes and rules, no content.")
    held: TopicName = Field(default="generation.held", description="Originals kept for a person, encrypted.")
    verdicts: TopicName = Field(default="generation.verdicts", description="One verdict a record, no content.")
    dead_letters: TopicName = Field(default="generation.dead-letters", description="What could not be judged.")
    policies: TopicName = Field(default="generation.policies", description="Tenants' policies; compacted.")
    attempts: TopicName = Field(
        default="generation.attempts", description="What workers are judging now, by position; compacted, no content."
    )

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        seen: dict[str, str] = {}
        for role, name in self:
            # Kafka refuses names that differ in "." and "_" only: their metrics would collide.
            other = seen.setdefault(name.replace(".", "_"), role)
            if other != role:
                raise ValueError(f"`{other}` and `{role}` must be different topics")
        return self


@dataclass(frozen=True, slots=True)
class TopicSizing:
    """What a cluster's operator chooses.

    Args:
        partitions: of every topic but policies and attempts, which have one (their order is that of writing); ≥ 1.
        replication: brokers that keep a copy, ≥ 1; below 3 a single lost broker can stop or lose a topic.
        max_message_bytes: the largest record with content.
    """

    partitions: int = DEFAULT_PARTITIONS
    replication: int = DEFAULT_REPLICATION
    max_message_bytes: int = 32 * 1024 * 1024

    @property
    def min_insync_replicas(self) -> int:
        """Copies that must exist before a write is acknowledged: 2, so that one broker may fail."""
        return min(2, self.replication)


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it shall be.

    `required` configurations are held on existing topics too; `initial` ones are given once, at creation, and belong
    to the platform from then on.
    """

    name: str
    partitions: int
    replication: int
    required: Mapping[str, str]
    initial: Mapping[str, str] = field(default_factory=lambda: _NO_CONFIGS)


@dataclass(frozen=True, slots=True)
class ExistingTopic:
    """A topic as the brokers describe it. `replication` is that of its weakest partition."""

    name: str
    partitions: int
    replication: int
    configs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CreateTopic:
    """The topic does not exist yet."""

    kind: ClassVar[str] = "create"
    topic: str
    partitions: int
    replication: int
    configs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AddPartitions:
    """Too few partitions. From then on keys land on other partitions than before: order by key is broken once."""

    kind: ClassVar[str] = "add_partitions"
    topic: str
    current: int
    wanted: int


@dataclass(frozen=True, slots=True)
class SetConfigs:
    """Configurations that delivery cannot do without differ. Only the named ones are touched."""

    kind: ClassVar[str] = "set_configs"
    topic: str
    current: Mapping[str, str]
    wanted: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RaiseReplication:
    """Too few copies. Only a reassignment by the cluster's operator mends it; `apply` does not."""

    kind: ClassVar[str] = "raise_replication"
    topic: str
    current: int
    wanted: int


TopicChange = CreateTopic | AddPartitions | SetConfigs | RaiseReplication


def wanted_topics(names: TopicNames, sizing: TopicSizing) -> tuple[TopicSpec, ...]:
    """Every topic that Veilstream reads or writes, as a cluster should have it."""
    content = {MAX_MESSAGE_BYTES: str(sizing.max_message_bytes)}
    # Compaction keeps one record a key, which on these would throw verdicts and originals away.
    kept = {CLEANUP_POLICY: "delete"}
    return (
        _spec(names.prompts, sizing, content, days=3),
        _spec(names.images, sizing, content, days=3),
        _spec(names.prompts_released, sizing, content, days=3),
        _spec(names.images_released, sizing, content, days=3),
        _spec(names.rejected, sizing, kept, days=7),
        _spec(names.held, sizing, content | kept, days=30),
        _spec(names.verdicts, sizing, kept, days=90),
        _spec(names.dead_letters, sizing, content | kept, days=14),
        TopicSpec(
            name=names.policies,
            partitions=1,
            replication=sizing.replication,
            required=_durable(sizing) | {CLEANUP_POLICY: "compact"},
        ),
        TopicSpec(
            name=names.attempts,
            partitions=1,
            replication=sizing.replication,
            required=_durable(sizing) | {CLEANUP_POLICY: "compact,delete"},
            # a worker that starts reads all of it: small segments are compacted sooner
            initial={RETENTION_MS: str(_DAY_MS), SEGMENT_BYTES: str(4 * 1024 * 1024)},
        ),
    )


def _durable(sizing: TopicSizing) -> dict[str, str]:
    return {
        MIN_INSYNC_REPLICAS: str(sizing.min_insync_replicas),
        "unclean.leader.election.enable": "false",
    }


def _spec(name: str, sizing: TopicSizing, required: Mapping[str, str], days: int) -> TopicSpec:
    return TopicSpec(
        name=name,
        partitions=sizing.partitions,
        replication=sizing.replication,
        required=_durable(sizing) | dict(required),
        initial={RETENTION_MS: str(days * _DAY_MS)},
    )


def plan(existing: Iterable[ExistingTopic], wanted: Iterable[TopicSpec]) -> list[TopicChange]:
    """The changes that lead from `existing` to `wanted`, in the order of `wanted`; topics not wanted are left alone.

    Nothing is ever taken away: more partitions, copies or room than wanted is fine.
    """
    by_name = {topic.name: topic for topic in existing}
    return [change for spec in wanted for change in _changes(by_name.get(spec.name), spec)]


def _changes(topic: ExistingTopic | None, spec: TopicSpec) -> list[TopicChange]:
    if topic is None:
        configs = dict(spec.initial) | dict(spec.required)
        return [CreateTopic(spec.name, spec.partitions, spec.replication, configs)]
    changes: list[TopicChange] = []
    if topic.partitions < spec.partitions:
        changes.append(AddPartitions(spec.name, topic.partitions, spec.partitions))
    wrong = [key for key, value in spec.required.items() if not _satisfied(key, topic.configs.get(key), value)]
    if wrong:
        current = {key: topic.configs.get(key, "") for key in wrong}
        changes.append(SetConfigs(spec.name, current, {key: spec.required[key] for key in wrong}))
    if topic.replication < spec.replication:
        changes.append(RaiseReplication(spec.name, topic.replication, spec.replication))
    return changes


def _satisfied(key: str, current: str | None, wanted: str) -> bool:
    if key in AT_LEAST and current is not None:
        return int(current) >= int(wanted)
    return current == wanted
