"""What befalls the workers and the broker during a soak, and the orchestrator that starts workers again."""

import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil

from tests.support.brokers import RealKafka
from tests.support.worker import SESSION_SECONDS, WorkerProcess

EVERY_SECONDS = 6.0
"""Between two faults, on average."""
RESTART_SECONDS = 1.0
DRAIN_SECONDS = 60.0
TICK_SECONDS = 0.1
MIB = 1024 * 1024
WEIGHTS = {"kill -9": 4, "SIGTERM": 3, "SIGSTOP beyond the session": 2, "leave and join": 2, "broker kill -9": 1}


@dataclass(slots=True)
class Seat:
    """One worker's place: the process, and what is to happen to it at which moment of `time.monotonic`."""

    worker: WorkerProcess
    start_at: float | None = None
    continue_at: float | None = None
    told_at: float | None = None
    away_seconds: float = RESTART_SECONDS

    @property
    def free(self) -> bool:
        """Whether a fault may strike it: it runs, and no other fault is under way."""
        return self.worker.running and self.continue_at is None and self.told_at is None


@dataclass(slots=True)
class Chaos:
    """Strikes at random, and starts again whatever has ended.

    Args:
        workers: started ones.
        broker: is bounced.
        rng: chooses; the same seed gives the same choices, though not at the same microsecond.
    """

    workers: Sequence[WorkerProcess]
    broker: RealKafka
    rng: random.Random
    faults: Counter[str] = field(default_factory=Counter)
    exits: Counter[int] = field(default_factory=Counter)
    overdue: int = 0
    """Workers that were told to go and did not within `DRAIN_SECONDS`."""
    peak_bytes: int = 0
    seats: list[Seat] = field(init=False)

    def __post_init__(self) -> None:
        self.seats = [Seat(worker) for worker in self.workers]

    def run(self, seconds: float) -> None:
        """Strike for so long."""
        end = time.monotonic() + seconds
        next_at = time.monotonic() + self._pause()
        while (now := time.monotonic()) < end:
            if now >= next_at:
                self._strike()
                next_at = time.monotonic() + self._pause()
            self._attend()
            time.sleep(TICK_SECONDS)

    def calm(self, seconds: float) -> None:
        """Strike no more; all workers run at the end of it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not all(seat.free for seat in self.seats):
            self._attend()
            time.sleep(TICK_SECONDS)

    def attend_until_stopped(self) -> list[int]:
        """Tell all workers to go; their exit codes."""
        return [seat.worker.terminate(DRAIN_SECONDS) for seat in self.seats if seat.worker.running]

    def attend(self) -> None:
        """Look after the workers once."""
        self._attend()
        time.sleep(TICK_SECONDS)

    def _pause(self) -> float:
        return self.rng.uniform(0.3, 1.7) * EVERY_SECONDS

    def _strike(self) -> None:
        name = self.rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        seat = self.rng.choice(self.seats)
        away = self.rng.uniform(5, 15)
        if name == "broker kill -9":
            self.broker.restart()
        elif not seat.free:
            return
        elif name == "kill -9":
            seat.worker.kill()
        elif name == "SIGSTOP beyond the session":
            seat.worker.process.send_signal(signal.SIGSTOP)
            seat.continue_at = time.monotonic() + SESSION_SECONDS + away / 4
        else:
            seat.worker.process.send_signal(signal.SIGTERM)
            seat.told_at = time.monotonic()
            seat.away_seconds = away if name == "leave and join" else RESTART_SECONDS
        self.faults[name] += 1

    def _attend(self) -> None:
        for seat in self.seats:
            if seat.worker.running:
                self._look_after(seat)
            elif seat.start_at is None:
                self.exits[seat.worker.process.returncode] += 1
                seat.start_at = time.monotonic() + seat.away_seconds
                seat.told_at = seat.continue_at = None
                seat.away_seconds = RESTART_SECONDS
            elif time.monotonic() >= seat.start_at:
                seat.start_at = None
                seat.worker.start()

    def _look_after(self, seat: Seat) -> None:
        now = time.monotonic()
        if seat.continue_at is not None and now >= seat.continue_at:
            seat.worker.process.send_signal(signal.SIGCONT)
            seat.continue_at = None
        if seat.told_at is not None and now >= seat.told_at + DRAIN_SECONDS:
            self.overdue += 1
            seat.worker.kill()
            return
        try:
            self.peak_bytes = max(self.peak_bytes, psutil.Process(seat.worker.process.pid).memory_info().rss)
        except psutil.NoSuchProcess:
            return
