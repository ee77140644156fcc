"""Workers as processes of their own: started, watched, killed, and their logs, metrics and memory read. All bounded."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import psutil

from streams.settings import PREFIX
from streams.topics import TopicNames

MASTER_KEY = bytes(range(32))
"""The tests' key: what is sealed under it, tests open."""
START_SECONDS = 60.0
STOP_SECONDS = 60.0
SESSION_SECONDS = 6.0
"""Short, because a restarted member waits for its predecessor's session; above Faust's heartbeat of 3 s."""
ROOT = Path(__file__).parents[2]
VEILSTREAM = (sys.executable, "-m", "streams.cli.main")
_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
_SAMPLE = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")


def worker_environment(
    bootstrap: str, topics: TopicNames, group: str, settings: Mapping[str, str] = _NO_SETTINGS
) -> dict[str, str]:
    """The environment of a test's worker; `settings` are variables without their prefix and win."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    own = {
        "KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "KAFKA__GROUP": group,
        "KAFKA__SESSION_TIMEOUT_SECONDS": str(SESSION_SECONDS),
        "HTTP__HOST": "127.0.0.1",
        "HTTP__PORT": "0",
        "KEYS__MASTER": base64.b64encode(MASTER_KEY).decode(),
        "MODELS__DEVICE": "cpu",
    } | {f"TOPICS__{role.upper()}": name for role, name in topics}
    given = {name: value for name, value in (own | dict(settings)).items() if value}
    return inherited | {PREFIX + name: value for name, value in given.items()}


def run_veilstream(
    *arguments: str, environment: Mapping[str, str], timeout: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """A `veilstream` command that ends by itself.

    Raises:
        subprocess.TimeoutExpired: it did not end within `timeout` seconds (and was killed).
    """
    return subprocess.run(
        [*VEILSTREAM, *arguments],
        env=dict(environment),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
    )


class WorkerProcess:
    """One process that reports its HTTP port on standard error, as `veilstream worker` does.

    Args:
        environment: all of it; see `worker_environment`.
        log: file for its output, appended to, so that a restarted worker's lines follow its predecessor's.
        command: what to run.
    """

    def __init__(
        self, environment: Mapping[str, str], log: Path, command: Sequence[str] = (*VEILSTREAM, "worker")
    ) -> None:
        self._environment = dict(environment)
        self._command = list(command)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._port: int | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.running:
            self.kill()

    def start(self) -> Self:
        """Start, without waiting for anything."""
        self._log.touch()
        self._log_start = self._log.stat().st_size
        self._port = None
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, env=self._environment, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        return self

    def wait_ready(self, timeout: float = START_SECONDS) -> Self:
        """Wait until `/readyz` answers 200.

        Raises:
            RuntimeError: the process ended, or is not ready in time; its log is in the message.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self.running:
            if self._reported_port() and self.probe("/readyz")[0] == 200:
                return self
            time.sleep(0.05)
        state = "is not ready" if self.running else f"ended with {self.process.returncode}"
        raise RuntimeError(f"the worker {state}; its log:\n{self.log_text()[-4000:]}")

    # ── the process ───────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the worker was not started")
        return self._process

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """`kill -9`; returns when the process is gone."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def terminate(self, timeout: float = STOP_SECONDS) -> int:
        """SIGTERM; the exit code.

        Raises:
            subprocess.TimeoutExpired: it drains for longer than `timeout` seconds.
        """
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def wait(self, timeout: float) -> int:
        """The exit code of a process that ends by itself.

        Raises:
            subprocess.TimeoutExpired: it did not within `timeout` seconds.
        """
        return self.process.wait(timeout)

    # ── what it says ──────────────────────────────────────────────────────────────────────────────────────────────

    def log_text(self) -> str:
        """Everything that this process printed."""
        with self._log.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode("utf-8", "replace")

    def log_lines(self, event: str) -> list[dict[str, Any]]:
        """The log lines (JSON) of an event."""
        lines = (line for line in self.log_text().splitlines() if line.startswith("{") and line.endswith("}"))
        return [document for document in map(json.loads, lines) if document.get("event") == event]

    def wait_for_line(self, event: str, timeout: float = 30.0) -> dict[str, Any]:
        """The first log line of an event.

        Raises:
            TimeoutError: there is none in time.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if lines := self.log_lines(event):
                return lines[0]
            time.sleep(0.05)
        raise TimeoutError(f"no line {event!r} within {timeout} s; the log:\n{self.log_text()[-4000:]}")

    def probe(self, path: str) -> tuple[int, str]:
        """Status and body of a GET on the operators' port; status 0 where nobody answers."""
        url = f"http://127.0.0.1:{self._reported_port()}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (urllib.error.URLError, OSError):
            return 0, ""

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that carry `labels`; 0 where there is none."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        samples = (_SAMPLE.match(line) for line in self.probe("/metrics")[1].splitlines())
        return sum(
            float(sample["value"])
            for sample in samples
            if sample and sample["name"] == name and all(label in (sample["labels"] or "") for label in wanted)
        )

    def _reported_port(self) -> int | None:
        if self._port is None:
            lines = self.log_lines("listening")
            self._port = lines[0]["port"] if lines else None
        return self._port


class PeakMemory:
    """Samples a process's resident memory while the block runs.

    `before` and `peak` are bytes.
    """

    def __init__(self, pid: int, every_seconds: float = 0.02) -> None:
        self._process = psutil.Process(pid)
        self._every = every_seconds
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.before = self.peak = self._process.memory_info().rss

    @property
    def growth(self) -> int:
        return self.peak - self.before

    def _sample(self) -> None:
        while not self._done.wait(self._every):
            try:
                self.peak = max(self.peak, self._process.memory_info().rss)
            except psutil.NoSuchProcess:
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join(5)
