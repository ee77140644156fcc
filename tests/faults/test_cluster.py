"""Three brokers, each partition on all of them: one may go at any time, and without two nothing is acknowledged."""

import random
import time

import pytest
from confluent_kafka import ElectionType
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from tests.faults.conftest import MakeHouse, Record
from tests.faults.trial import BOTH_GUARANTEES, Guarantee, loaded_trial, wait_for
from tests.support.cluster import KafkaCluster
from tests.support.house import PARTITIONS, House

THREE = "three"


def wait_until_whole(cluster: KafkaCluster, house: House) -> None:
    """Every copy of the verdicts is in sync again."""
    wait_for(
        lambda: all(len(cluster.in_sync(house.topics.verdicts, number)) == len(cluster.nodes) for number in range(3)),
        "copies in sync",
    )


@pytest.mark.timeout(120)
@BOTH_GUARANTEES
def test_the_leader_of_an_output_is_killed_and_leads_again(
    cluster: KafkaCluster, houses: MakeHouse, guarantee: Guarantee, rng: random.Random, seed: int, record: Record
):
    """Leaders move when one dies, and move back by an election when it has returned."""
    house = houses(cluster)
    topic, partition = house.topics.verdicts, rng.randrange(PARTITIONS)
    with loaded_trial(house, rng, guarantee) as (running, load):
        load.wait_for(rng.uniform(0.15, 0.3))
        first = cluster.leader(topic, partition)
        cluster.nodes[first].kill()
        wait_for(lambda: cluster.leader(topic, partition) not in {first, -1}, "another leader")
        cluster.nodes[first].start()
        wait_until_whole(cluster, house)
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
        admin.elect_leaders(ElectionType.PREFERRED, None).result(timeout=20)
        assert cluster.leader(topic, partition) == first
        judged = running.judge(load.finish())
    record(judged.row("leader of an output killed; leaders moved back", THREE, seed))
    judged.holds()


@pytest.mark.timeout(120)
@BOTH_GUARANTEES
def test_the_coordinator_of_the_group_is_bounced(
    cluster: KafkaCluster, houses: MakeHouse, guarantee: Guarantee, rng: random.Random, seed: int, record: Record
):
    """`kill -9` of the broker that keeps the group and its offsets, and at once the same data again."""
    house = houses(cluster)
    with loaded_trial(house, rng, guarantee) as (running, load):
        load.wait_for(rng.uniform(0.15, 0.4))
        cluster.nodes[cluster.coordinator(f"{house.group}-prompts")].restart()
        judged = running.judge(load.finish())
    record(judged.row("hard bounce of the group's coordinator", THREE, seed))
    judged.holds()
    wait_until_whole(cluster, house)


@pytest.mark.timeout(150)
@BOTH_GUARANTEES
def test_two_of_three_brokers_are_gone_for_some_seconds(
    cluster: KafkaCluster, houses: MakeHouse, guarantee: Guarantee, rng: random.Random, seed: int, record: Record
):
    """No write can have two copies: nothing is committed meanwhile, and everything is delivered afterwards."""
    house = houses(cluster)
    with loaded_trial(house, rng, guarantee) as (running, load):
        load.wait_for(rng.uniform(0.15, 0.4))
        gone = rng.sample(sorted(cluster.nodes), 2)
        for number in gone:
            cluster.nodes[number].kill()
        time.sleep(rng.uniform(3, 6))
        for number in gone:
            cluster.nodes[number].launch()
        for number in gone:
            cluster.nodes[number].wait_until_ready()
        judged = running.judge(load.finish())
    record(judged.row("two of three brokers gone", THREE, seed))
    judged.holds()
    wait_until_whole(cluster, house)


@pytest.mark.timeout(120)
@BOTH_GUARANTEES
def test_writes_are_refused_for_want_of_copies(
    cluster: KafkaCluster, houses: MakeHouse, guarantee: Guarantee, rng: random.Random, seed: int, record: Record
):
    """Released prompts need more copies than there are: verdicts pass, content is refused, nothing is committed."""
    house = houses(cluster)
    topic = house.topics.prompts_released
    gone = 1 + cluster.leader(topic, 0) % len(cluster.nodes)
    with loaded_trial(house, rng, guarantee) as (running, load):
        load.wait_for(rng.uniform(0.15, 0.3))
        set_min_in_sync(cluster, topic, 3)
        cluster.nodes[gone].kill()
        wait_for(lambda: len(cluster.in_sync(topic, 0)) == 2, "one copy less")
        before, written = running.reader.committed, len(load.written)
        time.sleep(rng.uniform(3, 5))
        stuck = sum(running.reader.committed.values()) - sum(before.values())
        cluster.nodes[gone].start()
        judged = running.judge(load.finish())
    record(judged.row("writes refused: too few copies in sync", THREE, seed))
    assert stuck < len(load.written) - written, "the fault did not bite"
    judged.holds()


def set_min_in_sync(cluster: KafkaCluster, topic: str, copies: int) -> None:
    """Change how many copies a write to the topic needs."""
    entry = ConfigEntry("min.insync.replicas", str(copies), incremental_operation=AlterConfigOpType.SET)
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    (future,) = admin.incremental_alter_configs(
        [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])]
    ).values()
    future.result(timeout=20)
