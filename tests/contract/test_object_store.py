"""One suite for every `ObjectStore`: the one of tests/fakes.py, obstore on a folder, obstore on an S3."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from filters.errors import MessageError, ObjectError, ObjectStoreError, PayloadTooLarge
from streams.object_store import ObjectStore, ObstoreObjects, S3Options
from streams.object_url import ObjectUrl, under
from tests.fakes import MemoryObjects
from tests.support.brokers import free_port
from tests.support.objects import CREDENTIALS, S3Server, SlowServer

SECONDS = 10.0
DATA = bytes(range(256)) * 40
BUCKET = "images"


@dataclass
class Rig:
    """A store; the prefix of what it holds; how an object gets there otherwise; and how to read what was put."""

    store: ObjectStore
    prefix: str
    write: Callable[[str, bytes], None]
    read: Callable[[str], bytes]

    def url(self, name: str) -> ObjectUrl:
        return under(self.prefix, name)


@contextmanager
def memory_rig(tmp_path: Path) -> Iterator[Rig]:
    objects, prefix = MemoryObjects(), f"s3://{BUCKET}/in/"

    def write(name: str, data: bytes) -> None:
        objects.objects[prefix + name] = data

    yield Rig(objects, prefix, write, lambda name: objects.objects[prefix + name])


@contextmanager
def file_rig(tmp_path: Path) -> Iterator[Rig]:
    folder = tmp_path / "in"

    def write(name: str, data: bytes) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)

    def read(name: str) -> bytes:
        return (folder / name).read_bytes()

    yield Rig(ObstoreObjects((), S3Options()), f"file://{folder}/", write, read)


@contextmanager
def s3_rig(tmp_path: Path) -> Iterator[Rig]:
    with S3Server(BUCKET) as server:
        store = ObstoreObjects([BUCKET], S3Options(server.endpoint, "us-east-1", 2 * SECONDS))

        def write(name: str, data: bytes) -> None:
            server.write(BUCKET, f"in/{name}", data)

        yield Rig(store, f"s3://{BUCKET}/in/", write, lambda name: server.read(BUCKET, f"in/{name}"))


@pytest.fixture(autouse=True)
def _credentials(monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=["memory", "file", "s3"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with {"memory": memory_rig, "file": file_rig, "s3": s3_rig}[request.param](tmp_path) as made:
        yield made


NAMES = ("a.png", "deep/er/b.png", "odd=,+@:!()'$&;-_.png")


@pytest.mark.parametrize("name", NAMES)
async def test_an_object_is_fetched_byte_for_byte(rig: Rig, name: str):
    """Also under every character that a URL may have."""
    rig.write(name, DATA)
    assert await rig.store.fetch(rig.url(name), len(DATA), SECONDS) == DATA


@pytest.mark.parametrize("name", NAMES)
async def test_what_is_put_is_there_when_it_returns_and_replaces_what_was(rig: Rig, name: str):
    """A replay writes the same name again."""
    await rig.store.put(rig.url(name), b"first", "image/png", SECONDS)
    await rig.store.put(rig.url(name), DATA, None, SECONDS)
    assert rig.read(name) == DATA
    assert await rig.store.fetch(rig.url(name), len(DATA), SECONDS) == DATA


async def test_an_object_that_is_missing_is_the_records_error(rig: Rig):
    """Nor is the folder above an object one."""
    rig.write("folder/there.png", DATA)
    for name in ("nothing.png", "folder", "folder/there.png/below"):
        with pytest.raises(ObjectError) as missing:
            await rig.store.fetch(rig.url(name), len(DATA), SECONDS)
        assert missing.value.reason == "object_missing"


async def test_one_byte_too_many_is_refused(rig: Rig):
    rig.write("a.png", DATA)
    with pytest.raises(PayloadTooLarge) as refused:
        await rig.store.fetch(rig.url("a.png"), len(DATA) - 1, SECONDS)
    assert refused.value.reason == "object_too_large"


async def test_an_empty_object_is_fetched(rig: Rig):
    """The decoder says what is wrong with it."""
    rig.write("empty.png", b"")
    assert await rig.store.fetch(rig.url("empty.png"), 10, SECONDS) == b""


async def test_objects_are_fetched_at_the_same_time_and_one_error_is_its_own(rig: Rig):
    for index in range(8):
        rig.write(f"{index}.png", DATA + bytes([index]))
    work = [rig.store.fetch(rig.url(f"{index}.png"), 20_000, SECONDS) for index in range(9)]
    answers = await asyncio.gather(*work, return_exceptions=True)
    assert answers[:8] == [DATA + bytes([index]) for index in range(8)]
    assert isinstance(answers[8], ObjectError)


async def test_errors_name_no_object(rig: Rig):
    """Keys are content: who generated what, for whom."""
    with pytest.raises(ObjectError) as missing:
        await rig.store.fetch(rig.url("canary-7731.png"), 10, SECONDS)
    error = missing.value
    assert "canary" not in f"{error} {error.reason} {error.__cause__}"
    assert error.__context__ is None or error.__suppress_context__


# ── folders ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.png").write_bytes(DATA)
    (tmp_path / "in" / "plain.png").write_bytes(DATA)
    return tmp_path / "in"


def folder_fetch(folder: Path, name: str) -> bytes:
    store = ObstoreObjects((), S3Options())
    return asyncio.run(store.fetch(under(f"file://{folder}/", name), len(DATA), SECONDS))


@pytest.mark.parametrize("target", ["../secret.png", "/etc/passwd", ".."])
def test_no_link_leads_out_of_a_folder(folder: Path, target: str):
    """A link at the file, or at a folder on the way."""
    (folder / "link").symlink_to(target)
    name = "link/secret.png" if target == ".." else "link"
    with pytest.raises(MessageError) as refused:
        folder_fetch(folder, name)
    assert refused.value.reason == "reference_not_allowed"


def test_a_link_within_the_folder_is_followed(folder: Path):
    (folder / "link.png").symlink_to("plain.png")
    assert folder_fetch(folder, "link.png") == DATA


def test_an_allowed_folder_may_itself_be_a_link(folder: Path, tmp_path: Path):
    """The operator named it."""
    (tmp_path / "alias").symlink_to(folder)
    assert folder_fetch(tmp_path / "alias", "plain.png") == DATA


def test_what_is_no_plain_file_is_not_opened(folder: Path):
    """Opening a pipe would wait for a writer."""
    os.mkfifo(folder / "pipe")
    with pytest.raises(ObjectError) as missing:
        folder_fetch(folder, "pipe")
    assert missing.value.reason == "object_missing"


async def test_a_folder_that_cannot_be_written_is_the_stores_error(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"no folder")
    store = ObstoreObjects((), S3Options())
    with pytest.raises(ObjectStoreError) as failed:
        await store.put(under(f"file://{tmp_path}/file/", "a.png"), DATA, "image/png", SECONDS)
    assert failed.value.reason == "object_unreachable"


# ── S3 ────────────────────────────────────────────────────────────────────────────────────────────────────────────

KEY = under(f"s3://{BUCKET}/in/", "a.png")


@pytest.mark.parametrize("verb", ["fetch", "put"])
async def test_a_store_that_does_not_answer_is_an_error_within_the_seconds(verb: str):
    """Whatever the client's own timeouts and retries are."""
    with SlowServer() as server:
        store = ObstoreObjects([BUCKET], S3Options(server.endpoint, "us-east-1", 60.0))
        started = time.monotonic()
        with pytest.raises(ObjectStoreError) as failed:
            await (store.fetch(KEY, 10, 0.5) if verb == "fetch" else store.put(KEY, DATA, None, 0.5))
        assert failed.value.reason == "object_timeout"
        assert time.monotonic() - started < 1.5


