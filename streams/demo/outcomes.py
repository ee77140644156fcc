"""What became of each input: its verdicts and outputs, put together by the position where it was produced."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson

from filters.records import Content, SourcePosition
from filters.verdict import Action
from streams.demo.cases import DemoCase
from streams.demo.client import Received
from streams.demo.messages import open_released
from streams.topics import TopicNames

SOURCE_HEADER = "veilstream-source-offset"


@dataclass(frozen=True)
class CaseOutcome:
    """A case and everything that was written about it."""

    case: DemoCase
    source: SourcePosition
    verdicts: tuple[Mapping[str, Any], ...] = ()
    released: tuple[Received, ...] = field(default=(), repr=False)
    rejected: tuple[Received, ...] = field(default=(), repr=False)
    held: tuple[Received, ...] = field(default=(), repr=False)
    dead_letters: tuple[Received, ...] = field(default=(), repr=False)

    @property
    def complete(self) -> bool:
        """Whether there is a verdict and an outcome."""
        return bool(self.verdicts and (self.released or self.rejected or self.held))

    @property
    def verdict(self) -> Mapping[str, Any]:
        """The verdict; empty where none came."""
        return self.verdicts[0] if self.verdicts else {}

    @property
    def action(self) -> Action | None:
        return Action(self.verdict["action"]) if self.verdict else None

    @cached_property
    def content(self) -> Content | None:
        """What was released."""
        if not self.released:
            return None
        message = self.released[0]
        return open_released(self.case.kind, message.value, message.headers)

    @property
    def entity_types(self) -> tuple[str, ...]:
        """The types of the findings, each once."""
        return tuple(dict.fromkeys(finding["entity_type"] for finding in self.verdict.get("findings", ())))

    @property
    def error(self) -> str:
        """Code and reason of a failed judgement; empty where there was none."""
        error = self.verdict.get("error")
        return f"{error['code']} / {error['reason']}" if error else ""


def join_outcomes(
    cases: Sequence[tuple[DemoCase, SourcePosition]], received: Iterable[Received], topics: TopicNames
) -> list[CaseOutcome]:
    """One outcome a case, in the order of the cases."""
    by_place: dict[tuple[str, str], list[Received]] = {}
    for message in received:
        by_place.setdefault((message.topic, _source(message)), []).append(message)

    def about(topics_of: Iterable[str], source: SourcePosition) -> tuple[Received, ...]:
        return tuple(message for topic in topics_of for message in by_place.get((topic, str(source)), ()))

    return [
        CaseOutcome(
            case,
            source,
            tuple(orjson.loads(message.value) for message in about([topics.verdicts], source)),
            about([topics.prompts_released, topics.images_released], source),
            about([topics.rejected], source),
            about([topics.held], source),
            about([topics.dead_letters], source),
        )
        for case, source in cases
    ]


def _source(message: Received) -> str:
    """The position of the input that an output is about; dead letters name it in headers of their own."""
    parts = [message.header(f"veilstream.error.{name}") for name in ("topic", "partition", "offset")]
    return message.header(SOURCE_HEADER) or ":".join(parts)
