"""Acks pass in offset order of each partition and generation, whatever the order in which records finish."""

import random

from hypothesis import given
from hypothesis import strategies as st

from streams.acks import AckLedger
from streams.message import RawMessage
from tests.fakes import FakeDelivery


def delivery(offset: int, acks: list, partition: int = 0, generation: int = 1, timestamp_ms: int | None = None):
    return FakeDelivery(RawMessage("t", partition, offset, None, b"", (), timestamp_ms), acks, generation)


@given(st.integers(1, 40), st.integers(1, 3), st.randoms(use_true_random=False))
def test_whatever_finishes_first_acks_come_in_offset_order(count, partitions, rng: random.Random):
    acks: list[tuple[int, int]] = []
    ledger = AckLedger(lambda: 0.0)
    deliveries = [delivery(offset, acks, offset % partitions) for offset in range(count)]
    for one in deliveries:
        ledger.open(one)
    rng.shuffle(deliveries)
    for one in deliveries:
        ledger.close(one)
        for partition in range(partitions):
            acked = [offset for p, offset in acks if p == partition]
            assert acked == list(range(partition, count, partitions))[: len(acked)]
    assert len(acks) == count
    assert len(ledger) == 0


def test_an_open_record_holds_back_those_behind_it():
    acks: list[tuple[int, int]] = []
    ledger = AckLedger(lambda: 0.0)
    first, second = delivery(0, acks), delivery(1, acks)
    ledger.open(first)
    ledger.open(second)
    ledger.close(second)
    assert acks == []
    ledger.close(first)
    assert acks == [(0, 0), (0, 1)]


def test_a_new_generation_does_not_wait_for_the_old_one():
    acks: list[tuple[int, int]] = []
    ledger = AckLedger(lambda: 0.0)
    old, new = delivery(0, acks, generation=1), delivery(0, acks, generation=2)
    ledger.open(old)
    ledger.open(new)
    ledger.close(new)
    assert acks == [(0, 0)]


def test_the_oldest_age_is_that_of_the_oldest_open_record():
    acks: list[tuple[int, int]] = []
    ledger = AckLedger(lambda: 100.0)
    assert ledger.oldest_age() == 0.0
    old, young = delivery(0, acks, timestamp_ms=40_000), delivery(0, acks, partition=1, timestamp_ms=90_000)
    ledger.open(old)
    ledger.open(young)
    assert ledger.oldest_age() == 60.0
    ledger.close(old)
    assert ledger.oldest_age() == 10.0
