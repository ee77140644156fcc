"""The outlet of `delivery.guarantee: exactly_once`: one line of transactions for each input partition.

A lane is opened at the first record of a partition and generation. Opening shuts out the process that wrote for the
partition before, and only then is the committed offset read: nothing can move it any more but this lane. So a record
whose outputs are committed is known, whoever committed them and however late, and is not written again.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from filters.errors import DeliveryError
from streams.acks import Delivery
from streams.emit import OutputRecord
from streams.outlet import Judged
from streams.transactions import Place, Transactions

_THREADS = 32
"""Partitions that are written at a time."""
_GRACE_SECONDS = 2.0
"""Beyond its time, until a call is given up."""
_T = TypeVar("_T")


@dataclass(slots=True)
class _Lane:
    """One partition in one generation; `position` is the next offset that may be admitted."""

    transactions: Transactions
    generation: int
    position: int
    admitted: deque[int] = field(default_factory=deque)

    def admit(self, delivery: Delivery) -> bool:
        offset = delivery.raw.offset
        if delivery.generation != self.generation or offset < self.position:
            return False
        self.admitted.append(offset)
        self.position = offset + 1
        return True

    def take(self, share: Sequence[Judged]) -> list[Judged]:
        """What is to be written: the records of this generation, which must come in the order of their admission."""
        taken = []
        for delivery, judgement in share:
            if delivery.generation < self.generation:
                continue  # taken in before a rebalance, and read again since
            if not self.admitted or self.admitted[0] != delivery.raw.offset:
                raise DeliveryError("a judgement came out of order", reason="out_of_order")
            self.admitted.popleft()
            taken.append((delivery, judgement))
        return taken


class ExactlyOnceOutlet:
    """`Outlet` that commits outputs and input offset in one transaction for each batch and partition.

    Args:
        transactions: makes the transactions of a partition, not opened yet.
        open_seconds: how long the opening of a lane may take.

    Consumers that read committed records only see each output once. The process must end when `send` raises: records
    that were in the batch are then read again by the next owner, and their transaction is aborted.
    """

    def __init__(self, transactions: Callable[[Place], Transactions], open_seconds: float) -> None:
        self._transactions = transactions
        self._open_seconds = open_seconds
        self._lanes: dict[Place, _Lane] = {}
        self._locks: defaultdict[Place, asyncio.Lock] = defaultdict(asyncio.Lock)
        """Held while a partition is opened or written, so that a lane never shuts out its own predecessor's writing."""
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="transactions")

    async def stop(self) -> None:
        """Let go of all partitions, when nothing is being written."""
        lanes, self._lanes = list(self._lanes.values()), {}
        await asyncio.gather(*(self._in_thread(self._open_seconds, lane.transactions.close) for lane in lanes))
        self._threads.shutdown(wait=False)

    async def admit(self, delivery: Delivery) -> bool:
        """False for a record whose outputs are committed, or that a rebalance has overtaken."""
        place = delivery.raw.topic, delivery.raw.partition
        lane = self._lanes.get(place)
        if lane is None or lane.generation < delivery.generation:
            # shielded: an opening that is cancelled in a rebalance would go on, and shut out the one that follows it
            lane = await asyncio.shield(self._lane(place, delivery))
        return lane.admit(delivery)

    async def send(self, batch: Sequence[Judged], previous: Awaitable[object], seconds: float) -> None:
        """As the protocol says: each partition's share in a transaction of its own, verdicts first."""
        await previous
        shares: defaultdict[Place, list[Judged]] = defaultdict(list)
        for delivery, judgement in batch:
            shares[delivery.raw.topic, delivery.raw.partition].append((delivery, judgement))
        writings = (self._write(place, share, seconds) for place, share in shares.items())
        for outcome in await asyncio.gather(*writings, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _write(self, place: Place, share: Sequence[Judged], seconds: float) -> None:
        async with self._locks[place]:
            lane = self._lanes.get(place)
            taken = lane.take(share) if lane is not None else []
            if lane is None or not taken:
                return
            records: list[OutputRecord] = [judgement.audit for _, judgement in taken]
            records += [output for _, judgement in taken for output in judgement.outputs]
            await self._in_thread(seconds, lane.transactions.write, records, taken[-1][0].raw.offset + 1, seconds)

    async def _lane(self, place: Place, delivery: Delivery) -> _Lane:
        async with self._locks[place]:
            lane = self._lanes.get(place)
            return lane if lane and lane.generation >= delivery.generation else await self._open(place, delivery)

    async def _open(self, place: Place, delivery: Delivery) -> _Lane:
        deadline = time.monotonic() + self._open_seconds
        await self._close([place, *self._left_behind(delivery)])
        transactions = self._transactions(place)
        committed = await self._in_thread(self._open_seconds, transactions.open, self._open_seconds)
        await self._look(transactions, committed, delivery.raw.offset, max(0.1, deadline - time.monotonic()))
        lane = self._lanes[place] = _Lane(transactions, delivery.generation, committed or 0)
        return lane

    async def _look(self, transactions: Transactions, committed: int | None, offset: int, seconds: float) -> None:
        """Make sure of a first record that is not the one at the committed offset."""
        expected = committed or 0
        if offset > expected:
            # compaction or markers have left a gap, or the consumer has skipped records
            first = await self._in_thread(seconds, transactions.first_offset, committed, seconds)
            if first != offset:
                raise DeliveryError("the consumer passed over records", reason="records_skipped")
        if offset < expected:
            # committed by the owner before, or of a topic that was made anew under an old name
            end = await self._in_thread(seconds, transactions.end_offset, seconds)
            if end < expected:
                raise DeliveryError("the committed offset lies beyond the input's end", reason="offset_beyond_end")

    def _left_behind(self, delivery: Delivery) -> list[Place]:
        """The topic's partitions of earlier generations, with nothing under way: gone, or opened anew when needed."""
        return [
            place
            for place, lane in self._lanes.items()
            if place[0] == delivery.raw.topic
            and lane.generation < delivery.generation
            and not lane.admitted
            and not self._locks[place].locked()
        ]

    async def _close(self, places: Sequence[Place]) -> None:
        lanes = [self._lanes.pop(place) for place in places if place in self._lanes]
        await asyncio.gather(*(self._in_thread(self._open_seconds, lane.transactions.close) for lane in lanes))

    async def _in_thread(self, seconds: float, work: Callable[..., _T], *arguments: object) -> _T:
        """Wait for a blocking call, and no longer: librdkafka may hang in one (its issue 5456: a lost coordinator)."""
        working = asyncio.get_running_loop().run_in_executor(self._threads, lambda: work(*arguments))
        try:
            async with asyncio.timeout(seconds + _GRACE_SECONDS):
                return await asyncio.shield(working)
        except TimeoutError:
            working.add_done_callback(lambda late: late.exception())
            raise DeliveryError("a transaction does not come to its end", reason="transaction_hangs") from None
