"""A cheap look at a text that tells which recognizers cannot possibly match it.

A gate states what every match of a recognizer needs: digits in a row, digits with single characters in between, or a
small pattern. It may open in vain; it must never stay shut over a match (tests generate matches from the recognizers'
own patterns).
"""

from collections.abc import Mapping
from dataclasses import dataclass

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
_CLUSTER = regex.compile(r"\d(?:\D?\d)*", regex.DOTALL)
_DIGIT = regex.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Features:
    """What gates ask of a text: the most digits in a row, and the most with at most one character between any two."""

    text: str
    run: int
    cluster: int

    @classmethod
    def of(cls, text: str) -> "Features":
        """Measure a text."""
        if _DIGIT.search(text) is None:
            return cls(text, 0, 0)
        clusters = _CLUSTER.findall(text)
        run = max(len(digits) for cluster in clusters for digits in _RUN.findall(cluster))
        return cls(text, run, max(len(_DIGIT.findall(cluster)) for cluster in clusters))


@dataclass(frozen=True, slots=True)
class Gate:
    """Opens where a text has at least so many digits (see `Features`) and, if there is a hint, matches it."""

    run: int = 0
    cluster: int = 0
    hint: regex.Pattern[str] | None = None

    def opens(self, features: Features) -> bool:
        """Whether the recognizer must be asked."""
        return (
            features.run >= self.run
            and features.cluster >= self.cluster
            and (self.hint is None or self.hint.search(features.text) is not None)
        )


def _hint(pattern: str, *, run: int = 0) -> Gate:
    return Gate(run=run, hint=regex.compile(pattern, regex.IGNORECASE))


GATES: Mapping[E, Gate] = {
    E.CREDIT_CARD: Gate(cluster=13),
    E.CRYPTO: _hint(r"(?:bc1|[13])[^\W_]{25}", run=1),
    E.DATE_TIME: _hint(r"\d[-/]\d|\d\.\d\d?\.|\d-[a-z]{3}|[a-z]{3}-\d", run=1),
    E.EMAIL_ADDRESS: _hint(r"@\w"),
    E.IBAN_CODE: Gate(run=2, hint=regex.compile(r"[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{4}){2}")),
    E.IP_ADDRESS: _hint(r"\d\.\d+\.\d+\.\d|::|[0-9a-f]:[0-9a-f]{1,4}:"),
    E.MAC_ADDRESS: _hint(r"[0-9a-f]{2}[:-][0-9a-f]{2}[:-]|[0-9a-f]{4}\.[0-9a-f]{4}\."),
    E.PHONE_NUMBER: Gate(run=1, hint=PHONE_DIGITS),
    E.URL: _hint(r"[a-z0-9.\-]\.[a-z]"),
    E.AU_ABN: Gate(cluster=11),
    E.AU_ACN: Gate(cluster=9),
    E.AU_MEDICARE: Gate(cluster=10),
    E.AU_TFN: Gate(cluster=9),
    E.CA_SIN: Gate(cluster=9),
    E.DE_HEALTH_INSURANCE: Gate(run=9),
    E.DE_ID_CARD: _hint(r"\b[a-z][a-z0-9]{7}[0-9]\b|\bt\d{8}\b", run=1),
    E.DE_PASSPORT: _hint(r"\b[a-z][a-z0-9]{7}[0-9]\b", run=1),
    E.DE_SOCIAL_SECURITY: Gate(run=8),
    E.DE_TAX_ID: Gate(run=11),
    E.ES_NIE: Gate(run=7),
    E.ES_NIF: Gate(run=7),
    E.ES_PASSPORT: Gate(run=6),
    E.FI_PERSONAL_IDENTITY_CODE: Gate(run=6),
    E.IN_AADHAAR: Gate(cluster=12),
    E.IN_PAN: Gate(run=4),
    E.IN_PASSPORT: Gate(cluster=7),
    E.IN_VEHICLE_REGISTRATION: _hint(r"\d{4}|(?:CD|CC|UN)[1-9]", run=2),
    E.IN_VOTER: Gate(run=7),
    E.IT_DRIVER_LICENSE: _hint(r"\d{7}|U1", run=1),
    E.IT_FISCAL_CODE: _hint(r"[^\W_]{16}"),
    E.IT_IDENTITY_CARD: Gate(run=5),
    E.IT_PASSPORT: Gate(run=7),
    E.IT_VAT_CODE: Gate(cluster=11),
    E.KR_RRN: Gate(cluster=13),
    E.MEDICAL_LICENSE: Gate(run=7),
    E.PL_PESEL: Gate(run=11),
    E.SG_NRIC_FIN: Gate(run=7),
    E.TH_TNIN: Gate(run=13),
    E.UK_DRIVING_LICENCE: Gate(run=6),
    E.UK_NHS: Gate(cluster=10),
    E.UK_NINO: Gate(cluster=6),
    E.UK_PASSPORT: Gate(run=7),
    E.US_BANK_NUMBER: Gate(run=8),
    # Shorter ones (`v1`, `D850`) are never plausible: see filters/text/plausibility.py.
    # One of Presidio's alternatives has a bracket too many and asks for `]]` itself.
    E.US_DRIVER_LICENSE: _hint(r"\d{4}|\]\]", run=1),
    E.US_ITIN: Gate(cluster=9),
    E.US_PASSPORT: Gate(run=8),
    E.US_SSN: Gate(cluster=9),
}
