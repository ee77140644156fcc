"""Claim checks: what messages point at is fetched and checked, and what is released in its place is written.

Only below prefixes that the settings allow, and never more than fits; every object is compared with what its record
says before anything decodes it. Nothing here raises for a record's sake: each gets its bytes or its error.
"""

import asyncio
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from filters.errors import MessageError, ObjectError, ObjectStoreError, PayloadTooLarge, VeilstreamError
from filters.records import ImageContent
from streams.claim import Claim
from streams.object_store import ObjectStore
from streams.object_url import ObjectUrl, prefix_of, under

T = TypeVar("T")
_FETCH_SHARE = 0.5
"""Of the time that is left: what a slow store leaves to the detectors, for the record's neighbours."""
_SUBTYPE = re.compile(r"image/([a-z0-9]{1,10})")
_NAME_DIGITS = 32
"""Of the digest in a released object's name: 128 bits."""


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """What may be referenced, and how much.

    Args:
        allowed: prefixes, see `streams.object_url.checked_prefix`.
        released: the prefix of released objects.
        max_bytes: of one object.
        seconds: for one fetch or put.
        require_sha256: refuse references without a digest: nothing else tells that the object is the one meant.
    """

    allowed: tuple[str, ...]
    released: str
    max_bytes: int
    seconds: float
    require_sha256: bool = True


@dataclass(frozen=True, slots=True)
class ToRelease:
    """An image that is to be released by reference."""

    verdict_id: str
    tenant: str
    image: ImageContent = field(repr=False)


class ClaimCheck:
    """Fetches claimed images and writes released ones. Thread-safe; must not be called from a running event loop.

    Args:
        store: the objects.
        rules: what is allowed.
        clock: monotonic seconds; deadlines are on the same clock.
    """

    def __init__(self, store: ObjectStore, rules: ClaimRules, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock

    def weight(self, claim: Claim) -> int:
        """Bytes that fetching may take, at most."""
        largest = self._rules.max_bytes
        return largest if claim.size is None else min(claim.size, largest)

    def fetch(self, asked: Sequence[tuple[Claim, str]], deadline: float) -> list[bytes | VeilstreamError]:
        """The bytes of each claim of a tenant, or why there are none. Concurrently; ends well before `deadline`.

        Errors: MessageError (`reference_not_allowed`, `missing_digest`), PayloadTooLarge (`object_too_large`),
        ObjectError (`object_missing`, `size_mismatch`, `digest_mismatch`), ObjectStoreError.
        """
        seconds = min(self._rules.seconds, (deadline - self._clock()) * _FETCH_SHARE)
        return _all([self._fetched(claim, tenant, seconds) for claim, tenant in asked])

    def release(self, images: Sequence[ToRelease], deadline: float) -> list[Claim | VeilstreamError]:
        """Where each image now lies, or why it does not: MessageError or ObjectStoreError.

        The name is made of verdict and content: a replay writes the same object again, and a judgement under another
        policy never changes an object that an earlier release points at.
        """
        seconds = min(self._rules.seconds, deadline - self._clock())
        return _all([self._put(image, seconds) for image in images])

    async def _fetched(self, claim: Claim, tenant: str, seconds: float) -> bytes:
        url = self._admitted(claim, tenant)
        if seconds <= 0:
            raise _late()
        data = await self._store.fetch(url, self.weight(claim), seconds)
        if claim.size is not None and len(data) != claim.size:
            raise ObjectError("the object has not the size that its record says", reason="size_mismatch")
        if claim.sha256 is not None and not hmac.compare_digest(hashlib.sha256(data).hexdigest(), claim.sha256):
            raise ObjectError("the object has not the digest that its record says", reason="digest_mismatch")
        return data

    def _admitted(self, claim: Claim, tenant: str) -> ObjectUrl:
        text = str(claim.url)
        prefixes = [prefix_of(prefix, tenant) for prefix in self._rules.allowed]
        matching = [prefix for prefix in prefixes if text.startswith(prefix)]
        if not matching:
            raise MessageError("the reference is under none of `objects.allowed`", reason="reference_not_allowed")
        if claim.sha256 is None and self._rules.require_sha256:
            raise MessageError("a reference needs the sha256 of what it points at", reason="missing_digest")
        if claim.size is not None and claim.size > self._rules.max_bytes:
            raise PayloadTooLarge(
                f"{claim.size} bytes are referenced, and {self._rules.max_bytes} are allowed", reason="object_too_large"
            )
        # of nested prefixes the widest: a link may lead to wherever some prefix allows
        prefix = min(matching, key=len)
        return under(prefix, text.removeprefix(prefix))

    async def _put(self, given: ToRelease, seconds: float) -> Claim:
        if seconds <= 0:
            raise _late()
        image = given.image
        digest = hashlib.sha256(image.data).hexdigest()
        subtype = _SUBTYPE.fullmatch(image.media_type or "")
        name = f"{given.verdict_id}-{digest[:_NAME_DIGITS]}" + (f".{subtype[1]}" if subtype else "")
        url = under(prefix_of(self._rules.released, given.tenant), name)
        await self._store.put(url, image.data, image.media_type, seconds)
        return Claim(url, digest, len(image.data), image.media_type)


def _late() -> ObjectStoreError:
    return ObjectStoreError("the batch deadline passed before the object's turn", reason="object_timeout")


def _all(work: Sequence[Coroutine[Any, Any, T]]) -> list[T | VeilstreamError]:
    """Run at the same time; every result, or the error in its place."""
    return asyncio.run(_gathered(work)) if work else []


async def _gathered(work: Sequence[Coroutine[Any, Any, T]]) -> list[T | VeilstreamError]:
    return await asyncio.gather(*map(_kept, work))


async def _kept(one: Coroutine[Any, Any, T]) -> T | VeilstreamError:
    try:
        return await one
    except VeilstreamError as error:
        return error
