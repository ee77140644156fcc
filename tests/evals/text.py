"""All figures about prompts; `make eval-text`.

    python -m tests.evals.text [--only cost,presidio,people,evasion,over-redaction,patterns] [--write docs/prompts.md]

Parts whose material is not beside the checkout (`../shared/eval`) are left out, and said to be.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.evals import evasion, ner, over_redaction, patterns_speed, presidio, text_speed
from tests.evals.figures import Figure, markdown, renew, shown


def people() -> list[Figure]:
    """PERSON in tweets, as they stand and in small letters."""
    return ner.people()


def patterns() -> list[Figure]:
    """The search beside Presidio's AnalyzerEngine with the same recognizers."""
    rows = patterns_speed.table()
    figures = [
        Figure(
            f"speed on {row.material}",
            row.ratio,
            row.identical,
            "×",
            patterns_speed.GOAL if row.of_lists else None,
            beside=f"identical findings {row.identical:,} of {row.of:,}",
        )
        for row in rows[:-1]
    ]
    last = rows[-1]
    return [*figures, Figure("identical findings", last.identical / last.of, last.of, least=1.0)]


PARTS: Mapping[str, tuple[str, bool, Callable[[], list[Figure]]]] = {
    "cost": ("Cost of a prompt, one core, batches of 32", False, text_speed.table),
    "presidio": ("presidio_generated_large.json", True, presidio.table),
    "people": ("PERSON in tweets", True, people),
    "evasion": ("Private values in disguise, found and removed", False, evasion.table),
    "over-redaction": ("Over-redaction by the default policy", False, over_redaction.table),
    "patterns": ("Patterns beside Presidio's AnalyzerEngine, one core", False, patterns),
}
"""By name: the title, whether it needs the material, and what measures it. Memory can only be measured first."""


def main() -> int:
    """Print the tables; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.evals.text", description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas")
    parser.add_argument("--write", type=Path, help="a Markdown file with the two marks, to be renewed")
    options = parser.parse_args()
    pages, missed = [], 0
    for name in options.only.split(","):
        title, needs_material, measure = PARTS[name]
        if needs_material and not presidio.MATERIAL.is_file():
            sys.stdout.write(f"{title}: left out, the material is not beside the checkout\n")
            continue
        figures = measure()
        shown(title, figures)
        pages.append(markdown(title, figures))
        missed += sum(figure.met is False for figure in figures)
    if options.write:
        renew(options.write, "eval-text", "\n".join(pages))
    sys.stdout.write(f"{missed} goals missed\n" if missed else "every goal reached\n")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
