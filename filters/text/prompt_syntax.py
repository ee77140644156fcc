r"""The grammar of generation prompts: what in a text speaks to the generator, and not of the picture.

Read together, since platforms mix them: A1111 and ComfyUI weights `(x:1.3)`, `((x))`, `[x]`, `\(`, alternation `[a|b]`,
schedules `[a:b:0.5]`, extra networks `<lora:name:0.8>`, `embedding:name`, `BREAK` and `AND`; dynamic prompts `{2$$a|b}`
and `__wildcard__`; InvokeAI's `(x)1.3` and `(x)++`; Midjourney's `--ar 3:2` and `x::2`.

The parser is total and tolerant: a bracket without its other half is a character like any other, and brackets of two
kinds may cross, as they may in A1111. One pass, linear in the text.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class MarkKind(StrEnum):
    """What a mark does."""

    OPEN = "open"
    CLOSE = "close"
    BAR = "bar"
    WEIGHT = "weight"
    SCHEDULE = "schedule"
    QUANTITY = "quantity"
    FACTOR = "factor"
    KEYWORD = "keyword"
    FLAG = "flag"
    ESCAPE = "escape"
    TAG = "tag"
    EMBEDDING = "embedding"
    WILDCARD = "wildcard"
    FILE = "file"


NAMED = frozenset({MarkKind.TAG, MarkKind.EMBEDDING, MarkKind.WILDCARD, MarkKind.FILE})
"""Marks that hold a name."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Characters `[start, end)` of syntax.

    `group` is the index of the bracket pair that the mark belongs to, or None. `name` is the span of the name in a tag,
    an embedding, a wildcard or the name of a file of weights.
    """

    start: int
    end: int
    kind: MarkKind
    group: int | None = None
    name: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A bracket pair with all between, `[start, end)`.

    `bracket` is the opening one; `carries` tells whether a number says what the pair does (a weight, a time, a count).
    """

    start: int
    end: int
    bracket: str
    carries: bool = False


@dataclass(frozen=True, slots=True)
class Syntax:
    """The marks of a text, in order and without overlaps, and its bracket pairs in order of their closing."""

    marks: tuple[Mark, ...]
    groups: tuple[Group, ...]

    def within(self, start: int, end: int) -> Iterator[Mark]:
        """The marks that share a character with `[start, end)`, in order."""
        first = bisect_right(self.marks, start, key=lambda mark: mark.end)
        for index in range(first, len(self.marks)):
            if self.marks[index].start >= end:
                return
            yield self.marks[index]


_DECIMAL = r"(?:\d{1,2}(?:\.\d{0,6})?|\.\d{1,6})"
_FLAG_WORDS = "raw|cute|expressive|scenic|original|turbo|relax|fast"
_TOKENS: Mapping[str, str] = {
    "escape": r"\\[-_()\[\]{}<>\\.@:+*#!|~]",
    "tag": r"<(?P<tag_kind>\w{1,20})(?:\[[^\[\]<>\n]{0,40}\])?:(?P<tag_name>[^<>\n]{1,200})>",
    "embedding": r"(?<!\w)embedding:(?P<embedding_name>[\w./\\@+-]{1,100})",
    "wildcard": r"(?<!\w)__(?P<wildcard_name>(?!_)(?:[^\s_]|_(?!_)){1,100})__(?!\w)",
    "file": r"(?<![\w@./\\+-])(?P<file_name>\w[\w.+/\\-]{0,100})\.(?:safetensors|ckpt|pth|gguf)(?![\w@]|\.\w)",
    "keyword": r"(?<!\w)(?:BREAK|AND|ADDCOMM|ADDBASE|ADDROW|ADDCOL)(?!\w)",
    "quantity": r"(?<=\{)\s{0,3}\d{1,2}(?:-\d{1,2})?(?:\$\$[^|{}$\n]{0,20})?\$\$",
    "factor": (
        r"(?<=[{|])\s{0,3}\d{1,3}(?:\.\d{1,3})?::|(?<=[^\W\d_\s.:@/])\+{1,6}(?![\w+@.])"
        r"|(?<=[^\d\s:._/@+-])::-?\d{0,2}(?:\.\d{1,3})?(?![\w:.]|-\d)|(?<=\s)::-?\d{1,2}(?:\.\d{1,3})?(?![\w:.]|-\d)"
    ),
    "flag": (
        r"(?<![\w-])(?:--|\u2014)[a-z]{1,12}(?![\w-])"
        rf"(?:[ =]{{1,3}}(?:[-+]?\d[\d.]{{0,20}}(?:[:/x]\d[\d.]{{0,6}})?(?![\w@/-])|(?:{_FLAG_WORDS})(?!\w)))?"
    ),
    "weight": rf":\s{{0,3}}[-+]?{_DECIMAL}\s{{0,3}}(?=[)\]])",
    "suffix": r"(?<=\))(?:[+-]{1,6}(?![\w@+-])|\d\.\d{1,3}(?![\w.@]))",
    "open": r"[(\[{]",
    "close": r"[)\]}]",
    "bar": r"\|",
    "schedule": r":",
}
_LEXER = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _TOKENS.items()))
_ADDRESS = re.compile(r"(?::[0-9A-Fa-f]{1,4}){2}\Z")
"""The end of a MAC or IP address begins like a weight."""
_ADDRESS_CHARACTERS = 10
_OWNERS = {"quantity": "{", "factor": "{[", "bar": "{[", "schedule": "["}
"""The brackets that these belong to."""
_PARTNERS = {")": "(", "]": "[", "}": "{"}
_NETWORKS = frozenset({"lora", "lyco", "locon", "loha", "hypernet", "embedding", "embed", "ti"})
"""Tags whose name ends at the first colon: behind it stand weights."""


