"""Presidio's pattern recognizers, run directly: no spaCy pipeline, no analyzer engine, no network.

Importing this module imports presidio_analyzer (about two seconds): `filters.text.patterns` does so on construction.

Presidio's own `analyze` skips a pattern that times out and logs; here a time-out is an error, so that a prompt which
was not searched is not released.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import phonenumbers
import regex
import tldextract
from presidio_analyzer import PatternRecognizer, RecognizerResult
from presidio_analyzer import predefined_recognizers as presidio

from filters.findings import EntityType
from filters.text.candidate import Candidate
from filters.text.deadline import remaining
from filters.text.gate import PHONE_DIGITS
from filters.text.phone import Regions, phone_spans
from filters.text.recognizer import Recognizer

# Numbers written with a country code are found whatever the region; regions matter for national notation. Canada shares
# its numbering plan with the US.
PHONE_REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "IN", "AU", "BR", "IL")
PHONE_LENIENCY = phonenumbers.Leniency.VALID
FEWEST_LICENCE_CHARACTERS = 6
LIBRARIES = ("presidio-analyzer", "phonenumbers", "tldextract", "regex")


class OfflineEmailRecognizer(presidio.EmailRecognizer):
    """Presidio's, with the public-suffix list that tldextract ships instead of one fetched on first use."""

    def __init__(self) -> None:
        super().__init__()
        self._extract = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=(), fallback_to_snapshot=True)
        self._extract("example.com")  # reads the snapshot now, not under the first prompt

    def validate_result(self, pattern_text: str) -> bool:
        """Whether the address ends in a registered public suffix."""
        return self._extract(pattern_text).fqdn != ""


class SampleSsnRecognizer(presidio.UsSsnRecognizer):
    """Presidio's, but for the published sample numbers: they count here, as they look private to who sees them."""

    _SAMPLES = frozenset({"123456789", "987654320", "078051120"})

    def invalidate_result(self, pattern_text: str) -> bool:
        """Whether it cannot be a number that was issued, nor a published sample of one."""
        if "".join(filter(str.isdecimal, pattern_text)) in self._SAMPLES:
            return len(set(pattern_text) & set(".- ")) > 1
        return bool(super().invalidate_result(pattern_text))


class LongLicenceRecognizer(presidio.UsLicenseRecognizer):
    """Presidio's, but for numbers of up to five characters: `v1`, `D850` and `RTX3` are words of every prompt."""

    def invalidate_result(self, pattern_text: str) -> bool:
        """Whether it is too short to be told from a version or a camera."""
        return len(pattern_text) < FEWEST_LICENCE_CHARACTERS


class LongPhoneRecognizer(presidio.PhoneRecognizer):
    """Presidio's, but for numbers of up to six digits: they are valid in some plans, and every other number is one."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:  # noqa: ANN401
        """See `EntityRecognizer.analyze`."""
        found = super().analyze(text, entities, nlp_artifacts)
        return [result for result in found if PHONE_DIGITS.search(text, result.start, result.end)]


@dataclass(frozen=True, slots=True)
class _Pattern:
    compiled: regex.Pattern[str]
    score: float


class PatternScanner:
    """One of Presidio's `PatternRecognizer`s: its patterns, its checksum, its context words."""

    def __init__(self, recognizer: Any) -> None:  # noqa: ANN401  mypy cannot see through presidio's import cycles
        self.name: str = recognizer.name
        self.entity_type = EntityType(recognizer.supported_entities[0])
        self.context: Sequence[str] = tuple(recognizer.context or ())
        flags = recognizer.global_regex_flags
        self._patterns = [_Pattern(regex.compile(p.regex, flags), p.score) for p in recognizer.patterns]
        self._validate: Callable[[str], object] = recognizer.validate_result
        self._invalidate: Callable[[str], object] = recognizer.invalidate_result
        # The IBAN pattern takes in what follows; its groups say where to try and stop earlier.
        self._shortens = self.entity_type is EntityType.IBAN_CODE

    def scan(self, text: str, deadline: float) -> Iterator[Candidate]:
        """See `Recognizer.scan`."""
        for pattern in self._patterns:
            for match in pattern.compiled.finditer(text, timeout=remaining(deadline)):
                yield from self._confirmed(text, match, pattern.score)

    def _confirmed(self, text: str, match: regex.Match[str], score: float) -> Iterator[Candidate]:
        start = match.start()
        for end in self._ends(match):
            found = text[start:end]
            if not found:
                continue
            confirmed = self._score(found, score)
            if confirmed > 0:
                yield Candidate(start, end, self.entity_type, confirmed)
                return

    def _ends(self, match: regex.Match[str]) -> Sequence[int]:
        if not self._shortens:
            return (match.end(),)
        groups = range(match.re.groups, 0, -1)
        return [match.end(group) if match.end(group) > 0 else match.end() for group in groups]

    def _score(self, found: str, score: float) -> float:
        if self._invalidate(found):
            return 0.0
        valid = self._validate(found)
        if valid is None:
            return score
        return 1.0 if valid else 0.0

    def describe(self) -> str:
        """See `Recognizer.describe`."""
        patterns = [f"{p.compiled.pattern} {p.compiled.flags} {p.score}" for p in self._patterns]
        return "\n".join([self.name, self.entity_type, *patterns, *self.context])


