"""Names that are no secret: artists whose style is asked for, fictional characters, historical and public figures.

The lists lie in `filters/text/names`, one entry a line, its other spellings after `|`. They were compiled for this
project as plain facts. What decides is `filters.text.attributes`: a name on a list excuses no other text.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final

MOST_WORDS: Final = 6
"""Words of the longest name that is looked up."""

_NOT_DECOMPOSED: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe", "ı": "i", "ð": "d", "þ": "th", "’": "'", "‘": "'"}
)
_POSSESSIVE: Final = re.compile(r"'s?\Z")
_APOSTROPHE: Final = re.compile(r"['`´]")
_NOT_WORD: Final = re.compile(r"[\W_]+")


class NameList(StrEnum):
    """The lists, by the name of their file."""

    HISTORIC_ARTISTS = "historic_artists"
    """Artists of the past: their names are public, whatever stands around them."""
    ARTISTS = "artists"
    """Artists whose working life reaches into the present: only their style is public."""
    FIGURES = "figures"
    CHARACTERS = "characters"
    COMMON_SURNAMES = "common_surnames"
    """Surnames so common that "John Martin" may well be a neighbour; three words are nobody else's."""


def unaccented(text: str) -> str:
    """Lower case, without accents: as names are compared. Need not have the length of `text`."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_NOT_DECOMPOSED))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def folded(name: str) -> str:
    """A name as it is looked up: `Georgia O’Keeffe's` → `georgia okeeffe`, `Jean-Léon Gérôme` → `jean leon gerome`."""
    bare = _POSSESSIVE.sub("", unaccented(name).strip())
    return _NOT_WORD.sub(" ", _APOSTROPHE.sub("", bare)).strip()


@dataclass(frozen=True, slots=True)
class KnownNames:
    """The lists, folded.

    `artists` holds those of the past as well; `public` holds figures and those artists of the past whose name is not
    also a common one. `digest`: SHA-256 in hex of everything in them.
    """

    artists: frozenset[str] = field(repr=False)
    characters: frozenset[str] = field(repr=False)
    public: frozenset[str] = field(repr=False)
    digest: str

    @classmethod
    def of(cls, lists: Mapping[NameList, Iterable[str]]) -> "KnownNames":
        """From entries (`name|other spelling`) by list; a list may be absent."""
        folds = {name: frozenset(_spellings(lists.get(name, ()))) for name in NameList}
        common = folds[NameList.COMMON_SURNAMES]
        historic = folds[NameList.HISTORIC_ARTISTS]
        unmistakable = {name for name in historic if name.count(" ") > 1 or name.rpartition(" ")[2] not in common}
        everything = "\n".join(f"{name}:{entry}" for name in NameList for entry in sorted(folds[name]))
        return cls(
            artists=historic | folds[NameList.ARTISTS],
            characters=folds[NameList.CHARACTERS],
            public=folds[NameList.FIGURES] | unmistakable,
            digest=hashlib.sha256(everything.encode()).hexdigest(),
        )

    def with_more(self, lists: Mapping[NameList, Iterable[str]]) -> "KnownNames":
        """These and an installation's own."""
        more = KnownNames.of(lists)
        digest = hashlib.sha256(f"{self.digest}{more.digest}".encode()).hexdigest()
        return KnownNames(
            self.artists | more.artists, self.characters | more.characters, self.public | more.public, digest
        )


def _spellings(entries: Iterable[str]) -> Iterable[str]:
    for entry in entries:
        yield from filter(None, map(folded, entry.split("|")))


@cache
def built_in_names() -> KnownNames:
    """The lists that come with the product."""
    folder = files("filters.text") / "names"
    return KnownNames.of({name: (folder / f"{name}.txt").read_text("utf-8").splitlines() for name in NameList})
