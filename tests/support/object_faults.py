"""A store that misbehaves on command: an HTTP proxy before a sound one."""

import http.client
import threading
from collections.abc import Callable
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Fault(StrEnum):
    """How a request ends."""

    HANG = "hang"
    """No answer while the proxy lives."""
    DROP = "drop"
    """The connection is closed."""
    BUSY = "busy"
    """503, as S3 answers who asks too often."""


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that give up, or are killed, are what this is for."""


class FaultyStore:
    """Passes requests on, but for those that have a fault.

    Args:
        endpoint: of the sound store.
        fault: what befalls a request, by its verb and path; None where nothing does. May be replaced at any time.
    """

    def __init__(self, endpoint: str, fault: Callable[[str, str], Fault | None] = lambda verb, path: None) -> None:
        self.fault = fault
        self.requests: list[tuple[str, str]] = []
        self._upstream = urlsplit(endpoint)
        self._over = threading.Event()
        self._server = _QuietServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def count(self, verb: str, part: str = "") -> int:
        """Requests so far with `part` in their path."""
        return sum(one == verb and part in path for one, path in list(self.requests))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
                """Nothing on standard error."""

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                proxy.requests.append((self.command, self.path))
                fault = proxy.fault(self.command, self.path)
                if fault is Fault.HANG:
                    proxy._over.wait()
                if fault in (Fault.HANG, Fault.DROP):
                    self.close_connection = True
                elif fault is Fault.BUSY:
                    self._answer(503, {}, b"<Error><Code>SlowDown</Code></Error>")
                else:
                    self._pass_on(body)

            do_GET = do_PUT = do_HEAD = _serve  # noqa: N815  the base's names

            def _pass_on(self, body: bytes) -> None:
                upstream = http.client.HTTPConnection(proxy._upstream.hostname or "", proxy._upstream.port, timeout=20)
                try:
                    upstream.request(self.command, self.path, body, dict(self.headers.items()))
                    answer = upstream.getresponse()
                    self._answer(answer.status, dict(answer.getheaders()), answer.read())
                finally:
                    upstream.close()

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in _HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler
