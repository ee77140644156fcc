"""Stand-ins for the seams of filters/protocols.py and the edge; each is held to its protocol's contract suite."""

import asyncio
import struct
import zlib
from collections.abc import Callable, Sequence

from filters.carried import Carried
from filters.errors import (
    DeliveryError,
    ObjectError,
    ObjectStoreError,
    PayloadTooLarge,
    RedactionError,
    UnknownTenant,
    VeilstreamError,
)
from filters.findings import EntityType, TextFinding
from filters.image.formats import ImageFormat
from filters.image.text_lines import TextLine
from filters.policy import FilterPolicy
from filters.protocols import Pixels
from filters.records import PromptContent
from filters.verdict import Verdict
from streams.attempts import Ending, History
from streams.emit import OutputRecord
from streams.message import RawMessage
from streams.object_url import ObjectUrl
from streams.transactions import Place

EMAIL = EntityType.EMAIL_ADDRESS


def policy(tenant: str = "acme", version: int = 1, **spec: object) -> FilterPolicy:
    """A policy that redacts e-mail addresses in prompts, or what `spec` says."""
    rules = [{"entities": ["EMAIL_ADDRESS"], "action": "redact"}]
    return FilterPolicy.model_validate(
        {
            "apiVersion": "veilstream/v1",
            "kind": "FilterPolicy",
            "metadata": {"tenant": tenant, "version": version},
            "spec": {"prompts": {"rules": rules}} | spec,
        }
    )


class WordDetector:
    """`TextDetector` that reports every occurrence of given words."""

    name = "words"
    digest = "0" * 64

    def __init__(self, words: Sequence[str], entity_type: EntityType = EMAIL) -> None:
        self._words = words
        self._entity_type = entity_type
        self.entities = frozenset({entity_type})

    def detect(self, batch: Sequence[PromptContent]) -> list[list[TextFinding]]:
        return [self._find(content) for content in batch]

    def _find(self, content: PromptContent) -> list[TextFinding]:
        findings = []
        for field, text in content.fields.items():
            for word in self._words:
                start = text.find(word)
                while start >= 0:
                    end = start + len(word)
                    findings.append(TextFinding(field, start, end, self._entity_type, 0.9, self.name))
                    start = text.find(word, end)
        return findings


class PolicyWordDetector:
    """`PolicyTextDetector` that reports the words of each prompt's own policy as they stand there."""

    name = "policy-words"
    digest = "1" * 64
    entities = frozenset({EntityType.TERM})

    def detect_for(self, batch: Sequence[PromptContent], policies: Sequence[FilterPolicy]) -> list[list[TextFinding]]:
        return [self._find(content, policy) for content, policy in zip(batch, policies, strict=True)]

    def _find(self, content: PromptContent, policy: FilterPolicy) -> list[TextFinding]:
        section = policy.spec.prompts
        return [
            TextFinding(name, start, start + len(word), EntityType.TERM, 1.0, self.name, term_list=terms.name)
            for name, text in content.fields.items()
            for terms in (section.terms if section else ())
            for word in terms.words
            for start in [text.find(word)]
            if start >= 0
        ]


class GivenLines:
    """`LineReader` that reads the same lines in every frame."""

    name = "given_lines"
    digest = "0" * 64

    def __init__(self, lines: Sequence[TextLine]) -> None:
        self._lines = tuple(lines)

    def read(self, batch: Sequence[Pixels]) -> list[list[TextLine]]:
        return [list(self._lines) for _ in batch]


class FaultyDetector(WordDetector):
    """A `WordDetector` that calls `fault` with each batch first, which may raise or hang, or replace the answer."""

    def __init__(self, words: Sequence[str], fault: Callable[[Sequence[PromptContent]], object]) -> None:
        super().__init__(words)
        self._fault = fault
        self.batches: list[int] = []

    def detect(self, batch: Sequence[PromptContent]) -> list[list[TextFinding]]:
        self.batches.append(len(batch))
        answer = self._fault(batch)
        return super().detect(batch) if answer is None else answer  # type: ignore[return-value]


class StaticPolicies:
    """`PolicyResolver` over a fixed set."""

    def __init__(self, *policies: FilterPolicy) -> None:
        self._policies = {policy.tenant: policy for policy in policies}

    def resolve(self, tenant: str) -> FilterPolicy:
        try:
            return self._policies[tenant]
        except KeyError:
            raise UnknownTenant("no policy is in force for the tenant") from None


