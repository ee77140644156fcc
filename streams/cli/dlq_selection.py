"""Which letters are meant: by name, by code and tenant, since a time, or all."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import typer

from filters.records import SourcePosition
from streams.letters import Letter, parse_place

_AGE = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Selection:
    """Letters that are meant. Named ones exclude every other condition; other conditions hold together."""

    places: frozenset[SourcePosition] = frozenset()
    code: str | None = None
    tenant: str | None = None
    since: datetime | None = None
    every: bool = False

    def check(self) -> None:
        """Refuse a choice that says nothing, or two things.

        Raises:
            typer.BadParameter: it does.
        """
        filtered = self.code is not None or self.tenant is not None
        if [bool(self.places), filtered, self.every].count(True) != 1:
            raise typer.BadParameter("name LETTERS, or choose by --code and --tenant, or say --all")
        if self.places and self.since is not None:
            raise typer.BadParameter("--since chooses among letters, and they are named already")

    def wants(self, place: SourcePosition, letter: Letter) -> bool:
        """Whether a letter is meant."""
        return (
            (not self.places or place in self.places)
            and self.code in (None, letter.code)
            and self.tenant in (None, letter.tenant)
            and (self.since is None or letter.timestamp >= self.since)
        )

    @property
    def since_ms(self) -> int | None:
        """As Kafka counts."""
        return None if self.since is None else int(self.since.timestamp() * 1000)


def parse_since(text: str | None, now: datetime | None = None) -> datetime | None:
    """The time that `45m`, `24h`, `7d` ago or an ISO 8601 time (UTC where it names no zone) means.

    Raises:
        typer.BadParameter: it means none.
    """
    if text is None:
        return None
    try:
        if age := _AGE.fullmatch(text):
            return (now or datetime.now(UTC)) - timedelta(**{_UNITS[age[2]]: int(age[1])})
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter("--since is 45m, 24h, 7d, or a time like 2026-03-04T05:06") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def parse_letter(name: str, topic: str) -> SourcePosition:
    """The place of a letter on the dead-letter topic.

    Raises:
        typer.BadParameter: it is no such place.
    """
    try:
        place = parse_place(name)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if place.topic != topic:
        raise typer.BadParameter(f"letters lie on {topic} (topics.dead_letters)")
    return place