async def test_the_content_of_an_object_that_is_too_large_is_not_waited_for():
    """Its metadata say so: a store that announces a gigabyte is not listened to."""
    head = b'HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\nETag: "1"\r\nLast-Modified: Mon, 23 Nov 2026 00:00:00 GMT'
    with SlowServer(head + b"\r\n\r\n") as server:
        store = ObstoreObjects([BUCKET], S3Options(server.endpoint, "us-east-1", SECONDS))
        started = time.monotonic()
        with pytest.raises(PayloadTooLarge):
            await store.fetch(KEY, 10, SECONDS)
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("verb", ["fetch", "put"])
async def test_a_store_that_is_down_is_an_error_after_bounded_retries(verb: str):
    store = ObstoreObjects([BUCKET], S3Options(f"http://127.0.0.1:{free_port()}", "us-east-1", SECONDS))
    with pytest.raises(ObjectStoreError) as failed:
        await (store.fetch(KEY, 10, SECONDS) if verb == "fetch" else store.put(KEY, DATA, None, SECONDS))
    assert failed.value.reason == "object_unreachable"


async def test_a_bucket_that_is_missing_is_the_stores_error_for_who_writes():
    with S3Server() as server:
        store = ObstoreObjects(["nowhere"], S3Options(server.endpoint, "us-east-1", SECONDS))
        with pytest.raises(ObjectStoreError) as failed:
            await store.put(under("s3://nowhere/", "a.png"), DATA, None, SECONDS)
        assert failed.value.reason == "object_unreachable"


async def test_what_is_put_is_served_under_its_media_type():
    """Browsers fetch released objects."""
    with S3Server(BUCKET) as server:
        store = ObstoreObjects([BUCKET], S3Options(server.endpoint, "us-east-1", SECONDS))
        await store.put(KEY, DATA, "image/webp", SECONDS)
        assert await asyncio.to_thread(server.media_type, BUCKET, "in/a.png") == "image/webp"
