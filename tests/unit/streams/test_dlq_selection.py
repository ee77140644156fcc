"""`--since`: an age, or a time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import typer

from streams.cli.dlq_selection import Selection, parse_since
from streams.letters import read_letter
from tests.support.letters import AT, letter, raw

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("90s", NOW - timedelta(seconds=90)),
        ("45m", NOW - timedelta(minutes=45)),
        ("24h", NOW - timedelta(hours=24)),
        ("7d", NOW - timedelta(days=7)),
        ("2026-03-04", datetime(2026, 3, 4, tzinfo=UTC)),
        ("2026-03-04T05:06:07Z", AT),
        ("2026-03-04T07:06:07+02:00", AT.astimezone(timezone(timedelta(hours=2)))),
        ("2026-03-04T05:06:07", AT),
    ],
)
def test_ages_and_times_are_understood(text, expected):
    assert parse_since(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "h", "-1h", "1w", "yesterday", "1.5h", "99999999d", "999999d"])
def test_what_is_neither_is_refused(text):
    with pytest.raises(typer.BadParameter):
        parse_since(text, NOW)


@pytest.mark.parametrize(("offset", "wanted"), [(-1, True), (0, True), (1, False)])
def test_letters_of_that_moment_and_later_are_meant(offset, wanted):
    selection = Selection(since=AT + timedelta(seconds=offset))
    read = read_letter(letter(raw()).value)
    assert selection.wants(read.source, read) is wanted
    assert selection.since_ms == (AT.timestamp() + offset) * 1000
