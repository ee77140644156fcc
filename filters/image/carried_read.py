"""What a file carries that a release may keep: generation parameters and IPTC's digital source type.

Keywords are those of A1111 and Fooocus (`parameters`), SwarmUI (`sui_image_params`), ComfyUI (`prompt`, `workflow`, in
WebP as EXIF texts from tag 0x0110 downward), InvokeAI (`invokeai_*`, `sd-metadata`, `Dream`) and NovelAI (`Comment`,
`Description`). What cannot be read, or is JSON by its keyword and not by its form, is not carried.
"""

import json
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence

from filters.carried import Carried, CarriedText
from filters.image.exif_file import USER_COMMENT, read_exif

XMP_KEYWORD = b"XML:com.adobe.xmp"
_FREE = frozenset({"parameters", "Dream", "Description"})
_JSON = frozenset(
    {
        "prompt",
        "workflow",
        "invokeai_metadata",
        "invokeai_workflow",
        "invokeai_graph",
        "sd-metadata",
        "sui_image_params",
        "Comment",
    }
)
_KEYWORDS = _FREE | _JSON | {XMP_KEYWORD.decode()}
_LONGEST_KEYWORD = 80
_TEXT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_MAX_TEXT_BYTES = 512 * 1024
"""Of all texts of a file, inflated; where there is more, none is read."""
MAX_TEXTS = 16
"""In one file; of more, none is read."""
_EXIF_TEXTS = range(0x0100, 0x0111)
_EXIF_TEXT = re.compile(r"(?:prompt|workflow):")
_CHARSET_BYTES = 8
KEYS = _FREE | _JSON | {f"exif:{tag:04x}" for tag in (*_EXIF_TEXTS, USER_COMMENT)}
"""Every key that a carried text can have."""
VOCABULARY = frozenset(
    {
        "algorithmicMedia",
        "algorithmicallyEnhanced",
        "composite",
        "compositeCapture",
        "compositeSynthetic",
        "compositeWithTrainedAlgorithmicMedia",
        "computationalCapture",
        "dataDrivenMedia",
        "digitalArt",
        "digitalCapture",
        "digitalCreation",
        "humanEdits",
        "minorHumanEdits",
        "negativeFilm",
        "positiveFilm",
        "print",
        "screenCapture",
        "softwareImage",
        "trainedAlgorithmicMedia",
        "virtualRecording",
    }
)
"""IPTC NewsCodes, scheme `digitalsourcetype`, with its retired words."""
_SOURCE_TYPE = re.compile(
    rb"""DigitalSourceType[^<>"']{0,60}[>"']\s{0,60}https?://cv\.iptc\.org/newscodes/digitalsourcetype/([A-Za-z]{1,60})"""
)


def source_type(packets: Iterable[bytes]) -> str | None:
    """The one word of the vocabulary that XMP packets name; None where there is none, or several."""
    words = {match[1].decode("ascii") for packet in packets for match in _SOURCE_TYPE.finditer(packet)}
    return words.pop() if len(words) == 1 and words <= VOCABULARY else None


def png_carried(chunks: Iterable[tuple[bytes, bytes]]) -> Carried:
    """From all chunks of a PNG, as name and data."""
    texts: list[CarriedText] = []
    packets: list[bytes] = []
    known = [(name, data) for name, data in chunks if name in _TEXT_CHUNKS and _keyword(data) in _KEYWORDS]
    for name, data in known if len(known) <= MAX_TEXTS else ():
        keyword = _keyword(data)
        stored = _stored_text(name, data[len(keyword) + 1 :])
        if stored is None:
            continue
        if keyword == XMP_KEYWORD.decode():
            packets.append(stored)
        else:
            texts += _text(keyword, stored, "utf-8" if name == b"iTXt" else "latin-1")
    return Carried(_bounded(texts), source_type(packets))


def _keyword(data: bytes) -> str:
    """Of a text chunk; empty where no zero ends it."""
    keyword, separator, _ = data[:_LONGEST_KEYWORD].partition(b"\x00")
    return keyword.decode("latin-1") if separator else ""


def exif_carried(tiff: bytes, packets: Iterable[bytes]) -> Carried:
    """From the EXIF block of a JPEG or WebP, and its XMP packets."""
    found = read_exif(tiff)
    texts: list[CarriedText] = []
    if found is not None:
        first, exif = found
        for tag in _EXIF_TEXTS:
            texts += _exif_text(tag, first.values.get(tag, b""))
        texts += _user_comment(exif.values.get(USER_COMMENT, b""))
    return Carried(_bounded(texts), source_type(packets))


def _bounded(texts: Sequence[CarriedText]) -> tuple[CarriedText, ...]:
    size = sum(len(each.text.encode()) for each in texts)
    return tuple(texts) if len(texts) <= MAX_TEXTS and size <= _MAX_TEXT_BYTES else ()


def _stored_text(name: bytes, rest: bytes) -> bytes | None:
    """The text of a chunk behind its keyword (PNG, 11.3.3); None where it is malformed or too long."""
    if name == b"tEXt":
        return rest if len(rest) <= _MAX_TEXT_BYTES else None
    if name == b"zTXt":
        return _inflated(rest[1:]) if rest[:1] == b"\x00" else None
    flags, tail = rest[:2], rest[2:].split(b"\x00", 2)
    if len(tail) < 3 or flags not in {b"\x00\x00", b"\x01\x00"}:  # noqa: PLR2004  language, translated keyword, text
        return None
    if flags[0]:
        return _inflated(tail[2])
    return tail[2] if len(tail[2]) <= _MAX_TEXT_BYTES else None


def _inflated(deflated: bytes) -> bytes | None:
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(deflated, _MAX_TEXT_BYTES)
    except zlib.error:
        return None
    return text if stream.eof and not stream.unused_data else None


def _text(keyword: str, stored: bytes, encoding: str) -> Iterator[CarriedText]:
    try:
        text = stored.decode(encoding)
    except UnicodeDecodeError:
        return
    if well_formed(keyword, text):
        yield CarriedText(keyword, text)


def _exif_text(tag: int, value: bytes) -> Iterator[CarriedText]:
    text = value[:_MAX_TEXT_BYTES].rstrip(b"\x00").decode("utf-8", "replace")
    key = f"exif:{tag:04x}"
    if len(value) <= _MAX_TEXT_BYTES and _EXIF_TEXT.match(text) and well_formed(key, text):
        yield CarriedText(key, text)


def _user_comment(value: bytes) -> Iterator[CarriedText]:
    """`UserComment` (EXIF 2.32, 4.6.6.1): UTF-16 of either order, ASCII, or without a declared character set."""
    charset, body = value[:_CHARSET_BYTES], value[_CHARSET_BYTES:]
    if not body or len(body) > _MAX_TEXT_BYTES:
        return
    encoding = "utf-8"
    if charset == b"UNICODE\x00":  # the zero halves of Latin letters tell the order
        encoding = "utf-16-be" if body[::2].count(0) >= body[1::2].count(0) else "utf-16-le"
    try:
        text = body.decode(encoding).removeprefix("\ufeff").rstrip("\x00")
    except UnicodeDecodeError:
        return
    if text:
        yield CarriedText(f"exif:{USER_COMMENT:04x}", text)


def well_formed(key: str, text: str) -> bool:
    """Whether a text is JSON where its keyword, or what it begins with in EXIF, says so."""
    if key in _FREE or key == f"exif:{USER_COMMENT:04x}":
        return True
    body = text.partition(":")[2] if key.startswith("exif:") else text
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
