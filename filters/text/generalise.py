"""What many share with a private span: an address's town, a date's decade."""

import re
from dataclasses import dataclass, field
from typing import Final

from filters.findings import EntityType
from filters.text.normalize import view_of

PIVOT: Final = 30
"""Years of two digits below it are of the 2000s, the others of the 1900s."""

_PLACES = frozenset({EntityType.ADDRESS, EntityType.LOCATION})
_DATES = frozenset({EntityType.DATE_TIME, EntityType.DATE_OF_BIRTH})
_LONGEST = 512
"""Characters; an address is shorter, and patterns below look at each segment by itself."""
_MOST_WORDS = 4

_YEAR = re.compile(r"(?<!\d)(1[89]\d\d|20\d\d)(?!\d)")
_COMPACT = re.compile(r"(?<!\d)(1[89]\d\d|20\d\d)(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?!\d)")
_SHORT = re.compile(r"(?<!\d)\d{1,2}[./-]\d{1,2}[./-](\d\d)(?!\d)")

_POSTCODE = (
    r"(?:[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}"  # London SW1A 2AA
    r"|[A-Z]\d[A-Z] ?\d[A-Z]\d"  # Ottawa K1A 0B1
    r"|\d{4} ?[A-Z]{2}(?![A-Za-z])"  # 1012 AB Amsterdam
    r"|(?:[A-Z]{1,2}-)?\d{4,5}(?:-\d{3,4})?)"  # 10115 Berlin, D-10115, 1000-001 Lisboa, 62704-1234
)
_TOWN = r"[^\W\d_][^\W\d_.'’-]*(?:(?:\. |[ .'’-])[^\W\d_]+){0,5}"
_BEFORE_TOWN = re.compile(rf"^(?:.*\s)?{_POSTCODE} (?P<town>{_TOWN})$")
_AFTER_TOWN = re.compile(rf"^(?P<town>{_TOWN}) {_POSTCODE}$")
_STATE = re.compile(r"^(?P<state>[A-Z]{2}) \d{5}(?:-\d{4})?$")
_TOWN_ONLY = re.compile(rf"^{_TOWN}$")
_STREETS = re.compile(
    r"(?i)\b(?:st|street|rd|road|ave|avenue|blvd|boulevard|ln|lane|dr|drive|ct|court|sq|square|way|apt|flat|suite|unit"
    r"|floor|house|box|rue|via|viale|piazza|calle|avenida|plaza|rua|praça|weg|platz|gasse|allee|\w*stra(?:ße|sse)"
    r"|\w*str|\w*straat|\w*laan|plein|mr|mrs|ms|dr|prof|herr|frau|c/o)\b"
)
_SAINT = re.compile(r"^St\.? ")


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays, and the types that a detector takes it for."""

    text: str = field(repr=False)
    types: frozenset[EntityType]


def generalised(private: str, entity: EntityType) -> Kept | None:
    """The shared part of a span of that type; None where none can be told."""
    view = view_of(private)
    plain = " ".join((view.text if view else private).split(" "))
    if len(plain) > _LONGEST:
        return None
    match entity:
        case EntityType.ADDRESS:
            town = _town(plain)
            return Kept(town, _PLACES) if town else None
        case EntityType.DATE_OF_BIRTH | EntityType.DATE_TIME:
            decade = _decade(plain)
            return Kept(decade, _DATES) if decade else None
        case EntityType.LOCATION:
            return None if any(map(str.isdigit, plain)) else Kept(private, _PLACES)
        case _:
            return None


def _decade(plain: str) -> str | None:
    """`1980s`; None where the text has no year, or years of several decades."""
    years = [int(year) for pattern in (_YEAR, _COMPACT) for year in pattern.findall(plain)]
    if not years:
        years = [int(year) + (2000 if int(year) < PIVOT else 1900) for year in _SHORT.findall(plain)]
    decades = {year // 10 for year in years}
    return f"{decades.pop()}0s" if len(decades) == 1 else None


def _town(plain: str) -> str | None:
    """The words beside the postcode: nothing else in an address tells a town from a name without a gazetteer."""
    segments = [" ".join(segment.split()) for segment in re.split(r"[,;\n]", plain)]
    segments = [segment for segment in segments if segment]
    for index, segment in enumerate(segments):
        state = _STATE.match(segment)
        if state and index >= 2 and _is_town(segments[index - 1]):  # noqa: PLR2004  street, town, state
            return f"{segments[index - 1]}, {state['state']}"
        found = _BEFORE_TOWN.match(segment) or (_AFTER_TOWN.match(segment) if index else None)
        if found and not state and _is_town(found["town"]):
            return found["town"]
    return None


def _is_town(words: str) -> bool:
    return bool(
        _TOWN_ONLY.match(words) and 1 < len(words) <= 40 and len(words.split()) <= _MOST_WORDS  # noqa: PLR2004
    ) and not _STREETS.search(_SAINT.sub("", words))
