"""What an evaluation measured, what it was to show, and tables of it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    `value` is a share from 0 to 1 where `unit` is "%". `beside` is the same for what it is compared with. `least` and
    `most` are the goal, where there is one; `of` says over how many spans, texts or prompts.
    """

    what: str
    value: float
    of: int
    unit: str = "%"
    least: float | None = None
    most: float | None = None
    beside: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        if self.least is None and self.most is None:
            return None
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    @property
    def cells(self) -> Sequence[str]:
        """What, of how many, the value, the goal, whether it is reached, and what stands beside it."""
        goal = f"≥ {self._shown(self.least)}" if self.least is not None else ""
        goal = f"≤ {self._shown(self.most)}" if self.most is not None else goal
        met = {True: "yes", False: "**no**", None: ""}[self.met]
        return self.what, f"{self.of:,}", self._shown(self.value), goal, met, self.beside

    def _shown(self, value: float | None) -> str:
        if value is None:
            return ""
        if self.unit == "%":
            return f"{value:.1%}".replace("%", " %")
        digits = 0 if value >= 100 else 1 if value >= 10 else 2
        return f"{value:,.{digits}f} {self.unit}".rstrip()


COLUMNS = ("what", "of", "measured", "goal", "reached", "beside")


def shown(title: str, figures: Iterable[Figure]) -> None:
    """Print a table."""
    table = Table(title=title)
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in {"what", "beside"} else "right")
    for figure in figures:
        table.add_row(*(cell.replace("**", "").replace("[", r"\[") for cell in figure.cells))
    Console(width=150).print(table)


def markdown(title: str, figures: Iterable[Figure]) -> str:
    """The same as Markdown."""
    rows = [COLUMNS, ("---", "---:", "---:", "---:", "---", "---"), *(figure.cells for figure in figures)]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([f"**{title}**", "", *lines, ""])


def renew(page: Path, name: str, tables: str) -> None:
    """Put the tables between the marks `<!-- name: begin -->` and `<!-- name: end -->` of a page.

    Raises:
        ValueError: the page does not hold the marks.
    """
    text, begin, end = page.read_text(encoding="utf-8"), f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if begin not in text or end not in text:
        raise ValueError(f"{page} does not hold {begin} and {end}")
    pattern = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
    page.write_text(pattern.sub(lambda _: f"{begin}\n{tables}\n{end}", text), encoding="utf-8")
