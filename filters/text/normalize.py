"""An offset-preserving view of a text: what a reader sees, in plain characters, with the way back to the original.

Only detectors see a view. It is never released: findings are mapped back, and the original is redacted.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from filters.text.confusables import LOOKS_LATIN

# Not folded by NFKC, yet read as these.
_LOOKS_LIKE = {
    "\u2212": "-",  # minus sign
    "\u2043": "-",  # hyphen bullet
    "\u3002": ".",  # ideographic full stop
    "\uff61": ".",  # its half-width form
    "\u2024": ".",  # one dot leader
    "\u06d4": ".",  # Arabic full stop
    "\u2044": "/",  # fraction slash
    "\u2215": "/",  # division slash
    "\u2236": ":",  # ratio
    "\ufe55": ":",  # small colon
}
_ALPHABETS = ("\U0001f150", "\U0001f170", "\U0001f1e6")
"""First letters of the circled and squared letters on black, and of the regional indicators (flags)."""
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u20e3\u3164\uffa0")
_ESCAPABLE = frozenset("_()[]{}<>\\.@:-+*#!|~")


@dataclass(frozen=True, slots=True)
class View:
    """The plain text, and for each of its characters the index of the original character that it comes from.

    `origins` and `reach` never decrease. `reach[i]` is the end, in the original, of what the i-th character stands for:
    the character itself and the invisible ones that follow it. `name` tells how the text was read.
    """

    text: str = field(repr=False)
    origins: Sequence[int] = field(repr=False)
    reach: Sequence[int] = field(repr=False)
    name: str = "reading"

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original span behind `[start, end)`, `start < end`, with the invisible characters in it and after it."""
        return self.origins[start], self.reach[end - 1]

    def over(self, inner: "View | None") -> "View":
        """This view of `inner`'s text as a view of what `inner` is a view of."""
        if inner is None:
            return self
        origins = [inner.origins[origin] for origin in self.origins]
        reach = [inner.reach[end - 1] for end in self.reach]
        return View(self.text, origins, reach, self.name)


class ViewWriter:
    """Writes a view of a text from left to right.

    Args:
        text: what is viewed.
        name: of the view.
    """

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        self._pieces: list[str] = []
        self._origins: list[int] = []
        self._reach: list[int] = []
        self._end = 0

    def put(self, plain: str, start: int, end: int) -> Self:
        """What stands before `start`, as it is; then `plain`, each of its characters for all of `[start, end)`."""
        self._copy(start)
        if not plain and self._reach and self._reach[-1] == start:
            self._reach[-1] = end
        self._pieces.append(plain)
        self._origins.extend([start] * len(plain))
        self._reach.extend([end] * len(plain))
        self._end = end
        return self

    def view(self) -> View | None:
        """What was written, with the rest of the text; None where it is the text itself."""
        self._copy(len(self._text))
        plain = "".join(self._pieces)
        return None if plain == self._text else View(plain, self._origins, self._reach, self._name)

    def _copy(self, end: int) -> None:
        self._pieces.append(self._text[self._end : end])
        self._origins.extend(range(self._end, end))
        self._reach.extend(range(self._end + 1, end + 1))
        self._end = end


def view_of(text: str) -> View | None:
    """The view of a text; None where it would be the text itself."""
    if text.isascii() and "\\" not in text:
        return None
    characters: list[str] = []
    origins: list[int] = []
    reach: list[int] = []
    for index, character in enumerate(text):
        plain = _plain(character, text[index + 1 : index + 2])
        if not plain and reach and character != "\\":
            reach[-1] = index + 1
        for part in plain:
            characters.append(part)
            origins.append(index)
            reach.append(index + 1)
    plain_text = "".join(characters)
    return None if plain_text == text else View(plain_text, origins, reach)


def _plain(character: str, following: str) -> str:
    """What a character reads as; nothing where it is invisible or escapes the next."""
    if character.isascii():
        escapes = character == "\\" and following and following in _ESCAPABLE
        return "" if escapes else character
    if character in _INVISIBLE or _is_variation_selector(character):
        return ""
    match unicodedata.category(character):
        case "Cf":
            plain = ""
        case "Nd":
            plain = str(unicodedata.decimal(character))
        case "Pd":
            plain = "-"
        case "Zs":
            plain = " "
        case _:
            plain = _composed(unicodedata.normalize("NFKC", _LOOKS_LIKE.get(character, character)))
    return "".join(_LOOKS_LIKE.get(part) or LOOKS_LATIN.get(part, part) for part in plain)


def _composed(plain: str) -> str:
    """Enclosed letters and regional indicators are read as the letters."""
    for first in _ALPHABETS:
        if len(plain) == 1 and first <= plain <= chr(ord(first) + 25):
            return chr(ord(plain) - ord(first) + ord("a"))
    return plain


def _is_variation_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
