"""How strongly a lossy WebP was compressed: the quantiser from VP8's frame header (RFC 6386, 9.2–9.6 and 19.2)."""

_FRAME_TAG = 10
"""Bytes before the first partition of a key frame: tag, start code, sides."""
_SEGMENTS = 4
_MAX_QUANTISER = 127


class _BitReader:
    """Reads bits of even probability from the first partition (RFC 6386, 7.3); zeros after its end."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)
        self._value = next(self._data, 0) << 8 | next(self._data, 0)
        self._range = 255
        self._shifted = 0

    def bit(self) -> int:
        split = 1 + ((self._range - 1) * 128 >> 8)
        bit = int(self._value >= split << 8)
        if bit:
            self._range -= split
            self._value -= split << 8
        else:
            self._range = split
        while self._range < 128:  # noqa: PLR2004  RFC 6386, 7.3
            self._value <<= 1
            self._range <<= 1
            self._shifted += 1
            if self._shifted == 8:  # noqa: PLR2004  a byte
                self._shifted = 0
                self._value |= next(self._data, 0)
        return bit

    def literal(self, bits: int) -> int:
        value = 0
        for _ in range(bits):
            value = value << 1 | self.bit()
        return value

    def optional(self, bits: int, *, signed: bool = True) -> int:
        """A flag, then where it is set a number; else 0."""
        if not self.bit():
            return 0
        value = self.literal(bits)
        return -value if signed and self.bit() else value


def vp8_quality(bitstream: bytes) -> int:
    """The quality, 0–100, at which libwebp would choose the quantisers of a `VP8 ` chunk; off by a few points.

    libwebp maps quality to a quantiser by `127 · (1 − c^(1/3))`, where `c` is linear in quality with a knee at 75.
    """
    quantiser = _mean_quantiser(_BitReader(bitstream[_FRAME_TAG:]))
    linear = (1 - min(max(quantiser, 0), _MAX_QUANTISER) / _MAX_QUANTISER) ** 3
    return round(100 * (linear * 1.5 if linear < 0.5 else (linear + 1) / 2))  # noqa: PLR2004  the knee


def _mean_quantiser(reader: _BitReader) -> float:
    reader.literal(2)  # colour space, clamping
    segments: list[int] = []
    absolute = False
    if reader.bit():
        absolute, segments = _segment_quantisers(reader)
    reader.literal(1 + 6 + 3)  # filter type, level, sharpness
    if reader.bit() and reader.bit():
        for _ in range(4 + 4):
            reader.optional(6)  # filter deltas by reference and by mode
    reader.literal(2)  # number of partitions
    base = reader.literal(7)
    if not segments:
        return base
    return sum(segments) / _SEGMENTS + (0 if absolute else base)


def _segment_quantisers(reader: _BitReader) -> tuple[bool, list[int]]:
    updates_map, updates_data = reader.bit(), reader.bit()
    absolute, quantisers = False, []
    if updates_data:
        absolute = bool(reader.bit())
        quantisers = [reader.optional(7) for _ in range(_SEGMENTS)]
        for _ in range(_SEGMENTS):
            reader.optional(6)
    if updates_map:
        for _ in range(3):
            reader.optional(8, signed=False)
    return absolute, quantisers
