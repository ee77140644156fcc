"""Malformed and mutated images: a coded verdict for each within 5 s and 512 MB, and no crash.

    python -m tests.evals.images_malformed [--mutated 20000] [--seed 5]

Decodes inline in one process of its own, so that a crash or a hang is counted instead of ending the evaluation. The
peak is the resident memory of that process, interpreter included. Linux only.
"""

import argparse
import io
import multiprocessing
import random
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from filters.errors import RecordError
from filters.image.medium import ImageMedium
from filters.records import ImageContent

MALFORMED = Path(__file__).parents[3] / "shared" / "eval" / "malformed"
SECONDS = 5.0
MEGABYTES = 512
_GIVE_UP_S = 20.0
_HEADER = 64
_PNG = b"\x89PNG\r\n\x1a\n"
_REPAIRED = 0.5
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")


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
        return bad or self.seconds > SECONDS or self.megabytes > MEGABYTES


def seeds() -> list[tuple[str, bytes]]:
    """Small valid files of each format, still and (but for JPEG) animated."""
    noise = np.random.default_rng(5).integers(0, 256, (3, 24, 40, 3), dtype=np.uint8)
    frames = [Image.fromarray(each) for each in noise]
    made = []
    for form in _FORMATS:
        for count in (1,) if form == "JPEG" else (1, 3):
            out = io.BytesIO()
            more = {"save_all": True, "append_images": frames[1:], "duration": 40} if count > 1 else {}
            frames[0].save(out, form, **more)
            made.append((f"{form.lower()}-{count}", out.getvalue()))
    return made


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


def _peak_megabytes() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


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
    options = parser.parse_args()
    parts = {"malformed": given(), "mutated": mutated(options.mutated, options.seed)}
    failures = 0
    for title, files in parts.items():
        outcomes = list(judged(files))
        _show(title, outcomes)
        failures += sum(each.failed for each in outcomes)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
