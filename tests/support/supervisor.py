"""Starts a worker again whenever it ends, as an orchestrator would."""

import threading
from types import TracebackType
from typing import Self

from tests.support.worker import STOP_SECONDS, WorkerProcess

_POLL_SECONDS = 0.05
BACK_OFF_SECONDS = 0.3
"""Between an end and the next start."""


class Supervisor:
    """Watches one worker from a thread.

    Args:
        worker: started already.
    """

    def __init__(self, worker: WorkerProcess) -> None:
        self.worker = worker
        self.exits: list[int] = []
        """Exit codes so far; negative ones are signals."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def _watch(self) -> None:
        while not self._stopping.wait(_POLL_SECONDS):
            if not self.worker.running:
                self.exits.append(self.worker.process.returncode)
                self._stopping.wait(BACK_OFF_SECONDS)
                self.worker.start()

    def terminate(self, timeout: float = STOP_SECONDS) -> int:
        """Watch no longer, and send SIGTERM when the worker is ready; its exit code.

        Raises:
            RuntimeError: it does not become ready.
            subprocess.TimeoutExpired: it drains for longer than `timeout` seconds.
        """
        self.stop()
        return self.worker.wait_ready().terminate(timeout)

    def stop(self) -> None:
        """Watch no longer; the worker goes on. May be called twice."""
        self._stopping.set()
        self._thread.join()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
