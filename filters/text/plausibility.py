"""Which candidates are believed: technical tokens are told from numbers of persons, bare digits from identifiers."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from filters.findings import EntityType
from filters.text.candidate import Candidate
from filters.text.technical import TechnicalToken, covering, speaks_for

BARE_NUMBER_SCORE = 0.3
"""For a bare number whose only evidence is one check digit: below any threshold that asks for more than the form."""

# One in ten or eleven random numbers of the right length passes each of these checks.
_ONE_CHECK_DIGIT = frozenset(
    {
        EntityType.AU_ABN,
        EntityType.AU_ACN,
        EntityType.AU_MEDICARE,
        EntityType.AU_TFN,
        EntityType.DE_TAX_ID,
        EntityType.IN_AADHAAR,
        EntityType.IT_VAT_CODE,
        EntityType.TH_TNIN,
        EntityType.UK_NHS,
    }
)
_WHOLE_PART = re.compile(r"(?<![\d.])\d\.\Z")
_WHOLE_PART_CHARACTERS = 2
_SHORTEST_LICENCE = 6
"""Characters of the shortest US driver licence number worth the name; `v1`, `D850` and `RTX3` are not."""

# Presidio's patterns for these have no word borders.
_UNBORDERED = frozenset({EntityType.MEDICAL_LICENSE, EntityType.PL_PESEL, EntityType.FI_PERSONAL_IDENTITY_CODE})

# Issuer prefixes and lengths, ISO/IEC 7812 as the brands publish them.
_BRANDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|(?:6011|65\d{2}|64[4-9]\d)\d{12}"  # Discover
    r"|3(?:0[0-5]|[68]\d)\d{11}"  # Diners Club
    r"|35(?:2[89]|[3-8]\d)\d{12}"  # JCB
)


def is_branded_card(number: str) -> bool:
    """Whether the digits of `number` have the prefix and the length of a card brand."""
    return _BRANDS.fullmatch("".join(filter(str.isdecimal, number))) is not None


def judged(text: str, candidates: Sequence[Candidate], tokens: list[TechnicalToken]) -> Iterator[Candidate]:
    """The candidates that are believed, some with a lower score."""
    for candidate in candidates:
        if _is_possible(text, candidate) and not _is_technical(text, candidate, tokens):
            yield _weighed(text, candidate)


def _is_possible(text: str, candidate: Candidate) -> bool:
    if candidate.entity_type is EntityType.US_DRIVER_LICENSE:
        return candidate.end - candidate.start >= _SHORTEST_LICENCE
    if candidate.entity_type is EntityType.PHONE_NUMBER:
        return not _is_quantity(text, candidate)
    if candidate.entity_type in _UNBORDERED:
        return not _is_part_of_more(text, candidate)
    return True


def _is_quantity(text: str, candidate: Candidate) -> bool:
    """The decimals of `3.1415926535`, or `999999999`: one digit over and over."""
    number = text[candidate.start : candidate.end]
    is_fraction = (
        number.isdecimal() and _WHOLE_PART.search(text, max(0, candidate.start - 3), candidate.start) is not None
    )
    return is_fraction or len(set(number)) == 1


def _is_part_of_more(text: str, candidate: Candidate) -> bool:
    """Digits go on beside the candidate; or letters do, where it begins with one itself."""
    before, after = text[max(0, candidate.start - 1) : candidate.start], text[candidate.end : candidate.end + 1]
    if text[candidate.start].isalpha() and before.isalnum():
        return True
    return before.isdecimal() or after.isdecimal()


def _is_technical(text: str, candidate: Candidate, tokens: list[TechnicalToken]) -> bool:
    around = covering(tokens, candidate.start, candidate.end)
    if around is None:
        return False
    if candidate.entity_type is EntityType.CREDIT_CARD:
        return not is_branded_card(text[candidate.start : candidate.end])
    return speaks_for(around, candidate.entity_type, supported=candidate.supported)


def _weighed(text: str, candidate: Candidate) -> Candidate:
    if candidate.supported or candidate.entity_type not in _ONE_CHECK_DIGIT:
        return candidate
    # 3-3-4 digits, as NHS numbers are written, are an American telephone number first.
    if text[candidate.start : candidate.end].isdecimal() or candidate.entity_type is EntityType.UK_NHS:
        return replace(candidate, score=min(candidate.score, BARE_NUMBER_SCORE))
    return candidate
