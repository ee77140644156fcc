"""The text model: PERSON in tweets, every type by slice of the synthetic corpus, false findings, time and memory.

    taskset -c 1 python -m tests.evals.ner

A span counts as found when 70 % of its characters are covered by findings of its type, a finding as right when 70 % of
its characters lie in spans of its type. `strict` asks for the same start and end. In the Broad Twitter Corpus a mark
`@` that stands apart is one entity with the name behind it. The synthetic texts are of the test split: other names,
places and templates than the training's; they are made on the spot, with Faker, and left out where it is not installed.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.table import Table

from filters.records import PromptContent
from models.manifest import load_manifest
from models.session import Device
from models.text_pii import TextPiiDetector, build_text_detector
from models.training.examples import TYPES, example_from
from models.training.tweets import example_of, read_tweets
from models.weights import WeightStore
from tests.evals.figures import Figure, renew

MATERIAL = Path(__file__).parents[3] / "shared" / "eval" / "text"
PROMPTS = Path(__file__).parents[3] / "shared" / "eval" / "prompts"
COVERED = 0.7
LEAST_RECALL, LEAST_PRECISION, MOST_LOST = 0.75, 0.60, 0.10
BATCH = 32
_SYNTHETIC, _SEED = 8000, 8
Span = tuple[int, int, str]
"""Start and end in characters, and the entity type."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and its private spans."""

    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """Shares from 0 to 1; `strict` is the F1 of equal spans."""

    precision: float
    recall: float
    strict: float

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured, on how many spans (or texts), and the figures by name."""

    material: str
    count: int
    figures: dict[str, float]


def tweets(name: str) -> list[Labelled]:
    """The persons of a CoNLL file, its texts joined with blanks."""
    examples = [example_of(rows, name) for rows in read_tweets(MATERIAL / f"{name}.conll")]
    return [
        Labelled(each.text, tuple((s.start, s.end, s.label) for s in each.spans if s.label == "PERSON"))
        for each in examples
    ]


def in_small_letters(text: str) -> str:
    """The same, of the same length."""
    return "".join(small if len(small := character.lower()) == 1 else character for character in text)


def found(detector: TextPiiDetector, texts: Sequence[str]) -> list[list[Span]]:
    """The findings of each text."""
    contents = [PromptContent({"prompt": text}) for text in texts]
    batches = [detector.detect(contents[start : start + BATCH]) for start in range(0, len(contents), BATCH)]
    return [[(each.start, each.end, each.entity_type.value) for each in one] for batch in batches for one in batch]


def score(gold: Sequence[Sequence[Span]], spans: Sequence[Sequence[Span]]) -> Score:
    """The score of findings, text by text."""
    wanted = hit = claimed = right = same = 0
    for private, seen in zip(gold, spans, strict=True):
        wanted, claimed = wanted + len(private), claimed + len(seen)
        hit += sum(_covered(span, seen) for span in private)
        right += sum(_covered(span, private) for span in seen)
        same += len(set(private) & set(seen))
    strict = 2 * same / (wanted + claimed) if wanted + claimed else 0.0
    return Score(right / claimed if claimed else 0.0, hit / wanted if wanted else 0.0, strict)


def _covered(span: Span, by: Sequence[Span]) -> bool:
    start, end, kind = span
    inside = {place for a, b, other in by if other == kind for place in range(max(start, a), min(end, b))}
    return len(inside) >= COVERED * (end - start)


def _row(name: str, gold: Sequence[Sequence[Span]], spans: Sequence[Sequence[Span]]) -> Row:
    reached = score(gold, spans)
    figures = {"precision": reached.precision, "recall": reached.recall, "F1": reached.f1, "strict F1": reached.strict}
    return Row(name, sum(map(len, gold)), figures)


def tweet_rows(detector: TextPiiDetector) -> Iterator[Row]:
    """Persons in tweets: as they stand, in small letters, and those who are named without a mark."""
    as_is: Callable[[str], str] = str
    for name in ("btc.dev", "wnut17.dev"):
        labelled = tweets(name)
        for way, change in (("", as_is), (", small letters", in_small_letters)):
            texts = [change(each.text) for each in labelled]
            gold = [each.spans for each in labelled]
            spans = [_only(each, "PERSON") for each in found(detector, texts)]
            yield _row(f"{name} PERSON{way}", gold, spans)
            if name == "btc.dev":
                yield _row(f"{name} PERSON without @{way}", _unmarked(texts, gold), _unmarked(texts, spans))


def people(detector: TextPiiDetector | None = None) -> list[Figure]:
    """The goals about PERSON in tweets: recall, precision, and how much recall falls in small letters."""
    rows = {row.material: row for row in tweet_rows(detector or _detector())}
    figures = []
    for name in ("btc.dev", "wnut17.dev"):
        plain, small = rows[f"{name} PERSON"], rows[f"{name} PERSON, small letters"]
        recall, lowered = plain.figures["recall"], small.figures["recall"]
        figures += [
            Figure(f"{name}, recall", recall, plain.count, least=LEAST_RECALL),
            Figure(f"{name}, precision", plain.figures["precision"], plain.count, least=LEAST_PRECISION),
            Figure(
                f"{name}, recall lost in small letters",
                max(0.0, recall - lowered),
                small.count,
                most=MOST_LOST,
                beside=f"precision {small.figures['precision']:.1%}",
            ),
        ]
    return figures


def _only(spans: Sequence[Span], kind: str) -> list[Span]:
    return [span for span in spans if span[2] == kind]


def _unmarked(texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[list[Span]]:
    return [[span for span in each if text[span[0]] != "@"] for text, each in zip(texts, spans, strict=True)]


def synthetic_rows(detector: TextPiiDetector) -> Iterator[Row]:
    """Each type over all slices, and all types by slice; artists behind "by" are not private here."""
    from models.training.corpus import corpus  # needs Faker

    examples = [example_from(json.loads(row.line())) for row in corpus(_SEED, _SYNTHETIC, "test")]
    gold = [tuple((s.start, s.end, s.label) for s in each.spans if s.label) for each in examples]
    open_ = [tuple((s.start, s.end) for s in each.spans if not s.label) for each in examples]
    spans = [
        [span for span in each if not any(a <= span[0] < b for a, b in unknown)]
        for each, unknown in zip(found(detector, [each.text for each in examples]), open_, strict=True)
    ]
    for kind in TYPES:
        yield _row(f"synthetic {kind}", [_only(each, kind) for each in gold], [_only(each, kind) for each in spans])
    for name in sorted({each.slice for each in examples}):
        of = [index for index, each in enumerate(examples) if each.slice == name]
        if any(gold[index] for index in of):
            yield _row(f"synthetic, {name}", [gold[index] for index in of], [spans[index] for index in of])
        else:
            share = sum(bool(spans[index]) for index in of) / len(of)
            yield Row(f"synthetic, {name} (nothing is private)", len(of), {"texts with a finding": share})


def false_rows(detector: TextPiiDetector) -> Iterator[Row]:
    """Texts of PartiPrompts in which something of a type is found: most of it is no private person."""
    lines = (PROMPTS / "partiprompts.tsv").read_text(encoding="utf-8").splitlines()[1:]
    texts = [line.split("\t")[0] for line in lines if line.strip()]
    spans = found(detector, texts)
    for kind in sorted(entity.value for entity in detector.entities):
        share = sum(bool(_only(each, kind)) for each in spans) / len(texts)
        yield Row(f"PartiPrompts with {kind}", len(texts), {"share": share})


def _detector() -> TextPiiDetector:
    entry = load_manifest().entry("veilstream-pii")
    return build_text_detector(entry, WeightStore().stored(entry), Device.CPU, threads=1)


def table() -> list[Row]:
    """All rows that the material at hand allows."""
    detector = _detector()
    rows: list[Row] = []
    if MATERIAL.is_dir():
        rows += [*tweet_rows(detector), *false_rows(detector)]
    if find_spec("faker") is not None:
        rows += synthetic_rows(detector)
    return rows


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a table for the model's card."""
    lines = ["| material | spans or texts | precision | recall | strict F1 | texts with a finding |"]
    lines.append("| --- | ---: | ---: | ---: | ---: | ---: |")
    for row in rows:
        figures = row.figures | {
            "texts with a finding": row.figures.get("share", row.figures.get("texts with a finding"))
        }
        cells = [figures.get(name) for name in ("precision", "recall", "strict F1", "texts with a finding")]
        shares = " | ".join("" if cell is None else f"{cell:.3f}" for cell in cells)
        lines.append(f"| {row.material} | {row.count:,} | {shares} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table, or write it to a page."""
    parser = argparse.ArgumentParser(prog="python -m tests.evals.ner")
    parser.add_argument("--write", type=Path, help="a Markdown file with the marks, to be renewed")
    page = parser.parse_args().write
    rows = table()
    if page:
        renew(page, "ner", markdown(rows))
    shown = Table(title="the text model")
    for column in ("material", "spans or texts", "figures"):
        shown.add_column(column, justify="left" if column != "spans or texts" else "right")
    for row in rows:
        shown.add_row(
            row.material, f"{row.count:,}", "  ".join(f"{name} {value:.3f}" for name, value in row.figures.items())
        )
    Console(width=130).print(shown)


if __name__ == "__main__":
    main()
