"""Malformed and mutated images: a coded verdict for each within 5 s and 512 MB, and no crash.

    python -m tests.evals.images_malformed [--mutated 20000] [--seed 5] [--decode isolated|inline]

Isolated: as a worker with its default settings decodes; a codec that crashes or hangs costs its record, which has a
code, and is counted. Inline: in one process of its own, in which a crash or a hang is a failure. The peak is the
resident memory of the process that decodes, interpreter included. Linux only.
"""

import argparse
import io
import multiprocessing
import random
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image
from rich.console import Console
from rich.table import Table

from filters.errors import RecordError
from filters.image.medium import ImageMedium
from filters.records import ImageContent
from streams.app import build_isolated_reader
from streams.settings import load_settings

MALFORMED = Path(__file__).parents[3] / "shared" / "eval" / "malformed"
SECONDS = 5.0
MEGABYTES = 512
_GIVE_UP_S = 20.0
_ENDING_S = 0.5
"""To end a process that took its five seconds."""
_HEADER = 64
_PNG = b"\x89PNG\r\n\x1a\n"
_REPAIRED = 0.5
_PAGES = {"save_all": True}
_FORMATS: Mapping[str, tuple[Mapping[str, object], ...]] = {
    "JPEG": ({},),
    "PNG": ({}, _PAGES),
    "WEBP": ({}, _PAGES),
    "GIF": ({}, _PAGES),
    "TIFF": ({"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}, {"compression": "jpeg"}, _PAGES),
    "BMP": ({},),
    "AVIF": ({},),
    "HEIF": ({},),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """`verdict` is `decoded`, a reason of a `RecordError`, or `uncoded:…`, `crashed`, `hung`, which are failures."""

    name: str
    verdict: str
    seconds: float
    megabytes: float

    @property
    def failed(self) -> bool:
        bad = self.verdict in ("crashed", "hung") or self.verdict.startswith("uncoded:")
        return bad or self.seconds > SECONDS + _ENDING_S or self.megabytes > MEGABYTES


def seeds() -> list[tuple[str, bytes]]:
    """Small valid files of each format, in several codings, and of several frames or pages."""
    noise = np.random.default_rng(5).integers(0, 256, (3, 24, 40, 3), dtype=np.uint8)
    frames = [Image.fromarray(each) for each in noise]
    pillow_heif.register_heif_opener()
    made = []
    for form, codings in _FORMATS.items():
        for number, options in enumerate(codings):
            more = {"append_images": frames[1:], "duration": 40} if options is _PAGES else {}
            made.append((f"{form.lower()}-{number}", _file(frames[0], form, **options, **more)))
    made.append(("bmp-1", _file(frames[0].quantize(16), "BMP")))
    return made


def _file(image: Image.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def mutated(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`count` files: bytes flipped, cut short, spliced, or fields of the header changed; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311  reproducible, not secret
    sources = seeds()
    for index in range(count):
        name, data = chance.choice(sources)
        how = chance.choice(("flip", "cut", "splice", "header"))
        yield f"{name}-{how}-{index}", _mutate(data, how, chance, chance.choice(sources)[1])


def _mutate(data: bytes, how: str, chance: random.Random, other: bytes) -> bytes:
    if how == "cut":
        return data[: chance.randrange(len(data))]
    if how == "splice":
        return data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]
    changed = bytearray(data)
    reach = min(_HEADER, len(data)) if how == "header" else len(data)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(reach)] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    return _with_checksums(bytes(changed)) if chance.random() < _REPAIRED else bytes(changed)


def _with_checksums(data: bytes) -> bytes:
    """A PNG with right checksums, so that its changes get past them; anything else as it is."""
    at = len(_PNG)
    if data[:at] != _PNG:
        return data
    whole = bytearray(data)
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        whole[end : end + 4] = zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(whole)


def _serve(pipe: Connection) -> None:
    """Decode what arrives until the pipe closes."""
    medium = ImageMedium([])
    while True:
        try:
            data = pipe.recv_bytes()
        except EOFError:
            return
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        began = time.perf_counter()
        verdict = _verdict(medium, data)
        pipe.send((verdict, time.perf_counter() - began, _peak_megabytes()))


def _verdict(medium: ImageMedium, data: bytes) -> str:
    try:
        medium.decode(ImageContent(data))
    except RecordError as error:
        return error.reason
    except BaseException as error:  # noqa: BLE001  what this evaluation looks for
        return f"uncoded:{type(error).__name__}"
    return "decoded"


def _peak_megabytes(process: int | str = "self") -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def judged_isolated(files: Iterator[tuple[str, bytes]]) -> Iterator[Outcome]:
    """The outcome of each file where a worker's default settings decode it; no peak where the process ended."""
    settings = load_settings(None, images={"decode": "isolated", "decode_processes": 1})
    with build_isolated_reader(settings, _Silent()) as reader:
        medium = ImageMedium([], reader=reader)
        for name, data in files:
            (before,) = reader.pids
            Path(f"/proc/{before}/clear_refs").write_text("5")
            began = time.perf_counter()
            verdict = _verdict(medium, data)
            seconds = time.perf_counter() - began
            same = reader.pids == (before,)
            yield Outcome(name, verdict, seconds, _peak_megabytes(before) if same else 0.0)


class _Silent:
    def decoder_lost(self, cause: str) -> None:
        """The outcome tells as much."""


def judged(files: Iterator[tuple[str, bytes]]) -> Iterator[Outcome]:
    """The outcome of each file; the process that decodes is replaced where a file ends it."""
    spawn = multiprocessing.get_context("spawn")
    pending = next(files, None)
    while pending is not None:
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_serve, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        alive = True
        while alive and pending is not None:
            outcome = _ask(ours, *pending)
            alive = outcome.verdict not in ("crashed", "hung")
            yield outcome
            pending = next(files, None)
        ours.close()
        process.kill()
        process.join()


def _ask(pipe: Connection, name: str, data: bytes) -> Outcome:
    try:
        pipe.send_bytes(data)
        if not pipe.poll(_GIVE_UP_S):
            return Outcome(name, "hung", _GIVE_UP_S, 0.0)
        return Outcome(name, *pipe.recv())
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return Outcome(name, "crashed", 0.0, 0.0)


def given() -> Iterator[tuple[str, bytes]]:
    """The malformed files of the evaluation material; none where it is absent."""
    return ((path.name, path.read_bytes()) for path in sorted(MALFORMED.glob("*")) if path.is_file())


def _show(title: str, outcomes: Sequence[Outcome]) -> None:
    console = Console()
    failed = [each for each in outcomes if each.failed]
    console.print(f"{title}: {len(outcomes)} files, {len(failed)} failures")
    console.print(dict(Counter(each.verdict for each in outcomes).most_common()))
    table = Table("worst", "verdict", "seconds", "peak MB")
    by_time = sorted(outcomes, key=lambda each: -each.seconds)[:5]
    by_memory = sorted(outcomes, key=lambda each: -each.megabytes)[:5]
    for each in dict.fromkeys([*failed[:20], *by_time, *by_memory]):
        table.add_row(each.name, each.verdict, f"{each.seconds:.3f}", f"{each.megabytes:.0f}")
    console.print(table)


def main() -> int:
    """1 where a file fails, else 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutated", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--decode", choices=("isolated", "inline"), default="isolated")
    options = parser.parse_args()
    look = judged_isolated if options.decode == "isolated" else judged
    parts = {"malformed": given(), "mutated": mutated(options.mutated, options.seed)}
    failures = 0
    for title, files in parts.items():
        outcomes = list(look(files))
        _show(title, outcomes)
        failures += sum(each.failed for each in outcomes)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
