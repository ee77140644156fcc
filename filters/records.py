"""What enters the filter: a record is its context and one piece of content."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from filters.carried import Carried
from filters.written import WrittenSpan


class ContentKind(StrEnum):
    """The two kinds of content on the bus; also the name of a worker's stream."""

    PROMPT = "prompt"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class SourcePosition:
    """Where a record was read: for Kafka, topic, partition (≥ 0) and offset (≥ 0)."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class PromptContent:
    """Text fields of one generation request, by field name (`prompt`, `negative_prompt`, …).

    `written` is what redaction wrote into them; empty in whatever comes from outside.
    """

    fields: Mapping[str, str] = field(repr=False)
    written: tuple[WrittenSpan, ...] = field(default=(), repr=False, compare=False)

    @property
    def kind(self) -> ContentKind:
        return ContentKind.PROMPT

    @property
    def size(self) -> int:
        """Characters over all fields."""
        return sum(len(text) for text in self.fields.values())


@dataclass(frozen=True, slots=True)
class ImageContent:
    """One encoded image file, with the media type that its sender declared, if any.

    `carried` is the metadata that redaction wrote into it; empty in whatever comes from outside.
    """

    data: bytes = field(repr=False)
    media_type: str | None = None
    carried: Carried = field(default_factory=Carried, repr=False, compare=False)

    @property
    def kind(self) -> ContentKind:
        return ContentKind.IMAGE

    @property
    def size(self) -> int:
        """Encoded bytes."""
        return len(self.data)


Content = PromptContent | ImageContent


@dataclass(frozen=True, slots=True)
class RecordContext:
    """Who sent the content, for which request, and where it was read.

    `request_id` is the platform's own: a prompt and the images made from it share it.
    """

    source: SourcePosition
    tenant: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Record:
    """One unit of judgement."""

    context: RecordContext
    content: Content
