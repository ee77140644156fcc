"""From the bytes of a file to a `DecodedImage`: sniff, walk, check the limits, and only then decode pixels."""

import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from PIL import Image

from filters.errors import RecordError, UnsupportedMedia
from filters.image.compose import compose
from filters.image.container import Container, DecodedImage, Frame, ImageCodec, Raster, StoredFrame
from filters.image.formats import ImageFormat, check_declared, sniff
from filters.image.hidden import hidden_content
from filters.image.limits import ImageLimits
from filters.image.orientation import upright
from filters.records import ImageContent

_MALFORMED = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow, libheif and the standard library raise on malformed files."""


def check_file(content: ImageContent, limits: ImageLimits) -> ImageFormat:
    """The format of a file whose size and declared type are in order.

    Raises:
        PayloadTooLarge: `bytes`.
        UnsupportedMedia: `empty`, `unknown_format` or `media_type_mismatch`.
    """
    limits.check_bytes(content.size)
    found = sniff(content.data)
    check_declared(content.media_type, found)
    return found


class ImageReader:
    """Implements `Reader` in the process that calls it. Stateless and thread-safe.

    Args:
        codecs: one for each supported format.
        limits: what an image may cost.
    """

    def __init__(self, codecs: Mapping[ImageFormat, ImageCodec], limits: ImageLimits) -> None:
        self._codecs = codecs
        self._limits = limits

    def open(self, content: ImageContent) -> Container:
        """Walk the file and judge its size; no pixels are decoded.

        Raises:
            PayloadTooLarge: `bytes`, `pixels`, `decoded_bytes`, `side`, `aspect`, `frames`, `scans` or `parts`.
            UnsupportedMedia: `empty`, `unknown_format`, `media_type_mismatch`, `truncated`, `corrupt` or
                `unsupported_coding`.
        """
        found = check_file(content, self._limits)
        with _malformed_is_unsupported():
            container = self._codecs[found].parse(content.data)
        self._limits.check_canvas(container.width, container.height, len(container.frames), container.scans)
        return container

    def pixels(self, content: ImageContent) -> int:
        """See `Reader.pixels`; raises what `open` raises."""
        return self.open(content).pixels

    def decode(self, content: ImageContent) -> DecodedImage:
        """Every frame upright and in sRGB, and what the file holds beyond pixels. Raises what `open` raises."""
        container = self.open(content)
        notes: list[str] = list(container.metadata)
        with _malformed_is_unsupported():
            frames = tuple(_oriented(frame, container.orientation) for frame in self._frames(container, notes))
        return DecodedImage(
            format=container.release or container.format,
            frames=frames,
            hints=container.hints,
            loop=container.loop,
            default_outside=container.default_outside,
            metadata=tuple(dict.fromkeys(notes)),
            carried=container.carried,
        )

    def _frames(self, container: Container, notes: list[str]) -> Iterator[Frame]:
        rasters = ((stored, self._raster(container, stored, notes)) for stored in container.frames)
        if container.loop is None:
            for stored, raster in rasters:
                yield _oriented(Frame(raster.pixels, raster.alpha), stored.orientation)
            return
        if container.default_outside:
            _, raster = next(rasters)
            yield Frame(raster.pixels, raster.alpha)
        yield from compose(container.width, container.height, rasters)

    def _raster(self, container: Container, stored: StoredFrame, notes: list[str]) -> Raster:
        raster = self._codecs[container.format].decode(stored, container.icc)
        if raster.pixels.shape[:2] != (stored.height, stored.width):
            raise UnsupportedMedia("a frame has not the announced size", reason="corrupt")
        if raster.alpha is not None and raster.alpha.min() == 255:  # noqa: PLR2004  opaque
            raster = Raster(raster.pixels, None, raster.notes)
        lossy = container.hints.webp_quality is not None
        notes.extend(raster.notes)
        notes.extend(hidden_content(raster, lossy=lossy))
        return raster


def _oriented(frame: Frame, orientation: int) -> Frame:
    alpha = None if frame.alpha is None else upright(frame.alpha, orientation)
    return Frame(upright(frame.pixels, orientation), alpha, frame.duration_ms)


@contextmanager
def _malformed_is_unsupported() -> Iterator[None]:
    """Turn what decoders raise into a record error that names the kind of failure, not its text."""
    try:
        yield
    except RecordError:
        raise
    except _MALFORMED as error:
        raise UnsupportedMedia(f"the image is malformed ({type(error).__name__})", reason="corrupt") from None
