"""Content Credentials (C2PA) of releases: a signer adds a manifest to a finished file, and nothing else."""

import struct
from collections.abc import Iterator
from typing import Protocol

from filters.carried import Carried
from filters.errors import RedactionError
from filters.image.formats import ImageFormat

SIGNED = frozenset({ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.WEBP})
"""The formats whose releases are signed; the others go out without a manifest."""
_FIRST_SEGMENT, _SCAN, _APP11, _JUMBF = 0xC0, 0xDA, 0xEB, b"JP"
_PNG_HEADER = 8
_RIFF_HEADER = 12


class ReleaseSigner(Protocol):
    """Signs finished files. Called from several threads at a time."""

    def sign(self, data: bytes, form: ImageFormat, carried: Carried) -> bytes:
        """The file with a manifest that says that it was edited to protect privacy, or that its metadata was.

        Args:
            form: one of `SIGNED`.
            carried: `covered` tells which; the manifest repeats the `digital_source_type`.

        Raises:
            RedactionError: it cannot be signed.
        """


def signed(data: bytes, form: ImageFormat, carried: Carried, signer: ReleaseSigner) -> bytes:
    """The signed file, of which everything but the manifest is what it was.

    Raises:
        RedactionError: it cannot be signed (`unsigned`), or the signer changed more than it should (`metadata_left`).
    """
    result = signer.sign(data, form, carried)
    try:
        rest, manifests = _without_manifest(result, form)
        before, none = _without_manifest(data, form)
    except (struct.error, IndexError, ValueError):
        rest, manifests, before, none = b"", 0, b"x", 0
    if none or manifests != 1:
        raise RedactionError("the signed file does not hold exactly one manifest", reason="unsigned")
    if rest != before:
        raise RedactionError("signing changed more than the manifest", reason="metadata_left")
    return result


def _without_manifest(data: bytes, form: ImageFormat) -> tuple[bytes, int]:
    """What a file holds beside C2PA manifests, and how many it has."""
    parts = {ImageFormat.JPEG: _jpeg, ImageFormat.PNG: _png, ImageFormat.WEBP: _webp}[form](data)
    rest, manifests = [], 0
    for part, is_manifest in parts:
        if is_manifest:
            manifests += 1
        else:
            rest.append(part)
    return b"".join(rest), manifests


def _jpeg(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """Segments before the first scan, and the rest. A manifest is a run of APP11 segments that number one JUMBF box."""
    yield data[:2], False
    position, last = 2, 0
    while _FIRST_SEGMENT <= data[position + 1] != _SCAN:
        (length,) = struct.unpack_from(">H", data, position + 2)
        segment = data[position : position + 2 + length]
        is_box = segment[1] == _APP11 and segment[4:6] == _JUMBF
        number = int.from_bytes(segment[8:12]) if is_box else 0
        if not is_box or number == 1:
            yield segment, is_box
        elif number != last + 1:
            raise ValueError("segments of a JUMBF box are missing")
        last = number
        position += len(segment)
    yield data[position:], False


def _png(data: bytes) -> Iterator[tuple[bytes, bool]]:
    yield data[:_PNG_HEADER], False
    position = _PNG_HEADER
    while position < len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        yield data[position : position + 12 + length], name == b"caBX"
        position += 12 + length


def _webp(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """Chunks without the file's length; a header that was added, and no more than that, is left out."""
    position = _RIFF_HEADER
    while position < len(data):
        name, length = struct.unpack_from("<4sI", data, position)
        chunk = data[position : position + 8 + length + length % 2]
        if name != b"VP8X" or any(chunk[8:12]):
            yield chunk, name == b"C2PA"
        position += len(chunk)
