"""Invented names: each word of a name has one substitute, the same in every prompt of the tenant.

A substitute is two syllables put together (`Halden`, `Merwick`), so that it tells neither gender nor origin and serves
as given name and family name alike: `Jane Doe`, `DOE, JANE`, `Jane` and `Doe` agree with each other. The syllables are
this project's own choice.
"""

import hmac
import re
import unicodedata
from hashlib import sha256
from typing import Final

from filters.text.normalize import view_of


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


_FIRST = _listed(
    "Al Ar Ash Bel Ber Bran Bren Brom Cal Car Col Cor Dal Dar Del Dor El Em Er Far Fen Gal Gil Hal Hol Jor Kel Ken "
    "Kil Lan Lar Lor Mal Mar Mel Mer Mor Nor Or Pel Per Quin Ral Ren Ros Row Sel Shel Sor Tal Tam Ter Tor Ul Val Ver "
    "Wal Wen Whit Wil Win Yar Yel"
)
_LAST = _listed(
    "by bourne brook combe cott dale den don field ford grave ham hurst kin land leigh lin low man mere more ner "
    "nett ridge rick row sen sley stow ton vin wall ward well wick worth"
)
# Combinations that are words of their own.
_WORDS = frozenset(
    _listed(
        "Bellow Callow Carman Carton Colton Fallow Farmland Gallow German Hallow Hollow Hallman Landlow Mallow Marlin "
        "Mellow Merlin Merman Norman Orden Salesman Shellow Tallow Talman Terrow Tormore Wallow Walrow Wellow Willow "
        "Winnow Yellow Farmer Pellow Perman Corner Learner Winner Allow Berlin Cordon Holland Marrow Sorrow"
    )
)
NAMES: Final = tuple(first + last for first in _FIRST for last in _LAST if first + last not in _WORDS)
"""2,234. Two words share one with odds of 1 to their number; two names of two words with those of its square."""

_MOST_PARTS = 4
_WORD = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")
_POSSESSIVE = re.compile(r"['’`]s$", re.IGNORECASE)
_DROPPED = frozenset(
    _listed(
        "mr mrs ms miss mx dr prof sir dame lord lady herr frau señor señora senor senora sr sra monsieur madame "
        "signor signora von van der den de del della di da du dos das la le el al bin ibn ter ten zu zur"
    )
)


def substitute_name(private: str, key: bytes) -> str | None:
    """An invented name for a person's name; None where the span holds no letter.

    Titles and particles are left out, initials stay initials, and `'s` stays. Words beyond the fourth fall away.
    """
    view = view_of(private)
    plain = view.text if view else private
    bare = _POSSESSIVE.sub("", plain)
    words = _words(bare)
    if not words:
        return None
    names = [_substitute(word, key) for word in words[:_MOST_PARTS]]
    return _joint(bare).join(names) + plain[len(bare) :]


def _words(plain: str) -> list[str]:
    """The words that name somebody, in one spelling each."""
    found = _WORD.findall(_CAMEL.sub(" ", plain) if not any(map(str.isspace, plain)) else plain)
    if len(found) > _MOST_PARTS and all(len(word) == 1 for word in found):  # letter by letter
        found = ["".join(found)]
    words = [_spelling(word) for word in found]
    return [word for word in words if word not in _DROPPED] or words


def _spelling(word: str) -> str:
    letters = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _joint(plain: str) -> str:
    """Names in tags stay one token: `jane_doe` has an underscore, `JaneDoe` nothing."""
    if any(map(str.isspace, plain)):
        return " "
    return next((sign for sign in "_-." if sign in plain.strip(sign)), "")


def _substitute(word: str, key: bytes) -> str:
    digest = int.from_bytes(hmac.new(key, f"name\0{word}".encode(), sha256).digest()[:8])
    if len(word) == 1:
        return f"{NAMES[digest % len(NAMES)][0]}."
    name = NAMES[digest % len(NAMES)]
    return NAMES[(digest + 1) % len(NAMES)] if name.casefold() == word else name
