"""Patterns beside Presidio's AnalyzerEngine with the same recognizers: prompts a second on one core, and identity.

    taskset -c 1 python -m tests.evals.patterns_speed

Both are given the same recognizers and Presidio's own context enhancer (whole words, its default numbers), threshold 0.
"search" finds exactly what the engine finds; "detector" is what runs in production: the search, its views, and the
judgement of this project. Rates are of processor time, as other work on the machine would change those of wall-clock
time; each is the median of several rounds in which all take turns over the same prompts.
"""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from filters.records import PromptContent
from tests.benchmarks import material, peers
from tests.support.engines import analyzed
from tests.support.pattern_texts import pattern_texts, private_texts
from tests.support.prompts import detector

EVAL = Path(__file__).parents[3] / "shared" / "eval" / "prompts"
TEXTS = 5000
_PROMPTS = 300
_ROUNDS = 5
_FAR = 3600.0


@dataclass(frozen=True, slots=True)
class Row:
    """Rates are prompts a second. `identical` of `of` texts have the very findings of the engine."""

    material: str
    engine: float
    engine_spacy: float
    search: float
    detector: float
    identical: int
    of: int

    @property
    def ratio(self) -> float:
        """How many times the quicker engine's speed the search has."""
        return self.search / self.engine


def table(prompts: int = _PROMPTS, texts: int = TEXTS) -> list[Row]:
    """A row for each kind of prompt; the last one counts identity over `texts` texts and has no part in speed."""
    kinds = {
        "prompts of the benchmark, three in ten private": material.prompts(prompts),
        "texts with private numbers of all types": private_texts(prompts),
    }
    if EVAL.is_dir():
        kinds = {
            "PartiPrompts": parti_prompts()[:prompts],
            "caption by artist, flavours": list_prompts(prompts),
        } | kinds
    rows = [row(name, some) for name, some in kinds.items()]
    every = pattern_texts(texts, seed=17)
    return [*rows, Row("mixture for identity", *_NO_RATES, identical=_identical(every), of=len(every))]


_NO_RATES = (float("nan"),) * 4


def list_prompts(count: int, seed: int = 4) -> list[str]:
    """ "caption by artist, flavour, flavour" from the lists, the captions being PartiPrompts."""
    rng = random.Random(seed)  # noqa: S311  an evaluation, not a secret
    captions, artists, flavours = parti_prompts(), _lines("artists.txt"), _lines("flavors.txt")
    return [
        f"{rng.choice(captions)} by {rng.choice(artists)}, {rng.choice(flavours)}, {rng.choice(flavours)}"
        for _ in range(count)
    ]


def parti_prompts() -> list[str]:
    """PartiPrompts, in an order of their own: the file goes from short ones to long ones."""
    prompts = [line.split("\t")[0] for line in _lines("partiprompts.tsv")[1:]]
    random.Random(7).shuffle(prompts)  # noqa: S311  as above
    return prompts


def _lines(name: str) -> list[str]:
    return [line for line in (EVAL / name).read_text(encoding="utf-8").splitlines() if line.strip()]


def row(name: str, prompts: Sequence[str]) -> Row:
    """Rates and identity over some prompts."""
    judge = detector()
    ways: list[Callable[[str], object]] = [
        peers.bare_engine(),
        peers.same_engine(),
        peers.search(),
        lambda text: judge.detect([PromptContent({"prompt": text})]),
    ]
    rates = [statistics.median(some) for some in zip(*(_round(ways, prompts) for _ in range(_ROUNDS)), strict=True)]
    return Row(name, *rates, identical=_identical(prompts), of=len(prompts))


def _round(ways: Sequence[Callable[[str], object]], prompts: Sequence[str]) -> list[float]:
    return [_rate(way, prompts) for way in ways]


def _rate(way: Callable[[str], object], prompts: Sequence[str]) -> float:
    started = time.process_time()
    for prompt in prompts:
        way(prompt)
    return len(prompts) / (time.process_time() - started)


def _identical(texts: Sequence[str]) -> int:
    patterns = detector().patterns
    return sum(patterns.find(text, time.monotonic() + _FAR) == analyzed(text) for text in texts)


def main() -> None:
    """Print the table."""
    shown = Table(title="prompts a second of processor time, one core, same run")
    for column in ("prompts", "AnalyzerEngine", "… with spaCy", "search", "×", "detector", "×", "identical"):
        shown.add_column(column, justify="left" if column == "prompts" else "right")
    for each in table():
        rates = [each.engine, each.engine_spacy, each.search, each.ratio, each.detector, each.detector / each.engine]
        numbers = [f"{rate:,.1f}" if rate < 100 else f"{rate:,.0f}" for rate in rates]
        shown.add_row(each.material, *[number.replace("nan", "") for number in numbers], f"{each.identical}/{each.of}")
    Console(width=130).print(shown)


if __name__ == "__main__":
    main()
