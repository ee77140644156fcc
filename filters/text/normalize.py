"""An offset-preserving view of a text: what a reader sees, in plain characters, with the way back to the original.

Only detectors see a view. It is never released: findings are mapped back, and the original is redacted.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

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
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u20e3\u3164\uffa0")
_ESCAPABLE = frozenset("_()[]{}<>\\.@:-+*#!|~")


@dataclass(frozen=True, slots=True)
class View:
    """The plain text, and for each of its characters the index of the original character that it comes from.

    `origins` never decreases. `reach[i]` is the end, in the original, of what the i-th character stands for: the
    character itself and the invisible ones that follow it.
    """

    text: str = field(repr=False)
    origins: Sequence[int] = field(repr=False)
    reach: Sequence[int] = field(repr=False)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original span behind `[start, end)`, `start < end`, with the invisible characters in it and after it."""
        return self.origins[start], self.reach[end - 1]


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
            plain = unicodedata.normalize("NFKC", _LOOKS_LIKE.get(character, character))
    return "".join(_LOOKS_LIKE.get(part, part) for part in plain)


def _is_variation_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
