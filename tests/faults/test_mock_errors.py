"""A broker that answers with errors on command, which a real one will not do: librdkafka's mock."""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest
from confluent_kafka import KafkaError

from streams.embedded_broker import EmbeddedBroker
from streams.librdkafka import ApiKey, MockCluster
from tests.faults.conftest import MakeHouse, Record
from tests.faults.trial import DELIVERY_FAILED, NEVER, Trial, started, trial, wait_for
from tests.support.house import PARTITIONS, House
from tests.support.material import prompt_cases
from tests.support.oracle import Input, output_topics, send
from tests.support.tenants import POLICIES

MOCK = "mock"
PROMPTS = 500
ROUND_TRIP_SECONDS = 0.03
SLOW: Mapping[str, str] = {"PROMPTS__BATCH_RECORDS": "4", "KAFKA__SESSION_TIMEOUT_SECONDS": "4"}
"""With that round trip, a worker needs some seconds for all prompts: the faults come in between. The mock lets whoever
is started again wait for the session of its predecessor."""
DELIVER_SECONDS = 4

Answers = tuple[ApiKey, tuple[int, ...]]

RETRIABLE = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NOT_ENOUGH_REPLICAS,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    KafkaError.KAFKA_STORAGE_ERROR,
)
FATAL = (
    KafkaError.NETWORK_EXCEPTION,  # aiokafka does not retry it
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER,
    KafkaError.INVALID_RECORD,
    KafkaError.UNKNOWN,
)
COORDINATOR = (
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.REQUEST_TIMED_OUT,
)
LOST_COORDINATOR = (KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR)
"""Of these, what brokers answer to heartbeats. After another answer aiokafka's coordination would end for good."""
MEMBERSHIP = (KafkaError.UNKNOWN_MEMBER_ID, KafkaError.ILLEGAL_GENERATION, KafkaError.REBALANCE_IN_PROGRESS)
REFUSED_COMMIT = (KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.OFFSET_METADATA_TOO_LARGE, KafkaError.UNKNOWN)
FETCH = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.KAFKA_STORAGE_ERROR,
    KafkaError.OFFSET_OUT_OF_RANGE,
    KafkaError.UNKNOWN,
)


@contextmanager
def mock_trial(
    house: House, cluster: MockCluster, rng: random.Random, settings: Mapping[str, str] = SLOW
) -> Iterator[tuple[Trial, Sequence[Input]]]:
    """A trial of prompts that are all there before: the errors meet the worker, not the platform that writes."""
    cases = prompt_cases(PROMPTS, seed=rng.randrange(10**6), tenants=tuple(POLICIES))
    inputs = send(house.bootstrap, house.topics, cases)
    cluster.set_round_trip(1, ROUND_TRIP_SECONDS)
    with trial(house, lambda: inputs, dict(SLOW) | dict(settings)) as running:
        yield running, inputs


STORMS: Mapping[str, tuple[Answers, ...]] = {
    "produce, retriable": ((ApiKey.PRODUCE, RETRIABLE),),
    "commit and heartbeat": (
        (ApiKey.OFFSET_COMMIT, COORDINATOR),
        (ApiKey.OFFSET_COMMIT, MEMBERSHIP),
        (ApiKey.HEARTBEAT, (*LOST_COORDINATOR, *MEMBERSHIP)),
    ),
    "fetch and metadata": (
        (ApiKey.FETCH, FETCH),
        (ApiKey.METADATA, (KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN)),
    ),
}


@pytest.mark.timeout(150)
@pytest.mark.parametrize("name", STORMS)
def test_a_storm_of_errors_is_survived(
    name: str, mock_broker: EmbeddedBroker, mock_house: House, rng: random.Random, seed: int, record: Record
):
    """A few errors now and then, for some seconds: the worker recovers unaided."""
    cluster = mock_broker.cluster
    with mock_trial(mock_house, cluster, rng) as (running, inputs):
        for _ in range(12):
            api, errors = rng.choice(STORMS[name])
            cluster.fail_requests(api, rng.choices(errors, k=rng.randint(1, 4)))
            time.sleep(rng.uniform(0.1, 0.5))
        for api, _ in STORMS[name]:
            cluster.clear_failures(api)  # those that no request met yet would go on for a minute, for the oracle too
        cluster.set_round_trip(1, 0)
        judged = running.judge(inputs)
    record(judged.row(f"errors: {name}", MOCK, seed))
    judged.holds(exits=NEVER)


def wait_for_commits(running: Trial, rng: random.Random, least: float, most: float) -> None:
    """Wait until a random share of the prompts is committed: the worker is in the middle of its work."""
    wanted = PROMPTS * rng.uniform(least, most)
    wait_for(lambda: sum(running.reader.committed.values()) >= wanted, f"{wanted:.0f} prompts committed", 40)


@pytest.mark.timeout(150)
def test_a_worker_whose_group_is_lost_ends(
    mock_broker: EmbeddedBroker, mock_house: House, rng: random.Random, seed: int, record: Record
):
    """aiokafka's coordination ends for good after such an answer to a heartbeat; the next worker goes on."""
    with mock_trial(mock_house, mock_broker.cluster, rng) as (running, inputs):
        mock_broker.cluster.fail_requests(ApiKey.HEARTBEAT, [KafkaError.GROUP_AUTHORIZATION_FAILED])
        wait_for(lambda: len(running.supervisor.exits) == 1, "an exit", 40)
        mock_broker.cluster.set_round_trip(1, 0)
        judged = running.judge(inputs)
    record(judged.row("heartbeat refused for good", MOCK, seed))
    judged.holds()
    assert judged.exits == (DELIVERY_FAILED,)