class PhoneScanner:
    """Presidio's `PhoneRecognizer`: libphonenumber's matcher, all regions in one pass."""

    entity_type = EntityType.PHONE_NUMBER

    def __init__(self, recognizer: Any) -> None:  # noqa: ANN401  as above
        self.name: str = recognizer.name
        self.context: Sequence[str] = tuple(recognizer.context)
        self._regions = Regions(recognizer.supported_regions)
        self._leniency: int = recognizer.leniency
        self._score: float = recognizer.SCORE

    def scan(self, text: str, deadline: float) -> Iterator[Candidate]:
        """See `Recognizer.scan`."""
        for start, end in phone_spans(text, self._regions, self._leniency, lambda: remaining(deadline)):
            if PHONE_DIGITS.search(text, start, end):
                yield Candidate(start, end, self.entity_type, self._score)

    def describe(self) -> str:
        """See `Recognizer.describe`."""
        regions = [region.code for region in self._regions.all]
        return "\n".join([self.name, *regions, str(self._leniency), str(self._score), *self.context])


def predefined() -> list[PatternRecognizer | presidio.PhoneRecognizer]:
    """Presidio's recognizers for every entity type that is found by patterns, as `AnalyzerEngine` could take them.

    Left out are patterns that only repeat others: the quoted forms of URLs, and PAN's "ten characters before four
    digits anywhere".
    """
    names = (
        "AuAbn AuAcn AuMedicare AuTfn CaSin CreditCard Crypto Date DeHealthInsurance DeIdCard DePassport "
        "DeSocialSecurity DeTaxId EsNie EsNif EsPassport FiPersonalIdentityCode Iban InAadhaar InPassport "
        "InVehicleRegistration InVoter Ip ItDriverLicense ItFiscalCode ItIdentityCard ItPassport ItVatCode KrRrn "
        "MacAddress MedicalLicense Nhs PlPesel SgFin ThTnin UkDrivingLicence UkNino UkPassport UsBank UsItin "
        "UsPassport"
    )
    built: list[PatternRecognizer | presidio.PhoneRecognizer] = [
        getattr(presidio, f"{name}Recognizer")(supported_language="en") for name in names.split()
    ]
    url, pan = presidio.UrlRecognizer.PATTERNS, presidio.InPanRecognizer.PATTERNS
    built.append(presidio.UrlRecognizer(patterns=[p for p in url if "Quoted" not in p.name]))
    built.append(presidio.InPanRecognizer(patterns=[p for p in pan if "Low" not in p.name]))
    built.append(SampleSsnRecognizer())
    built.append(OfflineEmailRecognizer())
    built.append(LongLicenceRecognizer())
    built.append(LongPhoneRecognizer(supported_regions=PHONE_REGIONS, leniency=PHONE_LENIENCY))
    return built


def scanner(recognizer: PatternRecognizer | presidio.PhoneRecognizer) -> Recognizer:
    """The scanner that runs one of Presidio's recognizers."""
    if isinstance(recognizer, presidio.PhoneRecognizer):
        return PhoneScanner(recognizer)
    return PatternScanner(recognizer)


def digest(recognizers: Sequence[Recognizer], rules: str) -> str:
    """SHA-256 (hex) over the libraries' versions, every recognizer's description and our own `rules`."""
    parts = [f"{library}=={version(library)}" for library in LIBRARIES]
    parts += [recognizer.describe() for recognizer in recognizers]
    return hashlib.sha256("\0".join([*parts, rules]).encode()).hexdigest()
