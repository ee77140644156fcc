"""Who may judge at the same time: many together, or one record alone in the whole process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Isolation:
    """Shared by the gates of a process, so that a record that kills it takes the blame alone."""

    def __init__(self) -> None:
        self._turn = asyncio.Condition()
        self._together = 0
        self._alone = 0
        self._occupied = False

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """Enter beside others, unless somebody is alone or waits to be."""
        async with self._turn:
            await self._turn.wait_for(lambda: not self._alone)
            self._together += 1
        try:
            yield
        finally:
            async with self._turn:
                self._together -= 1
                self._turn.notify_all()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Enter when nobody else is in."""
        async with self._turn:
            self._alone += 1
            await self._turn.wait_for(lambda: not self._together and not self._occupied)
            self._occupied = True
        try:
            yield
        finally:
            async with self._turn:
                self._alone -= 1
                self._occupied = False
                self._turn.notify_all()
