"""The filter's end of one process that decodes for it (`filters.image.decode_child`)."""

import fcntl
import mmap
import os
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from signal import SIGKILL, SIGXCPU

from filters.errors import RecordError
from filters.image.container import DecodedImage
from filters.image.decode_child import Order
from filters.image.formats import ImageFormat
from filters.image.wire import MESSAGE, Answer, Request, WireError, read_image, refusal, region_bytes

CHILD = "filters.image.decode_child"
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")
_SET_VARIABLES = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),
}
"""glibc is to keep memory for the next image: a process that is given each page anew takes half as long again."""
_START_SECONDS = 60.0
_END_SECONDS = 5.0
_KEPT_BYTES = 32 * 1024 * 1024
"""Of the region, after an image: memory that the next one need not be given anew."""


class Cause(StrEnum):
    """Why a process had to be replaced."""

    CRASH = "crash"
    HANG = "hang"
    MEMORY = "memory"


class Lost(Exception):
    """The process did not answer, or not in the agreed form; it must be ended."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.value)
        self.cause = cause


class NotStarted(Exception):
    """No process could be started, or it did not get ready; the file is not at fault."""


class DecodeProcess:
    """One process at a time, used by one thread at a time; nothing is started before `launch`.

    Args:
        order: what it is to be.
        module: what it runs.
    """

    def __init__(self, order: Order, module: str = CHILD) -> None:
        self._order = order
        self._module = module
        self._running: _Running | None = None
        self.decoded = 0
        """Images since the process was started."""

    @property
    def pid(self) -> int | None:
        """Of the process, where there is one."""
        return None if self._running is None else self._running.process.pid

    def launch(self) -> None:
        """Start the process unless there is one; it gets ready by itself.

        Raises:
            OSError: the system gives no process or no memory.
        """
        if self._running is None:
            self.decoded = 0
            self._running = _Running(self._order, self._module)

    def wait_ready(self) -> None:
        """Return when files can be decoded; a process that ended in the meantime is replaced.

        Raises:
            NotStarted: there is none.
        """
        if self._running is not None and self._running.process.poll() is not None:
            self.end()
        try:
            self.launch()
            if not self._process.ready and self._process.answer(_START_SECONDS)[0] is not Answer.READY:
                raise NotStarted("another answer")
        except (OSError, Lost) as error:
            raise NotStarted(type(error).__name__) from None
        self._process.ready = True

    def pixels(self, data: bytes) -> int | RecordError:
        """Pixels by the headers, or why the file is refused.

        Raises:
            NotStarted: as `wait_ready`.
            Lost: it crashed, hung, ran out of memory or answered what it may not.
        """
        answer, number = self._ask(Request.PIXELS, data)
        if answer is not Answer.PIXELS:
            return _refusal(answer, number)
        if number > self._order.limits.max_pixels:
            raise Lost(Cause.CRASH)
        return number

    def decode(self, data: bytes, found: ImageFormat) -> DecodedImage | RecordError:
        """The image, or why the file is refused; `found` is its format. Raises as `pixels`."""
        self.decoded += 1
        answer, number = self._ask(Request.DECODE, data)
        if answer is not Answer.DECODED:
            return _refusal(answer, number)
        region = self._process.region
        try:
            image = read_image(region, number, found, self._order.heic_release, self._order.limits)
        except WireError:
            raise Lost(Cause.CRASH) from None
        if sum(frame.pixels.size for frame in image.frames) > _KEPT_BYTES:
            region.madvise(mmap.MADV_REMOVE, _KEPT_BYTES, len(region) - _KEPT_BYTES)
        return image

    def end(self) -> None:
        """End the process, whatever it is doing."""
        if self._running is not None:
            self._running.close()
            self._running = None

    @property
    def _process(self) -> "_Running":
        if self._running is None:
            raise Lost(Cause.CRASH)
        return self._running

    def _ask(self, request: Request, data: bytes) -> tuple[Answer, int]:
        self.wait_ready()
        self._process.region[: len(data)] = data
        return self._process.ask(request, len(data), self._order.seconds)


class _Running:
    """A process with its link, lifeline and region."""

    def __init__(self, order: Order, module: str) -> None:
        self.ready = False
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        read_end, self._lifeline = os.pipe()
        number = _sealed_memory(region_bytes(order.limits))
        self.region = mmap.mmap(number, 0)
        passed = (theirs.fileno(), read_end, number)
        command = [sys.executable, "-P", "-m", module, *map(str, passed), order.to_json()]
        try:
            self.process = subprocess.Popen(  # noqa: S603  this interpreter, with numbers and settings
                command,
                env=_environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=passed,
                start_new_session=True,  # a Ctrl-C is for the filter, which still needs it while it drains
            )
        except OSError:
            self._release()
            raise
        finally:
            theirs.close()
            os.close(read_end)
            os.close(number)

    def ask(self, request: Request, size: int, seconds: float) -> tuple[Answer, int]:
        """The answer to a request; see `answer`."""
        try:
            self.link.send(MESSAGE.pack(request, size))
        except OSError:
            raise Lost(self._end_cause()) from None
        return self.answer(seconds)

    def answer(self, seconds: float) -> tuple[Answer, int]:
        """The next answer within a time.

        Raises:
            Lost: there is none, or not in the agreed form.
        """
        poll = select.poll()
        poll.register(self.link, select.POLLIN)
        if not poll.poll(seconds * 1000):
            raise Lost(Cause.HANG)
        try:
            kind, number = MESSAGE.unpack(self.link.recv(MESSAGE.size))
            return Answer(kind), number
        except (OSError, ValueError, struct.error):
            raise Lost(self._end_cause()) from None

    def close(self) -> None:
        """End it and give everything back."""
        self.process.kill()
        self.process.wait()
        self._release()

    def _release(self) -> None:
        self.link.close()
        os.close(self._lifeline)
        self.region.close()

    def _end_cause(self) -> Cause:
        """What ended the process: the kernel kills for memory with SIGKILL, which nobody else sends."""
        try:
            code = self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return Cause.CRASH
        return {-SIGKILL: Cause.MEMORY, -SIGXCPU: Cause.HANG}.get(code, Cause.CRASH)


def _refusal(answer: Answer, number: int) -> RecordError:
    if answer is Answer.NO_MEMORY:
        raise Lost(Cause.MEMORY)
    if answer is not Answer.REFUSED:
        raise Lost(Cause.CRASH)
    try:
        return refusal(number)
    except WireError:
        raise Lost(Cause.CRASH) from None


def _sealed_memory(size: int) -> int:
    """A descriptor of memory whose size nobody can change: a reader of memory that shrinks is ended by the kernel."""
    number = os.memfd_create("veilstream-pixels", os.MFD_ALLOW_SEALING)
    os.ftruncate(number, size)
    fcntl.fcntl(number, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return number


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the filter's environment but what an interpreter needs: keys and passwords stay here."""
    kept = {name: ours[name] for name in _KEPT_VARIABLES if name in ours}
    return kept | _SET_VARIABLES | {"PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}
