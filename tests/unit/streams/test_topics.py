"""The topic plan: what is wanted, and what leads there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from streams.topics import (
    AT_LEAST,
    AddPartitions,
    CreateTopic,
    ExistingTopic,
    RaiseReplication,
    SetConfigs,
    TopicNames,
    TopicSizing,
    plan,
    wanted_topics,
)

NAMES = TopicNames()
SIZING = TopicSizing(partitions=6, replication=3, max_message_bytes=30_000_000)
WANTED = wanted_topics(NAMES, SIZING)
BY_NAME = {spec.name: spec for spec in WANTED}


def existing(name: str, **changes) -> ExistingTopic:
    """A topic exactly as wanted, but for the changes."""
    spec = BY_NAME[name]
    values = {"partitions": spec.partitions, "replication": spec.replication} | changes
    configs = dict(spec.initial) | dict(spec.required) | values.pop("configs", {})
    return ExistingTopic(name=name, configs=configs, **values)


def test_the_default_names_are_the_documented_ones():
    """Platforms rely on them."""
    assert NAMES.model_dump() == {
        "prompts": "generation.prompts",
        "images": "generation.images",
        "prompts_released": "generation.prompts.released",
        "images_released": "generation.images.released",
        "rejected": "generation.rejected",
        "held": "generation.held",
        "verdicts": "generation.verdicts",
        "dead_letters": "generation.dead-letters",
        "policies": "generation.policies",
        "attempts": "generation.attempts",
    }


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("prompts_released", "generation.prompts"),
        ("prompts_released", "generation_prompts"),
        ("policies", "generation.verdicts"),
    ],
)
def test_two_roles_never_share_a_topic(field, name):
    """A release into the input would be judged again and again; `.` and `_` are one to Kafka's metrics."""
    with pytest.raises(ValidationError, match="must be different topics"):
        TopicNames(**{field: name})


@pytest.mark.parametrize("name", ["", "with space", "a/b", "x" * 250, "umläut"])
def test_names_that_kafka_refuses_are_refused(name):
    """Letters, digits, dot, underscore and hyphen, at most 249."""
    with pytest.raises(ValidationError):
        TopicNames(prompts=name)


def test_every_name_has_a_topic_in_the_plan():
    """No role is forgotten, none is there twice."""
    assert sorted(spec.name for spec in WANTED) == sorted(NAMES.model_dump().values())


def test_policies_are_compacted_in_one_partition():
    """The last version of each tenant stays, and the order is the order of publication."""
    spec = BY_NAME[NAMES.policies]
    assert (spec.partitions, spec.required["cleanup.policy"]) == (1, "compact")
    assert "retention.ms" not in spec.initial


@pytest.mark.parametrize("role", ["rejected", "held", "verdicts", "dead_letters"])
def test_what_veilstream_keeps_is_never_compacted(role):
    """Compaction would keep only one verdict a key."""
    assert BY_NAME[getattr(NAMES, role)].required["cleanup.policy"] == "delete"


@pytest.mark.parametrize("role", ["prompts", "images", "prompts_released", "images_released", "held", "dead_letters"])
def test_topics_with_content_take_the_largest_message(role):
    """What may come in must be able to go out."""
    assert BY_NAME[getattr(NAMES, role)].required["max.message.bytes"] == "30000000"


@pytest.mark.parametrize(("replication", "in_sync"), [(1, "1"), (2, "2"), (3, "2"), (5, "2")])
def test_a_write_is_on_two_brokers_before_it_counts(replication, in_sync):
    """`acks=all` waits for `min.insync.replicas`, and no stale copy may become leader."""
    for spec in wanted_topics(NAMES, TopicSizing(replication=replication)):
        assert spec.required["min.insync.replicas"] == in_sync
        assert spec.required["unclean.leader.election.enable"] == "false"