class CollectingObserver:
    """`PipelineObserver` that remembers."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, str, int]] = []
        self.failures: list[tuple[str, str]] = []
        self.verdicts: list[Verdict] = []

    def stage_finished(self, stage: str, kind: str, seconds: float, records: int) -> None:
        assert seconds >= 0
        self.stages.append((stage, kind, records))

    def detector_failed(self, detector: str, code: str) -> None:
        self.failures.append((detector, code))

    def judged(self, verdict: Verdict) -> None:
        self.verdicts.append(verdict)


class CollectingDecodeObserver:
    """`DecodeObserver` that remembers."""

    def __init__(self) -> None:
        self.causes: list[str] = []

    def decoder_lost(self, cause: str) -> None:
        self.causes.append(cause)


class MemoryDeliverer:
    """`Deliverer` that keeps what it is given, in order; `refuse` makes it fail."""

    def __init__(self) -> None:
        self.calls: list[list[OutputRecord]] = []
        self.refuse = False

    @property
    def records(self) -> list[OutputRecord]:
        return [record for call in self.calls for record in call]

    async def deliver(self, records: Sequence[OutputRecord], timeout: float) -> None:
        assert timeout > 0
        if self.refuse:
            raise DeliveryError("refused by the test")
        self.calls.append(list(records))


class MemoryAttempts:
    """`AttemptLog` that outlives the gates it is given to; nothing is ever committed; `refuse` makes it fail."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, int, int], int] = {}
        self.endings: dict[tuple[str, int, int], Ending] = {}
        self.refuse = False

    async def earlier(self, raw: RawMessage, generation: int) -> History:
        assert generation >= 0
        place = (raw.topic, raw.partition, raw.offset)
        return History(self.counts.get(place, 0), self.endings.get(place))

    async def begin(self, raws: Sequence[RawMessage]) -> None:
        self._answer()
        self.counts |= {(raw.topic, raw.partition, raw.offset): raw.attempts for raw in raws}

    async def ended(self, endings: Sequence[tuple[RawMessage, Ending]]) -> None:
        self._answer()
        for raw, ending in endings:
            place = (raw.topic, raw.partition, raw.offset)
            self.counts.pop(place, None)
            self.endings[place] = ending

    def _answer(self) -> None:
        if self.refuse:
            raise DeliveryError("refused by the test")


class MemoryObjects:
    """`ObjectStore` that keeps objects by URL. `faults` are raised for a URL, or slept through, in seconds."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.media_types: dict[str, str | None] = {}
        self.faults: dict[str, VeilstreamError | float] = {}
        self.fetched: list[str] = []
        self.together = self.most_together = 0

    async def fetch(self, url: ObjectUrl, max_bytes: int, seconds: float) -> bytes:
        self.together += 1
        self.most_together = max(self.most_together, self.together)
        try:
            await self._meet(url, seconds)
        finally:
            self.together -= 1
        self.fetched.append(str(url))
        if str(url) not in self.objects:
            raise ObjectError("not there", reason="object_missing")
        if len(self.objects[str(url)]) > max_bytes:
            raise PayloadTooLarge("too large", reason="object_too_large")
        return self.objects[str(url)]

    async def put(self, url: ObjectUrl, data: bytes, media_type: str | None, seconds: float) -> None:
        await self._meet(url, seconds)
        self.objects[str(url)] = data
        self.media_types[str(url)] = media_type

    async def _meet(self, url: ObjectUrl, seconds: float) -> None:
        faults = [fault for prefix, fault in self.faults.items() if str(url).startswith(prefix)]
        for fault in faults:
            if isinstance(fault, VeilstreamError):
                raise fault
        await asyncio.sleep(min([seconds, *faults]) if faults else 0)
        if any(fault >= seconds for fault in faults):
            raise ObjectStoreError("too slow", reason="object_timeout")


class FakeDelivery:
    """`Delivery` that notes its ack in a shared list."""

    def __init__(self, raw: RawMessage, acks: list[tuple[int, int]], generation: int = 1) -> None:
        self.raw = raw
        self.generation = generation
        self.current = True
        self._acks = acks

    def ack(self) -> None:
        self._acks.append((self.raw.partition, self.raw.offset))


class MemoryLog:
    """What `MemoryTransactions` share: records with their place, committed offsets, and who may write."""

    def __init__(self) -> None:
        self.records: list[OutputRecord] = []
        self.committed: dict[Place, int] = {}
        self.inputs: dict[Place, list[int]] = {}
        """Offsets of the input records, where they are not 0 to 9."""
        self.epochs: dict[Place, int] = {}
        self.refuse = False


class MemoryTransactions:
    """`Transactions` over a `MemoryLog`."""

    def __init__(self, log: MemoryLog, place: Place) -> None:
        self._log = log
        self._place = place
        self._epoch = 0
        self.closed = False

    def open(self, seconds: float) -> int | None:
        assert seconds > 0
        self._epoch = self._log.epochs[self._place] = self._log.epochs.get(self._place, 0) + 1
        return self._log.committed.get(self._place)

    def first_offset(self, start: int | None, seconds: float) -> int:
        assert seconds > 0
        offsets = self._log.inputs.get(self._place)
        return (start or 0) if offsets is None else min(each for each in offsets if each >= (start or 0))

    def end_offset(self, seconds: float) -> int:
        assert seconds > 0
        return max(self._log.inputs.get(self._place, [9])) + 1

    def write(self, records: Sequence[OutputRecord], position: int, seconds: float) -> None:
        assert seconds > 0
        if not self._epoch:
            raise DeliveryError("not open")
        if self._epoch != self._log.epochs[self._place]:
            raise DeliveryError("another writes", reason="fenced")
        if self._log.refuse:
            raise DeliveryError("refused by the test")
        self._log.records += records
        self._log.committed[self._place] = position

    def close(self) -> None:
        self.closed = True


class ChunkSigner:
    """`ReleaseSigner` for PNG: a `caBX` chunk after the header."""

    def sign(self, data: bytes, form: ImageFormat, carried: Carried) -> bytes:
        if form is not ImageFormat.PNG or not data.startswith(b"\x89PNG"):
            raise RedactionError("no PNG", reason="unsigned")
        body = b"caBX" + (carried.digital_source_type or "").encode()
        chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        return data[:33] + chunk + data[33:]
