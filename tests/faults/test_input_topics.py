"""Input topics that change, or have gaps: more partitions, compaction, transactions that committed or did not."""

import random
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest
from confluent_kafka import Message, Producer
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from tests.faults.conftest import Breakable, MakeHouse, Record
from tests.faults.trial import NEVER, trial
from tests.support.house import PARTITIONS, House
from tests.support.kafka_io import drain_topic, unique
from tests.support.material import Case, prompt_cases
from tests.support.oracle import Input, send
from tests.support.steady_load import SteadyLoad
from tests.support.tenants import POLICIES

TENANTS = tuple(POLICIES)
SEGMENT_SECONDS = 0.5


@pytest.mark.timeout(150)
def test_partitions_are_added_under_load(
    breakable: Breakable, houses: MakeHouse, rng: random.Random, seed: int, record: Record
):
    """What lands on new partitions is judged too, within the time that metadata may be old."""
    house = houses(breakable)
    cases = prompt_cases(600, seed=rng.randrange(10**6), tenants=TENANTS)
    middle = rng.randint(200, 400)
    before = SteadyLoad(house.bootstrap, house.topics, cases[:middle], 100)
    with trial(house, lambda: before.written, {"KAFKA__METADATA_SECONDS": "1"}) as running:
        with before:
            before.wait_for(0.9)
            add_partitions(house, 2 * PARTITIONS)
            first = before.finish()
        with SteadyLoad(house.bootstrap, house.topics, cases[middle:], 100) as after:
            inputs = [*first, *after.finish()]
        judged = running.judge(inputs)
    record(judged.row("partitions added to the input", "one", seed))
    assert {given.place[1] for given in inputs} == set(range(2 * PARTITIONS))
    judged.holds(exits=NEVER)


def add_partitions(house: House, wanted: int) -> None:
    """Let the prompts have that many."""
    admin = AdminClient({"bootstrap.servers": house.bootstrap})
    (future,) = admin.create_partitions([NewPartitions(house.topics.prompts, wanted)]).values()
    future.result(timeout=20)
    time.sleep(0.5)


@pytest.mark.timeout(150)
def test_transactions_leave_markers_and_aborted_records(
    breakable: Breakable, houses: MakeHouse, rng: random.Random, seed: int, record: Record
):
    """Aborted records were never sent: no verdict. Markers are gaps: committed offsets get past them."""
    house = houses(breakable)
    written: list[Input] = []
    with trial(house, lambda: tuple(written)) as running:
        write_transactions(house, prompt_cases(300, seed=rng.randrange(10**6), tenants=TENANTS), rng, written)
        judged = running.judge(written)
    record(judged.row("transactions on the input, a third aborted", "one", seed))
    judged.holds(exits=NEVER)


def write_transactions(house: House, cases: Sequence[Case], rng: random.Random, written: list[Input]) -> None:
    """One to five records a transaction; partition 0 has single ones only, the last one begins with one and a gap."""
    producer = Producer(
        {"bootstrap.servers": house.bootstrap, "transactional.id": unique("platform"), "linger.ms": 0, "log_level": 2}
    )
    producer.init_transactions(20)
    left = list(cases)
    for number in range(len(cases)):
        if not left:
            return
        single = number < 4 or rng.random() < 0.4
        count = 1 if single else rng.randint(1, 5)
        batch, left = left[:count], left[count:]
        places = [PARTITIONS - 1 if number < 4 else 0 if single else rng.randrange(1, PARTITIONS) for _ in batch]
        taken = write_transaction(producer, house.topics.prompts, batch, places)
        if number in {1, 2} or (number > 3 and rng.random() < 1 / 3):
            producer.abort_transaction(20)
        else:
            producer.commit_transaction(20)
            written += taken


def write_transaction(producer: Producer, topic: str, batch: Sequence[Case], places: Sequence[int]) -> list[Input]:
    """Write the cases to those partitions, in a transaction that is left open."""
    taken: list[Input] = []
    producer.begin_transaction()
    for case, partition in zip(batch, places, strict=True):
        producer.produce(
            topic,
            case.value,
            case.key,
            partition=partition,
            headers=list(case.headers),
            on_delivery=lambda _, message, case=case: taken.append(_input(case, message)),
        )
    producer.flush(20)
    return taken


def _input(case: Case, message: Message) -> Input:
    return Input((message.topic(), message.partition(), message.offset()), case)


@pytest.mark.timeout(150)
def test_a_compacted_input_has_gaps(
    breakable: Breakable, houses: MakeHouse, rng: random.Random, seed: int, record: Record
):
    """What compaction left is judged once, and committed offsets get past what it took."""
    house = houses(breakable)
    compact(house)
    cases = prompt_cases(1000, seed=rng.randrange(10**6), tenants=TENANTS)
    written: list[Input] = []
    for start in range(0, len(cases), 200):
        part = [one_of_few_keys(case, rng) for case in cases[start : start + 200]]
        written += send(house.bootstrap, house.topics, part)
        time.sleep(1.2 * SEGMENT_SECONDS)  # what is in the newest segment is not compacted
    inputs = wait_for_gaps(house, written)
    with trial(house, lambda: inputs) as running:
        judged = running.judge(inputs)
    record(judged.row("compacted input", "one", seed))
    judged.holds(exits=NEVER)


def compact(house: House) -> None:
    """Let the broker compact the prompts, and soon."""
    wanted = {
        "cleanup.policy": "compact",
        "min.cleanable.dirty.ratio": "0.01",
        "max.compaction.lag.ms": str(round(1000 * SEGMENT_SECONDS)),
        "segment.bytes": str(1024 * 1024),
        "segment.ms": str(round(1000 * SEGMENT_SECONDS)),
    }
    entries = [ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in wanted.items()]
    resource = ConfigResource(ResourceType.TOPIC, house.topics.prompts, incremental_configs=entries)
    admin = AdminClient({"bootstrap.servers": house.bootstrap})  # answers come while it lives
    (future,) = admin.incremental_alter_configs([resource]).values()
    future.result(timeout=20)


def one_of_few_keys(case: Case, rng: random.Random) -> Case:
    """The case under a key that others have too."""
    return replace(case, key=f"user-{rng.randrange(100)}".encode())


def wait_for_gaps(house: House, written: Sequence[Input], timeout: float = 40.0) -> list[Input]:
    """Wait until compaction has taken most records and takes no more; what is left."""
    deadline = time.monotonic() + timeout
    left: list[tuple[int, int]] = []
    while True:
        before, left = (
            left,
            [(each.partition, each.offset) for each in drain_topic(house.bootstrap, house.topics.prompts)],
        )
        if len(left) < len(written) // 2 and left == before:
            return [given for given in written if given.place[1:] in set(left)]
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(left)} of {len(written)} records are left after {timeout} s: no compaction")
        time.sleep(1.5)
