"""Recognizers of our own, for what Presidio's patterns leave out. They run beside Presidio's and repeat none of them.

Checksums decide where there are any; elsewhere a word that says what the number is ("call", "driver's licence"), or a
shape that nothing else has. Every pattern is bounded: a text is searched in linear time.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from filters.findings import EntityType
from filters.text.candidate import Candidate
from filters.text.deadline import remaining
from filters.text.own_numbers import cards, ibans
from filters.text.phone import FEWEST_DIGITS
from filters.text.recognizer import Recognizer

Found = Iterator[tuple[int, int, float]]
"""Start, end and score of what a rule finds."""


@dataclass(frozen=True, slots=True)
class OwnRecognizer:
    """One rule behind the protocol `Recognizer`; `version` changes with what it finds."""

    name: str
    entity_type: EntityType
    rule: Callable[[str], Found]
    version: int
    context: Sequence[str] = ()

    def scan(self, text: str, deadline: float) -> Iterator[Candidate]:
        """See `Recognizer.scan`."""
        for start, end, score in self.rule(text):
            remaining(deadline)
            yield Candidate(start, end, self.entity_type, score)

    def describe(self) -> str:
        """See `Recognizer.describe`."""
        return f"{self.name} {self.entity_type} {self.version}"


CUED, SHAPED = 0.6, 0.5
"""Scores of a number that a word speaks for, and of one that only its shape does."""
PHONE_SHAPED = 0.4
"""As Presidio scores a number that libphonenumber takes for valid."""

_PHONE = re.compile(
    r"(?<![\w+])(?<!\d[ .-])(?:\+\s?)?\(?\d(?:[ ()./\u00a0-]{0,3}\d){5,14}(?:\s?(?:x|ext\.?|extension|#)\s?\d{1,6})?"
    r"(?!\w|[ .-]\d)",
    re.IGNORECASE,
)
_PHONE_CUE_BEFORE = re.compile(
    r"(?<!\w)(?:tele)?(?:phone|fon|fono|foon|fax|tel|tél|mobile|mobil|móvil|celular|cell|cellphone|call(?:ing|ed)?|dial|"
    r"reach|reached|whatsapp|sms|answering|contact|hotline|landline|handy|portable|appelez|llama|anrufen|rufnummer)"
    r"(?!\w)[^\d\n,.;!?]{0,30}\Z",
    re.IGNORECASE,
)
_PHONE_CUE_AFTER = re.compile(
    r"[\s,;:()\\/-]{0,3}(?:office|fax|home|mobile|cell|work|tel|phone|direct)(?!\w)", re.IGNORECASE
)
_NANP = re.compile(r"(?:\+?1[ .-]?|001[ .-])?(?:\(\d{3}\)\s?\d{3}[ .-]\d{4}|\d{3}([.-])\d{3}\1\d{4})(?!\d)")
_ABROAD = re.compile(r"\+\s?[1-9]\d{0,2}[ ().\u00a0-]")
_DATE = re.compile(r"(?:19|20)\d\d[-/. ]?[01]?\d[-/. ]?[0-3]?\d")
_SHORT = re.compile(r"\d\d([ .-])\d\d\1\d\d|\d{3}[ -]\d{3}")
_FEWEST_ABROAD = 8
_CUE_REACH = 48


def phones(text: str) -> Found:
    """Numbers that libphonenumber refuses: with a word that makes them one, or grouped like no other numbers.

    Six digits need both.
    """
    for match in _PHONE.finditer(text):
        start, end = match.span()
        number = match.group()
        digits = sum(map(str.isdigit, number))
        if _DATE.fullmatch(number) or (digits < FEWEST_DIGITS and not _SHORT.fullmatch(number)):
            continue
        if _PHONE_CUE_BEFORE.search(text, max(0, start - _CUE_REACH), start) or _PHONE_CUE_AFTER.match(text, end):
            yield start, end, CUED
        elif _NANP.match(number) or (_ABROAD.match(number) and digits >= _FEWEST_ABROAD):
            yield start, end, PHONE_SHAPED


_SSN = re.compile(
    r"(?<![\w.-])(?!000|666|9)\d{3}(?P<between>\s?[-./_:·|,]\s?|\s{2,3}|\n)(?!00)\d{2}(?P=between)(?!0000)\d{4}(?![\w-])"
)


def social_security_numbers(text: str) -> Found:
    """3-2-4 digits with the same separator twice, whatever it is."""
    for match in _SSN.finditer(text):
        yield *match.span(), SHAPED


_EMAIL = re.compile(
    r"(?<![\w.+-])(?:\"[^\"\n]{1,64}\"|[\w.!#$%&'*+/=?^`{|}~-]{1,64})@"
    r"(?:\[[0-9a-f:.]{3,45}\]|[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.(?!(?:png|jpe?g|webp|gif|svg|pt|ckpt)\b)[^\W\d_]{2,24}(?![\w-]))",
    re.IGNORECASE,
)


def emails(text: str) -> Found:
    """Also with a domain under no public suffix (`.local`, `.corp`) or in brackets, or with a quoted local part."""
    for match in _EMAIL.finditer(text):
        yield *match.span(), SHAPED


_URL = re.compile(r"(?<!\w)(?:https?|ftp)://[^\s<>\"'()\[\]{}|\\^`]{1,2048}", re.IGNORECASE)
_HOST = re.compile(
    r"(?<![\w@./:-])(?:www\.(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])(?:/[^\s<>\"'()\[\]{}|\\^`]{0,2048})?)",
    re.IGNORECASE,
)
_SCHEME_SCORE, _HOST_SCORE = 0.6, 0.5
_CLOSING = ".,;:!?*"


def urls(text: str) -> Found:
    """Whatever has a scheme, its host being under no public suffix too; and all of a host that begins with `www.`."""
    for pattern, score in ((_URL, _SCHEME_SCORE), (_HOST, _HOST_SCORE)):
        for match in pattern.finditer(text):
            end = match.start() + len(match.group().rstrip(_CLOSING))
            yield match.start(), end, score


_US_LICENCE = re.compile(
    r"(?<![\w-])(?:[A-Z]\d{3}-\d{4}-\d{4}(?:-\d{2})?|[A-Z]\d{3}-\d{3}-\d{2}-\d{3}(?:-\d)?|[A-Z]-\d{3}-\d{3}-\d{3}-\d{3}"
    r"|[A-Z] \d{3} \d{3} \d{3} \d{3}|K\d{2}-\d{2}-\d{4})(?![\w-])"
)
_US_LICENCE_CUE = re.compile(
    r"(?<!\w)driv(?:er|ers|er['\u2019]?s|ing)[ -]licen[cs]e(?:\s(?:number|no\.?|nr\.?|id))?[\s:#=]{0,3}(?:is\s)?\s?"
    r"(?P<number>(?=[A-Z-]{0,8}\d)(?=(?:[A-Z-]*\d){4})[A-Z0-9][A-Z0-9-]{4,19})(?![\w-])",
    re.IGNORECASE,
)
_UK_LICENCE = re.compile(
    r"(?<!\w)[A-Z9]{5}[ -]?\d(?:0[1-9]|1[0-2]|5[1-9]|6[0-2])(?:0[1-9]|[12]\d|3[01])\d[ -]?[A-Z9]{2}[ -]?[A-Z0-9]"
    r"[A-Z]{2}(?!\w)",
    re.IGNORECASE,
)


def us_licences(text: str) -> Found:
    """Numbers with the dashes of Florida, Illinois, Maryland, Michigan, Wisconsin, …; or after "driver's license"."""
    for match in _US_LICENCE.finditer(text):
        yield *match.span(), SHAPED
    for match in _US_LICENCE_CUE.finditer(text):
        if not _UK_LICENCE.fullmatch(match["number"]):
            yield *match.span("number"), CUED


def uk_licences(text: str) -> Found:
    """`MORGA 657054 SM9IJ`, as it is printed on the card."""
    for match in _UK_LICENCE.finditer(text):
        yield *match.span(), SHAPED


def own() -> list[Recognizer]:
    """Every recognizer of this project, one for each type."""
    return [
        OwnRecognizer("OwnPhones", EntityType.PHONE_NUMBER, phones, 1),
        OwnRecognizer("OwnCards", EntityType.CREDIT_CARD, cards, 1),
        OwnRecognizer("OwnIbans", EntityType.IBAN_CODE, ibans, 1),
        OwnRecognizer("OwnSsn", EntityType.US_SSN, social_security_numbers, 1),
        OwnRecognizer("OwnEmails", EntityType.EMAIL_ADDRESS, emails, 1),
        OwnRecognizer("OwnUrls", EntityType.URL, urls, 1),
        OwnRecognizer("OwnUsLicences", EntityType.US_DRIVER_LICENSE, us_licences, 1),
        OwnRecognizer("OwnUkLicences", EntityType.UK_DRIVING_LICENCE, uk_licences, 1),
    ]
