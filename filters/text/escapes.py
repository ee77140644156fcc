"""Encoded text inside a prompt: URL and HTML escapes, `\\u0040`, base64 and hex; and rot13 for addresses."""

import base64
import binascii
import codecs
import html
import re
import sys
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from filters.text.normalize import View, ViewWriter

DEPTH = 2
"""How often what was decoded is decoded again."""
MOST_ISLANDS = 64
"""More, and such of more than 4,096 characters, are left as they are: a prompt is no container."""
_SURROGATES = (0xD800, 0xDFFF)
_SHORTEST = 6
"""Characters of decoded text that are worth a look."""
_ESCAPE = re.compile(
    r"(?P<url>(?:%[0-9a-f]{2})+)"
    r"|(?P<html>&(?:#\d{1,7}|#x[0-9a-f]{1,6}|commat|period|dot|hyphen|dash|lowbar|plus|nbsp|amp|colon|sol|num);?)"
    r"|(?P<code>\\u\{[0-9a-f]{1,6}\}|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|U\+[0-9a-f]{4,6}(?![0-9a-f]))",
    re.IGNORECASE,
)
_ISLAND = re.compile(
    r"(?<![\w+/=-])"
    r"(?:(?P<hex>(?:0x)?(?:[0-9a-f]{2}[ :]?){7,2048}[0-9a-f]{2})|(?P<base64>[A-Za-z0-9+/_-]{10,4096}={0,2}))"
    r"(?![\w+/=])",
    re.IGNORECASE,
)
_ENTITIES = {"&period": ".", "&dot": ".", "&hyphen": "-", "&dash": "-", "&lowbar": "_", "&plus": "+", "&sol": "/"}
_ROT13 = re.compile(r"@[\w.-]{1,80}\.(?:pbz|bet|arg|vasb|ovm|rqh|tbi|vb|qr|se|rf|vg|hx|rh|pu|ng|ay)\b", re.IGNORECASE)


def decoded_view(text: str) -> View | None:
    """The text with escapes and islands decoded, up to `DEPTH` times; None where there are none."""
    view: View | None = None
    for _ in range(DEPTH):
        deeper = _decoded_once(view.text if view else text)
        if deeper is None:
            break
        view = deeper.over(view)
    return view


def turned_view(text: str) -> View | None:
    """The text in rot13, where it holds what reads as an e-mail address then; None elsewhere."""
    if "@" not in text or _ROT13.search(text) is None:
        return None
    plain = codecs.encode(text, "rot13")
    return View(plain, range(len(text)), range(1, len(text) + 1), "turned")


def _decoded_once(text: str) -> View | None:
    writer = ViewWriter(text, "decoded")
    end = found = 0
    for start, stop, plain in sorted([*_escapes(text), *_islands(text)]):
        if start >= end:
            writer.put(plain, start, stop)
            end, found = stop, found + 1
    return writer.view() if found else None


def _escapes(text: str) -> Iterator[tuple[int, int, str]]:
    if "%" not in text and "&" not in text and "\\" not in text and "+" not in text:
        return
    for match in _ESCAPE.finditer(text):
        plain = _unescaped(match)
        if plain:
            yield match.start(), match.end(), plain


def _unescaped(match: re.Match[str]) -> str:
    escape = match[0]
    if match.lastgroup == "url":
        return unquote_to_bytes(escape).decode("utf-8", "ignore")
    if match.lastgroup == "html":
        closed = escape if escape.endswith(";") else f"{escape};"
        plain = _ENTITIES.get(closed[:-1].lower()) or html.unescape(closed)
        return "" if plain in (escape, closed, "\0") else plain
    code = int(re.sub(r"[^0-9a-f]", "", escape[2:], flags=re.IGNORECASE), 16)
    is_character = 0 < code <= sys.maxunicode and not _SURROGATES[0] <= code <= _SURROGATES[1]
    return chr(code) if is_character else ""


def _islands(text: str) -> Iterator[tuple[int, int, str]]:
    for count, match in enumerate(_ISLAND.finditer(text)):
        if count >= MOST_ISLANDS:
            return
        plain = _from_hex(match[0]) if match.lastgroup == "hex" else ""
        plain = plain or _from_base64(match[0])
        if plain:
            yield match.start(), match.end(), plain


def _from_hex(island: str) -> str:
    digits = re.sub(r"^0x|[ :]", "", island, flags=re.IGNORECASE)
    return _readable(bytes.fromhex(digits)) if len(digits) % 2 == 0 else ""


def _from_base64(island: str) -> str:
    """Nothing where it is a word: base64 of a text holds upper and lower case, or digits."""
    body = island.rstrip("=")
    if len(body) % 4 == 1 or (body.isalpha() and (body.islower() or body.isupper() or body.istitle())):
        return ""
    try:
        return _readable(base64.b64decode(body.translate({45: 43, 95: 47}) + "=" * (-len(body) % 4), validate=True))
    except (ValueError, binascii.Error):
        return ""


def _readable(data: bytes) -> str:
    """The bytes as text, where all of it is printable."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ""
    return text if len(text) >= _SHORTEST and all(c.isprintable() or c in "\n\t " for c in text) else ""
