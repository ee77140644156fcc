"""libphonenumber's matcher over several regions in one pass: the spans that Presidio's `PhoneRecognizer` finds, sooner.

Presidio runs `PhoneNumberMatcher` once for each region. All of these runs look at the same pieces of the text, and all
but one or two refuse each piece after a full parse. Here every piece is made once, most regions refuse it by one look
at its digits, and only what could be valid there is parsed. What is accepted is always libphonenumber's own decision.

The matcher's inner parts are used and subclassed, as it has no public ones; a change of them fails on import or in the
tests of identity, never silently.
"""

import re
import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import phonenumbers
from phonenumbers.phonenumbermatcher import (
    _INNER_MATCHES,
    _PATTERN,
    _SLASH_SEPARATED_DATES,
    _TIME_STAMPS,
    _TIME_STAMPS_SUFFIX,
)
from phonenumbers.phonenumberutil import _SECOND_NUMBER_START_PATTERN, _UNWANTED_END_CHAR_PATTERN

FEWEST_DIGITS = 7
_MOST_DIGITS = 20
"""libphonenumber's limits on digits and blocks cut nothing off up to here."""

_PLAIN = re.compile(r"[(\[ ]*\+?[(\[ ]*[0-9][0-9 ()\[\]./\u00a0-]*", re.ASCII)
_NOT_DIGITS = re.compile(r"[^0-9]+")
_KINDS = (
    *("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost"),
    *("personal_number", "voip", "pager", "uan", "voicemail"),
)
"""Where `is_valid_number` looks."""
_FIRST_GROUP_ONLY = re.compile(r"\(?\\1\)?")
"""Such a formatting rule puts no prefix before a number."""
_FEW = 4
"""A calling code of more territories than this (+1) is judged by its general form alone."""
_SUFFIX_RULES = frozenset({None, r"\1", r"\2"})
"""Ways to strip a national prefix that leave the end of the digits as it is."""

# The matcher's own rule for ASCII; it looks at the rest itself.
_REFUSED_BESIDE = frozenset("%$" + string.ascii_letters)
_LEADING = frozenset("([+")

_Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the text that could be one number; `digits` where it has nothing but digits and plain punctuation."""

    text: str
    offset: int
    digits: str | None
    has_plus: bool

    @property
    def end(self) -> int:
        """Where it ends in the text."""
        return self.offset + len(self.text)


def _piece(text: str, offset: int) -> _Piece:
    plain = _PLAIN.fullmatch(text) is not None
    return _Piece(text, offset, _NOT_DIGITS.sub("", text) if plain else None, "+" in text)


@dataclass(frozen=True, slots=True)
class _Format:
    """How a region writes its numbers. The first that fits a number tells whether it needs its national prefix."""

    leading: re.Pattern[str]
    whole: re.Pattern[str]
    asks_for_prefix: bool

    @classmethod
    def of(cls, known: phonenumbers.NumberFormat) -> "_Format":
        rule = known.national_prefix_formatting_rule
        asks = rule and not known.national_prefix_optional_when_formatting and not _FIRST_GROUP_ONLY.fullmatch(rule)
        leading = known.leading_digits_pattern[-1] if known.leading_digits_pattern else ""
        return cls(re.compile(leading, re.ASCII), re.compile(known.pattern or "(?!)", re.ASCII), bool(asks))

    def fits(self, digits: str) -> bool:
        return self.leading.match(digits) is not None and self.whole.fullmatch(digits) is not None


class Region:
    """Which digits can be a valid number of one region: a necessary condition, never a sufficient one."""

    def __init__(self, code: str) -> None:
        self.code = code
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(code)
        if metadata is None:
            raise ValueError(f"libphonenumber knows no region {code!r}")
        # Three digits at least are left for a calling code and a number: libphonenumber's own minimum.
        self._abroad = re.compile(rf"(?:{metadata.international_prefix or '(?!)'})\d{{3}}", re.ASCII)
        self._national = _national(metadata) if metadata.national_prefix_transform_rule in _SUFFIX_RULES else None
        self._lead = re.compile(f"0|{metadata.country_code}|{metadata.national_prefix_for_parsing or '(?!)'}", re.ASCII)
        is_main = phonenumbers.region_code_for_country_code(metadata.country_code or 0) == code
        self._formats = [_Format.of(known) for known in metadata.number_format] if is_main else []

    def may_take(self, piece: _Piece) -> bool:
        """Whether the piece has to be parsed to know."""
        if piece.digits is None or piece.has_plus or self._national is None:
            return True
        if self._abroad.match(piece.digits):
            return True
        return self._national.match(piece.digits) is not None and not self._lacks_prefix(piece.digits)

    def _lacks_prefix(self, digits: str) -> bool:
        """Whether they are a number whose national prefix has to be written, and is not."""
        if self._lead.match(digits):
            return False
        return next((known.asks_for_prefix for known in self._formats if known.fits(digits)), False)

    @property
    def digits(self) -> str:
        """A pattern that matches at the start of all digits that the region has to be asked about."""
        return "" if self._national is None else f"{self._national.pattern}|{self._abroad.pattern}"


class Regions:
    """Regions in the order in which they are asked.

    Args:
        codes: as in ISO 3166.

    Raises:
        ValueError: libphonenumber does not know one of them.
    """

    def __init__(self, codes: Iterable[str]) -> None:
        self.all = tuple(map(Region, codes))
        self._any = re.compile("|".join(region.digits for region in self.all), re.ASCII)

    def may_take(self, piece: _Piece, text: str) -> bool:
        """Whether any region has to be asked about a piece of this text."""
        if piece.digits is None:
            return bool(piece.text)
        before = text[piece.offset - 1] if piece.offset and piece.text[0] not in _LEADING else " "
        after = text[piece.end : piece.end + 1]
        if before in _REFUSED_BESIDE or after in _REFUSED_BESIDE:
            return False
        return piece.has_plus or self._any.match(piece.digits) is not None


def _national(metadata: phonenumbers.PhoneMetadata) -> re.Pattern[str]:
    """Digits in national notation: calling code and national prefix as may be, then a number of a known kind."""
    calling_code = metadata.country_code or 0
    territories = phonenumbers.region_codes_for_country_code(calling_code)
    known = [phonenumbers.PhoneMetadata.metadata_for_region(territory) for territory in territories]
    forms = []
    for territory in filter(None, known):
        kinds = [getattr(territory, kind) for kind in _KINDS] if len(known) <= _FEW else []
        forms += [kind.national_number_pattern for kind in kinds or [territory.general_desc] if kind is not None]
    numbers = "|".join(dict.fromkeys(filter(None, forms)))
    prefix = metadata.national_prefix_for_parsing or "(?!)"
    if metadata.national_prefix_transform_rule is not None:  # its pattern reaches into the number itself
        prefix = r"\d{0,5}"
    return re.compile(rf"(?:{calling_code})?(?:{prefix}){{0,2}}(?:{numbers})\Z", re.ASCII)


class _Judge(phonenumbers.PhoneNumberMatcher):
    """libphonenumber's decision on one piece of a text."""

    def accepts(self, piece: _Piece) -> bool:
        """Whether it is a number of this region, given what stands beside it."""
        return self._parse_and_verify(piece.text, piece.offset) is not None


