"""From judgements to durable outputs, in the order that the promises need."""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from streams.acks import Delivery
from streams.emit import Deliverer
from streams.judge import Judgement

Judged = tuple[Delivery, Judgement]


class Outlet(Protocol):
    """Makes judged records durable."""

    async def admit(self, delivery: Delivery) -> bool:
        """Whether the record is to be judged; False where its outputs are known to be durable already.

        Called once a delivery, in offset order of its partition. Cancelled, it has admitted nothing; what it admits is
        sent.

        Raises:
            DeliveryError: that cannot be found out.
        """

    async def send(self, batch: Sequence[Judged], previous: Awaitable[object], seconds: float) -> None:
        """Return when all outputs of the batch are durable.

        Args:
            batch: records of any partitions, in offset order of each, with their judgements.
            previous: done when the batch before is out; what has an order among batches waits for it.
            seconds: for each round of writing.

        Raises:
            DeliveryError: not all outputs became durable; none of the batch may be acknowledged.
        """

    async def stop(self) -> None:
        """Let go of what it holds, when nothing is being written."""


class AtLeastOnceOutlet:
    """`Outlet` that writes verdicts first, and content when they are durable and the batch before is out.

    So nothing is released that has no verdict on record, and each key keeps its order. What belongs to another process
    by then is left to it: it may be judging it at this moment.
    """

    def __init__(self, deliverer: Deliverer) -> None:
        self._deliverer = deliverer

    async def admit(self, delivery: Delivery) -> bool:
        """Every record: what a crash has left half done is done again, under the same verdict id."""
        del delivery
        return True

    async def send(self, batch: Sequence[Judged], previous: Awaitable[object], seconds: float) -> None:
        """As the protocol says."""
        await self._deliverer.deliver([judgement.audit for delivery, judgement in batch if delivery.current], seconds)
        await previous
        outputs = [output for delivery, judgement in batch if delivery.current for output in judgement.outputs]
        await self._deliverer.deliver(outputs, seconds)

    async def stop(self) -> None:
        """Nothing: the deliverer is its owner's."""
