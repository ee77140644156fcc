"""Everything in an image file that is neither pixels nor the structure that they need.

The allow-lists below are closed: a part that is not on them, or is longer than its definition, is metadata. Names are
fixed words, since the file chooses chunk names and key words, and these may be content.
"""

import re
from collections.abc import Iterable

from filters.findings import UNSEEN_DETECTOR, EntityType, FindingSource, ImageFinding
from filters.image.exif_file import may_hold_image

DETECTOR = "metadata"
TRAILING = "trailing_bytes"
STEALTH_RGB = "stealth_rgb"
STEALTH_ALPHA = "stealth_alpha"
OPAQUE_ALPHA = "alpha_payload"
HIDDEN_PIXELS = "hidden_pixels"
HIDDEN_DATA = "data_after_pixels"
UNUSED_COLOURS = "unused_palette_entries"
CONVERTED = "converted_format"
"""The file is of a format that is judged, but released as another."""
EMBEDDED = "embedded_image"
"""A part that holds, or may hold, a picture of its own: a thumbnail, a depth map, whatever nobody can read."""
_UNSEEN = frozenset({TRAILING, "MPF", "sub-image", CONVERTED, EMBEDDED})
_MAY_EMBED = frozenset({"JFIF thumbnail", "JUMBF", "C2PA", "caBX", "fdAT", "other segment", "other chunk"})
_PHOTOSHOP_THUMBNAILS = (b"8BIM\x04\x09", b"8BIM\x04\x0c")
"""Image resources 1033 and 1036 (Adobe Photoshop File Formats Specification)."""
_CODED_PICTURE = re.compile(rb"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/=]{1024}|[Tt]humbnail|Raw profile type")
"""Base64 long enough for a picture, a thumbnail's element in XMP, ImageMagick's profiles in hexadecimal digits.

A run is tried from its beginning only: from everywhere in it, runs that are just too short would take square time.
"""

_APP0, _APP1, _APP2, _APP11, _APP13, _APP14, _COM = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE, 0xFE
_JPEG_STRUCTURE = frozenset({0xC0, 0xC1, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD})
"""SOF0–2, DHT, SOS, DQT, DRI."""
_JFIF_BYTES = 14
_ADOBE_BYTES = 12
_JPEG_NAMES = (
    (_APP1, b"Exif\x00", "EXIF"),
    (_APP1, b"http://ns.adobe.com/", "XMP"),
    (_APP2, b"ICC_PROFILE\x00", "ICC"),
    (_APP2, b"MPF\x00", "MPF"),
    (_APP11, b"JP", "JUMBF"),
    (_APP13, b"Photoshop 3.0\x00", "IPTC"),
    (_COM, b"", "COM"),
)

_PNG_LENGTHS = {
    b"sRGB": (1,),
    b"gAMA": (4,),
    b"cHRM": (32,),
    b"pHYs": (9,),
    b"cICP": (4,),
    b"sBIT": (1, 2, 3, 4),
    b"bKGD": (1, 2, 6),
}
"""Ancillary chunks without room for words, and the only lengths that the PNG specification gives them."""
_PNG_NAMES = frozenset({"tEXt", "iTXt", "zTXt", "eXIf", "iCCP", "caBX", "tIME", "sPLT", "hIST", "acTL", "fcTL", "fdAT"})

_WEBP_NAMES = {b"EXIF": "EXIF", b"XMP ": "XMP", b"ICCP": "ICC", b"C2PA": "C2PA"}


def jpeg_metadata(marker: int, payload: bytes) -> str | None:
    """What a JPEG segment is, where it is no structure."""
    if marker in _JPEG_STRUCTURE:
        return None
    if marker == _APP0 and payload.startswith(b"JFIF\x00"):
        return None if len(payload) == _JFIF_BYTES and payload.endswith(b"\x00\x00") else "JFIF thumbnail"
    if marker == _APP14 and payload.startswith(b"Adobe") and len(payload) == _ADOBE_BYTES:
        return None
    for known, prefix, name in _JPEG_NAMES:
        if marker == known and payload.startswith(prefix):
            return name
    return f"APP{marker - _APP0}" if _APP0 <= marker <= _APP0 + 15 else "other segment"


def png_metadata(name: bytes, length: int, *, repeated: bool) -> str | None:
    """What an ancillary PNG chunk is, where it is no structure."""
    if length in _PNG_LENGTHS.get(name, ()) and not repeated:
        return None
    word = name.decode("latin-1")
    return word if word in _PNG_NAMES else "other chunk"


def webp_metadata(name: bytes) -> str:
    """What a WebP chunk that is no structure is."""
    return _WEBP_NAMES.get(name, "other chunk")


def with_embedded(name: str, payload: bytes) -> list[str]:
    """A part's name, and `EMBEDDED` where the part may hold a picture, which no detector saw."""
    return [name, EMBEDDED] if _embeds(name, payload) else [name]


def _embeds(name: str, payload: bytes) -> bool:
    if name in _MAY_EMBED or name.startswith("APP"):
        return True
    if name in {"EXIF", "eXIf"}:
        return may_hold_image(payload.removeprefix(b"Exif\x00\x00"))
    if name == "IPTC":
        return any(resource in payload for resource in _PHOTOSHOP_THUMBNAILS)
    if name == "zTXt" or (name == "iTXt" and payload.partition(b"\x00")[2][:1] != b"\x00"):
        return True  # deflated
    return name in {"XMP", "tEXt", "iTXt", "COM"} and _CODED_PICTURE.search(payload) is not None


def metadata_findings(names: Iterable[str]) -> tuple[ImageFinding, ...]:
    """One finding of the file where there is any metadata in it."""
    found = set(names)
    if not found:
        return ()
    detector = UNSEEN_DETECTOR if found & _UNSEEN else DETECTOR
    return (ImageFinding(0, None, EntityType.METADATA, 1.0, detector, FindingSource.FILE),)
