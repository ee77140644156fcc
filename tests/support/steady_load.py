"""A platform that writes at its own pace, whatever becomes of brokers and workers."""

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from filters.records import ContentKind
from streams.topics import TopicNames
from tests.support.kafka_io import LARGEST_MESSAGE
from tests.support.material import Case
from tests.support.oracle import Input


class SteadyLoad:
    """Writes cases from a thread, durably and each once; what a broker does not take is written when it is back.

    Args:
        bootstrap: the brokers.
        topics: cases go to their streams' input topics.
        cases: what to write, in this order.
        per_second: the pace.
    """

    def __init__(self, bootstrap: str, topics: TopicNames, cases: Sequence[Case], per_second: float) -> None:
        self._topics = {ContentKind.PROMPT: topics.prompts, ContentKind.IMAGE: topics.images}
        self._cases = cases
        self._pause = 1 / per_second
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "message.max.bytes": LARGEST_MESSAGE,
                "message.timeout.ms": 120_000,
                "reconnect.backoff.max.ms": 500,
                "retry.backoff.max.ms": 500,
                "linger.ms": 1,
                "log_level": 2,
            }
        )
        self._written: list[Input] = []
        self._errors: list[KafkaError] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, name="load", daemon=True)

    @property
    def written(self) -> tuple[Input, ...]:
        """What the brokers have acknowledged so far."""
        return tuple(self._written)

    @property
    def share(self) -> float:
        """How much has been acknowledged, from 0 to 1."""
        return len(self._written) / len(self._cases)

    def wait_for(self, share: float, timeout: float = 60.0) -> None:
        """Wait until that share is acknowledged.

        Raises:
            TimeoutError: it takes longer.
        """
        deadline = time.monotonic() + timeout
        while self.share < share:
            if time.monotonic() > deadline:
                raise TimeoutError(f"only {len(self._written)} of {len(self._cases)} records written in {timeout} s")
            time.sleep(0.02)

    def finish(self, timeout: float = 60.0) -> tuple[Input, ...]:
        """Wait until all is acknowledged; everything that was written.

        Raises:
            KafkaException: a record was refused for good.
            TimeoutError: it takes longer.
        """
        self._thread.join(timeout)
        left = self._producer.flush(timeout)
        if self._errors:
            raise KafkaException(self._errors[0])
        if left or self._thread.is_alive():
            raise TimeoutError(f"{left} records were not acknowledged within {timeout} s")
        return self.written

    def _write(self) -> None:
        due = time.monotonic()
        for case in self._cases:
            self._producer.produce(
                self._topics[case.kind],
                case.value,
                case.key,
                headers=list(case.headers),
                on_delivery=lambda error, message, case=case: self._take_note(case, error, message),
            )
            due += self._pause
            while not self._stop.is_set() and (wait := due - time.monotonic()) > 0:
                self._producer.poll(wait)
            if self._stop.is_set():
                return

    def _take_note(self, case: Case, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._errors.append(error)
        else:
            self._written.append(Input((message.topic(), message.partition(), message.offset()), case))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._producer.purge()
        self._producer.flush(1)
