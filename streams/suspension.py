"""A process that was stopped for too long (SIGSTOP, a frozen container, a moved machine) must not write any more.

When it goes on, its group has given its partitions to others, who have judged the same records. All its deadlines have
passed meanwhile, so it would reject as timed out what they have released.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from filters.errors import DeliveryError

HEARTBEAT_SECONDS: Final = 3.0
"""Faust's `broker_heartbeat_interval`: so old may the last sign of life be when the process is stopped."""
TICK_SECONDS: Final = 0.25


def longest_gap(session_timeout: float) -> float:
    """Seconds that a process may have been stopped and be sure that it is still in its group; half a session at least.

    Args:
        session_timeout: seconds after which the group gives a silent member's partitions to others.
    """
    return max(session_timeout - HEARTBEAT_SECONDS, session_timeout / 2)


async def watch_for_suspension(
    longest_seconds: float, on_fatal: Callable[[DeliveryError], None], clock: Callable[[], float] = time.monotonic
) -> None:
    """Tick, until cancelled; a gap between ticks is time in which the event loop did not run.

    Of what is due when the process goes on, the tick comes first: every other deadline was set to a later moment.

    Args:
        longest_seconds: longer gaps are fatal.
        on_fatal: must end the process at once.
        clock: seconds that go on while the process is stopped.
    """
    while True:
        before = clock()
        await asyncio.sleep(TICK_SECONDS)
        if clock() - before - TICK_SECONDS > longest_seconds:
            on_fatal(DeliveryError("the process was stopped for longer than its session", reason="suspended"))
