"""A process that decodes, with codecs that do what a codec taken over by a file could: `python -m` of this module.

BMP files are read by `HostileCodec`; what stands in them tells what happens. Every other format is read as usual.
"""

import ctypes
import fcntl
import os
import resource
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from filters.image.bmp import BmpCodec
from filters.image.codecs import build_codecs
from filters.image.container import Container, DecodedImage, Raster, StoredFrame
from filters.image.decode_child import main
from filters.image.formats import ImageFormat


def hostile_file(mark: str, at: str = "decode") -> bytes:
    """A file that makes `HostileCodec` misbehave, as it is opened (`parse`) or decoded."""
    return b"BM" + f"{at}:{mark};".encode()


class HostileCodec:
    """Does what the file's mark says."""

    def parse(self, data: bytes) -> Container:
        if not data.startswith((b"BMparse:", b"BMdecode:")):
            return BmpCodec().parse(data)
        if data.startswith(b"BMparse:"):
            _misbehave(data)
        return Container(ImageFormat.BMP, 4, 4, (StoredFrame(4, 4, data),))

    def decode(self, frame: StoredFrame, icc: bytes | None) -> Raster:
        if frame.data.startswith(b"BMdecode:"):
            return _misbehave(frame.data)
        return BmpCodec().decode(frame, icc)

    def encode(self, image: DecodedImage) -> bytes:
        return BmpCodec().encode(image)


def _misbehave(data: bytes) -> Raster:
    answer = MARKS[data.partition(b":")[2].partition(b";")[0].decode()]()
    return answer if isinstance(answer, Raster) else Raster(np.zeros((4, 4, 3), np.uint8))


def _spin() -> None:
    while True:
        pass


def _raise() -> None:
    raise UnicodeError("jane.doe@example.com")


def _called(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


def _in_thread() -> None:
    ran = threading.Event()
    threading.Thread(target=ran.set).start()
    assert ran.wait(5)


CANARY = Path(tempfile.gettempdir(), f"veilstream-canary-{os.getuid()}")
"""A file that a codec could harm."""
MARKS: Mapping[str, Callable[[], object]] = {
    "crash": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "spin": _spin,
    "sleep": lambda: time.sleep(3600),
    "memory": lambda: [np.empty(1 << 24, np.uint8) for _ in range(10_000)],
    "malloc": lambda: ctypes.memset(ctypes.CDLL(None).malloc(1 << 40), 1, 1 << 40),
    "exit": lambda: os._exit(0),
    "raise": _raise,
    "open": lambda: Path("/etc/hostname").read_bytes(),
    "write": lambda: Path(tempfile.gettempdir(), "veilstream-escaped").write_bytes(b"x"),
    "socket": socket.socket,
    "run": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606  refused
    "fork": os.fork,
    "signal": lambda: os.kill(os.getppid(), 0),
    "delete": CANARY.unlink,
    "rename": lambda: CANARY.rename(CANARY.with_suffix(".moved")),
    "truncate": lambda: os.truncate(CANARY, 0),
    "limit": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (0, 0)),
    "read memory": lambda: _called("process_vm_readv", os.getppid(), None, 0, None, 0, 0),
    "trace": lambda: _called("ptrace", 16, os.getppid(), None, None),
    "have it signalled": lambda: fcntl.fcntl(0, fcntl.F_SETOWN, os.getppid()),
    "thread": _in_thread,
    "well": lambda: None,
}


if __name__ == "__main__":
    main(build_codecs() | {ImageFormat.BMP: HostileCodec()})
