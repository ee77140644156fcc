"""What decoding in processes of their own costs: each image weighed and decoded, as the pipeline does, both ways.

    python -m tests.evals.decode_cost [--rounds 15]

One image at a time, with default settings; the two ways in turn, the fastest round of each. Linux only.
"""

import argparse
import io
import time
from dataclasses import dataclass

import cv2
from PIL import Image
from rich.console import Console
from rich.table import Table
from skimage import data

from filters.image.codecs import build_codecs
from filters.image.container import Reader
from filters.image.decode import ImageReader
from filters.image.limits import ImageLimits
from filters.records import ImageContent
from streams.app import build_isolated_reader
from streams.settings import load_settings

SIDES = (512, 1024, 2048)
FORMATS = ("JPEG", "PNG", "WEBP")


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of the fastest round."""

    name: str
    inline: float
    isolated: float

    @property
    def added(self) -> float:
        return self.isolated - self.inline


class _Silent:
    def decoder_lost(self, cause: str) -> None:
        """No image of these ends a process."""


def photograph(side: int, form: str) -> ImageContent:
    """A NASA portrait (public domain), square, as a file."""
    out = io.BytesIO()
    Image.fromarray(cv2.resize(data.astronaut(), (side, side))).save(out, form, quality=90)
    return ImageContent(out.getvalue())


def costs(rounds: int) -> list[Cost]:
    """Of each side and format."""
    inline = ImageReader(build_codecs(), ImageLimits())
    with build_isolated_reader(load_settings(None, images={"decode": "isolated"}), _Silent()) as isolated:
        return [
            _cost(f"{side}² {form}", photograph(side, form), inline, isolated, rounds)
            for side in SIDES
            for form in FORMATS
        ]


def _cost(name: str, content: ImageContent, inline: Reader, isolated: Reader, rounds: int) -> Cost:
    pairs = [(_milliseconds(inline, content), _milliseconds(isolated, content)) for _ in range(rounds + 1)]
    return Cost(name, *map(min, zip(*pairs[1:], strict=True)))


def _milliseconds(reader: Reader, content: ImageContent) -> float:
    began = time.perf_counter()
    reader.pixels(content)
    reader.decode(content)
    return 1000 * (time.perf_counter() - began)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    table = Table("image", "inline ms", "isolated ms", "added ms", "added %")
    for each in costs(parser.parse_args().rounds):
        share = 100 * each.added / each.inline
        table.add_row(each.name, f"{each.inline:.1f}", f"{each.isolated:.1f}", f"{each.added:.1f}", f"{share:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
