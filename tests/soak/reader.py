"""The second reader of a soak: while faults strike, it compares what is committed with what is written."""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException

from filters.records import ContentKind
from tests.support.house import PARTITIONS, House
from tests.support.oracle import Input, Oracle, committed_too_far
from tests.support.watch import Committed, CommitWatch

LOOK_SECONDS = 1.0


class SecondReader:
    """Looks again and again, in a thread of its own with clients of its own.

    `committed_early` are inputs that were committed before all their outputs were written, `unaudited` releases whose
    verdict was not written before them, `steps_back` commits that became smaller.

    Args:
        house: whose topics.
        inputs: what has been sent so far.
    """

    def __init__(self, house: House, inputs: Callable[[], Sequence[Input]]) -> None:
        self._inputs = inputs
        self._tail = house.tail()
        self._oracle = Oracle(self._tail, house.topics)
        topics = {ContentKind.PROMPT: house.topics.prompts, ContentKind.IMAGE: house.topics.images}
        self._watches = [
            CommitWatch(house.bootstrap, f"{house.group}-{kind.value}s", topic, PARTITIONS, 0.25)
            for kind, topic in topics.items()
        ]
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._open = ExitStack()
        self.looks = 0
        self.committed_early: set[str] = set()
        self.unaudited: set[str] = set()

    @property
    def steps_back(self) -> int:
        """Commits that became smaller."""
        return sum(len(watch.steps_back) for watch in self._watches)

    @property
    def lag(self) -> int:
        """Records that were sent and are not committed."""
        safe = self._committed()
        return sum(given.place[2] >= safe.get(given.place[:2], 0) for given in self._inputs())

    def _committed(self) -> Committed:
        return {place: offset for watch in self._watches for place, offset in list(watch.committed.items())}

    def _follow(self) -> None:
        while not self._done.wait(LOOK_SECONDS):
            try:
                self._look()
            except KafkaException:
                continue  # while the broker is down there is nothing to see

    def _look(self) -> None:
        """Commits first: what they cover must then be there. Releases first: their verdicts must then be there."""
        safe, inputs = self._committed(), list(self._inputs())
        if not self._tail.read_to_end():
            return
        self.committed_early.update(committed_too_far(inputs, self._oracle.complete(), safe))
        released = self._oracle.unaudited(inputs)
        if released and self._tail.read_to_end():
            self.unaudited.update(set(released) & set(self._oracle.unaudited(inputs)))
        self.looks += 1

    def __enter__(self) -> Self:
        for watch in self._watches:
            self._open.enter_context(watch)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join(60)
        self._open.close()
