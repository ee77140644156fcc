"""The gallery: one HTML page without anything from outside, to look at what went in and what came out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any

from filters.records import ContentKind, ImageContent, PromptContent
from filters.verdict import Action
from streams.demo.claims import Claim
from streams.demo.evidence import Evidence
from streams.demo.outcomes import CaseOutcome
from streams.demo.photos import CREDITS
from streams.demo.pictures import data_url, frame_count, upright_size
from streams.demo.texts import pieces, spans_of, visible

_SIDE = 520
_INTRODUCTION = (
    "messages went through Kafka and a worker in a process of its own; what is shown as <em>after</em> was read back "
    "from the released topics."
)
_NOT_YET = (
    "What is not claimed here: words inside pictures are not read yet (the badge and the cards keep theirs), and in "
    "prompts neither names of people nor addresses that are spelled out (“jane at example dot com”) are looked for yet."
)


def gallery_page(evidence: Evidence, claims: Sequence[Claim], released: Mapping[str, str]) -> str:
    """The page.

    Args:
        released: paths of released images, relative to the page, by case id.
    """
    style = resources.files("streams.demo").joinpath("gallery.css").read_text(encoding="utf-8")
    images = (_image_card(outcome, released) for outcome in evidence.of_kind(ContentKind.IMAGE))
    prompts = (_prompt_card(outcome) for outcome in evidence.of_kind(ContentKind.PROMPT))
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Veilstream demo</title><style>{style}</style></head><body>",
            "<h1>Veilstream</h1>",
            f"<p>{len(evidence.outcomes)} {_INTRODUCTION}</p>",
            f'<p class="faint">{_NOT_YET}</p>',
            _claim_list(claims),
            _count_table(evidence),
            f'<h2>Images</h2><div class="cards">{"".join(images)}</div>',
            f'<h2>Prompts</h2><div class="cards">{"".join(prompts)}</div>',
            f"<h2>Thanks for the photographs</h2><p class='faint'>{escape(' · '.join(p.credit for p in CREDITS))}</p>",
            "</body></html>",
        ]
    )


def _claim_list(claims: Sequence[Claim]) -> str:
    return f'<h2>Claims</h2><ul class="claims">{"".join(map(_claim, claims))}</ul>'


def _claim(claim: Claim) -> str:
    if claim.holds:
        return f'<li><b class="allow">holds</b> {escape(claim.text)}</li>'
    return f'<li><b class="reject">FAILS</b> {escape(claim.text)}: {escape(", ".join(claim.contradicted_by))}</li>'


def _count_table(evidence: Evidence) -> str:
    head = "".join(f'<th class="number"><span class="{action.value}">{action.value}</span></th>' for action in Action)
    rows = []
    for kind in ContentKind:
        cells = "".join(f'<td class="number">{count}</td>' for count in evidence.counts(kind).values())
        total = len(evidence.of_kind(kind))
        rows.append(f'<tr><th>{kind.value}s</th>{cells}<td class="number">{total}</td></tr>')
    return f'<h2>Verdicts</h2><table><tr><th></th>{head}<th class="number">inputs</th></tr>{"".join(rows)}</table>'


def _card(outcome: CaseOutcome, before: str, after: str) -> str:
    case, action = outcome.case, outcome.action
    word = action.value if action else "no verdict"
    return (
        f'<article id="{escape(case.id)}">'
        f'<header><h3>{escape(case.id)}</h3><span class="badge {word}">{word}</span></header>'
        f'<p class="shows">{escape(case.shows)}</p>'
        f'<div class="pair"><figure><figcaption>before</figcaption>{before}</figure>'
        f"<figure><figcaption>after</figcaption>{after}</figure></div>{_why(outcome)}</article>"
    )


def _why(outcome: CaseOutcome) -> str:
    case, verdict = outcome.case, outcome.verdict
    findings = ", ".join(_finding(finding) for finding in verdict.get("findings", ()))
    policy = verdict.get("policy", {})
    lines = (
        ("found", escape(findings)),
        ("rules", escape(", ".join(verdict.get("rules", ())))),
        ("error", escape(outcome.error)),
        ("tenant", escape(f"{case.tenant or 'none'} · policy version {policy.get('version', 0)} · {case.envelope}")),
        ("verdict", f"<code>{escape(verdict.get('verdict_id', ''))}</code>"),
    )
    return '<p class="meta">' + "<br>".join(f"{name}: {value}" for name, value in lines if value) + "</p>"


def _finding(finding: Mapping[str, Any]) -> str:
    return f"{finding['entity_type']} {finding['score']:.2f} ({finding['detector']})"


def _prompt_card(outcome: CaseOutcome) -> str:
    before, after = outcome.case.content, outcome.content
    findings = outcome.verdict.get("findings", ())
    if not isinstance(before, PromptContent):
        return _card(outcome, _nothing(outcome.case.shows), _nothing("nothing is released"))
    shown = _fields((name, _before(text, spans_of(name, findings))) for name, text in before.fields.items())
    if not isinstance(after, PromptContent):
        return _card(outcome, shown, _nothing("nothing is released"))
    if after == before:
        return _card(outcome, shown, _nothing("unchanged, to the last byte"))
    changed = (
        (name, _after(before.fields[name], text, spans_of(name, findings))) for name, text in after.fields.items()
    )
    return _card(outcome, shown, _fields(changed))


def _fields(fields: Iterable[tuple[str, str]]) -> str:
    shown = "\n".join(text if name == "prompt" else f"<b>{escape(name)}</b> {text}" for name, text in fields)
    return f'<div class="text">{shown}</div>'


def _before(text: str, spans: Iterable[tuple[int, int]]) -> str:
    cut = pieces(text, text, spans) or []
    return "".join(_marked(piece.before, "gone" if piece.changed else "") for piece in cut)


def _after(before: str, after: str, spans: Iterable[tuple[int, int]]) -> str:
    cut = pieces(before, after, spans)
    if cut is None:
        return _marked(after, "")
    return "".join(_marked(piece.after, "put" if piece.changed else "") for piece in cut)


def _marked(text: str, style: str) -> str:
    shown = escape(visible(text))
    return f'<mark class="{style}">{shown}</mark>' if style else shown


def _image_card(outcome: CaseOutcome, released: Mapping[str, str]) -> str:
    before, after = outcome.case.content, outcome.content
    url = data_url(before, _SIDE) if isinstance(before, ImageContent) else None
    if url and isinstance(before, ImageContent):
        boxes = "".join(_boxes(before, outcome.verdict.get("findings", ())))
        shown = f'<span class="frame"><img src="{url}" alt="{escape(outcome.case.id)}, as it came">{boxes}</span>'
    else:
        shown = _nothing("no picture")
    if not isinstance(after, ImageContent):
        return _card(outcome, shown, _nothing(_instead(outcome)))
    link = escape(released[outcome.case.id])
    alt = f"{escape(outcome.case.id)}, as it was released"
    picture = f'<img src="{data_url(after, _SIDE)}" alt="{alt}">'
    return _card(outcome, shown, f'<a class="frame" href="{link}">{picture}</a>')


def _instead(outcome: CaseOutcome) -> str:
    held = outcome.action is Action.HOLD
    return "held back, encrypted" if held else "nothing is released"


def _boxes(image: ImageContent, findings: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The findings' boxes over a still picture; those of an animation would stand still over what moves."""
    if frame_count(image) > 1:
        return
    width, height = upright_size(image)
    for finding in findings:
        if finding.get("box"):
            x0, y0, x1, y1 = finding["box"]
            place = {"left": x0 / width, "top": y0 / height, "width": (x1 - x0) / width, "height": (y1 - y0) / height}
            style = ";".join(f"{name}:{share:.2%}" for name, share in place.items())
            yield f'<i style="{style}" title="{escape(_finding(finding))}"></i>'


def _nothing(text: str) -> str:
    return f'<div class="none">{escape(text)}</div>'