def test_an_empty_cluster_gets_every_topic():
    """Each creation carries required and initial configurations."""
    changes = plan([], WANTED)
    assert [change.topic for change in changes] == [spec.name for spec in WANTED]
    held = next(change for change in changes if change.topic == NAMES.held)
    assert held == CreateTopic(
        NAMES.held,
        6,
        3,
        {
            "retention.ms": str(30 * 86_400_000),
            "min.insync.replicas": "2",
            "unclean.leader.election.enable": "false",
            "max.message.bytes": "30000000",
            "cleanup.policy": "delete",
        },
    )


def test_a_cluster_as_wanted_needs_nothing():
    """Plan after apply is empty."""
    assert plan([existing(spec.name) for spec in WANTED], WANTED) == []


def test_more_than_wanted_is_left_alone():
    """More partitions, copies and room, and the platform's own retention stay."""
    more = existing(
        NAMES.images,
        partitions=48,
        replication=5,
        configs={"max.message.bytes": "90000000", "min.insync.replicas": "3", "retention.ms": "1000"},
    )
    assert plan([more], [BY_NAME[NAMES.images]]) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"partitions": 2}, AddPartitions(NAMES.held, 2, 6)),
        ({"replication": 1}, RaiseReplication(NAMES.held, 1, 3)),
        (
            {"configs": {"max.message.bytes": "1048588"}},
            SetConfigs(NAMES.held, {"max.message.bytes": "1048588"}, {"max.message.bytes": "30000000"}),
        ),
        (
            {"configs": {"cleanup.policy": "compact"}},
            SetConfigs(NAMES.held, {"cleanup.policy": "compact"}, {"cleanup.policy": "delete"}),
        ),
    ],
)
def test_each_shortcoming_is_one_change(changes, expected):
    """Only what differs is named, with what it is and what it shall be."""
    assert plan([existing(NAMES.held, **changes)], [BY_NAME[NAMES.held]]) == [expected]


def test_topics_of_others_are_never_touched():
    """A plan names only topics that are wanted."""
    stranger = ExistingTopic("billing", 1, 1, {"cleanup.policy": "compact"})
    assert {change.topic for change in plan([stranger], WANTED)} == {spec.name for spec in WANTED}


@st.composite
def _clusters(draw):
    """Some of the wanted topics, each with arbitrary partitions, copies and configurations."""
    names = draw(st.sets(st.sampled_from(sorted(BY_NAME))))
    return [
        existing(
            name,
            partitions=draw(st.integers(1, 12)),
            replication=draw(st.integers(1, 5)),
            configs={
                "max.message.bytes": str(draw(st.integers(1, 60_000_000))),
                "min.insync.replicas": str(draw(st.integers(1, 4))),
                "cleanup.policy": draw(st.sampled_from(["delete", "compact", "compact,delete"])),
            },
        )
        for name in sorted(names)
    ]


def _after(cluster: list[ExistingTopic], changes) -> list[ExistingTopic]:
    """The cluster once every change was made, replication by hand."""
    topics = {topic.name: topic for topic in cluster}
    for change in changes:
        old = topics.get(change.topic)
        match change:
            case CreateTopic(name, partitions, replication, configs):
                topics[name] = ExistingTopic(name, partitions, replication, configs)
            case AddPartitions(name, _, wanted):
                topics[name] = ExistingTopic(name, wanted, old.replication, old.configs)
            case SetConfigs(name, _, wanted):
                topics[name] = ExistingTopic(name, old.partitions, old.replication, dict(old.configs) | dict(wanted))
            case RaiseReplication(name, _, wanted):
                topics[name] = ExistingTopic(name, old.partitions, wanted, old.configs)
    return list(topics.values())


@given(_clusters())
def test_making_the_changes_leaves_nothing_to_change_and_takes_nothing_away(cluster):
    """From any cluster one plan is enough, and no number ever shrinks."""
    after = {topic.name: topic for topic in _after(cluster, plan(cluster, WANTED))}
    assert plan(after.values(), WANTED) == []
    for before in cluster:
        now = after[before.name]
        assert (now.partitions >= before.partitions, now.replication >= before.replication) == (True, True)
        for key in AT_LEAST & before.configs.keys():
            assert int(now.configs[key]) >= int(before.configs[key])
