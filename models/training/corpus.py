"""Writes the synthetic corpus of the project's own token classifier: `python -m models.training.corpus --help`.

A JSON object a line: `text`, `spans` (`[start, end, type]` in characters), `style` (the spans among them that name an
artist as a style), `slice` and `locale`. Same seed, count, split and version of Faker: same bytes.
"""

import argparse
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from models.training import noise
from models.training.grammar import Grammar, Piece, Split, read_rules
from models.training.pools import pools
from models.training.slots import Draws

DATA = Path(__file__).parent / "data"

AROUND, AFTER = 0.3, 0.7
"""The share of texts that get something without private data beside them, and how often it stands behind."""

TYPES = ("PERSON", "ADDRESS", "LOCATION", "ORGANIZATION", "USERNAME", "DATE_OF_BIRTH")


@dataclass(frozen=True, slots=True)
class Slice:
    """One kind of text.

    Attributes:
        weight: its share, relative to the others; none at 0, unless it is asked for alone.
        small: the share that is written in small letters only.
        joined: the probability that a second text of the same kind follows.
        around: a rule for what may stand before or behind, without private data; empty for none.
        glue: what parts the two.
        spaced: the share in which punctuation stands apart, as in annotated tweets.
        locale: names and places are of locales that begin so; empty for any.
        private: false where no text may hold a span.
    """

    weight: float
    small: float = 0.2
    joined: float = 0.0
    around: str = ""
    glue: str = " "
    spaced: float = 0.0
    locale: str = ""
    private: bool = True


SLICES: Mapping[str, Slice] = MappingProxyType(
    {
        "sentence": Slice(26, joined=0.18, around="filler", spaced=0.04),
        "names": Slice(4),
        "address_block": Slice(7, small=0.12),
        "form": Slice(5),
        "birth": Slice(3, around="filler"),
        "user": Slice(3, around="filler"),
        "org": Slice(3, around="filler"),
        "social": Slice(13, small=0.3, joined=0.15, spaced=0.45),
        "de": Slice(1.6, locale="de"),
        "fr": Slice(1.6, locale="fr"),
        "es": Slice(1.6, locale="es"),
        "it": Slice(1.4, locale="it"),
        "pt": Slice(1.4, locale="pt"),
        "nl": Slice(1.4, locale="nl"),
        "prompt_person": Slice(15, around="tail", glue=", ", small=0.45),
        "prompt_style": Slice(9, around="tail", glue=", ", small=0.5),
        "prompt_place": Slice(3, around="tail", glue=", ", small=0.4),
        "prompt_negative": Slice(14, around="tail", glue=", ", small=0.6, private=False),
        "caption_negative": Slice(8, around="tail", glue=", ", small=0.3, private=False),
        "sentence_negative": Slice(8, joined=0.2, spaced=0.1, private=False),
        "prompt_name": Slice(0, around="tail", glue=", ", small=0.6),
    }
)


@dataclass(frozen=True, slots=True)
class Row:
    """One example; `styles` are those of `spans` that name an artist as a style."""

    text: str
    spans: tuple[tuple[int, int, str], ...]
    styles: tuple[tuple[int, int], ...]
    slice: str
    locale: str

    def line(self) -> str:
        """The JSON object of the file."""
        return json.dumps(
            {"text": self.text, "spans": self.spans, "style": self.styles, "slice": self.slice, "locale": self.locale},
            ensure_ascii=False,
        )


def corpus(seed: int, count: int, split: Split, only: str = "") -> Iterator[Row]:
    """`count` examples; slices in the order of the draw, or one slice only.

    The test split uses other rules, names and lists than the training split, where lists are long enough to be divided.
    """
    rules = read_rules(DATA)
    chance = random.Random(f"{seed}-{split}")  # noqa: S311  a reproducible draw
    made, weights = pools(split, seed, rules)
    draws = Draws(made, weights, rules, split, chance)
    grammar = Grammar(rules, split)
    names = list(SLICES)
    shares = [float(name == only) if only else SLICES[name].weight for name in names]
    for _ in range(count):
        name = chance.choices(names, shares)[0]
        locale = draws.turn(SLICES[name].locale)
        text, spans, styles = noise.example(_pieces(name, grammar, draws, chance))
        yield Row(text, tuple(spans), tuple(styles), name, locale)


def _pieces(name: str, grammar: Grammar, draws: Draws, chance: random.Random) -> list[Piece]:
    kind = SLICES[name]
    pieces = grammar.expand(f"slice.{name}", draws.slots, chance)
    while chance.random() < kind.joined:
        pieces += [Piece(chance.choice((" ", " ", "\n"))), *grammar.expand(f"slice.{name}", draws.slots, chance)]
    if kind.around and chance.random() < AROUND:
        other = grammar.expand(kind.around, draws.slots, chance)
        glue = [Piece(chance.choice((kind.glue, kind.glue, "\n")))]
        pieces = [*pieces, *glue, *other] if chance.random() < AFTER else [*other, *glue, *pieces]
    pieces = noise.careless(noise.recased(pieces, chance, kind.small), chance)
    return noise.tokenised(pieces) if chance.random() < kind.spaced else pieces


def main() -> None:
    """Write the file that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m models.training.corpus", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--count", type=int, default=120_000)
    parser.add_argument("--split", choices=("train", "test"), default="train")
    parser.add_argument("--only", choices=list(SLICES), default="", help="one slice alone")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with options.out.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(f"{row.line()}\n" for row in corpus(options.seed, options.count, options.split, options.only))


if __name__ == "__main__":
    main()
