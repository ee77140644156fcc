"""Each of the three things that exactly once rests on, taken away: readers of committed records then see repetitions.

Two owners of one partition on a real Kafka, without a consumer group in between, so that the worst moment is no matter
of luck: the later owner was given its position before the earlier one committed for the last time, and the earlier one
wakes up when it has been replaced.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import pytest
from confluent_kafka import Consumer

from filters.errors import DeliveryError
from streams.emit import OutputRecord
from streams.exactly_once import ExactlyOnceOutlet
from streams.outlet import Judged
from streams.transactions import KafkaTransactions
from tests.fakes import FakeDelivery
from tests.support.brokers import RealKafka
from tests.support.kafka_io import committed_offsets, unique
from tests.support.outlets import MAX_BYTES, RECORDS, SECONDS, Rig, kafka_topics


class Unread(KafkaTransactions):
    """Trusts the position that the consumer was given."""

    def open(self, seconds: float) -> int | None:
        super().open(seconds)
        return None


class Unfenced(KafkaTransactions):
    """Has a transactional id of its own in each process."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self._producer_arguments["transactional.id"] = unique("process")


class Apart(KafkaTransactions):
    """Commits the offset when the outputs are committed, and dies once in between."""

    died: list[int]

    def write(self, records: Sequence[OutputRecord], position: int, seconds: float) -> None:
        super().write(records, position, seconds)
        if not self.died:
            self.died.append(position)
            raise DeliveryError("killed by the test")
        consumer = Consumer(self._consumer_arguments)
        consumer.commit(offsets=[self._at(position)], asynchronous=False)
        consumer.close()

    def _produce(self, producer, records, position, reports, deadline) -> None:
        send = producer.send_offsets_to_transaction

        class WithoutOffsets:
            def __getattr__(self, name: str):
                return getattr(producer, name)

            def send_offsets_to_transaction(self, offsets, group, left) -> None:
                send([], group, left)

        super()._produce(WithoutOffsets(), records, position, reports, deadline)


def owner(rig: Rig, bootstrap: str, group: str, kind: type[KafkaTransactions]) -> ExactlyOnceOutlet:
    arguments = {"bootstrap.servers": bootstrap, "log_level": 2}
    return ExactlyOnceOutlet(lambda place: kind(arguments, group, place, MAX_BYTES, SECONDS), SECONDS)


async def take_in(rig: Rig, outlet: ExactlyOnceOutlet, generation: int) -> list[Judged]:
    """The whole partition, from its beginning."""
    batch = [FakeDelivery(each.raw, [], generation) for each in rig.batch(*range(RECORDS))]
    return [rig.judged(each) for each in batch if await outlet.admit(each)]


async def two_owners(rig: Rig, bootstrap: str, kind: type[KafkaTransactions]) -> Counter[str]:
    """How often each record's content is seen; the offset is looked at as well."""
    group = unique("group")
    earlier, later = owner(rig, bootstrap, group, kind), owner(rig, bootstrap, group, kind)
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    first = await take_in(rig, earlier, 1)
    with suppress(DeliveryError):
        await earlier.send(first[: RECORDS // 2], done, SECONDS)
    second = await take_in(rig, later, 2)
    await later.send(second, done, SECONDS)
    with suppress(DeliveryError):
        await earlier.send(first[RECORDS // 2 :], done, SECONDS)
    await asyncio.gather(earlier.stop(), later.stop())
    committed = await asyncio.to_thread(committed_offsets, bootstrap, group, [rig.source])
    assert committed == {(rig.source, 0): RECORDS}
    return Counter(await rig.arrived(rig.content))


async def seen(broker: RealKafka, kind: type[KafkaTransactions]) -> Counter[str]:
    bootstrap, topics, arrived = await kafka_topics(broker)
    rig = Rig(ExactlyOnceOutlet(lambda _: pytest.fail("unused"), SECONDS), *topics, arrived)
    counts = await two_owners(rig, bootstrap, kind)
    assert len(counts) == RECORDS, "a record was lost"
    return counts


async def test_two_owners_write_each_record_once(real_kafka: RealKafka):
    """What the earlier one committed late is not repeated, and what it writes on waking up is not seen."""
    assert set((await seen(real_kafka, KafkaTransactions)).values()) == {1}


@pytest.mark.parametrize("mutant", [Unread, Unfenced, Apart])
async def test_without_one_of_the_three_there_are_repetitions(mutant: type[KafkaTransactions], real_kafka: RealKafka):
    """The committed offset read after the fencing; the fencing; the offset inside of the transaction."""
    Apart.died = []
    counts = await seen(real_kafka, mutant)
    assert sum(count > 1 for count in counts.values()) >= RECORDS // 2
