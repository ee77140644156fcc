"""What the demo prints: before → after → why, counts, metrics, claims."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from filters.records import Content, ContentKind, ImageContent, PromptContent
from filters.verdict import Action
from streams.demo.claims import Claim
from streams.demo.evidence import Evidence
from streams.demo.outcomes import CaseOutcome
from streams.demo.pictures import frame_count, upright_size
from streams.demo.texts import pieces, spans_of, visible

_STYLES = {
    Action.ALLOW: "green",
    Action.FLAG: "yellow",
    Action.REDACT: "cyan",
    Action.HOLD: "magenta",
    Action.REJECT: "red",
}
_LONGEST, _LONGEST_UNCHANGED = 260, 90
_PIPED_WIDTH = 120
_SHOWN_METRICS = (
    "veilstream_events_total",
    "veilstream_findings_total",
    "veilstream_fail_closed_total",
    "veilstream_dead_letters_total",
    "veilstream_event_age_seconds_sum",
    "veilstream_event_age_seconds_count",
    "veilstream_policy_info",
    "veilstream_model_info",
)


def report_console() -> Console:
    """Standard output: as wide as the terminal, and wide enough for three columns where there is none."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PIPED_WIDTH)


def print_report(console: Console, evidence: Evidence, claims: Sequence[Claim], pages: Sequence[Path]) -> None:
    """Everything, in the order in which it is read."""
    console.print(_cases("Prompts", evidence.of_kind(ContentKind.PROMPT)))
    console.print(_cases("Images", evidence.of_kind(ContentKind.IMAGE)))
    console.print(_counts(evidence))
    console.print("\nFrom the worker's /metrics", style="italic")
    for line in _shown_metrics(evidence.metrics):
        console.print(Text(line), soft_wrap=True)
    console.print()
    console.print(_claims(claims))
    phases = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in evidence.seconds.items())
    console.print(f"Took {sum(evidence.seconds.values()):.1f} s: {phases}.", style="dim")
    for index, page in enumerate(pages):
        console.print(Text(f"{'' if index else 'Gallery:':9}{page}"), soft_wrap=True)


def _cases(title: str, outcomes: Sequence[CaseOutcome]) -> Table:
    table = Table(title=title, title_justify="left", show_lines=True, expand=True)
    table.add_column("before", ratio=6, overflow="fold")
    table.add_column("after", ratio=6, overflow="fold")
    table.add_column("why", ratio=4, overflow="fold")
    for outcome in outcomes:
        table.add_row(_before(outcome), _after(outcome), _why(outcome))
    return table


def _before(outcome: CaseOutcome) -> Text:
    text = Text.assemble((f"{outcome.case.id}\n", "bold"))
    findings = outcome.verdict.get("findings", ())
    longest = _LONGEST if findings else _LONGEST_UNCHANGED
    match outcome.case.content:
        case PromptContent(fields=fields):
            for name, value in fields.items():
                _add_field(text, name, _marked(value, spans_of(name, findings), "bold red"), longest)
        case ImageContent() as image if outcome.action and outcome.action.releases:
            text.append(_described(image))
        case _:
            text.append(outcome.case.shows, "italic")
    return text


def _after(outcome: CaseOutcome) -> Text:
    before, after = outcome.case.content, outcome.content
    if after is None:
        return Text("nothing is released", "dim italic")
    text = Text()
    if isinstance(after, ImageContent):
        same = isinstance(before, ImageContent) and before.data == after.data
        return text.append("the same bytes" if same else _described(after), "dim italic" if same else "")
    if after == before:
        return text.append("unchanged", "dim italic")
    for name, value in after.fields.items():
        _add_field(text, name, _changed(before, name, value, outcome), _LONGEST)
    return text


def _why(outcome: CaseOutcome) -> Text:
    action = outcome.action
    text = Text.assemble((action.value if action else "no verdict", f"bold {_STYLES[action]}" if action else "bold"))
    text.append(f"  {outcome.case.tenant or 'no tenant'}", "dim")
    reasons = (outcome.error, ", ".join(outcome.verdict.get("rules", ())), ", ".join(outcome.entity_types))
    for line in filter(None, reasons):
        text.append(f"\n{line}")
    return text


def _add_field(text: Text, name: str, value: Text, longest: int) -> None:
    if name != "prompt":
        text.append(f"\n{name}: " if text.plain.strip() else f"{name}: ", "dim")
    text.append_text(_shortened(value, longest))


def _marked(value: str, spans: Iterable[tuple[int, int]], style: str) -> Text:
    """A field as it came, with its findings marked."""
    cut = pieces(value, value, spans) or []
    return Text.assemble(*((visible(piece.before), style if piece.changed else "") for piece in cut))


def _changed(before: Content | None, name: str, value: str, outcome: CaseOutcome) -> Text:
    """A released field, with what was put in marked."""
    old = before.fields.get(name, "") if isinstance(before, PromptContent) else ""
    cut = pieces(old, value, spans_of(name, outcome.verdict["findings"]))
    if cut is None:
        return Text(visible(value))
    return Text.assemble(*((visible(piece.after), "bold cyan" if piece.changed else "") for piece in cut))


def _shortened(text: Text, longest: int) -> Text:
    return text if len(text.plain) <= longest else text[:longest].append(" …", "dim")


def _described(image: ImageContent) -> str:
    width, height = upright_size(image)
    frames = frame_count(image)
    moving = f", {frames} frames" if frames > 1 else ""
    return f"{image.media_type}, {width} × {height}{moving}, {len(image.data) / 1024:.0f} KiB"


def _counts(evidence: Evidence) -> Table:
    table = Table(title="Verdicts by action", title_justify="left")
    table.add_column("")
    for action in Action:
        table.add_column(Text(action.value, _STYLES[action]), justify="right")
    table.add_column("inputs", justify="right")
    for kind in ContentKind:
        counts = evidence.counts(kind)
        numbers = [str(counts[action]) for action in Action]
        table.add_row(f"{kind.value}s", *numbers, str(len(evidence.of_kind(kind))))
    return table


def _shown_metrics(metrics: str) -> Iterator[str]:
    for line in metrics.splitlines():
        if line.partition("{")[0] in _SHOWN_METRICS and not line.endswith(" 0.0"):
            yield line


def _claims(claims: Sequence[Claim]) -> Table:
    table = Table(title="Claims, checked on what the topics, the log and the metrics hold", title_justify="left")
    table.add_column("claim", overflow="fold")
    table.add_column("", overflow="fold")
    for claim in claims:
        against = ", ".join(claim.contradicted_by)
        table.add_row(claim.text, Text("holds", "green") if claim.holds else Text(f"FAILS: {against}", "bold red"))
    return table
