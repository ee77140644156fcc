"""What the payload of a code is made of: the parts of a contact, a message or a link, with the types of private ones.

The forms are those that ZXing lists under "Barcode Contents": vCard (RFC 6350), MECARD and MATMSG (NTT Docomo), mailto
(RFC 6068), tel (RFC 3966), sms (RFC 5724) and geo (RFC 5870).
"""

import re
from collections.abc import Iterator, Mapping

from filters.findings import EntityType

_BY_SCHEME: Mapping[str, EntityType] = {
    "mailto": EntityType.EMAIL_ADDRESS,
    "tel": EntityType.PHONE_NUMBER,
    "sms": EntityType.PHONE_NUMBER,
    "smsto": EntityType.PHONE_NUMBER,
    "mms": EntityType.PHONE_NUMBER,
    "mmsto": EntityType.PHONE_NUMBER,
    "facetime": EntityType.PHONE_NUMBER,
    "geo": EntityType.LOCATION,
}
_BY_PROPERTY: Mapping[str, EntityType] = {
    "N": EntityType.PERSON,
    "FN": EntityType.PERSON,
    "NICKNAME": EntityType.PERSON,
    "TEL": EntityType.PHONE_NUMBER,
    "EMAIL": EntityType.EMAIL_ADDRESS,
    "TO": EntityType.EMAIL_ADDRESS,
    "ADR": EntityType.ADDRESS,
    "BDAY": EntityType.DATE_OF_BIRTH,
    "GEO": EntityType.LOCATION,
    "ORG": EntityType.ORGANIZATION,
}
STRUCTURED = frozenset(_BY_SCHEME.values()) | frozenset(_BY_PROPERTY.values())
"""Every type that the form of a payload alone can tell."""
_SCHEME = re.compile(r"\s{0,8}([a-z]{2,8}):\s{0,8}[^\s;]", re.IGNORECASE)
_CARD = re.compile(r"\s{0,8}(?:BEGIN:VCARD|MECARD:|MATMSG:)", re.IGNORECASE)
_PROPERTY = re.compile(
    r"(?:\A\s{0,8}(?:MECARD|MATMSG):|[\r\n;])(?:item\d{1,3}\.)?([A-Z]{1,8})(?:;[^:\r\n]{0,200})?:[ \t;]{0,16}[^\s;]",
    re.IGNORECASE,
)


def structured_types(payload: str) -> Iterator[EntityType]:
    """The private types that a payload's form announces and fills, in its order; a type may come twice."""
    scheme = _SCHEME.match(payload)
    if scheme and (by_scheme := _BY_SCHEME.get(scheme[1].lower())):
        yield by_scheme
    if _CARD.match(payload):
        for match in _PROPERTY.finditer(payload):
            if by_property := _BY_PROPERTY.get(match[1].upper()):
                yield by_property
