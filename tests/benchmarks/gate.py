"""`python -m tests.benchmarks.gate`: what the gate costs, beside a bare aiokafka loop, on a real Apache Kafka.

The gate writes two records (verdict, then content) for each that it reads; the bare loop writes one.
"""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks import loops
from tests.support.brokers import RealKafka
from tests.support.kafka_io import Outgoing, unique
from tests.support.kafka_jars import kafka_jars, why_no_real_kafka

ROOT = Path(__file__).parents[2]
MEMORY = Path("/dev/shm")  # noqa: S108  a folder of its own in it
"""Where the broker keeps its data, if there is one: a disk that is slower or faster from one second to the next would
decide about two loops that run one after the other."""
SIZES = {500: 40_000, 200_000: 1_500}
"""Bytes of a record, and how many: some seconds each."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, choices=SIZES, action="append")
    options = parser.parse_args()
    if (reason := why_no_real_kafka()) is not None:
        parser.exit(0, f"the gate's cost needs an Apache Kafka: {reason}\n")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)))
        broker = stack.enter_context(RealKafka(kafka_jars(ROOT / ".cache"), folder))
        rows = [_measure(broker, size, folder) for size in options.size or SIZES]
    _print(rows)


def _measure(broker: RealKafka, size: int, folder: Path) -> tuple[int, float, float]:
    records = [Outgoing(topic, b"x" * size, b"%d" % n) for topic in [unique("gate")] for n in range(SIZES[size])]
    loops.load(broker, records)
    bare = loops.bare_loop(broker, records)
    return size, bare, loops.gate_loop(broker, records, folder)


def _print(rows: list[tuple[int, float, float]]) -> None:
    table = Table(title="one run, this machine")
    for column in ("bytes", "bare aiokafka/s", "gate/s", "ratio"):
        table.add_column(column, justify="right")
    for size, bare, gate in rows:
        table.add_row(f"{size:,}", f"{bare:,.0f}", f"{gate:,.0f}", f"{gate / bare:.2f}")
    Console(width=80).print(table)


if __name__ == "__main__":
    main()
