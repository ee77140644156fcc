"""The demo's journey: embedded broker, policies, a real worker, inputs in, outputs back, worker down."""

import asyncio
import base64
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import orjson

from filters.keys import MASTER_KEY_BYTES
from filters.records import ContentKind, SourcePosition
from streams.demo.cases import DemoCase, Outgoing
from streams.demo.client import OutputReader, produce
from streams.demo.evidence import Evidence
from streams.demo.messages import TEXT_FIELDS
from streams.demo.outcomes import CaseOutcome, join_outcomes
from streams.demo.policies import policy_documents
from streams.demo.worker_process import WorkerProcess
from streams.embedded_broker import EmbeddedBroker
from streams.policy_publish import publish_policy
from streams.topics import TopicNames

_PARTITIONS = 4
_STEERING = frozenset({"policies", "attempts"})
"""Topics of one partition, in whose records no output stands."""
_READY_SECONDS = 90.0
"""A worker is ready within 5 s of CPU; two busy cores, and CUDA's libraries on a cold disk, take longer."""
_PRODUCE_SECONDS = 20.0
_VERDICT_SECONDS = 90.0
_STOP_SECONDS = 45.0
_SETTLE_SECONDS = 10.0
_TERMINATED = 128 + signal.SIGTERM


class Demo:
    """One run.

    Args:
        cases: what to send, in this order.
        folder: where the worker's log goes; exists.
        device: for the worker's models, where not the settings' own choice.
        say: is told what happens, in a line each.
    """

    def __init__(self, cases: Sequence[DemoCase], folder: Path, device: str | None, say: Callable[[str], None]) -> None:
        self._cases = cases
        self._log = folder / "worker.log"
        self._device = device
        self._say = say
        self._topics = TopicNames()
        self._master_key = os.urandom(MASTER_KEY_BYTES)
        self._seconds: dict[str, float] = {}

    def run(self) -> Evidence:
        """Everything from start to stop; whatever happens, nothing is left running.

        Raises:
            ConfigurationError: the worker does not start (weights are missing, say).
            DeliveryError: the broker does not take the inputs.
        """
        partitions = {name: 1 if role in _STEERING else _PARTITIONS for role, name in self._topics}
        with _sigterm_unwinds(), EmbeddedBroker(partitions) as broker:
            self._say(f"embedded broker at {broker.bootstrap_servers}")
            with self._phase("policies"):
                asyncio.run(self._publish(broker.bootstrap_servers))
            with WorkerProcess(self._worker_settings(broker.bootstrap_servers), self._log) as worker:
                with self._phase("worker start"):
                    worker.wait_ready(_READY_SECONDS)
                return self._through(broker.bootstrap_servers, worker)

    async def _publish(self, bootstrap: str) -> None:
        client = {"bootstrap_servers": bootstrap}
        for name, text in policy_documents():
            published = await publish_policy(client, self._topics.policies, text, name)
            self._say(
                f"policy of {published.tenant}, version {published.version}, published to {self._topics.policies}"
            )

    def _worker_settings(self, bootstrap: str) -> dict[str, str]:
        """Environment variables, without their prefix."""
        device = {"MODELS__DEVICE": self._device} if self._device else {}
        return {
            "KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "KEYS__MASTER": base64.b64encode(self._master_key).decode(),
            "PROMPTS__MAPPING": orjson.dumps({"json": {"fields": dict(TEXT_FIELDS)}}).decode(),
        } | device

    def _through(self, bootstrap: str, worker: WorkerProcess) -> Evidence:
        self._say("the worker is ready: models loaded, policies read, partitions assigned")
        outputs = [name for role, name in self._topics if role not in {"prompts", "images"} | _STEERING]
        with OutputReader(bootstrap, outputs) as reader:
            with self._phase("produce"):
                places = produce(bootstrap, self._inputs(), _PRODUCE_SECONDS)
            self._say(f"{len(places)} inputs produced; waiting for their verdicts")

            def outcomes() -> list[CaseOutcome]:
                return join_outcomes(list(zip(self._cases, places, strict=True)), reader.received, self._topics)

            with self._phase("judge"):
                reader.read_until(lambda: _all_complete(places, outcomes) or not worker.running, _VERDICT_SECONDS)
            metrics = worker.metrics()
            with self._phase("worker stop"):
                exit_code = worker.stop(_STOP_SECONDS)
                reader.read_to_end(_SETTLE_SECONDS)  # a duplicate or a latecomer would be there now
            self._say(f"the worker ended with code {exit_code}")
            log = worker.log_text()
            return Evidence(outcomes(), metrics, log, exit_code, self._master_key, dict(self._seconds))

    def _inputs(self) -> Iterator[tuple[str, Outgoing]]:
        topics = {ContentKind.PROMPT: self._topics.prompts, ContentKind.IMAGE: self._topics.images}
        return ((topics[case.kind], case.message) for case in self._cases)

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._seconds[name] = time.monotonic() - started


def _all_complete(places: Sequence[SourcePosition], outcomes: Callable[[], list[CaseOutcome]]) -> bool:
    return bool(places) and all(outcome.complete for outcome in outcomes())


@contextmanager
def _sigterm_unwinds() -> Iterator[None]:
    """SIGTERM ends the demo as an exception does, so that broker and worker are stopped on the way out."""

    def unwind(_number: int, _frame: FrameType | None) -> None:
        sys.exit(_TERMINATED)

    before = signal.signal(signal.SIGTERM, unwind)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
