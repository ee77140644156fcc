"""An image file taken apart, and what it becomes once decoded: the types that every format shares."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from filters.carried import Carried
from filters.errors import UnsupportedMedia
from filters.image.formats import ImageFormat
from filters.protocols import Pixels
from filters.records import ImageContent


def truncated(what: str) -> UnsupportedMedia:
    """The error for a file that ends before it is complete."""
    return UnsupportedMedia(f"the {what} ends before it is complete", reason="truncated")


def corrupt(what: str) -> UnsupportedMedia:
    """The error for a file that contradicts its format; `what` must not quote its content."""
    return UnsupportedMedia(f"the image is malformed: {what}", reason="corrupt")


class Dispose(IntEnum):
    """What becomes of a frame's area before the next frame is drawn."""

    NONE = 0
    BACKGROUND = 1
    PREVIOUS = 2


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """A frame as it lies in the file: an area of the canvas, in stored (not upright) pixels.

    `data` is a file of its own, of the same format, with structural parts only: decoders are never shown metadata.
    `blend` tells whether it is laid over what is there, or replaces it. `orientation` is that of a page of its own.
    """

    width: int
    height: int
    data: bytes = field(repr=False)
    x: int = 0
    y: int = 0
    duration_ms: float = 0.0
    dispose: Dispose = Dispose.NONE
    blend: bool = False
    orientation: int = 1


@dataclass(frozen=True, slots=True)
class EncodeHints:
    """How the source was encoded, so that the release can be encoded alike.

    Args:
        jpeg_tables: quantisation tables by component, 64 values (1–255) each in natural order.
        jpeg_subsampling: `4:4:4`, `4:2:2` or `4:2:0`.
        webp_quality: 0–100 as libwebp counts; None is lossless.
        block: pixels along the longer side of the source's coding block, over which private pixels ring.
    """

    jpeg_tables: tuple[tuple[int, ...], ...] = ()
    jpeg_subsampling: str = "4:2:0"
    webp_quality: int | None = None
    block: int = 16


@dataclass(frozen=True, slots=True)
class Container:
    """What the headers of a file say. Holds no pixels.

    Args:
        loop: times that an animation plays, 0 for ever; None for a still image.
        default_outside: the first frame is for viewers that do not animate, and no part of the animation.
        metadata: kinds of everything in the file beyond the structure of its format.
        scans: passes that a decoder makes over the pixels.
        carried: metadata that a release may keep, as it was read: nobody has judged it.
        release: the format of a release, where it is not the file's own.
    """

    format: ImageFormat
    width: int
    height: int
    frames: tuple[StoredFrame, ...]
    hints: EncodeHints = EncodeHints()
    orientation: int = 1
    icc: bytes | None = field(default=None, repr=False)
    loop: int | None = None
    default_outside: bool = False
    metadata: tuple[str, ...] = ()
    scans: int = 1
    carried: Carried = field(default_factory=Carried, repr=False)
    release: ImageFormat | None = None

    @property
    def pixels(self) -> int:
        """Pixels over all frames, each at the size of the canvas."""
        return self.width * self.height * len(self.frames)


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """Decoded pixels of a stored frame: RGB `(h, w, 3)`, alpha `(h, w)` or None where all is opaque.

    `notes` names what decoding revealed beyond pixels.
    """

    pixels: Pixels = field(repr=False)
    alpha: Pixels | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One upright frame: sRGB `(height, width, 3)` and alpha `(height, width)` or None, 8 bit; shown for a time."""

    pixels: Pixels = field(repr=False)
    alpha: Pixels | None = field(default=None, repr=False)
    duration_ms: float = 0.0

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class DecodedImage:
    """An image as detectors and operators see it. `loop`, `default_outside`, `hints`, `metadata`: see `Container`.

    `carried` is what the file holds of metadata that a release may keep, unjudged; `kept` is what its release carries;
    `reopened` says that it is a release, looked at again.
    """

    format: ImageFormat
    frames: tuple[Frame, ...]
    hints: EncodeHints = EncodeHints()
    loop: int | None = None
    default_outside: bool = False
    metadata: tuple[str, ...] = ()
    carried: Carried = field(default_factory=Carried, repr=False)
    kept: Carried = field(default_factory=Carried, repr=False)
    reopened: bool = False


class ImageCodec(Protocol):
    """Reads and writes one format."""

    def parse(self, data: bytes) -> Container:
        """Walk the file's parts, without decoding pixels.

        Raises:
            UnsupportedMedia: `truncated`, `corrupt` or `unsupported_coding`.
            PayloadTooLarge: `parts`.
        """

    def decode(self, frame: StoredFrame, icc: bytes | None) -> Raster:
        """The pixels of one frame, in sRGB. May raise what Pillow raises."""

    def encode(self, image: DecodedImage) -> bytes:
        """A file from arrays alone; same image, same bytes."""


class Reader(Protocol):
    """Opens image files within limits. Called from several threads at a time."""

    def pixels(self, content: ImageContent) -> int:
        """Pixels over all frames, each at the size of the canvas, by the headers alone.

        Raises:
            RecordError: the file will not be decoded.
            InferenceError: nothing can be read at the moment; the record is not at fault.
        """

    def decode(self, content: ImageContent) -> DecodedImage:
        """Every frame upright and in sRGB, and what the file holds beyond pixels. Raises what `pixels` raises."""
