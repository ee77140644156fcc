"""What passes between the filter and a process that decodes for it: numbers, one closed header, and raw pixels.

All of it lies in one region of shared memory, told of by messages of `MESSAGE`'s form. The process that decodes may
have been taken over by a file: of what it writes, nothing is run, nothing is taken as a place or a size without a
check, and no word of its own reaches a verdict, a log or a label.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import fields
from enum import IntEnum
from mmap import mmap
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from filters.carried import Carried, CarriedText
from filters.errors import PayloadTooLarge, RecordError, UnsupportedMedia
from filters.image.carried_read import KEYS, MAX_TEXTS, VOCABULARY
from filters.image.container import DecodedImage, EncodeHints, Frame
from filters.image.formats import ImageFormat
from filters.image.limits import BYTES_PER_PIXEL, ImageLimits
from filters.protocols import Pixels

MESSAGE = struct.Struct("<BQ")
"""A `Request` and the bytes of the file in the region; back, an `Answer` and a number that it explains."""
MAX_HEADER_BYTES = 4 * 1024 * 1024
_RELEASED_OTHERWISE = frozenset({ImageFormat.AVIF, ImageFormat.HEIC})
_LONGEST_MS = 1e9
_ALIGNED = 64


class Request(IntEnum):
    """What is asked for."""

    PIXELS = 1
    DECODE = 2


class Answer(IntEnum):
    """What came of it; the number is 0, the pixels, the header's bytes, a place in `REFUSALS`, or 0."""

    READY = 1
    PIXELS = 2
    DECODED = 3
    REFUSED = 4
    NO_MEMORY = 5


REFUSALS: Sequence[tuple[type[RecordError], str]] = (
    *((UnsupportedMedia, reason) for reason in ("corrupt", "truncated", "unsupported_coding", "decoder_raised")),
    *((UnsupportedMedia, reason) for reason in ("empty", "unknown_format", "media_type_mismatch")),
    *((PayloadTooLarge, reason) for reason in ("bytes", "pixels", "decoded_bytes", "side", "aspect", "frames")),
    *((PayloadTooLarge, reason) for reason in ("scans", "parts")),
)
"""Every error that reading a file can end with; the order is part of the form."""


class WireError(ValueError):
    """The other side did not keep to the form."""


