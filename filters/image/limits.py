"""What an image may cost. Checked on headers, before any memory for pixels is spent."""

from dataclasses import dataclass

from filters.errors import ConfigurationError, PayloadTooLarge, UnsupportedMedia

PILLOW_WARNS_ABOVE = 89_478_485
"""Pixels of one image above which Pillow gives its bomb warning; staying below keeps warnings out of every thread."""
BYTES_PER_PIXEL = 4
"""Of a decoded frame: three colours and alpha."""
MAX_PARTS = 20_000
"""Segments or chunks of one file; even PNG encoders that write 4 KiB chunks stay below at 25 MB."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """The largest image that is judged.

    Args:
        max_bytes: encoded size.
        max_pixels: over all frames, at the size of the canvas.
        max_side: pixels along one side.
        max_frames: frames of an animation.
        max_aspect: longer side over shorter side.
        max_decoded_bytes: colours and alpha of all frames, at the size of the canvas.
        max_scan_pixels: scans of a progressive JPEG times its pixels; each scan is a pass over all of them.

    Raises:
        ConfigurationError: a limit is below 1, or `max_pixels` is above Pillow's own.
    """

    max_bytes: int = 25_000_000
    max_pixels: int = 50_000_000
    max_side: int = 12_000
    max_frames: int = 256
    max_aspect: int = 100
    max_decoded_bytes: int = 200_000_000
    max_scan_pixels: int = 800_000_000

    def __post_init__(self) -> None:
        if min(getattr(self, name) for name in self.__slots__) < 1:
            raise ConfigurationError("image limits must be at least 1")
        if self.max_pixels > PILLOW_WARNS_ABOVE:
            raise ConfigurationError(f"max_pixels must be at most {PILLOW_WARNS_ABOVE}, got {self.max_pixels}")

    def check_bytes(self, size: int) -> None:
        """Raises PayloadTooLarge (`bytes`)."""
        if size > self.max_bytes:
            raise PayloadTooLarge(f"the image has {size} bytes; the limit is {self.max_bytes}", reason="bytes")

    def check_canvas(self, width: int, height: int, frames: int, scans: int = 1) -> None:
        """Judge what the headers announce.

        Raises:
            PayloadTooLarge: `side`, `aspect`, `frames`, `pixels`, `decoded_bytes` or `scans`.
            UnsupportedMedia: `corrupt`, where a side is 0.
        """
        if min(width, height) < 1:
            raise UnsupportedMedia("the image has no area", reason="corrupt")
        longer, shorter = max(width, height), min(width, height)
        pixels = width * height
        for value, limit, reason in (
            (longer, self.max_side, "side"),
            (frames, self.max_frames, "frames"),
            (pixels * frames, self.max_pixels, "pixels"),
            (pixels * frames * BYTES_PER_PIXEL, self.max_decoded_bytes, "decoded_bytes"),
            (-(-longer // shorter), self.max_aspect, "aspect"),
            (pixels * scans, max(self.max_scan_pixels, self.max_pixels), "scans"),
        ):
            if value > limit:
                raise PayloadTooLarge(f"the image's {reason} is {value}; the limit is {limit}", reason=reason)
