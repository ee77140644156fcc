"""A view of a text in which one word has one spelling: for terms, however they are written."""

import re
import unicodedata
from functools import lru_cache

from filters.text.normalize import View

_ALIKE = {"\u2019": "'", "\u02bc": "'", "\u2018": "'", "\u0131": "i", "\u0142": "l", "\u00f8": "o", "\u0111": "d"}
_SEPARATORS = frozenset(" \t\n\r\f\v_-\u00a0\u2010\u2011\u2012\u2013\u2014")
_ASCII_GAPS = str.maketrans(dict.fromkeys("\t\n\r\f\v_-", " "))
_SEVERAL_GAPS = re.compile(r" {2,}")


def folded(text: str) -> View:
    """The text without case and accents, and with one space for every run of spaces, hyphens and underscores.

    Takes time linear in the text.
    """
    if text.isascii():
        plain = text.lower().translate(_ASCII_GAPS)
        if not _SEVERAL_GAPS.search(plain):
            return View(plain, range(len(plain)), range(1, len(plain) + 1))
    characters: list[str] = []
    origins: list[int] = []
    reach: list[int] = []
    for index, character in enumerate(text):
        parts = _folded_character(character)
        if reach and not parts:
            reach[-1] = index + 1
        for part in parts:
            if part == " " and characters[-1:] == [" "]:
                reach[-1] = index + 1
                continue
            characters.append(part)
            origins.append(index)
            reach.append(index + 1)
    return View("".join(characters), origins, reach)


@lru_cache(maxsize=4096)
def _folded_character(character: str) -> str:
    plain = _without_accents(_without_accents(character).casefold()).casefold()
    return "".join(" " if part in _SEPARATORS else _ALIKE.get(part, part) for part in plain)


def _without_accents(text: str) -> str:
    return "".join(part for part in unicodedata.normalize("NFKD", text) if not unicodedata.combining(part))
