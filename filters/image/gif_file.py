"""The blocks of a GIF file (GIF89a specification), walked and written."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from filters.errors import PayloadTooLarge
from filters.image.container import corrupt, truncated
from filters.image.limits import MAX_PARTS
from filters.image.metadata import TRAILING

_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B
_CONTROL, _APPLICATION = 0xF9, 0xFF
_CONTROL_BYTES = 4
_LOOPS = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"})
_LOOP_BYTES = 3
_MIN_CODE_BITS = range(1, 9)
_PADDING = 0
"""Some encoders leave zeros between blocks, and every decoder passes over them."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Sides of the logical screen in pixels, and the palette (3 bytes an entry) that frames share."""

    width: int
    height: int
    palette: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class GifImage:
    """One image: its place, flags of its descriptor and of its control, delay in 1/100 s, and coded pixels.

    `coded` begins with the number of bits and ends with the empty sub-block.
    """

    x: int
    y: int
    width: int
    height: int
    interlaced: bool
    palette: bytes = field(repr=False)
    coded: bytes = field(repr=False)
    delay: int = 0
    dispose: int = 0
    transparent: int | None = None


@dataclass(slots=True)
class GifFile:
    """A file taken apart. `repeats`: the loop count as stored, or None; `names`: what is no structure."""

    screen: Screen
    images: list[GifImage] = field(default_factory=list)
    repeats: int | None = None
    names: list[str] = field(default_factory=list)


def read_gif(data: bytes) -> GifFile:
    """Walk a file up to its trailer.

    Raises:
        UnsupportedMedia: `truncated` or `corrupt`.
        PayloadTooLarge: `parts`.
    """
    try:
        return _read(data)
    except (struct.error, IndexError):
        raise truncated("image") from None


def _read(data: bytes) -> GifFile:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    palette, position = _palette(data, 13, flags)
    file = GifFile(Screen(width, height, palette))
    control = b""
    for _ in range(MAX_PARTS):
        kind = data[position]
        if kind == _TRAILER:
            file.names += [TRAILING] if position + 1 < len(data) else []
            file.names += ["other chunk"] if control else []
            return _checked(file)
        if kind == _EXTENSION:
            end = _end_of_blocks(data, position + 2)
            control = _extension(file, data[position + 1], data[position + 2 : end], control)
            position = end
        elif kind == _IMAGE:
            image, position = _image(data, position, control)
            file.images.append(image)
            control = b""
        elif kind == _PADDING:
            file.names.append("stray bytes")
            position += 1
        else:
            raise corrupt("unknown block")
    raise PayloadTooLarge("the image has too many blocks", reason="parts")


def _checked(file: GifFile) -> GifFile:
    if not file.images:
        raise corrupt("no frame")
    if not all(image.palette or file.screen.palette for image in file.images):
        raise corrupt("no palette")
    return file


def _extension(file: GifFile, label: int, blocks: bytes, control: bytes) -> bytes:
    """Take an extension in; the graphic control that is in force after it."""
    if label == _CONTROL:
        if len(blocks) != _CONTROL_BYTES + 2 or blocks[0] != _CONTROL_BYTES:
            raise corrupt("graphic control")
        if control or blocks[1] & 0xE0:
            file.names.append("other chunk")
        return blocks[1:-1]
    payload = b"".join(sub_blocks(blocks))
    if label == _APPLICATION and payload[:11] in _LOOPS and len(payload) == 11 + _LOOP_BYTES and payload[11] == 1:
        if file.repeats is not None:
            file.names.append("other chunk")
        file.repeats = int.from_bytes(payload[12:14], "little")
        return control
    file.names.append({0xFE: "COM", 0x01: "plain text"}.get(label, "XMP" if b"XMP" in payload[:11] else "other chunk"))
    return control


def _image(data: bytes, position: int, control: bytes) -> tuple[GifImage, int]:
    x, y, width, height, flags = struct.unpack_from("<HHHHB", data, position + 1)
    palette, start = _palette(data, position + 10, flags)
    if min(width, height) < 1:
        raise corrupt("a frame has no area")
    if data[start] not in _MIN_CODE_BITS:
        raise corrupt("code size")
    end = _end_of_blocks(data, start + 1)
    image = GifImage(x, y, width, height, bool(flags & 0x40), palette, data[start:end])
    if not control:
        return image, end
    bits, delay, key = struct.unpack("<BHB", control)
    known = GifImage(
        *(x, y, width, height, image.interlaced, palette, image.coded),
        delay=delay,
        dispose=bits >> 2 & 7,
        transparent=key if bits & 1 else None,
    )
    return known, end


def _palette(data: bytes, position: int, flags: int) -> tuple[bytes, int]:
    size = 3 << ((flags & 7) + 1) if flags & 0x80 else 0
    if position + size > len(data):
        raise truncated("palette")
    return data[position : position + size], position + size


def _end_of_blocks(data: bytes, position: int) -> int:
    while size := data[position]:
        position += 1 + size
    return position + 1


def sub_blocks(blocks: bytes) -> Iterator[bytes]:
    """The contents of sub-blocks that end with an empty one."""
    position = 0
    while size := blocks[position]:
        yield blocks[position + 1 : position + 1 + size]
        position += 1 + size


def write_gif(screen: Screen, images: list[GifImage], repeats: int | None) -> bytes:
    """A GIF89a file of these images and nothing else."""
    output = [b"GIF89a", struct.pack("<HHBBB", screen.width, screen.height, _flags(screen.palette), 0, 0)]
    output.append(screen.palette)
    if repeats is not None:
        output.append(b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", repeats) + b"\0")
    for image in images:
        bits = image.dispose << 2 | (image.transparent is not None)
        output.append(struct.pack("<BBBBHBB", 0x21, _CONTROL, 4, bits, image.delay, image.transparent or 0, 0))
        flags = _flags(image.palette) & 0x87 | image.interlaced << 6
        output.append(struct.pack("<BHHHHB", _IMAGE, image.x, image.y, image.width, image.height, flags))
        output += [image.palette, image.coded]
    return b"".join([*output, b";"])


def _flags(palette: bytes) -> int:
    return 0x80 | ((len(palette) // 3 - 1).bit_length() - 1) if palette else 0
