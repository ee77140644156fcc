"""`DocumentTextDetector`: what the form of a document tells: labelled fields, lines of an address, names of firms.

On cards, forms, letters and receipts a line is a unit: it is reported whole, where a model that was taught sentences
marks a word or two of it.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from filters.findings import EntityType, TextFinding
from filters.records import PromptContent

REVISION = 2
LABELLED, CUED, FOLLOWING = 0.85, 0.75, 0.6
"""Scores: a value behind its label; a line with the marks of its kind; one that goes on from such a line."""

_LABELS: dict[EntityType, str] = {
    EntityType.PERSON: r"(?:(?:full|first|last|given|family|middle|card ?holder'?s?|holder'?s?|patient|"
    r"passenger|customer|guest|"
    r"student|employee|account) ?names?|names?|surname|forenames?|card ?holder|passenger|patient|customer|"
    r"cashier|served by|"
    r"sales ?person|server|attn|attention|ship to|bill to|sold to|deliver to|sender|recipient|nom|prénoms?|nombres?|"
    r"apellidos?|vornamen?|nachnamen?|familiennamen?|namen?|nome|cognome|sobrenome)",
    EntityType.DATE_OF_BIRTH: r"(?:d\.?o\.?b\.?|date of birth|birth ?date|born(?: on)?|geburtsdatum|"
    r"geb\.?(?: am)?|geboren(?: am)?|"
    r"née? le|date de naissance|fecha de nacimiento|data di nascita|nascimento)",
    EntityType.ADDRESS: r"(?:(?:home|street|postal|mailing|billing|shipping|delivery) address|address|add|"
    r"adresse|anschrift|"
    r"wohnort|direcci[oó]n|domicilio|indirizzo|endere[cç]o|alamat)",
    EntityType.PHONE_NUMBER: r"(?:tele?(?:phone)?|phone|fax|mobile|cell|hand ?phone|h/?p|whats ?app|"
    r"tél(?:éphone)?|telefon[eo]?|"
    r"tel[eé]fono|m[oó]vil|handy)(?: ?(?:no|number|nr)\.?)?",
}
_VALUES = {
    EntityType.PERSON: re.compile(r"[^\W\d_][\w'’.,\- ]{1,60}"),
    EntityType.DATE_OF_BIRTH: re.compile(r"\d[\w./\- ]{3,30}"),
    EntityType.ADDRESS: re.compile(r"\w[^\n]{3,120}"),
    EntityType.PHONE_NUMBER: re.compile(r"[+(\d][\d ()./+\-]{5,40}"),
}
_FIELDS = {
    entity: re.compile(rf"(?<![^\W_])(?:{words})\s{{0,3}}[.]?\s{{0,3}}[:：#>]\s{{0,3}}\n?", re.IGNORECASE)
    for entity, words in _LABELS.items()
}
"""A label with its colon. The value is behind it, or stands alone on the next line."""

_STREET = (
    r"jalan|jln|jl|lorong|lrg|persiaran|lebuh(?:raya)?|taman|tmn|bandar|kampung|kg|lot|unit|blk|block|suite|ste|"
    r"apt|floor|flr|"
    r"level|lvl|street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|way|court|ct|square|sq|highway|hwy|"
    r"plaza|mall|"
    r"building|bldg|wisma|menara|kompleks|plot|batu|km|p\.? ?o\.? ?box|rue|all[eé]e|chemin|impasse|calle|"
    r"avenida|avda|paseo|"
    r"carretera|strasse|straße|str|platz|weg|gasse|via|piazza|corso|viale|rua|travessa|ulica|ul|straat|laan"
)
_STREET_WORD = re.compile(
    rf"(?<![^\W_])(?:{_STREET})(?![^\W_])|\w{{3,40}}(?:stra(?:ss|ß)e|str\.|gasse|platz|weg|straat|laan)(?![^\W_])",
    re.IGNORECASE,
)
_HOUSE = re.compile(
    r"(?<![^\W_])(?:no|lot|unit|g|gf|lg)?[.\-: ]{0,3}\d{1,5}[a-z]?(?:[/\-]\d{1,5}[a-z]?){0,4}(?![^\W_])", re.IGNORECASE
)
_NUMBERED = re.compile(r"\s{0,4}(?:no|lot|unit|blk|block)\s{0,2}[.:]?\s{0,2}[a-z]{0,3}\d", re.IGNORECASE)
_POSTCODE = re.compile(
    r"\s{0,4}(?:[A-Z]{1,2}[-– ])?\d{4,6}[,.]?\s{1,3}[^\W\d_]{3}|"
    r".{0,60}[^\W\d_][,.]?\s{1,3}[A-Z]{2}\s{1,2}\d{5}(?:-\d{4})?\s{0,4}$"
    r"|.{0,60}\b[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\s{0,4}$|.{0,60}[^\W\d_]{3}[,.]?\s{1,3}\d{5,6}[,.]?\s{0,4}$",
)
_NOT_PLACE = re.compile(
    r"total|cash|change|amount|qty|price|invoice|receipt|tax|gst|vat|tel|fax|phone|date|time|thank|www|@|http|[$€£]|"
    r"\d[.,]\d\d(?!\d)|discount|item|rounding|subtotal|balance|order|bill|\breg\b|\bid\b",
    re.IGNORECASE,
)
_FIRM = re.compile(
    r"(?<![^\W_])(?:sdn\.? ?bhd|s/b|bhd|pte\.? ?ltd|ltd|limited|llc|l\.l\.c|inc|incorporated|corp|corporation|"
    r"plc|llp|gmbh|ag|kg|ohg|"
    r"s\.?a\.?r\.?l|s\.?a\.?s|s\.p\.a|s\.?r\.?l|s\.a|s\.l|n\.v|b\.v|oy|ab|a/s|aps|co|company|enterprises?|"
    r"trading|holdings?|"
    r"hardware|restaurants?|trattoria|pharmacy|supermarket|hypermarket|minimarket|stationery|bakery|motors?|electrical|"
    r"engineering|marketing|industr(?:y|ies))(?![^\W_])",
    re.IGNORECASE,
)
_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:(?:19|20)\d\d|\d\d)"
_MONTH_NAME = (
    r"(?:jan|feb|m[aäe]r|mac|apr|avr|abr|ma[iy]|jun|jul|ju[il]n|aug|ago|ogos|sep|o[ck]t|out|nov|de[czs]|dis)"
    r"[a-zäéûç]{0,7}"
)
_DATES = (
    rf"{_DAY}(?P<a>[/\-]){_MONTH}(?P=a){_YEAR}",
    rf"{_MONTH}(?P<b>[/\-]){_DAY}(?P=b){_YEAR}",
    rf"\d\d\.(?:0[1-9]|1[0-2])\.{_YEAR}",
    rf"{_DAY}\.{_MONTH}\.(?:19|20)\d\d",
    rf"(?:19|20)\d\d(?P<c>[./\-]){_MONTH}(?P=c){_DAY}",
    rf"{_DAY}[ ./\-]{{0,2}}{_MONTH_NAME}[ .,/'’\-]{{0,3}}{_YEAR}",
    rf"{_MONTH_NAME}[ .]{{0,2}}{_DAY}[ ,]{{1,3}}(?:19|20)\d\d",
)
_DATE = re.compile(rf"(?<!\d)(?<!\d[.,/\-])(?:{'|'.join(_DATES)})(?:(?!\d)|(?=\d{{1,2}}:\d\d))", re.IGNORECASE)
"""A day; a time may be read as if it were glued to it."""
_AMOUNT = re.compile(r"\d{1,6}[.,]\d{2}")
_QUANTITY = re.compile(r"\d{1,3}(?:[.,]\d{1,2})?")
_LONGEST_LINE = 160
_TOWN_WORDS = 4
_MOST_FOLLOWING = 3
"""Lines that an address goes on over without a mark of its own."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of a field, `[start, end)` without the space around it."""

    start: int
    end: int
    text: str


