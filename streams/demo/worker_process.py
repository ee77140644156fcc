"""A real worker in a process of its own, watched from outside: by its log, its HTTP port and its exit code."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from filters.errors import ConfigurationError
from streams.settings import PREFIX

_KEPT_VARIABLES = (f"{PREFIX}MODELS__",)
"""Where weights lie and on what they run is the machine's matter; all else is the demo's own."""
_POLL_SECONDS = 0.1
_HTTP_SECONDS = 5.0


class WorkerProcess:
    """`veilstream worker`, started as an operator would. Use as a context: it does not outlive it.

    Args:
        settings: environment variables without their prefix; the HTTP port is chosen by the worker.
        log: the file for its log.
    """

    def __init__(self, settings: Mapping[str, str], log: Path) -> None:
        self._settings = {"HTTP__HOST": "127.0.0.1", "HTTP__PORT": "0", "LOG__FORMAT": "json"} | dict(settings)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "streams.cli.main", "worker"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  our own command, nothing of it from outside
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment()
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait_ready(self, timeout: float) -> None:
        """Return once `/readyz` says that models, policies and partitions are there.

        Raises:
            ConfigurationError: the worker ended, or was not ready within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while self.running and time.monotonic() < deadline:
            self._port = self._port or self._announced_port()
            if self._port and self._get("/readyz")[0] == http.HTTPStatus.OK:
                return
            time.sleep(_POLL_SECONDS)
        state = "was not ready in time" if self.running else f"ended with code {self._exit_code()}"
        raise ConfigurationError(f"the worker {state}: {self._last_line()} (log: {self._log})", reason="worker")

    def metrics(self) -> str:
        """The text of `/metrics`; empty where the worker does not answer."""
        return self._get("/metrics")[1]

    def log_text(self) -> str:
        """All that the worker has written to its log so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def stop(self, timeout: float) -> int:
        """SIGTERM; the exit code, -9 where it had to be killed after `timeout` seconds."""
        if self._process is None:
            raise RuntimeError("the worker was not started")
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _environment(self) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(PREFIX) or name.startswith(_KEPT_VARIABLES)
        }
        return inherited | {PREFIX + name: value for name, value in self._settings.items()}

    def _announced_port(self) -> int:
        for line in self.log_text().splitlines():
            if (
                line.startswith("{")
                and line.endswith("}")
                and (event := orjson.loads(line)).get("event") == "listening"
            ):
                return int(event["port"])
        return 0

    def _get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_HTTP_SECONDS)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def _exit_code(self) -> int | None:
        return self._process.poll() if self._process else None

    def _last_line(self) -> str:
        lines = self.log_text().strip().splitlines()
        return lines[-1] if lines else "its log is empty"
