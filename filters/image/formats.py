"""Which image format a file is, by its first bytes; the declared media type can only contradict that."""

from enum import StrEnum

from filters.errors import UnsupportedMedia


class ImageFormat(StrEnum):
    """The formats that are judged and released, by media type. APNG is PNG; animated WebP is WebP."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    GIF = "image/gif"


_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GIF_SIGNATURES = (b"GIF87a", b"GIF89a")
_ALIASES = {
    "image/jpg": ImageFormat.JPEG,
    "image/pjpeg": ImageFormat.JPEG,
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
    if data.startswith(b"\xff\xd8\xff"):
        return ImageFormat.JPEG
    if data.startswith(_PNG_SIGNATURE):
        return ImageFormat.PNG
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return ImageFormat.WEBP
    if data.startswith(_GIF_SIGNATURES):
        return ImageFormat.GIF
    raise UnsupportedMedia("the bytes begin like no supported image format", reason="unknown_format")


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
