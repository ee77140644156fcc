"""`PlateTextDetector`: number plates, by the form of a line that holds nothing else."""

import hashlib
import re
from collections.abc import Iterator, Sequence

from filters.findings import EntityType, TextFinding
from filters.records import PromptContent

REVISION = 1
NATIONAL, GENERIC = 0.75, 0.45
"""Scores: the form of a country's plates; short groups of capitals and digits, which article numbers have too."""

_GAP = r"[ \-–·•.:°*|]{0,3}"
"""What stands, or is read, between groups: spaces, dashes, seals."""
_FORMS = (
    rf"[A-ZÄÖÜ]{{1,3}}[ \-–·•.:°*|]{{1,3}}[A-Z]{{1,2}}{_GAP}\d{{1,4}}[EH]?",  # Germany
    rf"[A-Z]{{2}}\d{{2}}{_GAP}[A-Z]{{3}}",  # United Kingdom
    rf"[A-Z]{{2}}{_GAP}\d{{3}}{_GAP}[A-Z]{{2}}",  # France, Italy
    rf"\d{{4}}{_GAP}[BCDFGHJKLMNPRSTVWXYZ]{{3}}",  # Spain
    r"(?=[\w-]{8}$)[A-Z\d]{1,3}[-–][A-Z\d]{1,3}[-–][A-Z\d]{1,3}",  # the Netherlands, Portugal
    rf"\d[A-Z]{{3}}\d{{3}}|[A-Z]{{3}}{_GAP}\d{{3,4}}|\d{{3}}{_GAP}[A-Z]{{3}}",  # states of the USA, Sweden
    rf"[A-Z]{{2}}{_GAP}\d{{1,2}}{_GAP}[A-Z]{{1,3}}{_GAP}\d{{4}}",  # India
    rf"[\u4e00-\u9fff][A-Z]{_GAP}[A-Z\d]{{5,6}}",  # China
)
_NATIONAL = re.compile("|".join(f"(?:{form})" for form in _FORMS))
_GENERIC = re.compile(r"[A-Z\d]{1,4}(?:[ \-–·•.]{1,3}[A-Z\d]{1,4}){1,2}|[A-Z\d]{5,8}")
_SHORTEST, _LONGEST, _LONGEST_GENERIC, _DIGITS = 5, 10, 8, 2
"""Letters and digits of a plate, and the least number of digits, without which a line is a word."""
_OTHER = re.compile(
    r"(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|MAI|OKT|DEZ|MON|TUE|WED|THU|FRI|SAT|SUN|RM|USD|EUR|GBP|MYR|SGD|CHF|"
    r"NO|NR|QTY|TEL|FAX|VAT|GST|SST|TAX|REF|INV|PO|BOX|ID|REG|BILL|CASH|ROOM|ITEM|PCS|KG|ML|CM|MM|AM|PM|EST|ISO|"
    r"F|FIG|VOL|PAGE|GATE|SEAT|ROW|BUS|LINE|HTTP|USB|MP|GB|MB|TB)(?![A-Z])|\d{1,4}\s?(?:AM|PM|KG|ML|CM|MM|GB|MB|TB|MP|PCS)\b|\d{1,2}:\d\d"
)


class PlateTextDetector:
    """`TextDetector` for lines that are a number plate as a whole.

    Plates in small letters, over two lines, or with other text on their row are not found.
    """

    name = "plates"
    entities = frozenset({EntityType.LICENSE_PLATE})

    def __init__(self) -> None:
        rules = (REVISION, NATIONAL, GENERIC, _NATIONAL.pattern, _GENERIC.pattern, _OTHER.pattern)
        self.digest = hashlib.sha256(repr(rules).encode()).hexdigest()

    def detect(self, batch: Sequence[PromptContent]) -> list[list[TextFinding]]:
        """See `TextDetector.detect`."""
        return [
            [
                TextFinding(name, start, end, EntityType.LICENSE_PLATE, score, self.name)
                for name, text in content.fields.items()
                for start, end, score in _plates(text)
            ]
            for content in batch
        ]


def _plates(text: str) -> Iterator[tuple[int, int, float]]:
    for row in re.finditer(r"[^\n]+", text):
        line = row[0].strip(" .|-–·•")
        signs = sum(sign.isalnum() for sign in line)
        if not _SHORTEST <= signs <= _LONGEST or sum(sign.isdigit() for sign in line) < _DIGITS or _OTHER.match(line):
            continue
        score = NATIONAL if _NATIONAL.fullmatch(line) else GENERIC if _is_generic(line) else None
        if score is not None:
            start = row.start() + row[0].index(line)
            yield start, start + len(line), score


def _is_generic(line: str) -> bool:
    signs = [sign for sign in line if sign.isalnum()]
    mixed = len(signs) <= _LONGEST_GENERIC and not all(sign.isdigit() for sign in signs)
    return mixed and _GENERIC.fullmatch(line) is not None
