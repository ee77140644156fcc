"""A second reader: while workers run and brokers fail, what is committed is out, and no release is without verdict.

A round asks first for the committed offsets, then for the ends of the outputs, some milliseconds later: whatever was
committed must lie before those ends. Brokers that do not answer make a round blind, which is not a finding.

A transaction is decided in one place and then shown partition by partition: where a broker falls between, the offset
may be seen before the outputs. Under transactions a finding of that kind therefore counts when it has not gone away by
the last round.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.topics import TopicNames
from tests.support.kafka_io import LARGEST_MESSAGE
from tests.support.oracle import SOURCE, Input

_REQUEST_SECONDS = 2.0
_READ_SECONDS = 5.0
_PAUSE_SECONDS = 0.05
Place = tuple[str, int]


class SecondReader:
    """Looks again and again, from a thread.

    Args:
        bootstrap: the brokers.
        topics: whose inputs and outputs.
        group: the prompt stream's consumer group.
        written: the inputs that are known by now.
        transactions: whether offsets and outputs are written in transactions.
    """

    def __init__(
        self,
        bootstrap: str,
        topics: TopicNames,
        group: str,
        written: Callable[[], Sequence[Input]],
        *,
        transactions: bool = False,
    ) -> None:
        self._transactions = transactions
        self._unreadable: list[str] = []
        """Of the last round: committed, and without outputs."""
        self._unpaired: list[str] = []
        """Sources of the last round: released, and without a verdict."""
        self._inputs = topics.prompts
        self._released = {topics.prompts_released, topics.images_released}
        self._content = (*sorted(self._released), topics.rejected, topics.held)
        self._audits = topics.verdicts
        self._written = written
        self._consumer = _consumer(bootstrap, group)
        self._next: dict[Place, int] = {}
        self._audited: set[str] = set()
        self._answered: set[str] = set()
        self._unchecked: list[tuple[Place, int, str]] = []
        self._places: list[TopicPartition] = []
        self._committed: dict[Place, int] = {}
        self.rounds = 0
        """Looks that could be taken to their end."""
        self.blind = 0
        """Looks that a broker did not answer."""
        self._findings: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="second reader", daemon=True)

    @property
    def findings(self) -> list[str]:
        """What must not be; each named once."""
        late = [_unpaired(source) for source in self._unpaired] if self._transactions else []
        return self._findings + self._unreadable + late

    @property
    def committed(self) -> Mapping[Place, int]:
        """The committed offsets of the last round, by topic and partition."""
        return dict(self._committed)

    def stop(self) -> None:
        """Look no longer. May be called twice."""
        self._stop.set()
        self._thread.join()

    def __enter__(self) -> Self:
        topics = (*self._content, self._audits)
        self._places = [TopicPartition(topic, number) for topic in topics for number in self._partitions(topic)]
        self._consumer.assign([TopicPartition(p.topic, p.partition, OFFSET_BEGINNING) for p in self._places])
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._consumer.close()

    def _look(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            try:
                whole = self._round()
            except KafkaException:
                whole = False
            self.rounds += whole
            self.blind += not whole

    def _round(self) -> bool:
        written = self._written()
        committed = self._ask_committed()
        # Content before verdicts: what is seen of content must already have its verdict.
        content_ends = self._ask_ends(self._content)
        ends = content_ends | self._ask_ends((self._audits,))
        if not self._read_to(ends):
            return False
        self._check_commits(written, committed)
        self._check_releases(content_ends)
        return True

    # ── what is asked ─────────────────────────────────────────────────────────────────────────────────────────────

    def _partitions(self, topic: str) -> list[int]:
        return sorted(self._consumer.list_topics(topic, timeout=_REQUEST_SECONDS).topics[topic].partitions)

    def _ask_committed(self) -> dict[Place, int]:
        wanted = [TopicPartition(self._inputs, number) for number in self._partitions(self._inputs)]
        answer = self._consumer.committed(wanted, timeout=_REQUEST_SECONDS)
        return {(each.topic, each.partition): each.offset for each in answer if each.error is None and each.offset >= 0}

    def _ask_ends(self, topics: Iterable[str]) -> dict[Place, int]:
        return {
            (place.topic, place.partition): self._consumer.get_watermark_offsets(place, timeout=_REQUEST_SECONDS)[1]
            for place in self._places
            if place.topic in topics
        }

    def _read_to(self, ends: Mapping[Place, int]) -> bool:
        deadline = time.monotonic() + _READ_SECONDS
        while any(self._next.get(place, 0) < end for place, end in ends.items()):
            if time.monotonic() > deadline:
                return False
            for message in self._consumer.consume(1000, timeout=0.05):
                place = (message.topic(), message.partition())
                error = message.error()
                if error is None:
                    self._next[place] = message.offset() + 1
                    self._take(place, message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    self._next[place] = max(self._next.get(place, 0), message.offset())  # transaction markers count
        return True

    def _take(self, place: Place, message: Message) -> None:
        source = (dict(message.headers() or ()).get(SOURCE) or b"").decode()
        if place[0] == self._audits:
            self._audited.add(source)
            return
        self._answered.add(source)
        if place[0] in self._released:
            self._unchecked.append((place, message.offset(), source))

    # ── what must hold ────────────────────────────────────────────────────────────────────────────────────────────

    def _check_commits(self, written: Sequence[Input], committed: Mapping[Place, int]) -> None:
        for place, offset in self._committed.items():
            if committed.get(place, offset) < offset:
                self._find(f"{place[0]}:{place[1]} was committed up to {offset}, then up to {committed[place]}")
        self._committed |= committed
        done = self._audited & self._answered
        missing = [
            f"{given.source} is committed, and its outputs cannot be read"
            for given in written
            if given.place[2] < committed.get(given.place[:2], 0) and given.source not in done
        ]
        if self._transactions:
            self._unreadable = missing
        else:
            for each in missing:
                self._find(each)

    def _check_releases(self, ends: Mapping[Place, int]) -> None:
        ripe = [source for place, offset, source in self._unchecked if offset < ends[place]]
        self._unchecked = [each for each in self._unchecked if each[1] >= ends[each[0]]]
        self._unpaired = [source for source in (*self._unpaired, *ripe) if source not in self._audited]
        if not self._transactions:
            for each in self._unpaired:
                self._find(_unpaired(each))

    def _find(self, finding: str) -> None:
        if finding not in self._findings:
            self._findings.append(finding)


def _unpaired(source: str) -> str:
    return f"{source} is released, and its verdict cannot be read"


def _consumer(bootstrap: str, group: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,  # never joined: only its offsets are asked for
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",  # where a broker says that an offset is out of range
            "fetch.message.max.bytes": LARGEST_MESSAGE,
            "fetch.wait.max.ms": 20,
            "enable.partition.eof": True,
            "reconnect.backoff.max.ms": 500,
            "log_level": 2,
        }
    )
