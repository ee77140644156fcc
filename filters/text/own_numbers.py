"""Cards and IBANs by their checksums, however they are grouped."""

import re
from collections.abc import Iterator, Mapping

PROVEN = 1.0
"""Score of a number whose prefix, length and checksum are right."""

# Issuer prefixes and lengths, ISO/IEC 7812, as the brands publish them.
_BRANDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}"  # Mastercard
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{8,15}"  # Maestro
    r"|3[47]\d{13}"  # American Express
    r"|(?:6011|65\d{2}|64[4-9]\d)\d{12,15}"  # Discover
    r"|3(?:0[0-5]|09|[68]\d|9\d)\d{11}"  # Diners Club
    r"|35(?:2[89]|[3-8]\d)\d{12}"  # JCB
    r"|62\d{14,17}"  # UnionPay
    r"|220[0-4]\d{12,15}"  # Mir
    r"|(?:508[5-9]|60\d{2}|81\d{2}|82\d{2})\d{12}"  # RuPay
    r"|9792\d{12}"  # Troy
)
_FEWEST, _MOST = 12, 19
_GROUP = re.compile(r"\d+", re.ASCII)
_BETWEEN = re.compile(r"[ ._/\u00a0-]|  |\r?\n| - ")
_LAYOUTS = frozenset(
    {
        *((4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (6, 13), (8, 8), (4, 5, 6)),
        *((4, 4, 4), (4, 4, 4, 1), (4, 4, 4, 2), (4, 4, 4, 3), (4, 4, 5)),
    }
)


def cards(text: str) -> Iterator[tuple[int, int, float]]:
    """Numbers of 12 to 19 digits with a brand's prefix and length and Luhn's check digit.

    In one row, in the groups of a card, or digit by digit; between groups the same separator throughout.
    """
    groups = [match.span() for match in _GROUP.finditer(text)]
    after = 0
    for index, (start, _) in enumerate(groups):
        if start < after or text[start - 1 : start].isalnum():
            continue
        end = _card_end(text, groups, index)
        if end is not None:
            after = end
            yield start, end, PROVEN


def _card_end(text: str, groups: list[tuple[int, int]], index: int) -> int | None:
    """Where the longest card that begins with this group ends."""
    found, digits, lengths, between = None, "", [], None
    for place in range(index, min(len(groups), index + _MOST)):
        start, end = groups[place]
        if place > index:
            gap = text[groups[place - 1][1] : start]
            if gap != (between or gap) or not _BETWEEN.fullmatch(gap):
                break
            between = gap
        digits += text[start:end]
        lengths.append(end - start)
        if len(digits) > _MOST:
            break
        if _is_card(digits, lengths) and not text[end : end + 1].isalnum():
            found = end
    return found


def _is_card(digits: str, lengths: list[int]) -> bool:
    if len(digits) < _FEWEST or not (len(lengths) in {1, len(digits)} or tuple(lengths) in _LAYOUTS):
        return False
    return _BRANDS.fullmatch(digits) is not None and luhn(digits)


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1: every second digit from the right doubled, the sum of all digits a multiple of ten."""
    total = sum(map(int, digits[-1::-2]))
    total += sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return total % 10 == 0 and len(set(digits)) > 1


# Length by country: SWIFT's IBAN registry (ISO 13616), release 99.
_IBAN_LENGTHS: Mapping[str, int] = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FK FO FI GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
_IBAN_START = re.compile(r"(?<![^\W_])[a-z]{2}[ ]?\d{2}", re.IGNORECASE | re.ASCII)
_IBAN_NEXT = re.compile(r"(?:[ .\u00a0/-]|\r?\n)?([a-z0-9])", re.IGNORECASE | re.ASCII)


def ibans(text: str) -> Iterator[tuple[int, int, float]]:
    """IBANs of every country of the registry, in any case, with single separators anywhere, of the right checksum."""
    after = 0
    for match in _IBAN_START.finditer(text):
        length = _IBAN_LENGTHS.get(match.group()[:2].upper())
        if length is None or match.start() < after:
            continue
        characters, end = match.group().replace(" ", "").upper(), match.end()
        while len(characters) < length and (following := _IBAN_NEXT.match(text, end)):
            characters, end = characters + following.group(1).upper(), following.end()
        if len(characters) == length and not text[end : end + 1].isalnum() and _mod97(characters):
            after = end
            yield match.start(), end, PROVEN


def _mod97(iban: str) -> bool:
    """ISO 7064 MOD 97-10 over the number that an IBAN's letters and digits spell."""
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1