class _Search:
    """One pass over one text."""

    def __init__(self, text: str, regions: Regions, leniency: int, check: Callable[[], object]) -> None:
        self._text = text
        self._check = check
        self._regions = regions
        self._leniency = leniency
        self._judges: dict[str, _Judge] = {}
        self._international: dict[tuple[int, str], bool] = {}

    def spans(self) -> Iterator[_Span]:
        """What any region accepts; within a span that one accepts whole, others are not asked."""
        waiting: dict[int, Sequence[Region]] = {0: self._regions.all}
        while waiting:
            index = min(waiting)
            regions = waiting.pop(index)
            match = self._next(index)
            if match is None:
                continue
            self._check()
            whole = _piece(_trimmed(_SECOND_NUMBER_START_PATTERN, match.group()), match.start())
            for span, agreeing in self._judged(whole, regions):
                if span is not None:
                    yield span
                end = whole.end if span is None else span[1]
                waiting[end] = [*waiting.get(end, ()), *agreeing]

    def _next(self, index: int) -> re.Match[str] | None:
        """What could be a number from here on, plain pieces left out that are too short to hold one."""
        while match := _PATTERN.search(self._text, index):
            if match.end() - match.start() >= FEWEST_DIGITS or not _PLAIN.fullmatch(match.group()):
                return match
            index = match.end()
        return None

    def _judged(self, whole: _Piece, regions: Sequence[Region]) -> Iterator[tuple[_Span | None, Sequence[Region]]]:
        """What the regions find first in a piece that the pattern gave."""
        plain = whole.digits is not None and len(whole.digits) <= _MOST_DIGITS
        too_short = plain and len(whole.digits or "") < FEWEST_DIGITS
        if too_short or self._is_date(whole):
            yield None, regions
            return
        # No number goes beyond a plain piece, and what lies inside an accepted one is a repetition.
        if plain and self._may_take(whole) and any(self._accepts(region, whole) for region in regions):
            yield (whole.offset, whole.end), regions
            return
        pieces = list(filter(self._may_take, _inner(whole) if plain else [whole, *_inner(whole)]))
        refusing = []
        for region in regions:
            taken = next((piece for piece in pieces if self._accepts(region, piece)), None)
            if taken is None:
                refusing.append(region)
            else:
                yield (taken.offset, taken.end), [region]
        if refusing:
            yield None, refusing

    def _may_take(self, piece: _Piece) -> bool:
        return self._regions.may_take(piece, self._text)

    def _is_date(self, whole: _Piece) -> bool:
        if _SLASH_SEPARATED_DATES.search(whole.text):
            return True
        return bool(_TIME_STAMPS.search(whole.text) and _TIME_STAMPS_SUFFIX.match(self._text, whole.end))

    def _accepts(self, region: Region, piece: _Piece) -> bool:
        if not region.may_take(piece):
            return False
        if not (piece.has_plus and _is_international(piece)):
            return self._judge(region).accepts(piece)
        key = (piece.offset, piece.text)
        if key not in self._international:
            self._international[key] = self._judge(region).accepts(piece)
        return self._international[key]

    def _judge(self, region: Region) -> _Judge:
        if region.code not in self._judges:
            self._judges[region.code] = _Judge(self._text, region.code, leniency=self._leniency)
        return self._judges[region.code]


def _is_international(piece: _Piece) -> bool:
    """Whether a known calling code follows the plus: then the region that is assumed otherwise plays no part."""
    digits = piece.digits or "0"
    return not digits.startswith("0") and any(
        int(digits[:length]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE for length in (1, 2, 3)
    )


def _inner(whole: _Piece) -> list[_Piece]:
    """The parts of a piece between separators of one kind, kind by kind."""
    pieces = []
    for separator in _INNER_MATCHES:
        match = separator.search(whole.text)
        if match:
            pieces.append((whole.text[: match.start()], 0))
        while match:
            pieces.append((match.group(1), match.start(1)))
            match = separator.search(whole.text, match.start() + 1)
    return [_piece(_trimmed(_UNWANTED_END_CHAR_PATTERN, text), whole.offset + at) for text, at in pieces]


def _trimmed(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return text[: match.start()] if match else text


def phone_spans(text: str, regions: Regions, leniency: int, check: Callable[[], object]) -> list[tuple[int, int]]:
    """Spans `[start, end)` of the telephone numbers of any region, in order, none inside another.

    Args:
        text: any.
        regions: what numbers in national notation may be of.
        leniency: one of `phonenumbers.Leniency`, from `VALID` on.
        check: called at each piece that could be a number; what it raises ends the search.
    """
    kept: list[tuple[int, int]] = []
    for start, end in sorted(
        set(_Search(text, regions, leniency, check).spans()), key=lambda span: (span[0], -span[1])
    ):
        if not kept or end > kept[-1][1]:
            kept.append((start, end))
    return kept
