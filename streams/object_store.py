"""Object stores: fetch one object, bounded in bytes and time, and put one."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, S3Store

from filters.errors import MessageError, ObjectError, ObjectStoreError, PayloadTooLarge
from streams.object_url import ObjectUrl

_RETRIES = 3
"""Of answers 5xx and broken connections, within the caller's seconds."""


class ObjectStore(Protocol):
    """Where images lie that are too large for a message. Errors name neither keys nor content."""

    async def fetch(self, url: ObjectUrl, max_bytes: int, seconds: float) -> bytes:
        """All bytes of an object.

        Args:
            url: for a file, with its `root`, which it must not leave.
            max_bytes: a larger object is refused by its metadata, before its content is read.
            seconds: for everything, retries included.

        Raises:
            ObjectError: `object_missing`: there is no such object, or it is no plain file.
            MessageError: `reference_not_allowed`: a link leads out of the root.
            PayloadTooLarge: `object_too_large`.
            ObjectStoreError: `object_timeout`, `object_denied` or `object_unreachable`.
        """

    async def put(self, url: ObjectUrl, data: bytes, media_type: str | None, seconds: float) -> None:
        """Write an object, whole or not at all, over one of the same name; return when it is durable.

        Raises:
            ObjectStoreError: `object_timeout`, `object_denied` or `object_unreachable`.
        """


@dataclass(frozen=True, slots=True)
class S3Options:
    """How S3 is reached; credentials come from the environment, as AWS's own tools read them.

    `endpoint` is for stores other than Amazon's; `http://` ones are taken as they are. `seconds` bounds an attempt.
    """

    endpoint: str | None = None
    region: str | None = None
    seconds: float = 10.0


class ObstoreObjects:
    """`ObjectStore` on obstore, for `s3://` and `file://`. Stateless but for connections; usable from any event loop.

    Args:
        buckets: the ones that can be named, each with a client of its own.
        s3: how they are reached.

    Raises:
        ConfigurationError: never; what is wrong with a bucket shows when it is used.
    """

    def __init__(self, buckets: Iterable[str], s3: S3Options) -> None:
        self._files = LocalStore()
        self._buckets = {bucket: _bucket_store(bucket, s3) for bucket in buckets}

    async def fetch(self, url: ObjectUrl, max_bytes: int, seconds: float) -> bytes:
        """As the protocol says."""
        async with _faults(seconds):
            if url.is_file:
                _check_file(url)
            answer = await obstore.get_async(self._store(url), url.path)
            if answer.meta["size"] > max_bytes:
                raise _too_large(max_bytes)
            return await _read(answer, max_bytes)

    async def put(self, url: ObjectUrl, data: bytes, media_type: str | None, seconds: float) -> None:
        """As the protocol says."""
        # a folder has no place for a media type
        attributes: Any = {"Content-Type": media_type} if media_type and not url.is_file else None
        async with _faults(seconds), _missing_is_unreachable():
            await obstore.put_async(self._store(url), url.path, data, attributes=attributes, use_multipart=False)

    def _store(self, url: ObjectUrl) -> S3Store | LocalStore:
        return self._files if url.is_file else self._buckets[url.bucket]


def _bucket_store(bucket: str, s3: S3Options) -> S3Store:
    region: Any = {"region": s3.region} if s3.region else {}
    endpoint: Any = {"endpoint": s3.endpoint} if s3.endpoint else {}
    return S3Store(
        bucket,
        **region,
        **endpoint,
        client_options={
            "allow_http": bool(s3.endpoint and s3.endpoint.startswith("http://")),
            "timeout": timedelta(seconds=s3.seconds),
            "connect_timeout": timedelta(seconds=min(5.0, s3.seconds)),
        },
        retry_config={
            "max_retries": _RETRIES,
            "retry_timeout": timedelta(seconds=s3.seconds),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=1),
                "base": 2,
            },
        },
    )


def _check_file(url: ObjectUrl) -> None:
    """A plain file that no link leads out of its root.

    A link that is swapped in after this look can lead to a file only whose digest its sender knows already.
    """
    real, root = Path(os.path.realpath(f"/{url.path}")), Path(os.path.realpath(f"/{url.root}"))
    if not real.is_relative_to(root):
        raise MessageError("the referenced file lies outside of its allowed folder", reason="reference_not_allowed")
    if not real.is_file():
        raise ObjectError("the referenced object is not there", reason="object_missing")


async def _read(answer: "obstore.GetResult", max_bytes: int) -> bytes:
    chunks, size = [], 0
    async for chunk in answer.stream():
        size += len(chunk)
        if size > max_bytes:  # more than the metadata said
            raise _too_large(max_bytes)
        chunks.append(bytes(chunk))
    return b"".join(chunks)


def _too_large(max_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"the referenced object has more than {max_bytes} bytes", reason="object_too_large")


@asynccontextmanager
async def _missing_is_unreachable() -> AsyncIterator[None]:
    """What is not there when an object is written is its bucket."""
    try:
        yield
    except FileNotFoundError:
        raise ObjectStoreError("there is no such bucket", reason="object_unreachable") from None


@asynccontextmanager
async def _faults(seconds: float) -> AsyncIterator[None]:
    """Ours for theirs: the texts of theirs hold keys, hosts and answers."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise ObjectStoreError(f"the object store took more than {seconds:.3g} s", reason="object_timeout") from None
    except FileNotFoundError:
        raise ObjectError("the referenced object is not there", reason="object_missing") from None
    except (PermissionDeniedError, UnauthenticatedError, PermissionError):
        raise ObjectStoreError("the object store denies the access", reason="object_denied") from None
    except (BaseError, OSError, ValueError) as error:
        name = type(error).__name__
        raise ObjectStoreError(f"the object store does not work: {name}", reason="object_unreachable") from None
