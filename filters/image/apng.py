"""The animation chunks of PNG (APNG): stored frames from `fcTL`/`IDAT`/`fdAT`, and back."""

import struct
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from filters.image.compose import any_alpha, changed_area, cropped
from filters.image.container import Dispose, Frame, StoredFrame, corrupt
from filters.image.png_file import SIGNATURE, Chunk, ImageHeader, encode_png, read_chunks, write_chunk

StillFile = Callable[[int, int, Sequence[bytes]], bytes]
"""Makes a still PNG file from width, height and the parts of the deflated pixels."""

_FRAME_CONTROL = struct.Struct(">IIIIIHHBB")
_ANIMATION_CONTROL = struct.Struct(">II")
_SEQUENCE_BYTES = 4
_DEFAULT_DENOMINATOR = 100
_MAX_DELAY = 65_535


def read_animation(chunks: Sequence[Chunk], header: ImageHeader, still: StillFile) -> tuple[list[StoredFrame], bool]:
    """The frames, and whether the first is a default image outside the animation.

    Raises:
        UnsupportedMedia: `corrupt`: the chunks are out of sequence, or a frame has no pixels or leaves the canvas.
    """
    _check_sequence(chunks)
    frames: list[tuple[bytes | None, list[bytes]]] = []
    default: list[bytes] = []
    for chunk in chunks:
        if chunk.name == b"fcTL":
            frames.append((chunk.data[_SEQUENCE_BYTES:], []))
        elif chunk.name == b"IDAT":
            if not frames:
                frames.append((None, []))  # no control yet: the default image stands outside
            default = frames[0][1]
            default.append(chunk.data)
            if len(frames) > 1:
                raise corrupt("pixels after a second frame control")
        elif chunk.name == b"fdAT":
            if not frames or frames[-1][1] is default:
                raise corrupt("frame data without a frame")
            frames[-1][1].append(chunk.data[_SEQUENCE_BYTES:])
    _check_count(chunks, sum(control is not None for control, _ in frames))
    return [_stored(control, data, header, still) for control, data in frames], frames[0][0] is None


def _check_sequence(chunks: Sequence[Chunk]) -> None:
    numbered = [chunk.data for chunk in chunks if chunk.name in {b"fcTL", b"fdAT"}]
    for expected, data in enumerate(numbered):
        if len(data) < _SEQUENCE_BYTES or int.from_bytes(data[:_SEQUENCE_BYTES]) != expected:
            raise corrupt("animation sequence")


def _check_count(chunks: Sequence[Chunk], found: int) -> None:
    announced, _ = animation_control(chunks)
    if announced != found or found == 0:
        raise corrupt("the number of frames is not the one announced")


def animation_control(chunks: Sequence[Chunk]) -> tuple[int, int]:
    """Frames announced, and times to play (0 for ever).

    Raises:
        UnsupportedMedia: `corrupt`.
    """
    names = [chunk.name for chunk in chunks]
    bodies = [chunk.data for chunk in chunks if chunk.name == b"acTL"]
    if len(bodies) != 1 or len(bodies[0]) != _ANIMATION_CONTROL.size or names.index(b"acTL") > names.index(b"IDAT"):
        raise corrupt("animation control")
    frames, plays = _ANIMATION_CONTROL.unpack(bodies[0])
    return frames, plays


def _stored(control: bytes | None, data: Sequence[bytes], header: ImageHeader, still: StillFile) -> StoredFrame:
    if not data:
        raise corrupt("a frame without pixels")
    if control is None:
        return StoredFrame(header.width, header.height, still(header.width, header.height, data))
    if len(control) != _FRAME_CONTROL.size - _SEQUENCE_BYTES:
        raise corrupt("frame control")
    width, height, x, y, numerator, denominator, dispose, blend = _FRAME_CONTROL.unpack(b"\0\0\0\0" + control)[1:]
    inside = 0 < width <= header.width - x and 0 < height <= header.height - y
    if not inside or dispose > max(Dispose) or blend > 1:
        raise corrupt("frame control")
    return StoredFrame(
        width=width,
        height=height,
        data=still(width, height, data),
        x=x,
        y=y,
        duration_ms=1000 * numerator / (denominator or _DEFAULT_DENOMINATOR),
        dispose=Dispose(dispose),
        blend=bool(blend),
    )


def write_animation(frames: Sequence[Frame], plays: int, *, default_outside: bool) -> bytes:
    """An APNG file; each frame stores only the area that differs from the one before.

    Raises:
        RedactionError: the encoder failed.
    """
    parts = list(_parts(frames, default_outside=default_outside))
    header = read_chunks(parts[0][1])[0][0]
    output = [SIGNATURE, write_chunk(header.name, header.data)]
    output.append(write_chunk(b"acTL", _ANIMATION_CONTROL.pack(len(frames) - default_outside, plays)))
    sequence = 0
    for index, (control, file) in enumerate(parts):
        if control is not None:
            output.append(write_chunk(b"fcTL", struct.pack(">I", sequence) + control))
            sequence += 1
        pixels = b"".join(chunk.data for chunk in read_chunks(file)[0] if chunk.name == b"IDAT")
        if index == 0:
            output.append(write_chunk(b"IDAT", pixels))
        else:
            output.append(write_chunk(b"fdAT", struct.pack(">I", sequence) + pixels))
            sequence += 1
    return b"".join([*output, write_chunk(b"IEND", b"")])


def _parts(frames: Sequence[Frame], *, default_outside: bool) -> Iterator[tuple[bytes | None, bytes]]:
    """Each frame's control (none for a default image outside) and its area as a PNG file."""
    with_alpha = any_alpha(frames)
    before: Frame | None = None
    for index, frame in enumerate(frames):
        outside = default_outside and index == 0
        box = changed_area(before, frame)
        numerator, denominator = _delay(frame.duration_ms)
        control = _FRAME_CONTROL.pack(0, box.width, box.height, box.x0, box.y0, numerator, denominator, Dispose.NONE, 0)
        area = encode_png(*cropped(frame, box, with_alpha=with_alpha))
        yield (None if outside else control[_SEQUENCE_BYTES:]), area
        before = None if outside else frame


def _delay(milliseconds: float) -> tuple[int, int]:
    """Seconds as the fraction of two 16-bit numbers that APNG asks for."""
    seconds = Fraction(min(milliseconds / 1000, float(_MAX_DELAY))).limit_denominator(1000)
    if seconds.numerator > _MAX_DELAY:
        seconds = Fraction(min(round(seconds), _MAX_DELAY))
    return seconds.numerator, seconds.denominator
