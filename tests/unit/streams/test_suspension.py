"""A process that was stopped beyond its session ends before it writes."""

import asyncio

import pytest

from filters.errors import DeliveryError
from filters.records import ContentKind
from streams.app import build_faust_app
from streams.settings import Settings
from streams.suspension import HEARTBEAT_SECONDS, TICK_SECONDS, longest_gap, watch_for_suspension


@pytest.mark.parametrize(("gap", "fatal"), [(26.9, False), (27.1, True)])
async def test_a_gap_longer_than_a_session_allows_is_fatal(gap, fatal, monkeypatch):
    """And a shorter one is not."""
    monkeypatch.setattr("streams.suspension.TICK_SECONDS", 0.0)
    times = iter([0.0, 0.0, 10.0, 10.0 + gap])
    errors: list[DeliveryError] = []
    with pytest.raises(RuntimeError):  # the clock has run out
        await watch_for_suspension(27.0, errors.append, lambda: next(times))
    assert [error.reason for error in errors] == ["suspended"] * fatal


async def test_a_loop_that_runs_is_left_alone():
    """For a few ticks."""
    errors: list[DeliveryError] = []
    task = asyncio.create_task(watch_for_suspension(5.0, errors.append))
    await asyncio.sleep(3 * TICK_SECONDS)
    task.cancel()
    assert errors == []


@pytest.mark.parametrize(("session", "gap"), [(30.0, 27.0), (6.0, 3.0), (4.0, 2.0)])
def test_the_last_heartbeat_may_have_been_a_while_ago(session, gap):
    """So the gap is shorter than the session."""
    assert longest_gap(session) == gap


def test_the_heartbeat_is_fausts():
    """As the app is built."""
    assert build_faust_app(Settings(), ContentKind.PROMPT).conf.broker_heartbeat_interval == HEARTBEAT_SECONDS
