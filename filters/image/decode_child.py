"""A process that decodes for the filter: `python -m filters.image.decode_child LINK LIFELINE REGION ORDER`.

The first three are inherited descriptors: a socket of `filters.image.wire` messages, a pipe that closes when the filter
ends, and the shared memory of files and pixels. ORDER is an `Order` as JSON. Linux only.

It trusts the filter and nothing that it decodes: before the first file, it gives up everything that a codec taken over
by a file could use, but for the region and the link.
"""

import fcntl
import importlib
import json
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.abc import MetaPathFinder
from mmap import mmap
from typing import Any

import cv2
import numpy as np
from PIL import Image

from filters.errors import RecordError, UnsupportedMedia
from filters.image.codecs import build_codecs
from filters.image.confinement import confine, limit_processor
from filters.image.container import DecodedImage, EncodeHints, Frame, ImageCodec, Reader
from filters.image.decode import ImageReader
from filters.image.formats import ImageFormat
from filters.image.limits import ImageLimits
from filters.image.wire import MESSAGE, Answer, Request, refusal_number, write_image
from filters.records import ImageContent

_RAISED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What a codec may raise beside record errors; anything else ends the process, which costs as much as a crash."""
_LOADED_LATE = (
    *("numpy.ma", "numpy.linalg", "numpy.fft", "numpy.random", "numpy.rec", "numpy.char"),
    *(f"encodings.{name}" for name in ("ascii", "latin_1", "utf_8", "utf_16", "utf_16_le", "utf_16_be", "utf_32")),
)
"""What numpy and the interpreter load where it is first used."""
_SAMPLE_SIDE = 16
_FLAT_TABLE = (16,) * 64


@dataclass(frozen=True, slots=True)
class Order:
    """What the process is to be.

    Args:
        limits: what an image may cost.
        heic_release: what HEIC and AVIF are released as.
        memory_bytes: address space beyond what the process has when it is ready.
        seconds: that one file may take.
    """

    limits: ImageLimits
    heic_release: ImageFormat
    memory_bytes: int
    seconds: float

    def to_json(self) -> str:
        """The reverse of `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Order":
        """What `to_json` wrote."""
        given: dict[str, Any] = json.loads(text)
        limits = ImageLimits(**given.pop("limits"))
        return cls(limits=limits, heic_release=ImageFormat(given.pop("heic_release")), **given)


def serve(codecs: Mapping[ImageFormat, ImageCodec], link: socket.socket, region: mmap, order: Order) -> None:
    """Give up privileges, then answer until the filter closes the link."""
    reader = ImageReader(codecs, order.limits)
    _warm_up(codecs, reader)
    sys.meta_path.insert(0, _NothingMore())
    confine(order.memory_bytes)
    link.send(MESSAGE.pack(Answer.READY, 0))
    while len(message := link.recv(MESSAGE.size)) == MESSAGE.size:
        request, size = MESSAGE.unpack(message)
        limit_processor(order.seconds)
        link.send(MESSAGE.pack(*_answer(reader, region, Request(request), size)))


def _answer(reader: Reader, region: mmap, request: Request, size: int) -> tuple[Answer, int]:
    try:
        content = ImageContent(region[:size])
        if request is Request.PIXELS:
            return Answer.PIXELS, reader.pixels(content)
        return Answer.DECODED, write_image(region, reader.decode(content))
    except RecordError as error:
        return Answer.REFUSED, refusal_number(error)
    except MemoryError:
        return Answer.NO_MEMORY, 0
    except _RAISED:
        return Answer.REFUSED, refusal_number(UnsupportedMedia("", reason="decoder_raised"))


def _warm_up(codecs: Mapping[ImageFormat, ImageCodec], reader: Reader) -> None:
    """Load whatever is loaded at the first use: later, no file can be opened any more."""
    for name in _LOADED_LATE:
        importlib.import_module(name)
    Image.init()
    cv2.setNumThreads(0)
    pixels = np.zeros((_SAMPLE_SIDE, _SAMPLE_SIDE, 3), np.uint8)
    hints = EncodeHints(jpeg_tables=(_FLAT_TABLE,))
    for form in codecs.keys() - {ImageFormat.AVIF, ImageFormat.HEIC}:
        alpha = None if form is ImageFormat.JPEG else pixels[..., 0]
        reader.decode(ImageContent(codecs[form].encode(DecodedImage(form, (Frame(pixels, alpha),), hints))))


class _NothingMore(MetaPathFinder):
    """Says at once that a module cannot be had: the search would end in an `OSError`, and that means a bad file."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        del path, target
        raise ModuleNotFoundError(f"{fullname} was not loaded in time", name=fullname)


def _end_with(lifeline: int) -> None:
    """Have the kernel end this process when the filter ends, even in the middle of a codec: then SIGIO comes.

    `PR_SET_PDEATHSIG` would not do: it follows the thread that started the process, and threads end.
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC)


def main(codecs: Mapping[ImageFormat, ImageCodec] | None = None) -> None:
    """Serve by the arguments of the command line; `codecs` in place of the usual ones."""
    link_number, lifeline, region_number = map(int, sys.argv[1:4])
    order = Order.from_json(sys.argv[4])
    _end_with(lifeline)
    region = mmap(region_number, 0)
    os.close(region_number)
    link = socket.socket(fileno=link_number)
    serve(codecs or build_codecs(order.heic_release), link, region, order)


if __name__ == "__main__":
    main()
