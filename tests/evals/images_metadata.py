"""What survives a release: `python -m tests.evals.images_metadata [folder]`.

Every file of the evaluation material's `metadata` and `frames`, and eight orientations of one photograph, is released
as for a tenant that strips metadata, and read back by a walk of its own that shares no code with the filter, and by
exiftool (Debian's libimage-exiftool-perl) where it is installed.
"""

import io
import json
import shutil
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from filters.errors import RecordError
from filters.image.medium import ImageMedium
from filters.records import ImageContent

EVAL = Path(__file__).parents[3] / "shared" / "eval"
HALF_TICK = 0.005
"""Seconds: half of the unit in which GIF counts."""
_JPEG_KEPT = {0xE0, 0xEE, 0xC0, 0xC1, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD}
_PNG_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"}
_WEBP_KEPT = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"}
_EXIFTOOL_GROUPS = {"SourceFile", "System", "ExifTool", "Composite"}
"""What exiftool says of itself, of the file system, and computes."""
_EXIFTOOL_KEPT = {
    "File": "BitsPerSample ColorComponents EncodingProcess ExifByteOrder FileType FileTypeExtension ImageHeight "
    "ImageWidth MIMEType YCbCrSubSampling BMPVersion Planes BitDepth Compression ImageLength PixelsPerMeterX "
    "PixelsPerMeterY NumColors NumImportantColors",
    "GIF": "AnimationIterations BackgroundColor BitsPerPixel ColorResolutionDepth Duration FrameCount GIFVersion "
    "HasColorMap ImageHeight ImageWidth TransparentColor",
    "IFD": "BitsPerSample Compression ImageHeight ImageWidth PhotometricInterpretation PlanarConfiguration "
    "RowsPerStrip SamplesPerPixel StripByteCounts StripOffsets SampleFormat ExtraSamples Predictor",
    "JFIF": "JFIFVersion ResolutionUnit XResolution YResolution",
    "PNG": "AnimationFrames AnimationPlays BitDepth ColorType Compression Filter ImageHeight ImageWidth Interlace",
    "RIFF": "AnimationLoopCount BackgroundColor Duration HorizontalScale ImageHeight ImageWidth VP8Version "
    "VerticalScale WebP_Flags AlphaPreprocessing AlphaFiltering AlphaCompression AlphaIsUsed",
}
"""exiftool's names of pixels and their structure, by group."""
_TIFF_KEPT = {256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 282, 283, 284, 296, 317, 338, 339}


@dataclass(frozen=True, slots=True)
class Released:
    """A file's way: parts that the filter named, parts that survived, and whether frames and timing are the same."""

    name: str
    refused: str | None = None
    named: tuple[str, ...] = ()
    survived: tuple[str, ...] = ()
    frames: int = 0
    frames_kept: bool = True
    timing_kept: bool = True
    output: bytes = field(default=b"", repr=False)


def released(name: str, data: bytes) -> Released:
    """Release one file and read it back."""
    medium = ImageMedium([])
    try:
        image = medium.decode(ImageContent(data, None))
    except RecordError as error:
        return Released(name, refused=str(error.reason))
    output = medium.redact(image, [], "evaluation").data
    (before, seconds), (after, seconds_after) = _played(data), _played(output)
    return Released(
        name=name,
        named=image.metadata,
        survived=tuple(survivors(output)),
        frames=len(image.frames),
        frames_kept=after == before and len(image.frames) >= before,
        timing_kept=abs(seconds - seconds_after) < HALF_TICK * after,
        output=output,
    )


def _played(data: bytes) -> tuple[int, float]:
    """Frames and seconds of an animation or a document, as another reader sees them; (1, 0) for a still image."""
    with Image.open(io.BytesIO(data)) as image:
        count = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        total = 0.0
        for index in range(count if count > 1 else 0):
            image.seek(index)
            image.load()
            total += float(image.info.get("duration", 0)) / 1000
    return count, total


def survivors(data: bytes) -> Iterator[str]:
    """Names of the parts of a file that are neither pixels nor what they need."""
    if data.startswith(b"\xff\xd8"):
        yield from _jpeg(data)
    elif data.startswith(b"\x89PNG"):
        yield from _chunks(data, 8, ">I4s", 4, _PNG_KEPT)
    elif data.startswith(b"RIFF"):
        yield from _chunks(data, 12, "<4sI", 0, _WEBP_KEPT)
    else:
        yield from _by_pillow(data)


