"""From whatever Pillow decoded to 8-bit sRGB and a separate alpha."""

import io

import numpy as np
from PIL import Image, ImageCms

from filters.image.container import Raster
from filters.protocols import Pixels

MAX_ICC_BYTES = 4 * 1024 * 1024
"""Larger profiles are not applied; printers' profiles reach about 3 MB."""
_SIXTEEN_TO_EIGHT = 257
_WITH_ALPHA = frozenset({"LA", "PA", "RGBA"})
_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}


def to_raster(image: Image.Image, icc: bytes | None) -> Raster:
    """8-bit sRGB and alpha of a loaded image; a profile that does not fit or cannot be read is ignored."""
    if image.mode.startswith("I"):
        return _from_sixteen_bits(image, icc)
    if image.mode == "RGBA" and not icc:
        channels = np.asarray(image)
        return Raster(np.ascontiguousarray(channels[..., :3]), channels[..., 3].copy())
    alpha: Pixels | None = None
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        alpha = np.asarray(image.convert("RGBA").getchannel("A"))
    return Raster(_to_srgb(_colours(image), icc), alpha)


def _colours(image: Image.Image) -> Image.Image:
    """The image in mode L, RGB or CMYK, without its alpha."""
    match image.mode:
        case "L" | "RGB" | "CMYK":
            return image
        case "1" | "LA":
            return image.convert("L")
        case "RGBA":
            # convert() keeps the colours that lie under transparent pixels, which have to be judged too
            return image.convert("RGB")
        case _:
            return image.convert("RGBA").convert("RGB")


def _from_sixteen_bits(image: Image.Image, icc: bytes | None) -> Raster:
    """Pillow would clip 16-bit greys to 255, and a detector would see white."""
    values = np.asarray(image).astype(np.uint32)
    grey = ((values + _SIXTEEN_TO_EIGHT // 2) // _SIXTEEN_TO_EIGHT).clip(0, 255).astype(np.uint8)
    key = image.info.get("transparency")
    alpha = np.where(values == key, 0, 255).astype(np.uint8) if isinstance(key, int) else None
    return Raster(_to_srgb(Image.fromarray(grey), icc), alpha)


def _to_srgb(plane: Image.Image, icc: bytes | None) -> Pixels:
    converted = _by_profile(plane, icc) if icc and len(icc) <= MAX_ICC_BYTES else None
    seen = converted or plane
    return np.asarray(seen if seen.mode == "RGB" else seen.convert("RGB"))


def _by_profile(plane: Image.Image, icc: bytes) -> Image.Image | None:
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if profile.profile.xcolor_space.strip() != _SPACES[plane.mode]:
            return None
        return ImageCms.profileToProfile(plane, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
