"""TIFF: every page judged, in any order of bytes, depth and colour space; released with deflated 8-bit pages."""

import io
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from filters.errors import UnsupportedMedia
from filters.image.colour import to_raster
from filters.image.container import Container, DecodedImage, EncodeHints, Frame, Raster, StoredFrame
from filters.image.formats import ImageFormat
from filters.image.metadata import HIDDEN_DATA, TRAILING
from filters.image.tiff_file import (
    BITS,
    COMPRESSION,
    EXTRA_SAMPLES,
    HEIGHT,
    ICC,
    ORIENTATION,
    SAMPLE_FORMAT,
    STRUCTURE,
    SUB_DIRECTORIES,
    TILE_OFFSETS,
    WIDTH,
    Page,
    read_pages,
    write_pages,
)

_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 7, 8, 32773, 32946})
"""None, CCITT, LZW, JPEG, deflate, PackBits and the older deflate."""
_UNCODED = 1
_DEFLATE = frozenset({8, 32946})
_SEEN_SAMPLES = frozenset({(), (1,), (2,)})
"""No extra sample, or one of alpha."""
_UNSIGNED = 1
_MAX_BITS = 16
_BLOCK = 16
_NAMES = {700: "XMP", 33723: "IPTC", 34377: "IPTC", 34665: "EXIF", 34853: "GPS", 330: "sub-image", 34675: "ICC"}


class TiffCodec:
    """Unsigned samples of up to 16 bits: grey, palette, RGB, CMYK, YCbCr and CIELab, in strips or tiles."""

    def parse(self, data: bytes) -> Container:
        """See `ImageCodec.parse`."""
        pages, covered = read_pages(data)
        names = [
            _NAMES.get(number, "other tag") for page in pages for number in sorted(page.tags) if _is_metadata(number)
        ]
        if not covered or any(SUB_DIRECTORIES & page.tags.keys() for page in pages):
            names.append(TRAILING)
        frames = tuple(_stored(page) for page in pages)
        return Container(
            format=ImageFormat.TIFF,
            width=max(frame.width for frame in frames),
            height=max(frame.height for frame in frames),
            frames=frames,
            hints=EncodeHints(block=_BLOCK),
            metadata=tuple(dict.fromkeys(names)),
        )

    def decode(self, frame: StoredFrame, icc: bytes | None) -> Raster:
        """See `ImageCodec.decode`. A page brings its own profile."""
        with Image.open(io.BytesIO(frame.data), formats=["TIFF"]) as image:
            if image.mode in {"F", "I"}:
                raise UnsupportedMedia("the TIFF samples are not supported", reason="unsupported_coding")
            profile = image.info.get("icc_profile")
            image.load()
            raster = to_raster(image, profile if isinstance(profile, bytes) else icc)
        page = read_pages(frame.data)[0][0]
        return Raster(raster.pixels, raster.alpha, () if _is_exact(page) else (HIDDEN_DATA,))

    def encode(self, image: DecodedImage) -> bytes:
        """See `ImageCodec.encode`."""
        return write_pages([_page(frame) for frame in image.frames])


def _is_metadata(number: int) -> bool:
    return number not in STRUCTURE or number == ICC


def _is_exact(page: Page) -> bool:
    """Whether it is proven that strips hold pixels and nothing else, and that every sample is seen.

    Plain and deflated strips can be measured; the rest is not proven, and counts as no.
    """
    if TILE_OFFSETS in page.tags or page.integers(EXTRA_SAMPLES) not in _SEEN_SAMPLES:
        return False
    row = -(-page.first(WIDTH, 0) * sum(page.integers(BITS) or (1,)) // 8)
    expected = row * page.first(HEIGHT, 0)
    compression = page.first(COMPRESSION, _UNCODED)
    if compression == _UNCODED:
        return sum(map(len, page.pieces)) == expected
    return compression in _DEFLATE and _inflated_size(page.pieces, expected) == expected


def _inflated_size(pieces: Sequence[bytes], most: int) -> int | None:
    """Bytes of all strips when inflated, at most `most` + 1; None where bytes follow the end of a stream."""
    total = 0
    for piece in pieces:
        stream = zlib.decompressobj()
        try:
            total += len(stream.decompress(piece, most + 1))
        except zlib.error:
            return None
        if not stream.eof or stream.unused_data or total > most:
            return None
    return total


def _stored(page: Page) -> StoredFrame:
    """The page alone.

    Raises:
        UnsupportedMedia: `unsupported_coding`: samples or a coding that would not be seen as they are meant.
    """
    bits, formats = page.integers(BITS) or (1,), page.integers(SAMPLE_FORMAT) or (_UNSIGNED,)
    supported = page.first(COMPRESSION, _UNCODED) in _COMPRESSIONS
    if not supported or max(bits) > _MAX_BITS or set(formats) != {_UNSIGNED}:
        raise UnsupportedMedia("the TIFF coding or its samples are not supported", reason="unsupported_coding")
    return StoredFrame(
        width=page.first(WIDTH, 0),
        height=page.first(HEIGHT, 0),
        data=write_pages([page], drop=frozenset({ORIENTATION})),
        orientation=page.first(ORIENTATION, 1),
    )


def _page(frame: Frame) -> Page:
    channels = frame.pixels if frame.alpha is None else np.dstack([frame.pixels, frame.alpha])
    buffer = io.BytesIO()
    Image.fromarray(channels).save(buffer, "TIFF", compression="tiff_adobe_deflate")
    (page,), _ = read_pages(buffer.getvalue())
    return page
