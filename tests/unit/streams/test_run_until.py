"""The drain of an app ends in time, whatever the app does."""

import asyncio
import contextlib

import pytest

from streams.agents import run_until


class StubbornApp:
    """Its stop takes until `let_go`, and swallows cancellations, as Faust's services do."""

    crash_reason = None

    def __init__(self) -> None:
        self.let_go = asyncio.Event()

    async def start(self) -> None:
        pass

    async def wait_until_stopped(self) -> None:
        await self.let_go.wait()

    async def stop(self) -> None:
        while not self.let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.let_go.wait()


async def test_a_stop_that_swallows_cancellations_is_left_after_the_drain_time():
    """The worker then ends the process with code 70; it must not wait for an orchestrator's SIGKILL."""
    app, stop = StubbornApp(), asyncio.Event()
    stop.set()
    async with asyncio.timeout(5):
        with pytest.raises(TimeoutError):
            await run_until(app, stop, drain_seconds=0.05)  # type: ignore[arg-type]
    app.let_go.set()
    await asyncio.sleep(0)


async def test_a_stop_in_time_is_a_clean_end():
    app, stop = StubbornApp(), asyncio.Event()
    stop.set()
    asyncio.get_running_loop().call_later(0.02, app.let_go.set)
    async with asyncio.timeout(5):
        await run_until(app, stop, drain_seconds=3)  # type: ignore[arg-type]
