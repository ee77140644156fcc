"""Metadata that a release may carry: read from a file, or written afresh into one."""

from dataclasses import dataclass, field

DIGITAL_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
"""IPTC's NewsCodes, to which a word is added."""


@dataclass(frozen=True, slots=True)
class CarriedText:
    """Generation parameters: a PNG keyword, or `exif:` and a tag's four hex digits, and the text."""

    key: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Carried:
    """Texts in file order, and a word of IPTC's `digitalsourcetype` NewsCodes; None where the file names none.

    `covered` tells of a release whether something private was redacted, beyond metadata that went.
    """

    texts: tuple[CarriedText, ...] = ()
    digital_source_type: str | None = None
    covered: bool = field(default=False, compare=False)

    def __bool__(self) -> bool:
        return bool(self.texts) or self.digital_source_type is not None
