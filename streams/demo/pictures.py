"""Pictures for people to look at: thumbnails of original and released image files, upright, as a browser shows them."""

import base64
import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from filters.records import ImageContent

_DATA_URL_BYTES = 260_000
"""Animations up to this size go into the page as they are; larger ones show a frame."""


def thumbnail(image: ImageContent | None, side: int, frame: int | None = None) -> Image.Image | None:
    """A frame (the middle one where none is named) within `side` × `side`, on white; None for what is no picture."""
    if image is None:
        return None
    try:
        with warnings.catch_warnings(action="error"), Image.open(io.BytesIO(image.data)) as opened:
            count = getattr(opened, "n_frames", 1)
            opened.seek(count // 2 if frame is None else frame)
            upright = ImageOps.exif_transpose(opened).convert("RGBA")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None
    white = Image.new("RGBA", upright.size, "white")
    white.alpha_composite(upright)
    shown = white.convert("RGB")
    shown.thumbnail((side, side), Image.Resampling.LANCZOS)
    return shown


def upright_size(image: ImageContent) -> tuple[int, int]:
    """Width and height of the first frame as it is looked at."""
    with Image.open(io.BytesIO(image.data)) as opened:
        return ImageOps.exif_transpose(opened).size


def frame_count(image: ImageContent) -> int:
    """Frames of the file, 1 for a still picture."""
    with Image.open(io.BytesIO(image.data)) as opened:
        return int(getattr(opened, "n_frames", 1))


def data_url(image: ImageContent, side: int) -> str | None:
    """The picture for an `img` element: small animations as they are, the rest as a JPEG; None for no picture."""
    shown = thumbnail(image, side)
    if shown is None:
        return None
    if frame_count(image) > 1 and len(image.data) <= _DATA_URL_BYTES:
        return _url(image.data, image.media_type or "image/png")
    data = io.BytesIO()
    shown.save(data, "JPEG", quality=85)
    return _url(data.getvalue(), "image/jpeg")


def _url(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
