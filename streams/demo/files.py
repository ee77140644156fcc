"""Image files of the demo: scenes encoded, with what cameras and generators leave in them, and broken ones."""

import io
import struct
import zlib
from collections.abc import Mapping
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin

from filters.records import ImageContent
from streams.demo.drawings import Scene

_ORIENTATION_TURNED = 6
"""EXIF: the camera was held upright, the pixels lie on their side."""
_FRAME_MS = 160


def jpeg(scene: Scene, **options: Any) -> ImageContent:  # noqa: ANN401  Pillow's own
    """The first frame as JPEG."""
    return _encoded(scene, "JPEG", "image/jpeg", {"quality": 88} | options)


def png(scene: Scene, **options: Any) -> ImageContent:  # noqa: ANN401
    """The scene as PNG, an animation as APNG."""
    return _encoded(scene, "PNG", "image/png", {"optimize": len(scene.frames) == 1} | options)


def webp(scene: Scene, **options: Any) -> ImageContent:  # noqa: ANN401
    """The scene as lossy WebP."""
    return _encoded(scene, "WEBP", "image/webp", {"quality": 82} | options)


def _encoded(scene: Scene, name: str, media_type: str, options: Mapping[str, Any]) -> ImageContent:
    first, *others = scene.frames
    moving = {"save_all": True, "append_images": others, "duration": _FRAME_MS, "loop": 0} if others else {}
    data = io.BytesIO()
    first.save(data, name, **(moving | dict(options)))
    return ImageContent(data.getvalue(), media_type)


def with_camera_exif(scene: Scene, owner: str, comment: str) -> ImageContent:
    """A JPEG with owner, position and comment, as a telephone writes them."""
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = owner
    exif[ExifTags.Base.ImageDescription] = comment
    position = {1: "N", 2: (48.0, 12.0, 30.0), 3: "E", 4: (16.0, 22.0, 23.0)}
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(position)
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.CameraOwnerName] = owner
    return jpeg(scene, exif=exif, comment=comment.encode())


def turned(scene: Scene) -> ImageContent:
    """A JPEG whose pixels lie on their side, with an EXIF orientation that sets them upright."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = _ORIENTATION_TURNED
    lying = tuple(frame.transpose(Image.Transpose.ROTATE_90) for frame in scene.frames)
    return jpeg(Scene(lying), exif=exif)


def with_parameters(scene: Scene, parameters: str) -> ImageContent:
    """A PNG that carries its prompt and settings in a text chunk, as AUTOMATIC1111 writes it."""
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", parameters)
    return png(scene, pnginfo=text)


def with_trailer(image: ImageContent, trailer: str) -> ImageContent:
    """Bytes behind the end of the image, as editors have left them (CVE-2023-21036)."""
    return ImageContent(image.data + trailer.encode(), image.media_type)


def cut_off(image: ImageContent) -> ImageContent:
    """Only the first half of the file."""
    return ImageContent(image.data[: len(image.data) // 2], image.media_type)


def bomb(side: int) -> ImageContent:
    """A PNG of a few hundred bytes whose header announces `side`² pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(side))), (b"IEND", b""))
    return ImageContent(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks), "image/png")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
