"""HEIC and AVIF: read, judged, and released in a format that every viewer knows."""

import io

import pillow_heif
from PIL import Image, JpegPresets

from filters.errors import UnsupportedMedia
from filters.image.colour import to_raster
from filters.image.container import Container, DecodedImage, EncodeHints, Raster, StoredFrame, corrupt
from filters.image.formats import ImageFormat
from filters.image.metadata import CONVERTED

_ORIENTATION = 0x0112
_QUALITY = 90
_TABLE_LISTS: list[list[int]] = JpegPresets.presets["web_very_high"]["quantization"]  # type: ignore[assignment]
_TABLES = tuple(tuple(table) for table in _TABLE_LISTS)
_BLOCK = 64
"""A coding tree block of HEVC, and the larger superblocks of AV1 at half their side (ISO/IEC 23008-2, 7.3.8)."""
RELEASES = frozenset({ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.WEBP})


class HeifCodec:
    """Still images of one of the two formats. Only the primary image is read; nothing else of the file is released.

    Args:
        form: HEIC or AVIF.
        release: what a release is encoded as, of `RELEASES`.
    """

    def __init__(self, form: ImageFormat, release: ImageFormat) -> None:
        self._form = form
        self._release = release

    def parse(self, data: bytes) -> Container:
        """See `ImageCodec.parse`. Sides are read from the file's boxes, without decoding."""
        if self._form is ImageFormat.AVIF:
            with Image.open(io.BytesIO(data), formats=["AVIF"]) as image:
                (width, height), count = image.size, getattr(image, "n_frames", 1)
                orientation = int(image.getexif().get(_ORIENTATION, 1))
            if count > 1:
                raise UnsupportedMedia("sequences of AVIF are not supported", reason="unsupported_coding")
        else:
            (width, height), orientation = _opened(data).size, 1  # libheif turns the image itself
        return Container(
            format=self._form,
            width=width,
            height=height,
            frames=(StoredFrame(width, height, data),),
            hints=EncodeHints(_TABLES, "4:4:4", _QUALITY, _BLOCK),
            orientation=orientation,
            metadata=(CONVERTED,),
            release=self._release,
        )

    def decode(self, frame: StoredFrame, icc: bytes | None) -> Raster:
        """See `ImageCodec.decode`. The file brings its own profile."""
        if self._form is ImageFormat.AVIF:
            with Image.open(io.BytesIO(frame.data), formats=["AVIF"]) as image:
                profile = image.info.get("icc_profile")
                image.load()
                return to_raster(image, profile or icc)
        primary = _opened(frame.data)
        profile = primary.info.get("icc_profile")
        return to_raster(primary.to_pillow(), profile if isinstance(profile, bytes) else icc)

    def encode(self, image: DecodedImage) -> bytes:  # noqa: ARG002  the protocol's
        """Never asked: images of this codec have the format of their release."""
        raise corrupt("the format is not written")


def _opened(data: bytes) -> pillow_heif.HeifImage:
    file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
    return file[file.primary_index]
