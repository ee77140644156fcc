"""EXIF blocks: directories in within bounds, and a fresh block of a few texts out."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

USER_COMMENT = 0x9286
_EXIF_POINTER, _MAKER_NOTE = 0x8769, 0x927C
_JPEG_START = b"\xff\xd8\xff"
_MAX_ENTRIES = 1024
_ASCII, _LONG, _UNDEFINED = 2, 4, 7
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_INLINE = 4


@dataclass(frozen=True, slots=True)
class Directory:
    """Values by tag, as bytes, and the offset of the directory that follows, 0 where none does."""

    values: Mapping[int, bytes] = field(repr=False)
    following: int


def read_exif(tiff: bytes) -> tuple[Directory, Directory] | None:
    """The first directory and its EXIF directory of a TIFF-structured block; None where they cannot be read whole."""
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(tiff[:4])
    if order is None:
        return None
    try:
        first = _directory(tiff, order, *struct.unpack_from(f"{order}I", tiff, 4))
        pointer = first.values.get(_EXIF_POINTER)
        if pointer is None:
            return first, Directory({}, 0)
        return first, _directory(tiff, order, *struct.unpack_from(f"{order}I", pointer))
    except struct.error:
        return None


def _directory(tiff: bytes, order: str, offset: int) -> Directory:
    (count,) = struct.unpack_from(f"{order}H", tiff, offset)
    if count > _MAX_ENTRIES:
        raise struct.error
    values: dict[int, bytes] = {}
    total = 0
    for place in range(offset + 2, offset + 2 + 12 * count, 12):
        tag, kind, number = struct.unpack_from(f"{order}HHI", tiff, place)
        size = number * _SIZES.get(kind, 1)
        start = place + 8 if size <= _INLINE else struct.unpack_from(f"{order}I", tiff, place + 8)[0]
        total += size
        if start + size > len(tiff) or total > len(tiff):  # values that overlap could fill the memory
            raise struct.error
        values.setdefault(tag, tiff[start : start + size])
    (following,) = struct.unpack_from(f"{order}I", tiff, offset + 2 + 12 * count)
    return Directory(values, following)


def may_hold_image(tiff: bytes) -> bool:
    """Whether a block has a thumbnail or maker notes, anything that begins like a JPEG, or cannot be read."""
    found = read_exif(tiff)
    if found is None or _JPEG_START in tiff:
        return True
    first, exif = found
    return bool(first.following) or _MAKER_NOTE in exif.values or _MAKER_NOTE in first.values


def write_exif(texts: Mapping[int, bytes]) -> bytes:
    """A little-endian block of these values by tag: `USER_COMMENT` in the EXIF directory, all others as ASCII."""
    plain = sorted((tag, value) for tag, value in texts.items() if tag != USER_COMMENT)
    comment = texts.get(USER_COMMENT)
    count = len(plain) + (comment is not None)
    place = 8 + 2 + 12 * count + 4
    entries, bodies = b"", b""
    for tag, value in plain:
        body = value + b"\x00"
        entries += _entry(tag, _ASCII, body, place + len(bodies))
        bodies += _stored(body)
    if comment is not None:
        entries += struct.pack("<HHII", _EXIF_POINTER, _LONG, 1, place + len(bodies))
        at = place + len(bodies) + 2 + 12 + 4
        bodies += struct.pack("<H", 1) + _entry(USER_COMMENT, _UNDEFINED, comment, at) + bytes(4) + _stored(comment)
    return b"II*\x00" + struct.pack("<IH", 8, count) + entries + bytes(4) + bodies


def _entry(tag: int, kind: int, body: bytes, place: int) -> bytes:
    value = body.ljust(4, b"\x00") if len(body) <= _INLINE else struct.pack("<I", place)
    return struct.pack("<HHI", tag, kind, len(body)) + value


def _stored(body: bytes) -> bytes:
    return body + b"\x00" * (len(body) & 1) if len(body) > _INLINE else b""
