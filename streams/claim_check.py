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
from dataclasses import dataclass
from typing import Any, TypeVar

from filters.errors import MessageError, ObjectError, ObjectStoreError, PayloadTooLarge, VeilstreamError
from filters.records import ImageContent
from filters.verdict import Outcome
from streams.claim import Claim
from streams.message import ReadMessage
from streams.object_store import ObjectStore, ObstoreObjects, S3Options
from streams.object_url import ObjectUrl, prefix_of, under

T = TypeVar("T")
_LARGEST_TOGETHER = 2
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


Told = Callable[[str, float, int], None]
"""Is told of a stage (fetch, put), its seconds, and how many objects it moved."""


class ClaimCheck:
    """Fetches claimed images and writes released ones. Thread-safe; must not be called from a running event loop.

    Args:
        store: the objects.
        rules: what is allowed.
        told: metrics.
        clock: monotonic seconds; deadlines are on the same clock.
    """

    def __init__(
        self,
        store: ObjectStore,
        rules: ClaimRules,
        told: Told = lambda *_: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._rules = rules
        self._told = told
        self._clock = clock

    def parts(self, messages: Sequence[ReadMessage]) -> list[list[int]]:
        """The messages' indices, in parts whose objects lie in memory together; first those that wait for no store.

        Two objects of the largest size make a part, or more smaller ones; so records do well to tell the size.
        """
        parts = [[index for index, message in enumerate(messages) if message.claim is None]]
        total = _LARGEST_TOGETHER * self._rules.max_bytes + 1  # a first claim opens a part
        for index, message in enumerate(messages):
            if message.claim is None:
                continue
            weight = self._weight(message.claim)
            if total + weight > _LARGEST_TOGETHER * self._rules.max_bytes:
                parts.append([])
                total = 0
            parts[-1].append(index)
            total += weight
        return [part for part in parts if part]

    def fetch(self, messages: Sequence[ReadMessage], deadline: float) -> list[ReadMessage | VeilstreamError]:
        """Messages with the bytes of their claims, or why there are none. Concurrently; ends well before `deadline`.

        Errors: MessageError (`claim_check_unsupported`, `reference_not_allowed`, `missing_digest`), PayloadTooLarge
        (`object_too_large`), ObjectError (`object_missing`, `size_mismatch`, `digest_mismatch`), ObjectStoreError.
        """
        seconds = min(self._rules.seconds, (deadline - self._clock()) * _FETCH_SHARE)
        claimed = [message for message in messages if message.claim is not None]
        answers = iter(self._all("fetch", [self._fetched(message, seconds) for message in claimed]))
        return [message if message.claim is None else next(answers) for message in messages]

    def place(
        self, judged: Sequence[tuple[ReadMessage, Outcome]], deadline: float
    ) -> list[Claim | VeilstreamError | None]:
        """Where what is released of each claim now lies, or the ObjectStoreError; None where there is none.

        The name is made of verdict and content: a replay writes the same object again, and a judgement under another
        policy never changes an object that an earlier release points at.
        """
        seconds = min(self._rules.seconds, deadline - self._clock())
        images = [_to_place(message, outcome) for message, outcome in judged]
        work = [
            self._put(image, outcome, seconds)
            for image, (_, outcome) in zip(images, judged, strict=True)
            if image is not None
        ]
        answers = iter(self._all("put", work))
        return [None if image is None else next(answers) for image in images]

    def _weight(self, claim: Claim) -> int:
        largest = self._rules.max_bytes
        return largest if claim.size is None else min(claim.size, largest)

    async def _fetched(self, message: ReadMessage, seconds: float) -> ReadMessage:
        data = await self._bytes(message.claim, message.record.context.tenant, seconds) if message.claim else b""
        return message.with_object(data)

    async def _bytes(self, claim: Claim, tenant: str, seconds: float) -> bytes:
        url = self._admitted(claim, tenant)
        if seconds <= 0:
            raise _late()
        data = await self._store.fetch(url, self._rules.max_bytes if claim.size is None else claim.size, seconds)
        if claim.size is not None and len(data) != claim.size:
            raise ObjectError("the object has not the size that its record says", reason="size_mismatch")
        if claim.sha256 is not None and not hmac.compare_digest(hashlib.sha256(data).hexdigest(), claim.sha256):
            raise ObjectError("the object has not the digest that its record says", reason="digest_mismatch")
        return data

    def _admitted(self, claim: Claim, tenant: str) -> ObjectUrl:
        if not self._rules.allowed:
            raise MessageError(
                "images by reference are not read; see `objects.allowed`", reason="claim_check_unsupported"
            )
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

    async def _put(self, image: ImageContent, outcome: Outcome, seconds: float) -> Claim:
        if seconds <= 0:
            raise _late()
        digest = hashlib.sha256(image.data).hexdigest()
        subtype = _SUBTYPE.fullmatch(image.media_type or "")
        name = f"{outcome.verdict.id}-{digest[:_NAME_DIGITS]}" + (f".{subtype[1]}" if subtype else "")
        url = under(prefix_of(self._rules.released, outcome.verdict.context.tenant), name)
        await self._store.put(url, image.data, image.media_type, seconds)
        return Claim(url, digest, len(image.data), image.media_type)

    def _all(self, stage: str, work: Sequence[Coroutine[Any, Any, T]]) -> list[Any]:
        """Run at the same time; every result, or the error in its place."""
        if not work:
            return []
        started = time.perf_counter()
        answers = asyncio.run(_gathered(work))
        self._told(stage, time.perf_counter() - started, len(work))
        return answers


def no_claims() -> ClaimCheck:
    """Refuses every claim."""
    return ClaimCheck(ObstoreObjects((), S3Options()), ClaimRules((), "", 0, 1.0))


def _to_place(message: ReadMessage, outcome: Outcome) -> ImageContent | None:
    return outcome.content if message.claim and isinstance(outcome.content, ImageContent) else None


def _late() -> ObjectStoreError:
    return ObjectStoreError("the batch deadline passed before the object's turn", reason="object_timeout")


async def _gathered(work: Sequence[Coroutine[Any, Any, T]]) -> list[T | VeilstreamError]:
    return await asyncio.gather(*map(_kept, work))


async def _kept(one: Coroutine[Any, Any, T]) -> T | VeilstreamError:
    try:
        return await one
    except VeilstreamError as error:
        return error