class DocumentTextDetector:
    """`TextDetector` for text as it stands on documents, line by line."""

    name = "document_text"
    entities = frozenset({*_LABELS, EntityType.ORGANIZATION, EntityType.DATE_TIME})

    def __init__(self) -> None:
        rules = (
            REVISION,
            *_LABELS.values(),
            _STREET,
            _POSTCODE.pattern,
            _NOT_PLACE.pattern,
            _FIRM.pattern,
            _DATE.pattern,
        )
        self.digest = hashlib.sha256(repr(rules).encode()).hexdigest()

    def detect(self, batch: Sequence[PromptContent]) -> list[list[TextFinding]]:
        """See `TextDetector.detect`."""
        return [
            [
                TextFinding(name, start, end, entity_type, score, self.name)
                for name, text in content.fields.items()
                for start, end, entity_type, score in _spans(text)
            ]
            for content in batch
        ]


def is_column(text: str) -> bool:
    """Whether a number is made of amounts and quantities, side by side or one below the other: to a detector of
    telephone numbers they look like its groups."""
    parts = [part for part in re.split(r"[^\d.,]+", text) if part]
    amounts = sum(bool(_AMOUNT.fullmatch(part)) for part in parts)
    return 2 * amounts >= len(parts) > 0 and all(_AMOUNT.fullmatch(part) or _QUANTITY.fullmatch(part) for part in parts)


