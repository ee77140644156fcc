"""What an orchestrator does: start a worker again whenever it ends, whatever it ended with."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.support.worker import WorkerProcess

_LOOK_SECONDS = 0.05


class Supervisor:
    """Keeps one worker running, in a thread.

    Args:
        start: gives a started worker.
        most_starts: beyond, the supervisor gives up: a test must not go on for ever.
    """

    def __init__(self, start: Callable[[], WorkerProcess], most_starts: int = 12) -> None:
        self._start = start
        self._most_starts = most_starts
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.worker = start()
        self.exits: list[int] = []
        """Exit codes in order; a signal's number with a minus."""

    def _watch(self) -> None:
        while not self._done.wait(_LOOK_SECONDS):
            if self.worker.running:
                continue
            self.exits.append(self.worker.process.returncode)
            if len(self.exits) >= self._most_starts:
                return
            self.worker = self._start()

    def stop(self, timeout: float = 60.0) -> int:
        """End the watch, then the worker, in order; its exit code."""
        self._done.set()
        self._thread.join(10)
        return self.worker.terminate(timeout) if self.worker.running else self.worker.process.returncode

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join(10)
        if self.worker.running:
            self.worker.kill()
