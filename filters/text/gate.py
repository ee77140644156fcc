"""A cheap look at a text that tells which recognizers cannot possibly match it.

A gate states what every match of a recognizer needs: digits in a row, digits with single characters in between, or a
small pattern. It may open in vain; it must never stay shut over a match (tests generate matches from the recognizers'
own patterns).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import regex

from filters.findings import EntityType as E

# Punctuation that libphonenumber allows between digits, at most four in a row.
PHONE_PUNCTUATION = (
    "[-x\u2010-\u2015\u2212\u30fc\uff0d-\uff0f \u00a0\u00ad\u200b\u2060\u3000"
    r"()\uff08\uff09\uff3b\uff3d.\[\]/~\u2053\u223c\uff5e]"
)
PHONE_DIGITS = regex.compile(rf"\d(?:{PHONE_PUNCTUATION}{{0,4}}\d){{6}}")

# The regex module, as Presidio uses it: its idea of a digit and of case is what counts.
_RUN = regex.compile(r"\d+")
_GLUED = regex.compile(r"(?<=[^\W\d_])\d+")
_CLUSTER = regex.compile(r"\d(?:\D?\d)*", regex.DOTALL)
_FEWEST_IN_A_CLUSTER = 6
"""No gate asks for fewer digits in a cluster, but for those that ask for none."""
_FEWEST_GLUED = 4
"""No gate asks for fewer digits in a text with digits after letters."""
_LONGEST = 20
"""Runs of more digits than this are as good as this many: no gate asks for more."""


@dataclass(frozen=True, slots=True)
class Features:
    """What gates ask of a text.

    Attributes:
        runs: how many digits stand in a row, all different lengths.
        glued: lengths of runs that follow a letter directly; empty where none is long enough for any gate to ask.
        digits: how many there are in all.
        cluster: the most digits with at most one character between any two; no more than an upper bound where a text
            has too few for any gate to ask.
        word: the most characters without white space.
    """

    text: str
    runs: frozenset[int]
    glued: frozenset[int]
    digits: int
    cluster: int
    word: int

    @classmethod
    def of(cls, text: str) -> "Features":
        """Measure a text."""
        word = max(map(len, text.split()), default=0)
        runs = list(map(len, _RUN.findall(text)))
        if not runs:
            return cls(text, _NONE, _NONE, 0, 0, word)
        total = cluster = sum(runs)
        if len(runs) > 1 and total >= _FEWEST_IN_A_CLUSTER:
            cluster = max(sum(map(len, _RUN.findall(cluster))) for cluster in _CLUSTER.findall(text))
        glued = _lengths(map(len, _GLUED.findall(text))) if total >= _FEWEST_GLUED else _NONE
        return cls(text, _lengths(runs), glued, total, min(cluster, _LONGEST), word)


def _lengths(runs: Iterable[int]) -> frozenset[int]:
    return frozenset(min(run, _LONGEST) for run in runs)


_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Gate:
    """What a recognizer needs.

    Attributes:
        runs: sets of lengths; one of the sets must be among the lengths of the text's digit runs.
        glued: lengths of which one must be that of a run directly behind a letter; empty where none must be.
        cluster: so many digits with at most one character between any two.
        digits: so many in all.
        word: so many characters without white space.
        marks: one of these characters.
        hint: a match of this.
    """

    runs: tuple[frozenset[int], ...] = (_NONE,)
    glued: frozenset[int] = _NONE
    cluster: int = 0
    digits: int = 0
    word: int = 0
    marks: str = ""
    hint: regex.Pattern[str] | None = None

    def opens(self, features: Features) -> bool:
        """Whether the recognizer must be asked."""
        return self.opens_at(features.runs, features.glued, features.cluster) and self.hints_at(features)

    def opens_at(self, runs: frozenset[int], glued: frozenset[int], cluster: int) -> bool:
        """Whether the digits of a text suffice."""
        if cluster < self.cluster or (self.glued and self.glued.isdisjoint(glued)):
            return False
        return any(needed <= runs for needed in self.runs)

    def hints_at(self, features: Features) -> bool:
        """Whether a text has what is asked for beside digits."""
        if features.digits < self.digits or features.word < self.word:
            return False
        if self.marks and not any(mark in features.text for mark in self.marks):
            return False
        return self.hint is None or self.hint.search(features.text) is not None


def _runs(*lengths: int | tuple[int, ...], cluster: int = 0) -> Gate:
    """Digit runs of exactly one of these lengths, or of all lengths of a tuple: for patterns with borders."""
    needed = tuple(frozenset((length,) if isinstance(length, int) else length) for length in lengths)
    return Gate(runs=needed, cluster=cluster)


def _glued(*lengths: int, word: int = 0, hint: str = "") -> Gate:
    """One of these lengths directly behind a letter."""
    return Gate(glued=frozenset(lengths), word=word, hint=regex.compile(hint, regex.IGNORECASE) if hint else None)


def _from(shortest: int, longest: int = _LONGEST) -> tuple[int, ...]:
    """Lengths of runs, for patterns that take any of them."""
    return tuple(range(shortest, longest + 1))


def _hint(pattern: str, *, runs: tuple[int, ...] = (), word: int = 0, marks: str = "") -> Gate:
    needed = tuple(frozenset({length}) for length in runs) or (_NONE,)
    return Gate(runs=needed, word=word, marks=marks, hint=regex.compile(pattern, regex.IGNORECASE))


_MONTHS = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"

GATES: Mapping[E, Gate] = {
    E.CREDIT_CARD: Gate(cluster=13),
    E.CRYPTO: _hint(r"(?:bc1|[13])[^\W_]{25}", runs=_from(1), word=26),
    E.DATE_TIME: _hint(
        rf"\d/\d|\d-\d\d?-\d|\d\.\d\d?\.\d|\d-(?:{_MONTHS})|(?:{_MONTHS})-\d", runs=(1, 2, 4), marks="-/."
    ),
    E.EMAIL_ADDRESS: _hint(r"@\w", marks="@"),
    E.IBAN_CODE: _hint(r"(?-i:[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{4}){2})", runs=_from(2)),
    E.IP_ADDRESS: _hint(r"\d\.\d+\.\d+\.\d|::|[0-9a-f]:[0-9a-f]{1,4}:", marks=".:"),
    E.MAC_ADDRESS: _hint(
        r"[0-9a-f]{2}([:-])[0-9a-f]{2}\1[0-9a-f]{2}\1|[0-9a-f]{4}\.[0-9a-f]{4}\.", word=14, marks=":-."
    ),
    E.PHONE_NUMBER: _hint(PHONE_DIGITS.pattern, runs=_from(1)),
    E.URL: _hint(r"[a-z0-9.\-]\.[a-z]", marks="."),
    E.AU_ABN: _runs(11, (2, 3), cluster=11),
    E.AU_ACN: _runs(9, 3, cluster=9),
    E.AU_MEDICARE: _runs(10, (4, 5, 1), cluster=10),
    E.AU_TFN: _runs(9, 3, cluster=9),
    E.CA_SIN: _runs(9, 3, cluster=9),
    E.DE_HEALTH_INSURANCE: _glued(9, word=10),
    E.DE_ID_CARD: _hint(r"\b[a-z][a-z0-9]{7}[0-9]\b|\bt\d{8}\b", runs=_from(1, 8), word=9),
    E.DE_PASSPORT: _hint(r"\b[a-z][a-z0-9]{7}[0-9]\b", runs=_from(1, 8), word=9),
    E.DE_SOCIAL_SECURITY: _runs((8, 3)),
    E.DE_TAX_ID: _runs(11),
    E.ES_NIE: _runs(7, 8),
    E.ES_NIF: _runs(7, 8),
    E.ES_PASSPORT: _glued(6, word=9),
    E.FI_PERSONAL_IDENTITY_CODE: _hint(r"\d{6}[-+abcdefyxwvu]\d{3}", runs=_from(6), word=11),
    E.IN_AADHAAR: _runs(12, 4, cluster=12),
    E.IN_PAN: _glued(4, word=10),
    E.IN_PASSPORT: _glued(7, 2),
    E.IN_VEHICLE_REGISTRATION: _hint(r"[a-z]\d{4}|(?:CD|CC|UN)[1-9]", runs=(2, 3, 4, 5, 6)),
    E.IN_VOTER: _glued(7, word=10),
    E.IT_DRIVER_LICENSE: _hint(r"[a-z]\d{7}|U1", runs=_from(1, 8), word=10),
    E.IT_FISCAL_CODE: _hint(r"[^\W_]{16}", word=16),
    E.IT_IDENTITY_CARD: _hint(r"[a-z]\s?\d{5}|\d{7}[a-z]", runs=(5, 7)),
    E.IT_PASSPORT: _glued(7, word=9),
    E.IT_VAT_CODE: Gate(cluster=11),
    E.KR_RRN: _runs(13, (6, 7), cluster=13),
    E.MEDICAL_LICENSE: _glued(*_from(7), word=9),
    E.PL_PESEL: _runs(*_from(11)),
    E.SG_NRIC_FIN: _glued(7, word=9),
    E.TH_TNIN: _runs(13),
    E.UK_DRIVING_LICENCE: _hint(r"[a-z9]{5}\d{6}", runs=_from(6, 14), word=16),
    E.UK_NHS: _runs(10, (3, 4), (3, 7), (6, 4), cluster=10),
    E.UK_NINO: _runs(6, 2, cluster=6),
    E.UK_PASSPORT: _glued(7, word=9),
    E.US_BANK_NUMBER: _runs(*_from(8, 17)),
    # One of Presidio's alternatives has a bracket too many and asks for `]]` itself.
    E.US_DRIVER_LICENSE: _hint(r"\d{4}|\]\]", runs=_from(1, 18)),
    E.US_ITIN: _runs(9, (2, 3, 4), (5, 4), (3, 6), cluster=9),
    E.US_PASSPORT: _runs(8, 9),
    E.US_SSN: _runs(9, (5, 4), (3, 6), (2, 3, 4), cluster=9),
}
"""For Presidio's recognizers."""

OWN_GATES: Mapping[E, Gate] = {
    E.PHONE_NUMBER: Gate(digits=6, hint=regex.compile(r"\d(?:[ ()./\u00a0-]{0,3}\d){5}")),
    E.CREDIT_CARD: Gate(digits=12),
    E.IBAN_CODE: Gate(digits=6, hint=regex.compile(r"[a-z]{2} ?\d{2}(?:\s?[^\s\w]?\s?[a-z0-9]){11}", regex.IGNORECASE)),
    E.US_SSN: replace(_runs((2, 3, 4)), digits=9),
    E.EMAIL_ADDRESS: _hint(r"@[\w\[]", marks="@"),
    E.URL: _hint(r"://|www\.", marks=".:"),
    E.US_DRIVER_LICENSE: Gate(digits=4, hint=regex.compile(r"licen|\d{2}-\d{2}|\d{3}[- ]\d{3}", regex.IGNORECASE)),
    E.UK_DRIVING_LICENCE: _hint(r"[a-z9]{5}[ -]?\d{6}[ -]?[a-z9]{2}", runs=_from(6, 14)),
}
"""For the recognizers of this project (`filters.text.own_recognizers`)."""
