r"""JSON as platforms write it into prompts, read by tokens: every string, key and number with its exact place.

Tolerant where generators are (`NaN`, line breaks in strings, unknown escapes), because a text that is read otherwise
than the generator reads it hides what it says. No nesting limit: tokens are read in one pass, without recursion.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]++)|(?P<string>\"(?:[^\"\\]++|\\[\s\S])*+\")|(?P<number>-?\d++(?:\.\d++)?(?:[eE][+-]?\d++)?)"
    r"|(?P<word>true|false|null|NaN|-?Infinity)|(?P<punctuation>[{}\[\]:,])"
)
_OPENS = re.compile(r"[\ufeff \t\r\n]*+[{\[]")
_MEMBER = re.compile(r"[ \t\r\n]*+:")
_SEPARATORS = "[{,:"
_UNIT = re.compile(
    r"\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\[\"\\/bfnrt]|[^\\]++|\\"
)
_PAIR_CHARACTERS = 12
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/"}
_UNJUDGED = str.maketrans({"\0": " "} | {chr(code): "\ufffd" for code in range(0xD800, 0xE000)})
"""Half of a surrogate pair and NUL are no text; each stands as one character."""


class ScalarKind(StrEnum):
    """What a scalar is."""

    KEY = "key"
    STRING = "string"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A key, string or number at `[start, end)` of its document, quotes included.

    `label` is the literal of the key that it stands under, for an array's elements the array's.
    """

    kind: ScalarKind
    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Literal:
    """The text of a string literal, and for each of its characters the span `[origins[i], reach[i])` of its escape."""

    text: str
    origins: Sequence[int]
    reach: Sequence[int]


def scalars(text: str) -> list[Scalar] | None:
    """The scalars of a document in order; None where the text is no JSON object or array with a string in it."""
    if not _OPENS.match(text):
        return None
    found = _Lexer(text).run()
    return found if found and any(scalar.kind is not ScalarKind.NUMBER for scalar in found) else None


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._labels: list[str] = [""]
        """The label in each open container."""
        self._objects: list[bool] = [False]
        self._previous = "["

    def run(self) -> list[Scalar] | None:
        """None where a character outside of strings is not JSON's, or two values stand side by side."""
        found: list[Scalar] = []
        at = 1 if self._text.startswith("\ufeff") else 0
        while at < len(self._text):
            match = _TOKEN.match(self._text, at)
            if match is None:
                return None
            at = match.end()
            if match.lastgroup == "space":
                continue
            if match.lastgroup == "punctuation":
                self._punctuate(match[0])
                continue
            if self._previous not in _SEPARATORS:
                return None
            self._previous = "value"
            found.extend(self._scalar(match))
        return found

    def _punctuate(self, character: str) -> None:
        self._previous = character
        if character in "{[":
            self._labels.append(self._labels[-1])
            self._objects.append(character == "{")
        elif character in "}]" and len(self._labels) > 1:
            self._labels.pop()
            self._objects.pop()

    def _scalar(self, match: re.Match[str]) -> Iterator[Scalar]:
        start, end = match.span()
        if match.lastgroup == "number":
            yield Scalar(ScalarKind.NUMBER, start, end, self._labels[-1])
        elif match.lastgroup == "string" and self._objects[-1] and _MEMBER.match(self._text, end):
            yield Scalar(ScalarKind.KEY, start, end, "")
            self._labels[-1] = self._text[start + 1 : end - 1]
        elif match.lastgroup == "string":
            yield Scalar(ScalarKind.STRING, start, end, self._labels[-1])


def unescaped(text: str, start: int, end: int) -> Literal:
    """The literal between the quotes at `start` and `end - 1`. A backslash that escapes nothing stands for itself."""
    start, end = start + 1, end - 1
    if text.find("\\", start, end) < 0:
        return Literal(text[start:end].translate(_UNJUDGED), range(start, end), range(start + 1, end + 1))
    pieces: list[str] = []
    origins: list[int] = []
    reach: list[int] = []
    for unit in _UNIT.finditer(text, start, end):
        said = _said(unit[0])
        pieces.append(said)
        plain = unit[0] == said
        origins.extend(range(unit.start(), unit.end()) if plain else [unit.start()])
        reach.extend(range(unit.start() + 1, unit.end() + 1) if plain else [unit.end()])
    return Literal("".join(pieces).translate(_UNJUDGED), origins, reach)


def _said(unit: str) -> str:
    if unit[0] != "\\" or unit == "\\":
        return unit
    if unit[1] != "u":
        return _SHORT[unit[1]]
    if len(unit) == _PAIR_CHARACTERS:
        return (bytes.fromhex(unit[2:6]) + bytes.fromhex(unit[8:])).decode("utf-16-be")
    return chr(int(unit.removeprefix("\\u"), 16))
