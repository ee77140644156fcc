"""A network between worker and broker that can be slow, silent or cut. Loopback only."""

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self

_CHUNK = 64 * 1024


class Proxy:
    """Forwards TCP connections to one target, from threads.

    Args:
        port: where it listens.
        target: the port that it forwards to.
    """

    def __init__(self, port: int, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self._delay = 0.0
        self._refusing = False
        self._flowing = threading.Event()
        self._flowing.set()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._forgotten: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self.bootstrap_servers = f"127.0.0.1:{port}"

    def cut(self) -> None:
        """Reset every connection, and each new one at once."""
        self._refusing = True
        self._reset_all()

    def silence(self) -> None:
        """Let nothing through in either direction; connections stay open, as when packets are dropped."""
        self._flowing.clear()

    def forget(self) -> None:
        """What is open now stays open and silent for good, as when a firewall lost its state; new connections work."""
        with self._lock:
            self._forgotten |= self._open
            self._open.clear()

    def delay(self, seconds: float) -> None:
        """Each piece of data takes so much longer, in each direction."""
        self._delay = seconds

    def heal(self) -> None:
        """As at the beginning; what was held back flows on."""
        self._refusing, self._delay = False, 0.0
        self._flowing.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                _reset(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                _reset(client)
                continue
            with self._lock:
                self._open |= {client, server}
            for source, sink in ((client, server), (server, client)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                time.sleep(self._delay)
                self._flowing.wait()
                if source in self._forgotten:
                    return
                sink.sendall(data)
        for end in (source, sink):
            with self._lock:
                self._open.discard(end)
            _reset(end)

    def _reset_all(self) -> None:
        with self._lock:
            ends = self._open | self._forgotten
            self._forgotten.clear()
        for end in ends:
            _reset(end)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        self.heal()
        self._reset_all()


def _reset(end: socket.socket) -> None:
    """End a connection so that a thread that reads from it wakes up."""
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