def _jpeg(data: bytes) -> Iterator[str]:
    position = 2
    while data[position + 1] != 0xD9:
        marker, (length,) = data[position + 1], struct.unpack_from(">H", data, position + 2)
        body = data[position + 4 : position + 2 + length]
        if marker not in _JPEG_KEPT or (marker == 0xE0 and len(body) != 14):
            yield f"JPEG {marker:02X}"
        position += 2 + length
        while marker == 0xDA and (data[position] != 0xFF or data[position + 1] in {0, *range(0xD0, 0xD8)}):
            position += 1
    if position + 2 != len(data):
        yield "trailing"


def _chunks(data: bytes, position: int, form: str, check: int, kept: set[bytes]) -> Iterator[str]:
    while position < len(data):
        first, second = struct.unpack_from(form, data, position)
        size, name = (first, second) if isinstance(first, int) else (second, first)
        if name not in kept:
            yield f"chunk {name!r}"
        position += 8 + size + check + (size % 2 if not check else 0)
        if name == b"IEND" and position != len(data):
            yield "trailing"


def _by_pillow(data: bytes) -> Iterator[str]:
    with Image.open(io.BytesIO(data)) as image:
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            image.load()
            yield from (key for key in ("comment", "exif", "xmp", "photoshop", "icc_profile") if image.info.get(key))
            yield from (f"tag {tag}" for tag in getattr(image, "tag_v2", {}) if tag not in _TIFF_KEPT)
    if data.startswith(b"GIF") and not data.endswith(b"\0;"):
        yield "trailing"


def exiftool() -> str | None:
    """Where exiftool is, if it is installed."""
    return shutil.which("exiftool")


def exiftool_survivors(files: Mapping[str, bytes]) -> dict[str, list[str]]:
    """By name of file, what exiftool finds beyond structure, warnings of trailers included; empty where all is clean.

    Raises:
        FileNotFoundError: it is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for number, (name, data) in enumerate(files.items()):
            with Image.open(io.BytesIO(data)) as image:
                path = Path(folder) / f"{number}.{str(image.format).lower()}"
            path.write_bytes(data)
            paths[str(path)] = name
        command = [exiftool() or "exiftool", "-json", "-G1", "-a", "-u", "-U", "-ee", folder]
        answer = subprocess.run(command, capture_output=True, check=True, timeout=300)
        rows = json.loads(answer.stdout)
    if len(rows) != len(paths):
        raise ValueError(f"exiftool read {len(rows)} of {len(paths)} files")
    found = {paths[row["SourceFile"]]: [key for key in row if not _is_structure(key)] for row in rows}
    return {name: left for name, left in found.items() if left}


def _is_structure(key: str) -> bool:
    group, _, tag = key.partition(":")
    kept = _EXIFTOOL_KEPT.get(group.rstrip("0123456789"), "").split()
    return (group in _EXIFTOOL_GROUPS and tag not in {"Warning", "Error"}) or tag in kept


def orientations() -> Iterator[tuple[str, bytes]]:
    """One picture of noise in blocks, stored in each of the eight orientations."""
    blocks = np.random.default_rng(1).integers(0, 255, (6, 9, 3), np.uint8).repeat(16, axis=0).repeat(16, axis=1)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        for form in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
            buffer = io.BytesIO()
            Image.fromarray(blocks).save(buffer, form, exif=exif)
            yield f"orientation-{orientation}.{form.lower()}", buffer.getvalue()


def material(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file that is released: the folder's, and the orientations."""
    for part in ("metadata", "frames"):
        for path in sorted((folder / part).iterdir()):
            yield f"{part}/{path.name}", path.read_bytes()
    yield from orientations()


def main() -> int:
    """Print the table; 1 where anything survived."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else EVAL
    rows = [released(name, data) for name, data in material(folder)]
    judged = [row for row in rows if row.refused is None]
    bad = [row for row in judged if row.survived or not (row.frames_kept and row.timing_kept)]
    console = Console(width=120)
    console.print(f"files {len(rows)}, released {len(judged)}, frames judged {sum(row.frames for row in judged)}")
    console.print("refused:", dict(Counter(row.refused for row in rows if row.refused)))
    console.print("named:", dict(Counter(name for row in judged for name in row.named).most_common()))
    console.print(f"with anything that survived, or frames or timing changed: {len(bad)}")
    left = exiftool_survivors({row.name: row.output for row in judged}) if exiftool() else {}
    console.print(
        f"with anything that exiftool finds: {len(left) if exiftool() else 'exiftool is not installed'}", left
    )
    for row in [*bad, *(row for row in rows if row.refused)]:
        console.print(row)
    return 1 if bad or left else 0


if __name__ == "__main__":
    raise SystemExit(main())
