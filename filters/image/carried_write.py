"""Writes what a release carries into an encoded JPEG, PNG or WebP, afresh: nothing of the source is copied."""

import struct

from filters.carried import DIGITAL_SOURCE_TYPES, Carried
from filters.errors import RedactionError
from filters.image.carried_read import XMP_KEYWORD, well_formed
from filters.image.exif_file import USER_COMMENT, write_exif
from filters.image.formats import ImageFormat
from filters.image.png_file import write_chunk as png_chunk
from filters.image.webp_file import ALPHA_FLAG, bitstream_size, read_chunks, write_extended_header, write_file
from filters.image.webp_file import write_chunk as webp_chunk

CARRYING = frozenset({ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.WEBP})
"""The formats whose releases can carry anything."""
_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:DigitalSourceType="{}"/>'
    '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)
_PNG_HEADER_END = 33
_RIFF_HEADER = 12
_EXIF_FLAG, _XMP_FLAG = 0x08, 0x04
_MAX_SEGMENT = 65_533
_JPEG_EXIF, _JPEG_XMP = b"Exif\x00\x00", b"http://ns.adobe.com/xap/1.0/\x00"


def carrying(data: bytes, form: ImageFormat, carried: Carried) -> tuple[bytes, Carried]:
    """The file with `carried` in it, and what went in.

    Nothing goes into other formats, no text that should be JSON and is not, and no texts longer than a JPEG segment.

    Raises:
        RedactionError: the file is not as the encoder writes it.
    """
    if not carried or form not in CARRYING:
        return data, Carried()
    texts = tuple(each for each in carried.texts if well_formed(each.key, each.text))
    carried = Carried(texts, carried.digital_source_type)
    packet = _packet(carried)
    if form is ImageFormat.PNG:
        return _png(data, carried, packet), carried
    exif = _exif(carried)
    if form is ImageFormat.JPEG and len(exif) + len(_JPEG_EXIF) > _MAX_SEGMENT:
        exif, carried = b"", Carried((), carried.digital_source_type)
    write = _jpeg if form is ImageFormat.JPEG else _webp
    return write(data, exif, packet), carried


def _packet(carried: Carried) -> bytes:
    word = carried.digital_source_type
    return _PACKET.format(DIGITAL_SOURCE_TYPES + word).encode() if word else b""


def _exif(carried: Carried) -> bytes:
    values = {}
    for each in carried.texts:
        tag = int(each.key.removeprefix("exif:"), 16)
        is_comment = tag == USER_COMMENT
        values[tag] = b"UNICODE\x00" + each.text.encode("utf-16-be") if is_comment else each.text.encode()
    return write_exif(values) if values else b""


def _png(data: bytes, carried: Carried, packet: bytes) -> bytes:
    chunks = [png_chunk(*_text_chunk(each.key, each.text)) for each in carried.texts]
    if packet:
        chunks.append(png_chunk(b"iTXt", XMP_KEYWORD + bytes(5) + packet))
    return data[:_PNG_HEADER_END] + b"".join(chunks) + data[_PNG_HEADER_END:]


def _text_chunk(keyword: str, text: str) -> tuple[bytes, bytes]:
    key = keyword.encode("latin-1")
    try:
        return b"tEXt", key + b"\x00" + text.encode("latin-1")
    except UnicodeEncodeError:
        return b"iTXt", key + bytes(5) + text.encode()


def _jpeg(data: bytes, exif: bytes, packet: bytes) -> bytes:
    place = 2
    if data[2:4] == b"\xff\xe0":
        place = 4 + int.from_bytes(data[4:6])
    parts = [prefix + body for prefix, body in ((_JPEG_EXIF, exif), (_JPEG_XMP, packet)) if body]
    return data[:place] + b"".join(struct.pack(">HH", 0xFFE1, len(part) + 2) + part for part in parts) + data[place:]


def _webp(data: bytes, exif: bytes, packet: bytes) -> bytes:
    chunks = read_chunks(data, _RIFF_HEADER, len(data))
    flags = (_EXIF_FLAG if exif else 0) | (_XMP_FLAG if packet else 0)
    if chunks[0].name == b"VP8X":
        first = chunks[0].data
        header = webp_chunk(b"VP8X", bytes([first[0] | flags]) + first[1:])
        chunks = chunks[1:]
    elif chunks[0].name in {b"VP8 ", b"VP8L"}:
        alpha = ALPHA_FLAG if chunks[0].name == b"VP8L" and chunks[0].data[4] & 0x10 else 0
        header = write_extended_header(*bitstream_size(chunks[0]), flags | alpha)
    else:
        raise RedactionError("the encoder wrote no WebP that can carry metadata", reason="encoder")
    more = [webp_chunk(name, body) for name, body in ((b"EXIF", exif), (b"XMP ", packet)) if body]
    return write_file(header, *(webp_chunk(chunk.name, chunk.data) for chunk in chunks), *more)
