"""Decoding in processes of their own, so that a codec's crash or hang costs the record that caused it and no other."""

import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from hashlib import sha256
from typing import Protocol, Self, TypeVar

from filters.errors import ConfigurationError, InferenceError, PayloadTooLarge, RecordError, UnsupportedMedia
from filters.image.container import DecodedImage
from filters.image.decode import check_file
from filters.image.decode_child import Order
from filters.image.decode_process import CHILD, Cause, DecodeProcess, Lost, NotStarted
from filters.records import ImageContent

IMAGES_PER_PROCESS = 2_000
"""Then a process is replaced, so that leaks of codecs do not add up."""
_REMEMBERED = 32
T = TypeVar("T")


class DecodeObserver(Protocol):
    """Is told when a process that decodes had to be replaced; metrics hang here."""

    def decoder_lost(self, cause: str) -> None:
        """`crash`, `hang` or `memory`."""


class IsolatedReader:
    """Implements `Reader` by processes that hold nothing but the file in hand. Thread-safe.

    Between `start` and `close`, threads that come while all processes are taken wait for one.

    Args:
        order: what each process is to be.
        processes: how many.
        observer: is told of losses.
        images: after which a process is replaced.
        module: what the processes run.
    """

    def __init__(
        self,
        order: Order,
        processes: int,
        observer: DecodeObserver,
        images: int = IMAGES_PER_PROCESS,
        module: str = CHILD,
    ) -> None:
        self._order = order
        self._observer = observer
        self._images = images
        self._all = tuple(DecodeProcess(order, module) for _ in range(processes))
        self._idle: deque[DecodeProcess] = deque()
        self._turn = threading.Condition()
        self._open = False
        self._fatal = _FatalFiles(_REMEMBERED)

    def start(self) -> None:
        """Start the processes, and return when they are ready.

        Raises:
            ConfigurationError: they cannot be started here.
        """
        if not sys.platform.startswith("linux"):
            raise ConfigurationError("images.decode: `isolated` needs Linux; set `inline`", reason="decode_platform")
        try:
            for process in self._all:
                process.launch()
            for process in self._all:
                process.wait_ready()
        except (OSError, NotStarted) as error:
            self._end_all()
            raise ConfigurationError(
                f"images.decode: no process for decoding could be started ({type(error).__name__}); "
                "free memory and processes, or set `inline`",
                reason="decode_process",
            ) from None
        with self._turn:
            self._idle.extend(self._all)
            self._open = True

    def close(self) -> None:
        """End all processes; whoever waits for one, or comes later, gets an error."""
        with self._turn:
            self._open = False
            idle = [*self._idle]
            self._idle.clear()
            self._turn.notify_all()
        for process in idle:
            process.end()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the processes."""
        return tuple(pid for process in self._all if (pid := process.pid) is not None)

    def pixels(self, content: ImageContent) -> int:
        """See `Reader.pixels`; besides the errors of `ImageReader.open` it raises those of `decode`."""
        check_file(content, self._order.limits)
        try:
            return self._ask(lambda process: process.pixels(content.data))
        except Lost as lost:
            self._fatal.add(content.data, lost.cause)
            raise _error(lost.cause) from None

    def decode(self, content: ImageContent) -> DecodedImage:
        """See `Reader.decode`.

        Raises:
            UnsupportedMedia: as `ImageReader.decode`; `decoder_raised`, or `decoder_crashed`.
            PayloadTooLarge: as `ImageReader.decode`; `decode_seconds` or `decode_memory`.
            InferenceError: `decoder_unavailable`: no process could be started, or the reader is closed.
        """
        found = check_file(content, self._order.limits)
        if (cause := self._fatal.taken(content.data)) is not None:
            raise _error(cause)
        try:
            return self._ask(lambda process: process.decode(content.data, found))
        except Lost as lost:
            raise _error(lost.cause) from None

    def _ask(self, question: Callable[[DecodeProcess], T | RecordError]) -> T:
        process = self._take()
        answered = False  # whatever is raised: a process that owes an answer is not asked again
        try:
            answer = question(process)
            answered = True
        except Lost as lost:
            self._observer.decoder_lost(lost.cause.value)
            raise
        except NotStarted:
            raise InferenceError("no process for decoding could be started", reason="decoder_unavailable") from None
        finally:
            self._give_back(process, fresh=not answered or process.decoded >= self._images)
        if isinstance(answer, RecordError):
            raise answer
        return answer

    def _take(self) -> DecodeProcess:
        with self._turn:
            self._turn.wait_for(lambda: self._idle or not self._open)
            if not self._open:
                raise InferenceError("images are not decoded any more", reason="decoder_unavailable")
            return self._idle.pop()

    def _give_back(self, process: DecodeProcess, *, fresh: bool) -> None:
        """Make the process available, a new one as the last, so that it gets ready while others are asked."""
        if fresh:
            process.end()
            _launch_if_possible(process)
        with self._turn:
            if self._open:
                (self._idle.appendleft if fresh else self._idle.append)(process)
                self._turn.notify()
                return
        process.end()

    def _end_all(self) -> None:
        for process in self._all:
            process.end()


class _FatalFiles:
    """Files that ended a process as they were weighed: decoding them would end the next. Each is told of once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._causes: OrderedDict[bytes, Cause] = OrderedDict()
        self._turn = threading.Lock()

    def add(self, data: bytes, cause: Cause) -> None:
        with self._turn:
            self._causes[sha256(data).digest()] = cause
            while len(self._causes) > self._most:
                self._causes.popitem(last=False)

    def taken(self, data: bytes) -> Cause | None:
        with self._turn:
            return self._causes.pop(sha256(data).digest(), None) if self._causes else None


def _launch_if_possible(process: DecodeProcess) -> None:
    try:
        process.launch()
    except OSError:
        return  # whoever takes it tries again, and is told


def _error(cause: Cause) -> RecordError:
    match cause:
        case Cause.HANG:
            return PayloadTooLarge("decoding the image took longer than images.decode_seconds", reason="decode_seconds")
        case Cause.MEMORY:
            return PayloadTooLarge(
                "decoding the image needs more memory than images.decode_memory_mib", reason="decode_memory"
            )
        case Cause.CRASH:
            return UnsupportedMedia("the codec crashed on the image", reason="decoder_crashed")
