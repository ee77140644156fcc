"""Dead letters as they are read again, by people: every field is checked, since anybody's record may lie on a topic.

Beside letters lie receipts: after a replay, one says which verdict's letter was replayed, and to where.
"""

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from filters.policy import TENANT_PATTERN
from filters.records import SourcePosition
from streams.identity import REQUEST_ID_PATTERN
from streams.topics import TopicName

Token = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
VerdictId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Number = Annotated[int, Field(ge=0, le=2**63 - 1)]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class Letter(_Document):
    """A dead letter without its sealed part; `kept` says whether it has one. Sizes are bytes of the original's value.

    `replay_of` is the verdict id of the letter that the record was replayed from, as the record says.
    """

    verdict_id: VerdictId
    code: Token
    reason: Token
    stage: Token
    topic: TopicName
    partition: Number
    offset: Number
    tenant: Annotated[str, Field(pattern=TENANT_PATTERN)] | None
    request_id: Annotated[str, Field(pattern=f"^{REQUEST_ID_PATTERN}$")] | None
    attempts: Annotated[int, Field(ge=1)]
    replay_of: VerdictId | None = None
    size: Number
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None
    timestamp: AwareDatetime
    kept: bool

    @property
    def source(self) -> SourcePosition:
        """Where the record was read."""
        return SourcePosition(self.topic, self.partition, self.offset)


class Receipt(_Document):
    """Says that a letter was replayed. `verdict_id` is the letter's, the position is the new record's."""

    replayed: VerdictId
    topic: TopicName
    partition: Number
    offset: Number
    timestamp: AwareDatetime


def read_letter(value: bytes | None) -> Letter | Receipt | None:
    """What a record on the dead-letter topic is; None for what is neither a letter nor a receipt."""
    try:
        body = orjson.loads(value or b"")
        if not isinstance(body, dict):
            return None
        if "replayed" in body:
            return Receipt.model_validate(body)
        return Letter.model_validate(body | {"kept": body.get("sealed") is not None})
    except (orjson.JSONDecodeError, ValidationError):
        return None


def receipt_value(verdict_id: str, position: SourcePosition, at: datetime) -> bytes:
    """The receipt for a replayed letter.

    Args:
        verdict_id: the letter's.
        position: of the record that was written.
        at: now, with a time zone.
    """
    place: dict[str, Any] = {"topic": position.topic, "partition": position.partition, "offset": position.offset}
    return orjson.dumps({"replayed": verdict_id, **place, "timestamp": at.isoformat(timespec="milliseconds")})


def parse_place(text: str) -> SourcePosition:
    """`TOPIC:PARTITION:OFFSET` as a position.

    Raises:
        ValueError: it is none.
    """
    topic, _, rest = text.partition(":")
    partition, _, offset = rest.partition(":")
    if not (topic and _is_number(partition) and _is_number(offset)):
        raise ValueError("a letter is named TOPIC:PARTITION:OFFSET, as `veilstream dlq list` does")
    return SourcePosition(topic, int(partition), int(offset))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


@dataclass(frozen=True, slots=True)
class Listed:
    """A letter, where it lies, and how many receipts there are for its verdict."""

    place: SourcePosition
    letter: Letter
    replays: int


class Catalogue:
    """The newest letters of those that are wanted, out of any number of records.

    Holds at most `most` letters (some 2 KB each), and one short id for each replayed verdict.

    Args:
        wanted: which letters to keep.
        most: how many, ≥ 1.
    """

    def __init__(self, wanted: Callable[[SourcePosition, Letter], bool], most: int) -> None:
        self._wanted = wanted
        self._most = most
        self._heap: list[tuple[datetime, str, int, int, Letter]] = []
        self._receipts: Counter[str] = Counter()
        self.found = 0
        """Wanted letters, kept or not."""
        self.strange = 0
        """Records that are neither letters nor receipts."""

    def take(self, place: SourcePosition, value: bytes | None) -> None:
        """Look at one record of the topic."""
        match read_letter(value):
            case Receipt(replayed=verdict_id):
                self._receipts[verdict_id] += 1
            case Letter() as letter:
                if self._wanted(place, letter):
                    self._keep(place, letter)
            case None:
                self.strange += 1

    @property
    def letters(self) -> list[Listed]:
        """Those that are kept, oldest first."""
        return [
            Listed(SourcePosition(topic, partition, offset), letter, self._receipts[letter.verdict_id])
            for _, topic, partition, offset, letter in sorted(self._heap, key=lambda entry: entry[:4])
        ]

    def _keep(self, place: SourcePosition, letter: Letter) -> None:
        self.found += 1
        entry = (letter.timestamp, place.topic, place.partition, place.offset, letter)
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)
