"""Context attributes: artists in prompts are styles, private people are not.

    python -m tests.evals.context

Names are marked by an oracle, so that the figures are of the context alone. Prompts are made of the artists, mediums,
movements and flavours of the evaluation material; without it, those rows are left out. The private people are made up.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from filters.findings import ContextAttribute, EntityType, TextFinding
from filters.records import PromptContent
from filters.text.attributes import attributed

PROMPTS = Path(__file__).parents[3] / "shared" / "eval" / "prompts"
STYLES = (
    "{subject}, {medium} by {name}, {movement}, {flavour}",
    "{medium} by {name}, {subject}, {flavour}",
    "{subject}, in the style of {name}, {flavour}",
    "{subject}, {flavour}, by {name}",
    "{subject}, {medium} by {name} and {other}, {flavour}",
    "{subject}, art by {name}, {other}, {flavour}",
    "{subject}, ({medium} by {name}:1.2), {flavour}",
    "{subject} in {name} style",
    "{subject} by {name}, {flavour}, {movement}",
    "{subject}, {flavour}, {name}, {movement}",
)
PRIVATE = (
    "photo of {name} by the pool",
    "{name}, 42 Elm Street, Springfield",
    "in the style of {name}, 12 Elm St",
    "a picture taken by my neighbour {name}",
    "letter written by {name}",
    "oil painting by {name}, call +1 415 555 2671",
    "my ex {name} crying in the rain, digital art",
    "portrait of {name} by Rembrandt, trending on artstation",
    "1girl, {name}, blonde, masterpiece, best quality",
    "{name} standing by a lake at sunset, concept art",
    "in the style of Picasso, {name} holding a baby",
    "a photo of {name} and {other} at the beach",
    "draw {name} in the style of Disney",
    "<lora:{name}_v2:0.9>, woman in a red dress",
    "ein Foto meiner Nachbarin {name} im Garten",
    "mon voisin {name} dans la rue, aquarelle",
    "mi vecina {name} en la playa",
    "la mia vicina {name}, acquerello",
    "minha vizinha {name} na praia",
    "mijn buurvrouw {name} op het strand",
)
_SUBJECTS = (
    "a castle on a hill",
    "two knights fighting a dragon",
    "a bowl of fruit",
    "old man with a beard",
    "rain, city",
)
_GIVEN = "Anneke Beatriz Camille Colleen Derek Femke Giulia Ishaan Jonas Karin Kwame Lucía Megan Priya Sanne Tanya Yuki"
_SURNAMES = "Arriaga Brandmeier Carvalhal Garrity Haugen Hoekstra Kovalenko Lecointe Okonkwo Osterhagen Penhale Zanetti"
_SEED, _EACH, _LOWERED = 4, 200, 0.3


@dataclass(frozen=True, slots=True)
class Row:
    """Of `of` prompts of a frame, the share in which every name carries an attribute that a policy may except."""

    frame: str
    private: bool
    excepted: float
    of: int


def table(each: int = _EACH) -> list[Row]:
    """A row for each frame."""
    rng = random.Random(_SEED)  # noqa: S311  material, not a secret
    rows = []
    if PROMPTS.is_dir():
        lists = {name: _lines(f"{name}s.txt") for name in ("artist", "medium", "movement")}
        lists["flavour"] = _lines("flavors.txt")
        rows = [_row(frame, each, rng, lambda: rng.choice(lists["artist"]), lists) for frame in STYLES]
    rows += [_row(frame, each, rng, lambda: _stranger(rng), {}) for frame in PRIVATE]
    return rows


def _lines(name: str) -> list[str]:
    return [line.strip() for line in (PROMPTS / name).read_text("utf-8").splitlines() if line.strip()]


def _stranger(rng: random.Random) -> str:
    return f"{rng.choice(_GIVEN.split())} {rng.choice(_SURNAMES.split())}"


def _row(frame: str, each: int, rng: random.Random, name: Callable[[], str], lists: dict[str, list[str]]) -> Row:
    """In private frames a single excepted name counts; in the others all have to be."""
    private = frame in PRIVATE
    kept = 0
    for _ in range(each):
        words = {key: rng.choice(entries) for key, entries in lists.items()} | {"subject": rng.choice(_SUBJECTS)}
        names = [name(), name()]
        if rng.random() < _LOWERED:
            names = [each_name.lower() for each_name in names]
        carried = _attributes(frame.format(name="\0", other="\1", **words), names)
        kept += any(carried) if private else all(carried)
    return Row(frame, private, kept / each, each)


def _attributes(marked: str, names: Sequence[str]) -> list[frozenset[ContextAttribute]]:
    """Of the names in the places that control characters mark."""
    findings = []
    for mark, name in zip("\0\1", names, strict=True):
        start = marked.find(mark)
        if start >= 0:
            marked = marked.replace(mark, name, 1)
            findings.append(TextFinding("prompt", start, start + len(name), EntityType.PERSON, 0.5, "oracle"))
    return [finding.attributes for finding in attributed(PromptContent({"prompt": marked}), findings)]


def main() -> None:
    """Print the table."""
    shown = Table("frame", "excepted", "should be", title="Names that a policy may except, by frame")
    for row in table():
        shown.add_row(row.frame.replace("[", r"\["), f"{row.excepted:.1%}", "0 %" if row.private else "100 %")
    Console(width=120).print(shown)


if __name__ == "__main__":
    main()
