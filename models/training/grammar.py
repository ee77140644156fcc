"""Texts from rules: a context-free grammar whose last words are names, addresses and the like, with their labels."""

import random
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from filters.errors import ModelError

Split = Literal["train", "test"]

_SLOT = re.compile(r"\{([^{}]*)\}")
_DEPTH = 12
_SHORT = 12
_HELD_OUT = 8
"""One in so many rules' lines and list entries is kept for the test split."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text.

    Attributes:
        text: its characters.
        label: the entity type that it is an example of; None for what is not private.
        style: it is a person's name that stands for a way of painting.
    """

    text: str
    label: str | None = None
    style: bool = False


Slot = Callable[[], Sequence[Piece]]
"""Draws what stands in a slot."""


def in_split(text: str, split: Split) -> bool:
    """Whether an entry belongs to a split; decided by its own characters, so that lists may grow."""
    return (zlib.crc32(text.casefold().encode()) % _HELD_OUT == 0) == (split == "test")


def lines_of_split(lines: Sequence[str], split: Split) -> list[str]:
    """The alternatives of a rule that a split uses.

    Both use all of a short rule, all where none would be left, and those that are made of slots alone.
    """
    if len(lines) < _SHORT:
        return list(lines)
    kept = [line for line in lines if in_split(line, split) or not re.search(r"\w", _SLOT.sub("", line))]
    return kept or list(lines)


def of_split(entries: Iterable[str], split: Split) -> list[str]:
    """The entries of a split, sorted; all of them where the split would get none."""
    every = sorted(set(entries))
    return [entry for entry in every if in_split(entry, split)] or every


def read_rules(folder: Path) -> dict[str, list[str]]:
    """The rules of every `*.txt` of a folder: `= name` begins one, each further line is an alternative.

    A line that begins with `#` is a comment, `\\n` is a line break. A rule may be continued in another file.

    Raises:
        ModelError: an alternative stands before any rule, or braces stand within braces.
    """
    rules: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.txt")):
        current: list[str] | None = None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith("= "):
                current = rules.setdefault(line[2:].strip(), [])
            elif line.strip() and not line.startswith("#"):
                if current is None:
                    raise ModelError(f"{path}:{number} stands before the first rule", reason="corpus")
                if re.search(r"[{}]", _SLOT.sub("", line)):
                    raise ModelError(f"{path}:{number} has braces within braces", reason="corpus")
                current.append(line.replace("\\n", "\n"))
    return rules


@dataclass(frozen=True, slots=True)
class Grammar:
    """Expands rules; one for each split.

    `{rule}` is replaced by an alternative of that rule, `{slot}` by what the slot draws, `{a|b|}` by one of the words.

    Attributes:
        rules: alternatives by rule name.
        split: whose alternatives are used.
    """

    rules: Mapping[str, Sequence[str]]
    split: Split
    _kept: dict[str, list[str]] = field(default_factory=dict, init=False, repr=False)

    def alternatives(self, rule: str) -> list[str]:
        """Those of the split.

        Raises:
            ModelError: there is no such rule.
        """
        if rule not in self._kept:
            if rule not in self.rules:
                raise ModelError(f"the grammar has neither a rule nor a slot {rule!r}", reason="corpus")
            self._kept[rule] = lines_of_split(self.rules[rule], self.split)
        return self._kept[rule]

    def expand(self, rule: str, slots: Mapping[str, Slot], chance: random.Random) -> list[Piece]:
        """A text of a rule, in pieces.

        Raises:
            ModelError: a name is neither a rule nor a slot, or rules go round in a circle.
        """
        return self._rule(rule, slots, chance, 0)

    def _rule(self, rule: str, slots: Mapping[str, Slot], chance: random.Random, depth: int) -> list[Piece]:
        if depth > _DEPTH:
            raise ModelError(f"rule {rule!r} goes round in a circle", reason="corpus")
        line = chance.choice(self.alternatives(rule))
        pieces: list[Piece] = []
        at = 0
        for match in _SLOT.finditer(line):
            pieces.append(Piece(line[at : match.start()]))
            name = match[1]
            if "|" in name:
                pieces.append(Piece(chance.choice(name.split("|"))))
            elif name in slots:
                pieces.extend(slots[name]())
            else:
                pieces.extend(self._rule(name, slots, chance, depth + 1))
            at = match.end()
        pieces.append(Piece(line[at:]))
        return [piece for piece in pieces if piece.text]
