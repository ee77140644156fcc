"""Which image format a file is, by its first bytes; the declared media type can only contradict that."""

from enum import StrEnum

from filters.errors import UnsupportedMedia


class ImageFormat(StrEnum):
    """The formats that are judged and released, by media type. APNG is PNG; MPO is JPEG."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    GIF = "image/gif"
    BMP = "image/bmp"
    TIFF = "image/tiff"
    AVIF = "image/avif"
    HEIC = "image/heic"


_STARTS = (
    (b"\xff\xd8\xff", ImageFormat.JPEG),
    (b"\x89PNG\r\n\x1a\n", ImageFormat.PNG),
    (b"RIFF", ImageFormat.WEBP),
    (b"GIF87a", ImageFormat.GIF),
    (b"GIF89a", ImageFormat.GIF),
    (b"II*\x00", ImageFormat.TIFF),
    (b"MM\x00*", ImageFormat.TIFF),
    (b"BM", ImageFormat.BMP),
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"})
_MAX_BRAND_BYTES = 256
_ALIASES = {
    "image/jpg": ImageFormat.JPEG,
    "image/pjpeg": ImageFormat.JPEG,
    "image/mpo": ImageFormat.JPEG,
    "image/x-ms-bmp": ImageFormat.BMP,
    "image/x-bmp": ImageFormat.BMP,
    "image/heif": ImageFormat.HEIC,
    "image/tif": ImageFormat.TIFF,
    "image/x-png": ImageFormat.PNG,
    "image/apng": ImageFormat.PNG,
    "image/vnd.mozilla.apng": ImageFormat.PNG,
}
_UNDECLARED = frozenset({"", "application/octet-stream", "binary/octet-stream"})


def sniff(data: bytes) -> ImageFormat:
    """The format by magic numbers alone.

    Raises:
        UnsupportedMedia: `empty`, or `unknown_format` where the bytes begin like no supported format.
    """
    if not data:
        raise UnsupportedMedia("the image is empty", reason="empty")
    found = next((form for start, form in _STARTS if data.startswith(start)), None)
    if found is ImageFormat.WEBP and data[8:12] != b"WEBP":
        found = None
    if data[4:8] == b"ftyp":
        found = _by_brand(data)
    if found is not None:
        return found
    raise UnsupportedMedia("the bytes begin like no supported image format", reason="unknown_format")


def _by_brand(data: bytes) -> ImageFormat | None:
    """The format by the brands of an ISO base media file (ISO/IEC 23008-12, B.4; AVIF 1.1, 6)."""
    box = data[8 : min(int.from_bytes(data[:4]), _MAX_BRAND_BYTES)]
    brands = {box[start : start + 4] for start in range(0, len(box), 4) if start != 4}  # noqa: PLR2004  the version
    if brands & _AVIF_BRANDS:
        return ImageFormat.AVIF
    return ImageFormat.HEIC if brands & _HEIC_BRANDS else None


def check_declared(media_type: str | None, found: ImageFormat) -> None:
    """Refuse a file whose sender declared another type: whoever trusts the declaration would read it otherwise.

    Raises:
        UnsupportedMedia: `media_type_mismatch`.
    """
    declared = (media_type or "").split(";", 1)[0].strip().lower()
    if declared in _UNDECLARED:
        return
    if _ALIASES.get(declared, declared) != found:
        raise UnsupportedMedia(
            f"the declared media type is not {found.value}, which the content is", reason="media_type_mismatch"
        )