def parse(text: str) -> Syntax:
    """The syntax of a text, whatever it is."""
    return _Parser(text).parsed()


class _Parser:
    """Brackets of each kind are paired on their own stack."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._marks: list[Mark] = []
        self._groups: list[Group] = []
        self._open: dict[str, list[int]] = {"(": [], "[": [], "{": []}
        self._inner: dict[int, list[int]] = {}
        """By the mark of an opening bracket: the marks that are its own, should it be closed."""

    def parsed(self) -> Syntax:
        for match in _LEXER.finditer(self._text):
            self._take(match)
        marks = tuple(mark for mark in self._marks if not self._is_plain(mark))
        return Syntax(marks, tuple(self._groups))

    def _take(self, match: re.Match[str]) -> None:
        start, end, name = match.start(), match.end(), match.lastgroup
        match name:
            case "escape" | "keyword" | "flag":
                self._add(Mark(start, end, MarkKind(name)))
            case "tag" | "embedding" | "wildcard" | "file":
                self._add(Mark(start, end, MarkKind(name), name=_name_in(match, name)))
            case "open":
                self._open[match[0]].append(self._add(Mark(start, end, MarkKind.OPEN)))
            case "close":
                self._close(match)
            case "suffix":
                self._suffix(match)
            case "weight" if not _ADDRESS.search(self._text, max(0, start - _ADDRESS_CHARACTERS), start):
                self._own(Mark(start, end, MarkKind.WEIGHT), "(" if self._text[end] == ")" else "[")
            case str() if name in _OWNERS:
                self._own(Mark(start, end, MarkKind(name)), _OWNERS[name])

    def _add(self, mark: Mark) -> int:
        self._marks.append(mark)
        return len(self._marks) - 1

    def _own(self, mark: Mark, brackets: str) -> None:
        """Add a mark of the innermost open bracket among `brackets`."""
        index = self._add(mark)
        opened = max((self._open[bracket][-1] for bracket in brackets if self._open[bracket]), default=None)
        if opened is not None:
            self._inner.setdefault(opened, []).append(index)

    def _close(self, match: re.Match[str]) -> None:
        bracket = _PARTNERS[match[0]]
        index = self._add(Mark(match.start(), match.end(), MarkKind.CLOSE))
        if not self._open[bracket]:
            return
        opened = self._open[bracket].pop()
        group = len(self._groups)
        own = self._settled(self._inner.pop(opened, []), match)
        for member in (opened, index, *own):
            self._marks[member] = replace(self._marks[member], group=group)
        carries = any(self._marks[member].kind is not MarkKind.BAR for member in own)
        self._groups.append(Group(self._marks[opened].start, match.end(), bracket, carries))

    def _settled(self, inner: list[int], closing: re.Match[str]) -> list[int]:
        """The group's own marks: colons only where a time at the end makes a schedule of it, and only the last."""
        colons = [index for index in inner if self._marks[index].kind is MarkKind.SCHEDULE]
        others = [index for index in inner if self._marks[index].kind is not MarkKind.SCHEDULE]
        last = self._marks[others[-1]] if others else None
        if (
            closing[0] == "]"
            and last
            and last.end == closing.start()
            and last.kind in (MarkKind.WEIGHT, MarkKind.FACTOR)
        ):
            self._marks[others[-1]] = replace(last, kind=MarkKind.SCHEDULE)
            return sorted([*colons[-1:], *others])
        return [index for index in others if not self._is_stray_weight(index, closing)]

    def _is_stray_weight(self, index: int, closing: re.Match[str]) -> bool:
        mark = self._marks[index]
        return mark.kind is MarkKind.WEIGHT and mark.end != closing.start()

    def _suffix(self, match: re.Match[str]) -> None:
        """A weight behind a closing bracket: it belongs to the pair, and is in it."""
        before = self._marks[-1]
        if before.kind is not MarkKind.CLOSE or before.end != match.start() or before.group is None:
            return
        self._add(Mark(match.start(), match.end(), MarkKind.WEIGHT, before.group))
        self._groups[before.group] = replace(self._groups[before.group], end=match.end(), carries=True)

    @staticmethod
    def _is_plain(mark: Mark) -> bool:
        """Whether this, after all, is a character like any other."""
        belongs = (MarkKind.OPEN, MarkKind.CLOSE, MarkKind.WEIGHT, MarkKind.SCHEDULE, MarkKind.QUANTITY)
        return mark.kind in belongs and mark.group is None


def _name_in(match: re.Match[str], kind: str) -> tuple[int, int]:
    start, end = match.span(f"{kind}_name")
    if kind == "tag" and match["tag_kind"].lower() in _NETWORKS:
        colon = match.string.find(":", start, end)
        end = colon if colon > start else end
    return start, end