def _spans(text: str) -> Iterator[tuple[int, int, EntityType, float]]:
    for entity_type, field in _FIELDS.items():
        for label in field.finditer(text):
            value = _VALUES[entity_type].match(text, label.end())
            if value:
                yield value.start(), value.end(), entity_type, LABELLED
    for date in _DATE.finditer(text):
        yield date.start(), date.end(), EntityType.DATE_TIME, CUED
    rows = list(_rows(text))
    for row in rows:
        if _FIRM.search(row.text) and len(row.text) <= _LONGEST_LINE and not _NOT_PLACE.search(row.text):
            yield row.start, row.end, EntityType.ORGANIZATION, FOLLOWING
    for index, score in _address_rows(rows).items():
        yield rows[index].start, rows[index].end, EntityType.ADDRESS, score


def _rows(text: str) -> Iterator[_Row]:
    for match in re.finditer(r"[^\n]+", text):
        line = match[0]
        stripped = line.strip()
        if stripped:
            start = match.start() + line.index(stripped)
            yield _Row(start, start + len(stripped), stripped)


def _address_rows(rows: Sequence[_Row]) -> dict[int, float]:
    """The rows of addresses, with their scores: those with marks, and what stands between or goes on from them."""
    found = {index: CUED for index, row in enumerate(rows) if _marked(row.text)}
    for index in sorted(found):
        _follow(rows, found, index)
    return found


def _marked(line: str) -> bool:
    if len(line) > _LONGEST_LINE or _NOT_PLACE.search(line):
        return False
    street = _STREET_WORD.search(line)
    return bool((street and _HOUSE.search(line)) or _POSTCODE.match(line) or (_NUMBERED.match(line) and "," in line))


def _follow(rows: Sequence[_Row], found: dict[int, float], index: int) -> None:
    """Add the rows below that belong to the address of row `index`."""
    for place in range(index + 1, min(index + 1 + _MOST_FOLLOWING, len(rows))):
        row = rows[place]
        if place in found:
            return
        open_end = rows[place - 1].text.endswith((",", "-", "/"))
        gap = any(other in found for other in range(place + 1, min(place + 2, len(rows))))
        if len(row.text) > _LONGEST_LINE or _NOT_PLACE.search(row.text):
            return
        if not (open_end or gap or _is_place(row.text)):
            return
        found[place] = FOLLOWING


def _is_place(line: str) -> bool:
    """A street word without a number, or a few capitalised words: a town, a state, a country."""
    words = re.findall(r"[^\W\d_]+", line)
    return bool(_STREET_WORD.search(line)) or (
        0 < len(words) <= _TOWN_WORDS and not re.search(r"\d", line) and all(word[0].isupper() for word in words)
    )
