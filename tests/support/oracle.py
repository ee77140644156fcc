"""The oracle: what the outputs of any worker must be, whatever befell it. One function for ours and for the mutants."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np

from filters.errors import DetectorTimeout, PoisonRecord
from filters.protocols import ImageDetector
from filters.records import ContentKind
from filters.verdict import Action
from streams.topics import TopicNames
from tests.support.kafka_io import Incoming, produce
from tests.support.material import Box, Case, image_of
from tests.support.tail import TopicTail

VERDICT, ACTION, SOURCE = "veilstream-verdict", "veilstream-action", "veilstream-source-offset"
COVERED_BELOW = 24.0
"""Mean brightness (0–255) of a face that lies under a black fill, JPEG's ringing included; the face's own is 130."""

Place = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Input:
    """A case, and where it was written."""

    place: Place
    case: Case

    @property
    def source(self) -> str:
        """As outputs name it."""
        return "{}:{}:{}".format(*self.place)


def send(bootstrap: str, topics: TopicNames, cases: Sequence[Case], timeout: float = 120.0) -> list[Input]:
    """Produce the cases to their streams' topics."""
    names = {ContentKind.PROMPT: topics.prompts, ContentKind.IMAGE: topics.images}
    places = produce(bootstrap, [case.to(names[case.kind]) for case in cases], timeout)
    return [Input(place, case) for place, case in zip(places, cases, strict=True)]


def output_topics(topics: TopicNames) -> tuple[str, ...]:
    """All that a worker writes."""
    return (
        topics.verdicts,
        topics.prompts_released,
        topics.images_released,
        topics.rejected,
        topics.held,
        topics.dead_letters,
    )