class _Head(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class _FrameHead(_Head):
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    alpha: bool
    duration_ms: Annotated[float, Field(ge=0, le=_LONGEST_MS, allow_inf_nan=False)]

    @property
    def bytes(self) -> int:
        return self.width * self.height * (BYTES_PER_PIXEL if self.alpha else BYTES_PER_PIXEL - 1)


_Table = Annotated[tuple[Annotated[int, Field(ge=1, le=255)], ...], Field(min_length=64, max_length=64)]


class _HintsHead(_Head):
    jpeg_tables: Annotated[tuple[_Table, ...], Field(max_length=4)]
    jpeg_subsampling: Literal["4:4:4", "4:2:2", "4:2:0"]
    webp_quality: Annotated[int, Field(ge=0, le=100)] | None
    block: Annotated[int, Field(ge=1, le=256)]


def _known(words: frozenset[str]) -> AfterValidator:
    def check(word: str) -> str:
        if word not in words:
            raise ValueError("an unknown word")
        return word

    return AfterValidator(check)


class _TextHead(_Head):
    key: Annotated[str, _known(KEYS)]
    text: str


class _CarriedHead(_Head):
    texts: Annotated[tuple[_TextHead, ...], Field(max_length=MAX_TEXTS)]
    digital_source_type: Annotated[str, _known(VOCABULARY)] | None

    def carried(self) -> Carried:
        return Carried(tuple(CarriedText(each.key, each.text) for each in self.texts), self.digital_source_type)


class _ImageHead(_Head):
    format: ImageFormat
    frames: Annotated[tuple[_FrameHead, ...], Field(min_length=1)]
    hints: _HintsHead
    loop: Annotated[int, Field(ge=0, lt=1 << 32)] | None
    default_outside: bool
    metadata: Annotated[tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_ -]{1,40}$")], ...], Field(max_length=64)]
    carried: _CarriedHead


def region_bytes(limits: ImageLimits) -> int:
    """What a region must hold: the largest file, or the largest image."""
    frames = limits.max_frames * _ALIGNED + limits.max_decoded_bytes
    return max(limits.max_bytes, MAX_HEADER_BYTES + frames)


def refusal_number(error: RecordError) -> int:
    """The place of an error in `REFUSALS`; one that is not in it is `corrupt`."""
    numbers: Mapping[tuple[type[RecordError], str], int] = {each: n for n, each in enumerate(REFUSALS)}
    return numbers.get((type(error), error.reason), 0)


def refusal(number: int) -> RecordError:
    """The error of a place in `REFUSALS`.

    Raises:
        WireError: there is no such place.
    """
    if number >= len(REFUSALS):
        raise WireError("no such refusal")
    kind, reason = REFUSALS[number]
    return kind(f"the image was refused where it was decoded ({reason})", reason=reason)


def write_image(region: mmap, image: DecodedImage) -> int:
    """Lay an image into the region; the bytes of its header.

    Raises:
        WireError: it does not fit.
    """
    frames = tuple(
        _FrameHead(width=one.width, height=one.height, alpha=one.alpha is not None, duration_ms=float(one.duration_ms))
        for one in image.frames
    )
    hints = _HintsHead(**{each.name: getattr(image.hints, each.name) for each in fields(EncodeHints)})
    others = {each.name: getattr(image, each.name) for each in fields(DecodedImage)} | {"hints": hints}
    carried = _CarriedHead(
        texts=tuple(_TextHead(key=each.key, text=each.text) for each in image.carried.texts),
        digital_source_type=image.carried.digital_source_type,
    )
    del others["kept"], others["reopened"]  # nothing is kept before it was judged
    header = _ImageHead(**others | {"frames": frames, "carried": carried}).model_dump_json().encode()
    at = _aligned(len(header))
    if len(header) > MAX_HEADER_BYTES or at + sum(_aligned(frame.bytes) for frame in frames) > len(region):
        raise WireError("the image does not fit")
    region[: len(header)] = header
    for frame in image.frames:
        pixels = [frame.pixels] if frame.alpha is None else [frame.pixels, frame.alpha]
        begin = at
        for plane in pixels:
            np.frombuffer(region, np.uint8, plane.size, at).reshape(plane.shape)[...] = plane
            at += plane.size
        at = begin + _aligned(at - begin)
    return len(header)


def read_image(
    region: mmap, header_bytes: int, found: ImageFormat, release: ImageFormat, limits: ImageLimits
) -> DecodedImage:
    """A copy of the image in the region, which its writer may change at any moment.

    Args:
        region: where it lies.
        header_bytes: as announced.
        found: the format of the file.
        release: what HEIC and AVIF are released as.
        limits: what the image must keep to.

    Raises:
        WireError: the header is not of the form, or announces what the limits forbid.
    """
    if not 0 < header_bytes <= MAX_HEADER_BYTES:
        raise WireError("the header's length")
    try:
        head = _ImageHead.model_validate_json(region[:header_bytes])
    except ValidationError as error:
        raise WireError(f"{error.error_count()} errors in the header") from None
    expected = release if found in _RELEASED_OTHERWISE else found
    if head.format is not expected:
        raise WireError("another format than the file's")
    _check_sizes(head.frames, limits)
    return DecodedImage(
        format=head.format,
        frames=tuple(_frames(region, head.frames, _aligned(header_bytes))),
        hints=EncodeHints(**head.hints.model_dump()),
        loop=head.loop,
        default_outside=head.default_outside,
        metadata=head.metadata,
        carried=head.carried.carried(),
    )


def _check_sizes(frames: Sequence[_FrameHead], limits: ImageLimits) -> None:
    pixels = sum(frame.width * frame.height for frame in frames)
    side = max(max(frame.width, frame.height) for frame in frames)
    if (
        len(frames) > limits.max_frames
        or side > limits.max_side
        or pixels > limits.max_pixels
        or pixels * BYTES_PER_PIXEL > limits.max_decoded_bytes
    ):
        raise WireError("an image beyond the limits")


def _frames(region: mmap, heads: Sequence[_FrameHead], at: int) -> Sequence[Frame]:
    frames = []
    for head in heads:
        area = head.width * head.height
        pixels = _plane(region, at, (head.height, head.width, 3))
        alpha = _plane(region, at + 3 * area, (head.height, head.width)) if head.alpha else None
        frames.append(Frame(pixels, alpha, head.duration_ms))
        at += _aligned(head.bytes)
    return frames


def _plane(region: mmap, at: int, shape: tuple[int, ...]) -> Pixels:
    size = int(np.prod(shape))
    return np.frombuffer(region, np.uint8, size, at).reshape(shape).copy()


def _aligned(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED
