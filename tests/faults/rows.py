"""The table of figures: one row a fault, and the page that shows it.

`python -m tests.faults.rows TABLE PAGE` puts a table that a run wrote between the page's two markers.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

from tests.support.oracle import Report

BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
"""Between these lines of the page the table stands, and nothing else."""
_HEADINGS: Mapping[str, str] = {"stall": "longest stall, s", "exits": "exit codes"}


@dataclass(frozen=True, slots=True)
class Row:
    """What one fault did.

    `leaked` counts inputs of which something private, or something withheld, or something without a verdict, was
    released. `stall` is the longest time without a new verdict, in seconds. `exits` are the codes of workers that
    ended and were started again, in order; negative ones are signals.
    """

    fault: str
    broker: str
    inputs: int
    verdicts: int
    duplicates: int
    lost: int
    leaked: int
    stall: float
    exits: tuple[int, ...]
    seed: int

    @classmethod
    def of(cls, report: Report, fault: str, broker: str, exits: Iterable[int], seed: int) -> Self:
        """The row of what an oracle found."""
        return cls(
            fault=fault,
            broker=broker,
            inputs=report.inputs,
            verdicts=report.verdicts,
            duplicates=report.duplicates,
            lost=len(report.lost),
            leaked=len({*report.leaking, *report.doubtful, *report.unaudited}),
            stall=round(report.longest_stall, 1),
            exits=tuple(exits),
            seed=seed,
        )

    @property
    def cells(self) -> tuple[str, ...]:
        """As text, in the order of the fields."""
        values = asdict(self) | {"exits": " ".join(map(str, self.exits)) or "–"}
        return tuple(str(value) for value in values.values())


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    names = [_HEADINGS.get(field.name, field.name) for field in fields(Row)]
    lines = [names, ["---"] * len(names), *(row.cells for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def put_between_markers(page: str, text: str) -> str:
    """The page with `text` between its markers.

    Raises:
        ValueError: a marker is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the lines {BEGIN} and {END}, in this order")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def main(table_file: Path, page: Path) -> None:
    """Renew the page."""
    page.write_text(put_between_markers(page.read_text(), table_file.read_text()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
