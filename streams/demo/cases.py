"""What a case of the demo is: an input, what is expected of it, and what must not come out."""

from dataclasses import dataclass, field

from filters.findings import BoundingBox
from filters.records import Content, ContentKind
from filters.verdict import Action


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to produce. `value` may be null: what a tombstone does is one of the cases."""

    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Face:
    """Where a face is: a frame, from 0, and a box in pixels of that frame, upright."""

    frame: int
    box: BoundingBox


@dataclass(frozen=True, slots=True)
class DemoCase:
    """One input.

    Args:
        id: unique.
        kind: the stream it goes to.
        tenant: as the message says.
        envelope: what the message is wrapped in, in words.
        shows: why the case is here, in words.
        message: as it is produced.
        content: what the message holds, to show it beside what is released; None where nothing can be read.
        expected: the action that the tenant's policy asks for.
        private: texts that may appear nowhere behind the filter, in no output, log or metric.
        faces: nothing of them may be left.
        request_id: that the message carries, if any; a prompt and the images made from it share it.
    """

    id: str
    kind: ContentKind
    tenant: str
    envelope: str
    shows: str
    message: Outgoing
    content: Content | None
    expected: Action
    private: tuple[str, ...] = field(default=(), repr=False)
    faces: tuple[Face, ...] = ()
    request_id: str | None = None
