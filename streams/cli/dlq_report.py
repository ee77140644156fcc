"""How letters look: a line each, a page, or JSON. Checked fields only; no content can be among them."""

from collections.abc import Mapping, Sequence
from typing import Any

from filters.records import SourcePosition
from streams.letters import Letter, Listed
from streams.replay import Report, Status

_COLUMNS = (
    *("letter", "time", "code", "reason", "stage", "source", "tenant", "request_id"),
    *("attempts", "size", "kept", "replays"),
)
_NAMES = {
    Status.REPLAYED: "replayed",
    Status.WOULD_REPLAY: "would be replayed",
    Status.SKIPPED: "skipped",
    Status.NOT_REPLAYABLE: "not replayable",
    Status.FAILED: "failed",
}


def letter_document(place: SourcePosition, letter: Letter) -> dict[str, Any]:
    """A letter as JSON: its place, then its fields."""
    return {"letter": str(place), **letter.model_dump(mode="json")}


def letter_table(letters: Sequence[Listed]) -> str:
    """One line a letter under a line of headings, in columns."""
    rows = [_COLUMNS, *(_cells(listed) for listed in letters)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _cells(listed: Listed) -> tuple[str, ...]:
    letter = listed.letter
    return (
        *(str(listed.place), f"{letter.timestamp:%Y-%m-%dT%H:%M:%SZ}", letter.code, letter.reason, letter.stage),
        *(str(letter.source), letter.tenant or "-", letter.request_id or "-"),
        *(str(letter.attempts), str(letter.size), "yes" if letter.kept else "no", str(listed.replays)),
    )


def letter_text(document: Mapping[str, Any]) -> str:
    """One line a field."""
    width = max(map(len, document))
    return "".join(f"{name.ljust(width)}  {_shown(value)}\n" for name, value in document.items())


def _shown(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{name} {_shown(item)}" for name, item in value.items())
        case _:
            return str(value)


def report_text(report: Report) -> str:
    """What became of a letter, in one line."""
    where = f" as {report.position}, verdict {report.verdict_id}" if report.position else ""
    why = f": {report.detail}" if report.detail else ""
    return f"{report.letter} {_NAMES[report.status]}{where}{why}"


def counts_text(counts: Mapping[Status, int]) -> str:
    """How many letters came to what."""
    told = [f"{counts[status]} {_NAMES[status]}" for status in Status if counts.get(status)]
    return ", ".join(told) or "no letters"
