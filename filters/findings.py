"""What detectors report: entity types, text spans and image boxes."""

import math
from dataclasses import dataclass
from enum import StrEnum


class EntityType(StrEnum):
    """What a finding is. Names are Presidio's; the last group is for images."""

    # Any country
    CREDIT_CARD = "CREDIT_CARD"
    CRYPTO = "CRYPTO"
    DATE_TIME = "DATE_TIME"
    EMAIL_ADDRESS = "EMAIL_ADDRESS"
    IBAN_CODE = "IBAN_CODE"
    IP_ADDRESS = "IP_ADDRESS"
    MAC_ADDRESS = "MAC_ADDRESS"
    PHONE_NUMBER = "PHONE_NUMBER"
    URL = "URL"
    # Found by language models, not by patterns
    PERSON = "PERSON"
    ADDRESS = "ADDRESS"
    LOCATION = "LOCATION"
    ORGANIZATION = "ORGANIZATION"
    USERNAME = "USERNAME"
    DATE_OF_BIRTH = "DATE_OF_BIRTH"
    NRP = "NRP"
    # The tenant's own, from the policy's term lists
    TERM = "TERM"
    # National identifiers
    AU_ABN = "AU_ABN"
    AU_ACN = "AU_ACN"
    AU_MEDICARE = "AU_MEDICARE"
    AU_TFN = "AU_TFN"
    CA_SIN = "CA_SIN"
    DE_HEALTH_INSURANCE = "DE_HEALTH_INSURANCE"
    DE_ID_CARD = "DE_ID_CARD"
    DE_PASSPORT = "DE_PASSPORT"
    DE_SOCIAL_SECURITY = "DE_SOCIAL_SECURITY"
    DE_TAX_ID = "DE_TAX_ID"
    ES_NIE = "ES_NIE"
    ES_NIF = "ES_NIF"
    ES_PASSPORT = "ES_PASSPORT"
    FI_PERSONAL_IDENTITY_CODE = "FI_PERSONAL_IDENTITY_CODE"
    IN_AADHAAR = "IN_AADHAAR"
    IN_PAN = "IN_PAN"
    IN_PASSPORT = "IN_PASSPORT"
    IN_VEHICLE_REGISTRATION = "IN_VEHICLE_REGISTRATION"
    IN_VOTER = "IN_VOTER"
    IT_DRIVER_LICENSE = "IT_DRIVER_LICENSE"
    IT_FISCAL_CODE = "IT_FISCAL_CODE"
    IT_IDENTITY_CARD = "IT_IDENTITY_CARD"
    IT_PASSPORT = "IT_PASSPORT"
    IT_VAT_CODE = "IT_VAT_CODE"
    KR_RRN = "KR_RRN"
    MEDICAL_LICENSE = "MEDICAL_LICENSE"
    PL_PESEL = "PL_PESEL"
    SG_NRIC_FIN = "SG_NRIC_FIN"
    TH_TNIN = "TH_TNIN"
    UK_DRIVING_LICENCE = "UK_DRIVING_LICENCE"
    UK_NHS = "UK_NHS"
    UK_NINO = "UK_NINO"
    UK_PASSPORT = "UK_PASSPORT"
    US_BANK_NUMBER = "US_BANK_NUMBER"
    US_DRIVER_LICENSE = "US_DRIVER_LICENSE"
    US_ITIN = "US_ITIN"
    US_PASSPORT = "US_PASSPORT"
    US_SSN = "US_SSN"
    # Images
    FACE = "FACE"
    LICENSE_PLATE = "LICENSE_PLATE"
    QR_CODE = "QR_CODE"
    METADATA = "METADATA"


class ContextAttribute(StrEnum):
    """What surrounds a span; a policy's `unless` can name these."""

    STYLE_REFERENCE = "style_reference"
    FICTIONAL = "fictional"
    PUBLIC_FIGURE = "public_figure"


CARRY_ATTRIBUTES = frozenset({EntityType.PERSON})
"""The types whose findings are given attributes; on the others an attribute would be a way out."""


def _check_score(score: float) -> None:
    if not (math.isfinite(score) and 0.0 <= score <= 1.0):
        raise ValueError(f"score must be a number from 0 to 1, got {score!r}")


@dataclass(frozen=True, slots=True)
class TextFinding:
    """A private span of one field, `[start, end)` in characters of the original text; score 0–1.

    `term_list` names the policy's list behind a finding of type TERM.

    Raises:
        ValueError: the span is empty or negative, or the score is not a number from 0 to 1.
    """

    field: str
    start: int
    end: int
    entity_type: EntityType
    score: float
    detector: str
    attributes: frozenset[ContextAttribute] = frozenset()
    term_list: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"span [{self.start}, {self.end}) is empty or negative")
        _check_score(self.score)


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """A box `[x0, x1) × [y0, y1)` in whole pixels of the decoded, upright frame.

    Raises:
        ValueError: the box is empty.
    """

    x0: int
    y0: int
    x1: int
    y1: int

    def __post_init__(self) -> None:
        if not (self.x0 < self.x1 and self.y0 < self.y1):
            raise ValueError(f"box ({self.x0}, {self.y0}, {self.x1}, {self.y1}) is empty")

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    def clipped(self, width: int, height: int) -> "BoundingBox | None":
        """The part inside a `width` × `height` frame; None where nothing is."""
        x0, y0, x1, y1 = max(0, self.x0), max(0, self.y0), min(width, self.x1), min(height, self.y1)
        return BoundingBox(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


Outline = tuple[tuple[int, int], ...]
"""Corners of a convex region as x, y in whole pixels of the frame, in order."""

UNSEEN_DETECTOR = "unseen_data"
"""Finds data that no detector saw and that may hold an image: it goes whatever a policy keeps."""


class FindingSource(StrEnum):
    """By which way an image finding was found."""

    PIXELS = "pixels"
    TEXT_IN_IMAGE = "text_in_image"
    CODE = "code"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Detection:
    """What an image detector reports of one frame: a box in its pixels, score 0–1, and the way it was found.

    `outline` is set where the region lies slantwise in its box: what is covered is the outline.

    Raises:
        ValueError: the score is not a number from 0 to 1.
    """

    box: BoundingBox
    entity_type: EntityType
    score: float
    source: FindingSource = FindingSource.PIXELS
    outline: Outline | None = None

    def __post_init__(self) -> None:
        _check_score(self.score)


@dataclass(frozen=True, slots=True)
class ImageFinding:
    """A private box of one frame (counted from 0). `box` is None where the finding is of the file, not of pixels."""

    frame: int
    box: BoundingBox | None
    entity_type: EntityType
    score: float
    detector: str
    source: FindingSource = FindingSource.PIXELS
    outline: Outline | None = None

    def __post_init__(self) -> None:
        _check_score(self.score)


Finding = TextFinding | ImageFinding