@dataclass(frozen=True, slots=True)
class Report:
    """The oracle's findings: sources of inputs (or outputs) that are not as they must be, and figures.

    `lost` inputs have no verdict, or no record that is released, rejected or held. `torn` have several verdict ids.
    `doubtful` are released and withheld. `unaudited` are released without a verdict record. `strange` outputs belong
    to no input. `hasty` ones have content that was sent before their verdict. `leaking` releases hold something
    private. `unlike` have releases of different bytes. `altered` were allowed, and released with another value, key or
    headers. `late` have a verdict that rejects because the deadline passed: as the policy says of errors, yet a fault
    row must not count on it. `misjudged` got an action or a request id that is not theirs, for no such reason.
    """

    lost: tuple[str, ...]
    torn: tuple[str, ...]
    doubtful: tuple[str, ...]
    unaudited: tuple[str, ...]
    strange: tuple[str, ...]
    hasty: tuple[str, ...]
    leaking: tuple[str, ...]
    unlike: tuple[str, ...]
    altered: tuple[str, ...]
    late: tuple[str, ...]
    misjudged: tuple[str, ...]
    inputs: int
    released: int
    rejected: int
    held: int
    given_up: int
    """Inputs that were answered without a detector, because processes ended while they judged them."""
    duplicates: int
    """Outputs beyond the first of an input: verdicts and content."""
    verdicts: int
    """Inputs that have one."""
    longest_stall: float
    """The longest time between a new verdict and the next one, in seconds."""

    @property
    def problems(self) -> dict[str, tuple[str, ...]]:
        """By name, what is not as it must be; empty where the promises hold."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value[:5] for name, value in found.items() if isinstance(value, tuple) and value}

    @property
    def summary(self) -> str:
        """Figures in a line."""
        return (
            f"released {self.released}, rejected {self.rejected}, held {self.held}, lost {len(self.lost)}, "
            f"duplicates {self.duplicates}, given up {self.given_up}"
        )


class Oracle:
    """Follows the outputs of one set of topics.

    Args:
        tail: reads `output_topics(topics)`.
        detector: looks for faces in what is released; None leaves it at the faces that the material knows.
    """

    def __init__(self, tail: TopicTail, topics: TopicNames, detector: ImageDetector | None = None) -> None:
        self._tail = tail
        self._topics = topics
        self._detector = detector
        self._released_topics = {topics.prompts_released, topics.images_released}
        self._read = 0
        self._verdicts: defaultdict[str, list[Incoming]] = defaultdict(list)
        self._content: defaultdict[str, list[Incoming]] = defaultdict(list)

    def settled(self, inputs: Sequence[Input], timeout: float) -> bool:
        """Read until every input has its outputs, or the time is over; whether they have."""
        return self._tail.read_until(lambda: not self._open(inputs), timeout)

    def count_done(self) -> int:
        """Inputs with a content record so far, after one look at the topics."""
        self._tail.poll(0.05)
        self._take_in()
        return len(self._content)

    def done(self) -> frozenset[str]:
        """Sources with a verdict and a content record so far, after reading until nothing comes."""
        self._tail.read_quiet()
        return self.complete()

    def complete(self) -> frozenset[str]:
        """Sources with a verdict and a content record, of what has been read."""
        self._take_in()
        return frozenset(self._content.keys() & self._verdicts.keys())

    def verdict(self, given: Input) -> Mapping[str, object]:
        """The verdict record of an input."""
        self._take_in()
        document: Mapping[str, object] = json.loads(self._verdicts[given.source][0].value or b"null")
        return document

    def unaudited(self, inputs: Sequence[Input]) -> list[str]:
        """Released inputs without a verdict record, of what has been read."""
        self._take_in()
        return [given.source for given in inputs if self._released(given.source) and given.source not in self._verdicts]

    def outputs_beyond(self, inputs: Sequence[Input], committed: Mapping[tuple[str, int], int]) -> int:
        """Verdicts and content of inputs that are not committed: what another worker will write once more."""
        self._take_in()
        repeated = [given.source for given in inputs if given.place[2] >= committed.get(given.place[:2], 0)]
        return sum((source in self._verdicts) + (source in self._content) for source in repeated)

    def report(self, inputs: Sequence[Input]) -> Report:
        """Judge what has been read; call it when the workers are done, or dead."""
        self._tail.read_quiet()
        self._take_in()
        by_source = {given.source: given for given in inputs}
        released = {source: self._released(source) for source in by_source}
        return Report(
            lost=tuple(self._open(inputs)),
            torn=_where(by_source, lambda given: len(self._verdict_ids(given.source)) > 1),
            doubtful=_where(by_source, lambda given: bool(released[given.source]) and self._withheld(given.source)),
            unaudited=tuple(self.unaudited(inputs)),
            strange=tuple(sorted((self._verdicts.keys() | self._content.keys()) - by_source.keys())),
            hasty=_where(by_source, lambda given: self._is_hasty(given.source)),
            leaking=_where(by_source, lambda given: any(self._leaks(given, each) for each in released[given.source])),
            unlike=_where(by_source, lambda given: len({each.value for each in released[given.source]}) > 1),
            altered=_where(by_source, lambda given: any(_is_altered(given, each) for each in released[given.source])),
            late=_where(by_source, self._is_late),
            misjudged=_where(by_source, self._is_misjudged),
            inputs=len(inputs),
            released=sum(bool(records) for records in released.values()),
            rejected=self._sources_on(self._topics.rejected),
            held=self._sources_on(self._topics.held),
            given_up=sum(self._is_given_up(source) for source in by_source),
            duplicates=sum(len(records) - 1 for by in (self._verdicts, self._content) for records in by.values()),
            verdicts=len(self._verdicts.keys() & by_source.keys()),
            longest_stall=self._longest_stall(),
        )

    def repeated(self) -> list[str]:
        """The stories of up to ten inputs that have an output twice."""
        twice = [source for by in (self._verdicts, self._content) for source, records in by.items() if len(records) > 1]
        return [self.story(source) for source in dict.fromkeys(twice)][:10]

    def story(self, source: str) -> str:
        """What was written of an input, in order: seconds since the first, topic, action, failure, attempts."""
        records = [*self._verdicts.get(source, ()), *self._content.get(source, ())]
        timed = [(self._tail.times[each.topic, each.partition, each.offset], each) for each in records]
        timed.sort(key=lambda pair: pair[0])
        parts = []
        for time, record in timed:
            action = (record.header(ACTION) or b"").decode()
            said = _failure_code(record) if record.topic == self._topics.verdicts else None
            where = record.topic.rpartition(".")[2]
            at = f"{where}:{record.partition}:{record.offset}"
            parts.append(f"{(time - timed[0][0]) / 1000:.1f} s {at} {action} {said or ''}".rstrip())
        return f"{source}: " + "; ".join(parts)

    def _take_in(self) -> None:
        new, self._read = self._tail.records[self._read :], len(self._tail.records)
        for record in new:
            if record.topic == self._topics.verdicts:
                self._verdicts[_source(record)].append(record)
            elif record.topic != self._topics.dead_letters:
                self._content[_source(record)].append(record)

    def _open(self, inputs: Iterable[Input]) -> list[str]:
        self._take_in()
        return [
            given.source for given in inputs if given.source not in self._verdicts or given.source not in self._content
        ]

    def _released(self, source: str) -> list[Incoming]:
        return [record for record in self._content.get(source, ()) if record.topic in self._released_topics]

    def _withheld(self, source: str) -> bool:
        return any(record.topic not in self._released_topics for record in self._content.get(source, ()))

    def _is_hasty(self, source: str) -> bool:
        verdicts, content = self._verdicts.get(source, ()), self._content.get(source, ())
        return bool(content) and self._first_time(content) < self._first_time(verdicts)

    def _first_time(self, records: Sequence[Incoming]) -> int:
        return min((self._tail.times[each.topic, each.partition, each.offset] for each in records), default=0)

    def _longest_stall(self) -> float:
        times = sorted(self._first_time(records) for records in self._verdicts.values())
        return max((later - sooner for sooner, later in pairwise(times)), default=0) / 1000

    def _sources_on(self, topic: str) -> int:
        return sum(any(record.topic == topic for record in records) for records in self._content.values())

    def _verdict_ids(self, source: str) -> set[bytes | None]:
        records = [*self._verdicts.get(source, ()), *self._content.get(source, ())]
        return {record.header(VERDICT) for record in records}

    def _is_given_up(self, source: str) -> bool:
        return any(_failure_code(record) == PoisonRecord.code for record in self._verdicts.get(source, ()))

    def _is_late(self, given: Input) -> bool:
        if Action.REJECT in given.case.actions:
            return False
        return any(_says_late(json.loads(record.value or b"null")) for record in self._verdicts.get(given.source, ()))

    def _is_misjudged(self, given: Input) -> bool:
        for record in self._verdicts.get(given.source, ()):
            document = json.loads(record.value or b"null")
            same = document["verdict_id"].encode() == record.header(VERDICT)
            known = document["request_id"] == given.case.request_id and document["tenant"] == given.case.tenant
            given_up = _failure_code(record) == PoisonRecord.code
            right = given_up or _says_late(document) or Action(document["action"]) in given.case.actions
            if not same or not known or not right:
                return True
        return False

    def _leaks(self, given: Input, record: Incoming) -> bool:
        headers = [part for name, value in record.headers for part in (name.encode(), value or b"")]
        raw = b"\0".join([record.key or b"", record.value or b"", *headers])
        if any(private.encode() in raw for private in given.case.private):
            return True
        if given.case.kind is ContentKind.PROMPT or (record.header(ACTION) == b"allow" and not given.case.face):
            return False
        return self._shows_face(given.case, record)

    def _shows_face(self, case: Case, record: Incoming) -> bool:
        pixels = image_of(case, record)
        if case.face is not None and not is_covered(pixels, case.face):
            return True
        if self._detector is None:
            return False
        return any(found.score >= 0.3 for found in self._detector.detect([pixels])[0])


def is_covered(pixels: np.ndarray, face: Box) -> bool:
    """Whether a black fill lies over the whole of a box."""
    x0, y0, x1, y1 = face
    return float(pixels[y0:y1, x0:x1].mean()) < COVERED_BELOW and int(pixels[y0:y1, x0:x1].max()) < 2 * COVERED_BELOW


def committed_too_far(
    inputs: Sequence[Input], done: frozenset[str], committed: Mapping[tuple[str, int], int]
) -> list[str]:
    """Inputs before the committed offset of their partition that are not done: they would never be read again."""
    return [
        given.source
        for given in inputs
        if given.place[2] < committed.get(given.place[:2], 0) and given.source not in done
    ]


def _where(by_source: Mapping[str, Input], holds: Callable[[Input], object]) -> tuple[str, ...]:
    return tuple(source for source, given in by_source.items() if holds(given))


def _source(record: Incoming) -> str:
    return (record.header(SOURCE) or b"").decode()


def _says_late(verdict: dict[str, Any]) -> bool:
    """Whether a verdict rejects because judging took too long."""
    error = verdict["error"]
    return bool(error) and error["code"] == DetectorTimeout.code and verdict["action"] == Action.REJECT


def _failure_code(verdict: Incoming) -> str | None:
    error = json.loads(verdict.value or b"null")["error"]
    return error["code"] if error else None


def _is_altered(given: Input, record: Incoming) -> bool:
    if record.key != given.case.key:
        return True
    if record.header(ACTION) != b"allow":
        return False
    kept = tuple(header for header in record.headers if not header[0].startswith("veilstream-"))
    return record.value != given.case.value or kept != given.case.headers
