"""Reads the metadata of a release back from its encoded bytes, with a walk of its own and Pillow's EXIF reader.

Nothing here is shared with what parses sources and writes releases: a mistake there does not hide itself here.
"""

import io
import re
import struct
from collections.abc import Iterator

from PIL import Image

from filters.carried import Carried, CarriedText
from filters.errors import RedactionError

_FILL, _SOS, _APP0, _APP1, _APP14 = 0xFF, 0xDA, 0xE0, 0xE1, 0xEE
_JPEG_STRUCTURE = frozenset({0xC0, 0xC1, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD})
_PNG_STRUCTURE = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"})
_WEBP_STRUCTURE = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"})
_TIFF_STRUCTURE = frozenset({256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 282, 283, 284, 296, 317, 338, 339})
_PRIVATE_INFO = ("comment", "exif", "xmp", "photoshop", "icc_profile")
_NEXT_SEGMENT = re.compile(rb"\xff[^\x00\xd0-\xd7]")
_PACKET = re.compile(
    rb'<\?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"\?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    rb'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    rb'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:DigitalSourceType='
    rb'"http://cv.iptc.org/newscodes/digitalsourcetype/([A-Za-z]{1,60})"/></rdf:RDF></x:xmpmeta>'
    rb'<\?xpacket end="r"\?>'
)
_JFIF_BYTES = 14
_ADOBE_BYTES = 12
_EXIF_DIRECTORY = 0x8769
_USER_COMMENT = 0x9286
_Part = tuple[str, bytes]


def check_release(data: bytes, carried: Carried) -> None:
    """Check that a released file holds pixels, their structure, and exactly what it was meant to carry.

    Raises:
        RedactionError: `metadata_left` where there is more, less or something else.
    """
    try:
        found = _carried(data)
    except (struct.error, ValueError, IndexError, OSError, SyntaxError, EOFError, KeyError, TypeError):
        found = None
    if found != carried:
        raise RedactionError("the released file holds other metadata than it should", reason="metadata_left")


def _carried(data: bytes) -> Carried | None:
    """What a file carries; None where it holds anything that no release may."""
    texts: list[CarriedText] = []
    word = None
    for kind, body in _parts(data):
        match kind:
            case "text":
                texts.append(_png_text(body))
            case "exif":
                texts += _exif_texts(body)
            case "xmp" if word is None and (match := _PACKET.fullmatch(body)):
                word = match[1].decode()
            case _:
                return None
    return Carried(tuple(texts), word)


def _parts(data: bytes) -> Iterator[_Part]:
    """What is neither pixels nor structure, by kind; `other` for all that is never carried."""
    if data.startswith(b"\xff\xd8"):
        yield from _jpeg_parts(data)
    elif data.startswith(b"\x89PNG\r\n\x1a\n"):
        yield from _png_parts(data)
    elif data.startswith(b"RIFF"):
        yield from _webp_parts(data)
    else:
        yield from _other_parts(data)


def _jpeg_parts(data: bytes) -> Iterator[_Part]:
    position = 2
    while data[position : position + 2] != b"\xff\xd9":
        start, marker, (length,) = data[position], data[position + 1], struct.unpack_from(">H", data, position + 2)
        body = data[position + 4 : position + 2 + length]
        if start != _FILL:
            yield "other", b""
        if marker == _APP1:
            yield _application(body)
        elif not _is_jpeg_structure(marker, body):
            yield "other", body
        position += 2 + length
        if marker == _SOS:
            following = _NEXT_SEGMENT.search(data, position)
            position = following.start() if following else len(data)
    if position + 2 != len(data):
        yield "other", b""


def _application(body: bytes) -> _Part:
    for prefix, kind in ((b"Exif\x00\x00", "exif"), (b"http://ns.adobe.com/xap/1.0/\x00", "xmp")):
        if body.startswith(prefix):
            return kind, body[len(prefix) :]
    return "other", body


def _is_jpeg_structure(marker: int, body: bytes) -> bool:
    if marker == _APP0:
        return body.startswith(b"JFIF\x00") and len(body) == _JFIF_BYTES
    if marker == _APP14:
        return body.startswith(b"Adobe") and len(body) == _ADOBE_BYTES
    return marker in _JPEG_STRUCTURE


def _png_parts(data: bytes) -> Iterator[_Part]:
    position, name = 8, b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, position)
        body = data[position + 8 : position + 8 + length]
        if name in {b"tEXt", b"iTXt"}:
            xmp = b"XML:com.adobe.xmp" + bytes(5)
            yield ("xmp", body.removeprefix(xmp)) if body.startswith(xmp) else ("text", name + body)
        elif name not in _PNG_STRUCTURE:
            yield "other", body
        position += 12 + length
    if position != len(data) or length:
        yield "other", b""


def _webp_parts(data: bytes) -> Iterator[_Part]:
    position = 12
    while position < len(data):
        name, length = struct.unpack_from("<4sI", data, position)
        body = data[position + 8 : position + 8 + length]
        if name in {b"EXIF", b"XMP "}:
            yield name.decode().strip().lower(), body
        elif name not in _WEBP_STRUCTURE:
            yield "other", body
        position += 8 + length + length % 2
    if position != len(data) or struct.unpack_from("<I", data, 4)[0] + 8 != len(data):
        yield "other", b""


def _other_parts(data: bytes) -> Iterator[_Part]:
    """Formats whose releases carry nothing, as Pillow sees them."""
    with Image.open(io.BytesIO(data)) as image:
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            if any(image.info.get(key) for key in _PRIVATE_INFO):
                yield "other", b""
            if not _TIFF_STRUCTURE.issuperset(getattr(image, "tag_v2", {})):
                yield "other", b""


def _png_text(part: bytes) -> CarriedText:
    name, (key, _, text) = part[:4], part[4:].partition(b"\x00")
    if name == b"tEXt":
        return CarriedText(key.decode("latin-1"), text.decode("latin-1"))
    if text[:4] != bytes(4):
        raise ValueError("compressed, or with a language")
    return CarriedText(key.decode("latin-1"), text[4:].decode())


def _exif_texts(block: bytes) -> Iterator[CarriedText]:
    """Every tag of a block; a tag that no release writes comes as a text that none carries."""
    exif = Image.Exif()
    exif.load(b"Exif\x00\x00" + block)
    for tag, value in sorted(exif.items()):
        if tag != _EXIF_DIRECTORY:
            yield CarriedText(f"exif:{tag:04x}", _as_text(value))
    for tag, value in exif.get_ifd(_EXIF_DIRECTORY).items():
        comment = tag == _USER_COMMENT and isinstance(value, bytes) and value.startswith(b"UNICODE\x00")
        yield CarriedText(f"exif:{tag:04x}", value[8:].decode("utf-16-be") if comment else f"tag {tag}")


def _as_text(value: object) -> str:
    """Pillow reads ASCII values as Latin-1; they are written as UTF-8."""
    return value.encode("latin-1").decode() if isinstance(value, str) else type(value).__name__
