"""`python -m tests.soak --minutes N`: random faults under load on a real Apache Kafka, then the oracle's table.

Ends with code 1 where any promise was broken. `--seed` replays the choices of a run.
"""

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models.face import build_face_detector
from models.manifest import load_manifest
from models.session import Device
from models.weights import WeightStore
from tests.soak.chaos import MIB, Chaos
from tests.soak.load import Load
from tests.soak.reader import SecondReader
from tests.support.brokers import RealKafka
from tests.support.faulty_detectors import ALLOCATED_BYTES
from tests.support.house import House
from tests.support.instrumented import Faults
from tests.support.kafka_jars import kafka_jars, why_no_real_kafka
from tests.support.oracle import Oracle, Report

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "DELIVERY__JUDGE_SECONDS": "10",
    "PROMPTS__BATCH_RECORDS": "16",
    "PROMPTS__QUEUE_RECORDS": "32",
}
SLOW_SECONDS = 0.002
SETTLE_SECONDS = 420.0
TELL_SECONDS = 30.0
EXPECTED_EXITS = {0, 70, -signal.SIGKILL, -signal.SIGSEGV, -signal.SIGTERM}
"""70 where a worker gave up and left it to the replay; SIGTERM where it had not yet begun when it was told to go."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a soak came to."""

    report: Report
    chaos: Chaos
    reader: SecondReader
    settled: bool
    drained: bool
    last_exits: list[int]

    @property
    def broken(self) -> dict[str, object]:
        """What was promised and not kept; empty where all was."""
        found: dict[str, object] = dict(self.report.problems)
        found |= {
            "not settled": not self.settled,
            "not drained": not self.drained,
            "committed early": sorted(self.reader.committed_early)[:5],
            "released before the verdict": sorted(self.reader.unaudited)[:5],
            "commits that went back": self.reader.steps_back,
            "told to go and stayed": self.chaos.overdue,
            "the second reader never looked": self.reader.looks == 0,
            "exit codes": sorted(set(self.chaos.exits) - EXPECTED_EXITS),
            "last exit codes": [code for code in self.last_exits if code],
        }
        return {name: value for name, value in found.items() if value}

    def table(self, minutes: float, seed: int) -> str:
        """Two columns."""
        report, chaos = self.report, self.chaos
        rows: Mapping[str, object] = {
            "minutes": minutes,
            "seed": seed,
            "faults": ", ".join(f"{name} {count}" for name, count in sorted(chaos.faults.items())),
            "exit codes": ", ".join(f"{code}: {count}" for code, count in sorted(chaos.exits.items())),
            "inputs": report.inputs,
            "verdicts": report.verdicts,
            "released, rejected, held": f"{report.released}, {report.rejected}, {report.held}",
            "given up": report.given_up,
            "duplicates": report.duplicates,
            "lost": len(report.lost),
            "leaked": len({*report.leaking, *report.unaudited, *self.reader.unaudited}),
            "released and rejected": len(report.doubtful),
            "two verdict ids": len(report.torn),
            "committed early": len(self.reader.committed_early),
            "looks of the second reader": self.reader.looks,
            "longest stall, s": round(report.longest_stall, 1),
            "peak memory of a worker, MiB": chaos.peak_bytes // MIB,
        }
        return "| soak | |\n| --- | --- |\n" + "".join(f"| {name} | {value} |\n" for name, value in rows.items())


def soak(broker: RealKafka, house: House, options: argparse.Namespace) -> Outcome:
    """Load, faults and the second reader for so long; then calm, and the oracle."""
    command = Faults(slow_seconds=SLOW_SECONDS, allocatable_bytes=ALLOCATED_BYTES // 2).command
    settings = SETTINGS | dict(pair.split("=", 1) for pair in options.set)
    workers = [house.worker(command=command, settings=settings) for _ in range(options.workers)]
    for worker in workers:
        worker.wait_ready()
    chaos = Chaos(workers, broker, random.Random(f"{options.seed} chaos"))  # noqa: S311  faults, not secrets
    load = Load(house, options.seed)
    detector = load_manifest(None).entry("centerface")
    faces = build_face_detector(detector, WeightStore().path(detector), Device.CPU)
    with SecondReader(house, lambda: load.inputs) as reader:
        with load:
            _run_with_word(chaos, load, reader, options.minutes * 60)
        oracle = Oracle(house.tail(), house.topics, faces)
        settled, drained = _settle(chaos, oracle, load, reader)
        last_exits = chaos.attend_until_stopped()
    if load.error is not None:
        raise load.error
    return Outcome(oracle.report(load.inputs), chaos, reader, settled, drained, last_exits)


def _run_with_word(chaos: Chaos, load: Load, reader: SecondReader, seconds: float) -> None:
    """A line from time to time: a soak that says nothing looks as if it hung."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        chaos.run(min(TELL_SECONDS, left))
        faults = sum(chaos.faults.values())
        left = max(0.0, end - time.monotonic())
        _tell(f"{left:6.0f} s to go: {len(load.inputs)} sent, {reader.lag} behind, {faults} faults")


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _settle(chaos: Chaos, oracle: Oracle, load: Load, reader: SecondReader) -> tuple[bool, bool]:
    end = time.monotonic() + SETTLE_SECONDS
    settled = drained = False
    while not (settled and drained) and time.monotonic() < end:
        chaos.attend()
        settled = settled or oracle.settled(load.inputs, 1.0)
        drained = settled and reader.lag == 0
    return settled, drained


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--set", action="append", default=[], metavar="SETTING=VALUE", help="for the workers")
    parser.add_argument("--logs", type=Path, help="keep the workers' logs here")
    return parser.parse_args()


def main() -> int:
    """Run, print the table; 1 where a promise was broken."""
    options = _options()
    if (reason := why_no_real_kafka()) is not None:
        print(f"error: {reason}", file=sys.stderr)  # noqa: T201
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        logs = options.logs or Path(scratch) / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        with RealKafka(kafka_jars(ROOT / ".cache"), Path(scratch) / "kafka") as broker, House(broker, logs) as house:
            outcome = soak(broker, house, options)
    print(outcome.table(options.minutes, options.seed))  # noqa: T201
    for name, value in outcome.broken.items():
        print(f"broken: {name}: {value}")  # noqa: T201
    return 1 if outcome.broken else 0


if __name__ == "__main__":
    sys.exit(main())
