"""Originals: all of a message that it takes to read it again, in one sealed value.

Packed, an original is `VSO1`, then its key, its value, the object that it claimed, and the number of its headers with
name and value of each.
Every part is a signed 32-bit length (big endian; -1 for null) and its bytes; the number is one such integer.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from streams.headers import HeaderItems
from streams.message import RawMessage
from streams.seal import Sealer

MAGIC = b"VSO1"
"""The format's name and version; sealed along with the rest, so that it cannot be altered either."""
_INTEGER = struct.Struct(">i")
_NULL = -1


@dataclass(frozen=True, slots=True)
class Original:
    """Key, value and headers of a message, to the byte; and the object that it pointed at, where that was fetched."""

    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: HeaderItems = field(default=(), repr=False)
    claimed: bytes | None = field(default=None, repr=False)


def pack(original: Original) -> bytes:
    """The original as bytes: some 28 longer than its parts, and 8 more a header."""
    parts = [MAGIC, *_part(original.key), *_part(original.value), *_part(original.claimed)]
    parts.append(_INTEGER.pack(len(original.headers)))
    for name, value in original.headers:
        parts += [*_part(name.encode()), *_part(value)]
    return b"".join(parts)


def unpack(data: bytes) -> Original:
    """What was packed.

    Raises:
        ValueError: it is no packed original of this version.
    """
    if not data.startswith(MAGIC):
        raise ValueError("not an original of a known format")
    reader = _Reader(data, len(MAGIC))
    key, value, claimed = reader.part(), reader.part(), reader.part()
    original = Original(key, value, tuple(reader.headers()), claimed)
    if reader.at != len(data):
        raise ValueError("bytes stand behind the original")
    return original


def packed(raw: RawMessage, claimed: bytes | None = None) -> bytes:
    """A message as it came, packed, with the object that it pointed at."""
    return pack(Original(raw.key, raw.value, raw.headers, claimed))


def open_original(sealer: Sealer, tenant: str | None, sealed: bytes, verdict_id: str) -> Original:
    """The original that was sealed for a tenant under its verdict's id: what a held record or a dead letter keeps.

    Raises:
        ConfigurationError: no master key is set.
        ValueError: it does not open with this key, or is no original.
    """
    return unpack(sealer.open(tenant, sealed, verdict_id.encode()))


def _part(data: bytes | None) -> tuple[bytes, bytes]:
    return (_INTEGER.pack(_NULL), b"") if data is None else (_INTEGER.pack(len(data)), data)


class _Reader:
    """Takes one part after the other."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self.at = at

    def part(self) -> bytes | None:
        length = self._integer()
        if length == _NULL:
            return None
        if length < 0 or self.at + length > len(self._data):
            raise ValueError("the original ends too soon")
        self.at += length
        return self._data[self.at - length : self.at]

    def headers(self) -> Iterator[tuple[str, bytes | None]]:
        for _ in range(self._integer()):
            name = self.part()
            if name is None:
                raise ValueError("a header of the original has no name")
            yield name.decode(), self.part()

    def _integer(self) -> int:
        try:
            (number,) = _INTEGER.unpack_from(self._data, self.at)
        except struct.error:
            raise ValueError("the original ends too soon") from None
        self.at += _INTEGER.size
        return int(number)