STRIKES: Mapping[str, tuple[Answers, int]] = {
    "write": ((ApiKey.PRODUCE, FATAL), 2),
    "commit": ((ApiKey.OFFSET_COMMIT, REFUSED_COMMIT), 1),
}


@pytest.mark.timeout(150)
@pytest.mark.parametrize("name", STRIKES)
def test_a_refusal_for_good_ends_the_worker(
    name: str, mock_broker: EmbeddedBroker, mock_house: House, rng: random.Random, seed: int, record: Record
):
    """It ends with code 70 without acknowledging, and the next one goes on from what was committed."""
    cluster = mock_broker.cluster
    (api, errors), times = STRIKES[name]
    with mock_trial(mock_house, cluster, rng) as (running, inputs):
        exits = running.supervisor.exits
        for number, error in enumerate(rng.sample(errors, times), 1):
            wait_for_commits(running, rng, 0.3 * number - 0.25, 0.3 * number)
            cluster.fail_requests(api, [error])
            wait_for(lambda number=number: len(exits) == number, f"an exit after error {error}")
        cluster.set_round_trip(1, 0)
        judged = running.judge(inputs)
    record(judged.row(f"{name} refused for good", MOCK, seed))
    judged.holds()
    assert judged.exits == (DELIVERY_FAILED,) * times


@pytest.mark.timeout(150)
def test_writes_hang_past_the_deadline(
    mock_broker: EmbeddedBroker, mock_house: House, rng: random.Random, seed: int, record: Record
):
    """A broker that takes writes and does not answer: the worker ends within the deadline, without acknowledging."""
    cluster = mock_broker.cluster
    with mock_trial(mock_house, cluster, rng, {"DELIVERY__DELIVER_SECONDS": str(DELIVER_SECONDS)}) as (running, inputs):
        wait_for_commits(running, rng, 0.05, 0.4)
        cluster.set_round_trip(1, 3 * DELIVER_SECONDS)
        began = time.monotonic()
        while not running.supervisor.exits and time.monotonic() - began < 3 * DELIVER_SECONDS:
            time.sleep(0.05)
        took = time.monotonic() - began
        cluster.set_round_trip(1, 0)
        judged = running.judge(inputs)
    record(judged.row("writes hang past the deadline", MOCK, seed))
    judged.holds()
    assert DELIVERY_FAILED in judged.exits
    assert took < DELIVER_SECONDS + 2


@pytest.mark.timeout(150)
def test_the_broker_goes_down_and_up(
    mock_broker: EmbeddedBroker, mock_house: House, rng: random.Random, seed: int, record: Record
):
    """Connections end, none are taken for a while, and again."""
    cluster = mock_broker.cluster
    with mock_trial(mock_house, cluster, rng) as (running, inputs):
        for _ in range(rng.randint(2, 3)):
            time.sleep(rng.uniform(0.2, 1))
            cluster.set_down(1)
            time.sleep(rng.uniform(0.2, 1.5))
            cluster.set_up(1)
        cluster.set_round_trip(1, 0)
        judged = running.judge(inputs)
    record(judged.row("broker down and up", MOCK, seed))
    judged.holds()


@pytest.mark.timeout(150)
def test_leaders_move_all_the_time(houses: MakeHouse, rng: random.Random, seed: int, record: Record):
    """Three mock brokers; partitions of inputs and outputs change their leaders at random."""
    with EmbeddedBroker(brokers=3) as broker:
        house, cluster = houses(broker), broker.cluster
        topics = (house.topics.prompts, *output_topics(house.topics))
        with mock_trial(house, cluster, rng) as (running, inputs):
            for _ in range(40):
                cluster.set_leader(rng.choice(topics), rng.randrange(PARTITIONS), rng.randint(1, 3))
                time.sleep(rng.uniform(0.02, 0.15))
            cluster.set_round_trip(1, 0)
            judged = running.judge(inputs)
        record(judged.row("leaders move at random", "mock, three", seed))
        judged.holds()


@pytest.mark.timeout(120)
def test_an_end_whose_last_commit_is_refused_is_not_clean(
    mock_broker: EmbeddedBroker, mock_house: House, rng: random.Random, seed: int, record: Record
):
    """SIGTERM: everything is out and nothing is committed, which code 0 would deny; the next worker repeats it."""
    house, cluster = mock_house, mock_broker.cluster
    inputs = send(house.bootstrap, house.topics, prompt_cases(60, seed=rng.randrange(10**6), tenants=tuple(POLICIES)))
    oracle = house.oracle()
    first = started(house, {"KAFKA__COMMIT_INTERVAL_SECONDS": "120"}).wait_ready()
    assert oracle.settled(inputs, timeout=30)
    cluster.fail_requests(
        ApiKey.OFFSET_COMMIT, rng.choices(REFUSED_COMMIT, k=16)
    )  # a refused commit is asked for again
    first_exit = first.terminate()
    cluster.clear_failures(ApiKey.OFFSET_COMMIT)
    with trial(house, lambda: inputs) as running:
        judged = running.judge(inputs)
    record(replace(judged, exits=(first_exit,)).row("last commit refused", MOCK, seed))
    assert first_exit == DELIVERY_FAILED
    judged.holds(exits=NEVER)
    assert judged.report.duplicates == 2 * len(inputs)
