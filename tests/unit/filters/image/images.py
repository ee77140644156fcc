"""Pictures, files and hits for the tests of filters/image."""

import io
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from filters.decide import Hit
from filters.findings import BoundingBox, Detection, EntityType, FindingSource, ImageFinding
from filters.image.container import DecodedImage
from filters.image.limits import ImageLimits
from filters.image.medium import ImageMedium
from filters.policy_operators import ImageOperator
from filters.records import ImageContent
from filters.verdict import Action

EVAL = Path(__file__).parents[5] / "shared" / "eval"
FACE_BOX = BoundingBox(203, 101, 288, 217)
"""Off every grid of 8 or 16, inside the 512 × 512 photograph."""
FORMATS = ("JPEG", "PNG", "WEBP")


def photograph(width: int = 512, height: int = 512) -> np.ndarray:
    """Eileen Collins, NASA, public domain: RGB."""
    return cv2.resize(data.astronaut(), (width, height), interpolation=cv2.INTER_AREA)


def faces() -> tuple[np.ndarray, np.ndarray]:
    """A woman's face and a cat's, in the size of `FACE_BOX`."""
    size = (FACE_BOX.width, FACE_BOX.height)
    return cv2.resize(data.astronaut()[62:178, 181:266], size), cv2.resize(data.chelsea()[60:220, 150:330], size)


def scene_with(face: np.ndarray) -> np.ndarray:
    """The photograph with a face pasted into `FACE_BOX`."""
    scene = photograph()
    scene[FACE_BOX.y0 : FACE_BOX.y1, FACE_BOX.x0 : FACE_BOX.x1] = face
    return scene


def encoded(pixels: np.ndarray | Image.Image, form: str, **options: object) -> bytes:
    """A file that Pillow writes."""
    buffer = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(buffer, form, **options)
    return buffer.getvalue()


def medium(*detectors: object, **limits: int) -> ImageMedium:
    return ImageMedium(detectors, ImageLimits(**limits))


def decode(data: bytes, media_type: str | None = None) -> DecodedImage:
    return medium().decode(ImageContent(data, media_type))


def release(data: bytes, *hits: Hit) -> bytes:
    """What the medium makes of a file under these hits."""
    return medium().redact(decode(data), hits, "acme").data


def hit(operator: ImageOperator | None, box: BoundingBox | None = FACE_BOX, frame: int = 0) -> Hit:
    """A face that a rule wants redacted."""
    return Hit(ImageFinding(frame, box, EntityType.FACE, 0.9, "test"), Action.REDACT, "images.rules[0]", operator)


METADATA_HIT = Hit(
    ImageFinding(0, None, EntityType.METADATA, 1.0, "metadata", FindingSource.FILE), Action.REDACT, "images.metadata"
)


class RegionDetector:
    """`ImageDetector` that answers each frame by a function of its pixels, and keeps what it was shown."""

    name = "regions"
    digest = "0" * 64
    entities = frozenset({EntityType.FACE})
    sources = frozenset({FindingSource.PIXELS})

    def __init__(self, answer: Callable[[np.ndarray], Sequence[Detection]]) -> None:
        self._answer = answer
        self.shown: list[np.ndarray] = []

    def detect(self, batch: Sequence[np.ndarray]) -> list[list[Detection]]:
        self.shown.extend(batch)
        return [list(self._answer(pixels)) for pixels in batch]


def jpeg_segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    """A JPEG with segments after its start."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_chunks(png: bytes, *chunks: bytes, after_pixels: bool = False) -> bytes:
    """A PNG with chunks after its header, or before its end."""
    place = len(png) - 12 if after_pixels else 33
    return png[:place] + b"".join(chunks) + png[place:]


def riff_chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def webp_file(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def extended_webp(webp: bytes, *chunks: bytes, width: int, height: int) -> bytes:
    """A simple WebP made an extended one, with chunks after its pixels."""
    header = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp_file(riff_chunk(b"VP8X", header), webp[12:], *chunks)


def raw_png(width: int, height: int, depth: int, colour: int, scanlines: bytes, *chunks: bytes, lace: int = 0) -> bytes:
    """A PNG of given filtered scan lines."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, lace)
    parts = (png_chunk(b"IHDR", header), *chunks, png_chunk(b"IDAT", zlib.compress(scanlines)), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def animated(frames: Iterable[np.ndarray], form: str, **options: object) -> bytes:
    """An animation that Pillow writes."""
    first, *more = (Image.fromarray(frame) for frame in frames)
    return encoded(first, form, save_all=True, append_images=more, **options)


def inflated(data: bytes) -> bytes:
    """Whatever zlib streams stand anywhere in the bytes, inflated."""
    found = []
    for start in range(len(data) - 1):
        if data[start] & 15 == 8 and (data[start] << 8 | data[start + 1]) % 31 == 0:
            try:
                found.append(zlib.decompressobj().decompress(data[start:], 1 << 22))
            except zlib.error:
                continue
    return b"".join(found)


needs_eval = pytest.mark.skipif(not EVAL.is_dir(), reason="the evaluation files do not lie beside the checkout")
