"""An S3 on the loopback (moto's server), one that never answers, and objects read and written beside the filter."""

import logging
import socket
import threading
import urllib.request
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Self

import obstore
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

CREDENTIALS: Mapping[str, str] = MappingProxyType(
    {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "us-east-1"}
)
"""Moto takes any; clients want some."""


class S3Server:
    """Moto's server in a thread of this process, with buckets.

    Args:
        buckets: to be made.
    """

    def __init__(self, *buckets: str) -> None:
        self._buckets = buckets
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)

    @property
    def endpoint(self) -> str:
        host, port = self._server.get_host_and_port()
        return f"http://{host}:{port}"

    def write(self, bucket: str, key: str, data: bytes) -> str:
        """Put an object; its URL."""
        obstore.put(self._store(bucket), key, data)
        return f"s3://{bucket}/{key}"

    def read(self, bucket: str, key: str) -> bytes:
        """An object's content.

        Raises:
            FileNotFoundError: there is none.
        """
        return bytes(obstore.get(self._store(bucket), key).bytes())

    def media_type(self, bucket: str, key: str) -> str | None:
        """What an object is served as."""
        answer = obstore.get(self._store(bucket), key)
        return str(answer.attributes.get("Content-Type")) or None

    def keys(self, bucket: str) -> set[str]:
        """All objects."""
        return {entry["path"] for page in obstore.list(self._store(bucket)) for entry in page}

    def stop(self) -> None:
        """The store is down from now on."""
        self._server.stop()

    def __enter__(self) -> Self:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server.start()
        for bucket in self._buckets:
            request = urllib.request.Request(f"{self.endpoint}/{bucket}", method="PUT")  # noqa: S310  the loopback
            urllib.request.urlopen(request, timeout=10).close()  # noqa: S310
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _store(self, bucket: str) -> S3Store:
        return S3Store(
            bucket,
            endpoint=self.endpoint,
            region=CREDENTIALS["AWS_REGION"],
            access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            client_options={"allow_http": True},
        )


class SlowServer:
    """Takes connections, says `greeting` to each request's beginning, and nothing more."""

    def __init__(self, greeting: bytes = b"") -> None:
        self._greeting = greeting
        self._socket = socket.socket()
        self._taken: list[socket.socket] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(64)
        threading.Thread(target=self._take, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for taken in self._taken:
            taken.close()

    def _take(self) -> None:
        while True:
            try:
                taken = self._socket.accept()[0]
                self._taken.append(taken)
                if self._greeting and taken.recv(1):
                    taken.sendall(self._greeting)
            except OSError:
                return
