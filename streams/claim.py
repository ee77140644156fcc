"""What a message says of an image that lies elsewhere: the CloudEvents `dataref`, or a reference in JSON."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from filters.errors import MessageError
from streams.object_url import ObjectUrl, parse_object_url

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_SIZE = re.compile(r"[0-9]{1,15}")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_SPELLINGS = 3
"""JSON in a string of JSON, with a percent-encoded URL in it, is as deep as platforms go."""
_TELLING = 16
"""Characters of a key that are no coincidence in another field; shorter ones without `/` are looked for with a `/`."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A reference to one image; `sha256` is lower-case hex, `size` in bytes, None where the message does not say."""

    url: ObjectUrl = field(repr=False)
    sha256: str | None
    size: int | None
    media_type: str | None = None


def read_claim(url: str, sha256: str | None, size: str | None, media_type: str | None) -> Claim:
    """A claim from its spelled parts.

    Raises:
        MessageError: the URL is not one that is read, or digest or size are malformed.
    """
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise MessageError("the referenced object's sha256 is not 64 hex digits", reason="invalid_digest")
    if size is not None and not _SIZE.fullmatch(size):
        raise MessageError("the referenced object's size is no count of bytes", reason="invalid_size")
    try:
        place = parse_object_url(url)
    except ValueError:
        place = None
    if place is None:  # raised here, outside the handler: nothing of the URL may travel with the error
        raise MessageError("the reference is no s3:// or file:// URL in plain letters", reason="invalid_reference")
    return Claim(place, sha256 and sha256.lower(), None if size is None else int(size), media_type)


def mentions(place: ObjectUrl, parts: Iterable[bytes | None]) -> bool:
    """Whether the object's key or path stands in any of `parts`, by whatever host, scheme or escapes."""
    path = place.path
    lead = r"(?<![\w.-])" if "/" in path or len(path) >= _TELLING else "/"
    wanted = re.compile(lead + re.escape(path) + r"(?![\w-])", re.IGNORECASE)
    return any(wanted.search(text) for part in parts if part for text in _spellings(part))


def _spellings(part: bytes) -> Iterable[str]:
    text = part.decode("utf-8", "replace")
    yield text
    for _ in range(_SPELLINGS):
        text = unquote(_ESCAPE.sub(_unescaped, text))
        yield text


def _unescaped(escape: re.Match[str]) -> str:
    if escape[1]:
        return chr(int(escape[1], 16))
    return " " if escape[2] in "bfnrt" else escape[2]
