"""The network that fails does so in the ways that it names."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.support.brokers import free_port
from tests.support.proxy import Proxy


def echo(listener: socket.socket) -> None:
    """Answer every connection with what it sends, until the listener is closed."""

    def answer(end: socket.socket) -> None:
        with end, contextlib.suppress(OSError):
            while data := end.recv(100):
                end.sendall(data)

    with contextlib.suppress(OSError):
        while True:
            threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=echo, args=(listener,), daemon=True).start()
        with Proxy(free_port(), listener.getsockname()[1]) as running:
            yield running
        listener.shutdown(socket.SHUT_RDWR)


def connect(proxy: Proxy) -> socket.socket:
    host, _, port = proxy.bootstrap_servers.partition(":")
    return socket.create_connection((host, int(port)), timeout=2)


def asked(end: socket.socket, text: bytes, timeout: float = 2.0) -> bytes:
    """The answer; empty where the connection ended.

    Raises:
        TimeoutError: there is none in time.
    """
    end.settimeout(timeout)
    end.sendall(text)
    return end.recv(100)


def test_a_healthy_proxy_forwards(proxy: Proxy):
    with connect(proxy) as end:
        assert asked(end, b"hello") == b"hello"


def test_a_cut_ends_what_is_open_and_what_comes_until_it_is_healed(proxy: Proxy):
    """Both ends notice at once."""
    with connect(proxy) as before:
        asked(before, b"hello")
        proxy.cut()
        assert before.recv(1) == b""
    with connect(proxy) as meanwhile, contextlib.suppress(ConnectionError):
        assert asked(meanwhile, b"hello") == b""
    proxy.heal()
    with connect(proxy) as after:
        assert asked(after, b"again") == b"again"


def test_what_is_said_in_silence_arrives_when_it_is_healed(proxy: Proxy):
    """Nobody notices that nothing passes."""
    with connect(proxy) as end:
        proxy.silence()
        with pytest.raises(TimeoutError):
            asked(end, b"hello", timeout=0.3)
        proxy.heal()
        end.settimeout(2)
        assert end.recv(100) == b"hello"


def test_a_forgotten_connection_is_silent_for_good_and_a_new_one_works(proxy: Proxy):
    """Also after healing."""
    with connect(proxy) as before:
        asked(before, b"hello")
        proxy.forget()
        with pytest.raises(TimeoutError):
            asked(before, b"hello", timeout=0.3)
        proxy.heal()
        with pytest.raises(TimeoutError):
            asked(before, b"hello", timeout=0.3)
        with connect(proxy) as after:
            assert asked(after, b"again") == b"again"
