"""The codec of each supported format."""

from filters.image.bmp import BmpCodec
from filters.image.container import ImageCodec
from filters.image.formats import ImageFormat
from filters.image.gif import GifCodec
from filters.image.heif import HeifCodec
from filters.image.jpeg import JpegCodec
from filters.image.png import PngCodec
from filters.image.tiff import TiffCodec
from filters.image.webp import WebpCodec


def build_codecs(heic_release: ImageFormat = ImageFormat.JPEG) -> dict[ImageFormat, ImageCodec]:
    """One for each format; HEIC and AVIF are released as `heic_release`."""
    return {
        ImageFormat.JPEG: JpegCodec(),
        ImageFormat.PNG: PngCodec(),
        ImageFormat.WEBP: WebpCodec(),
        ImageFormat.GIF: GifCodec(),
        ImageFormat.BMP: BmpCodec(),
        ImageFormat.TIFF: TiffCodec(),
        ImageFormat.AVIF: HeifCodec(ImageFormat.AVIF, heic_release),
        ImageFormat.HEIC: HeifCodec(ImageFormat.HEIC, heic_release),
    }
