"""Transactions on one input partition: outputs and the input's offset become visible together, or not at all.

librdkafka's transactional producer, not aiokafka's: that one commits a transaction of which a send has failed.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from filters.errors import ConfigurationError, DeliveryError
from streams.emit import OutputRecord

Place = tuple[str, int]
"""Topic and partition."""
MOCK_CLUSTER = "mockCluster"
"""How the cluster id of librdkafka's mock begins, in rdkafka_mock.c."""
_READING_ALL = {"auto.offset.reset": "earliest", "isolation.level": "read_uncommitted"}
"""As Faust's consumer reads."""
_PAUSE_SECONDS = 0.05
_TIMEOUT_SLACK_SECONDS = 10
_FENCED = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001  librdkafka's own codes begin with an underscore
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
    }
)
_REFUSED = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD})
"""What no second attempt mends."""
_LOG = logging.getLogger("veilstream.librdkafka")
"""librdkafka tells of a fencing on stderr unless it has a logger; ours passes templates only."""


class Transactions(Protocol):
    """What is written for one input partition. Methods block; one at a time; not to be used after one has raised."""

    def open(self, seconds: float) -> int | None:
        """Shut out whoever wrote for this partition before, then tell the offset that is committed; None where none is.

        Raises:
            DeliveryError: that did not succeed within `seconds`.
        """

    def first_offset(self, start: int | None, seconds: float) -> int:
        """The offset of the first input record at or after `start`, or of the first at all.

        Raises:
            DeliveryError: none came within `seconds`.
        """

    def end_offset(self, seconds: float) -> int:
        """The offset after the last input record.

        Raises:
            DeliveryError: the brokers did not tell within `seconds`.
        """

    def write(self, records: Sequence[OutputRecord], position: int, seconds: float) -> None:
        """Commit the records, in their order, and `position` as the next input offset, in one transaction.

        Raises:
            DeliveryError: not committed, or not known to be, within `seconds`; `reason` is `fenced` where another
                process has opened the partition since.
        """

    def close(self) -> None:
        """Let go of the connections; a transaction that is under way is left to the next owner."""


class KafkaTransactions:
    """`Transactions` on a Kafka cluster.

    Args:
        arguments: connection arguments of librdkafka.
        group: the consumer group whose offsets are committed.
        place: the input partition.
        max_message_bytes: largest record.
        seconds: how long a transaction may take; the brokers abort it ten seconds later.

    Fencing is by the transactional id, which is the same for every process that writes for the partition.
    """

    def __init__(
        self, arguments: Mapping[str, str | int], group: str, place: Place, max_message_bytes: int, seconds: float
    ) -> None:
        self._topic, self._partition = place
        self._consumer_arguments = {**arguments, "group.id": group, "enable.auto.commit": False}
        self._producer_arguments = {
            **arguments,
            "transactional.id": transactional_id(group, place),
            "transaction.timeout.ms": round((seconds + _TIMEOUT_SLACK_SECONDS) * 1000),
            "message.timeout.ms": round(seconds * 1000),
            "message.max.bytes": max_message_bytes,
            "linger.ms": 0,
            # where aiokafka and the Java client put a key
            "partitioner": "murmur2_random",
        }
        self._producer: Producer | None = None
        self._group: object = None
        """The group as librdkafka wants it told."""

    def open(self, seconds: float) -> int | None:
        """As the protocol says."""
        deadline = time.monotonic() + seconds
        self._producer = producer = Producer(self._producer_arguments, logger=_LOG)
        consumer = Consumer(self._consumer_arguments, logger=_LOG)
        try:
            _patiently(producer.init_transactions, deadline)
            (answer,) = _patiently(lambda left: consumer.committed([self._at(0)], timeout=left), deadline)
            # of a consumer that never joined: the group id alone. Whether we are a member, Faust's consumer knows
            self._group = consumer.consumer_group_metadata()
        except KafkaException as error:
            raise _translated(error, "opening") from None
        finally:
            consumer.close()
        if answer.error is not None:
            raise DeliveryError(f"the committed offset cannot be read: {answer.error.name()}")
        offset = answer.offset
        return offset if offset is not None and offset >= 0 else None

    def first_offset(self, start: int | None, seconds: float) -> int:
        """As the protocol says; records of transactions that were aborted count, for Faust's consumer sees them."""
        deadline = time.monotonic() + seconds
        consumer = Consumer(self._consumer_arguments | _READING_ALL, logger=_LOG)
        try:
            consumer.assign([self._at(OFFSET_BEGINNING if start is None else start)])
            while time.monotonic() < deadline:
                message = consumer.poll(_left(deadline))
                if message is not None and message.error() is None:
                    offset = message.offset()
                    if offset is not None:
                        return offset
        finally:
            consumer.close()
        raise DeliveryError("the input cannot be read from its committed offset on")

    def end_offset(self, seconds: float) -> int:
        """As the protocol says."""
        consumer = Consumer(self._consumer_arguments | _READING_ALL, logger=_LOG)
        try:
            _, end = consumer.get_watermark_offsets(self._at(0), timeout=seconds)
        except KafkaException as error:
            raise _translated(error, "looking before") from None
        finally:
            consumer.close()
        return int(end)

    def write(self, records: Sequence[OutputRecord], position: int, seconds: float) -> None:
        """As the protocol says; what the brokers want aborted is aborted, and written again while there is time."""
        deadline = time.monotonic() + seconds
        if self._producer is None:
            raise DeliveryError("the transactions are not open")
        while True:
            reports: list[KafkaError | None] = []
            try:
                self._produce(self._producer, records, position, reports, deadline)
                if len(reports) == len(records) and all(error is None for error in reports):
                    _patiently(self._producer.commit_transaction, deadline)
                    return
            except KafkaException as error:
                if not _wants_abort(error):
                    raise _translated(error, "writing") from None
            failures = {error.code(): error.name() for error in reports if error is not None}
            self._abort(self._producer, deadline)
            if _REFUSED & failures.keys() or time.monotonic() >= deadline:
                names = ", ".join(sorted(failures.values()))
                raise DeliveryError(f"{len(records)} outputs were not committed within {seconds} s: {names}")
            time.sleep(_PAUSE_SECONDS)

    def close(self) -> None:
        """As the protocol says."""
        # not its close(): that aborts, and complains on stderr where another owner has done so
        self._producer = None

    def _produce(
        self,
        producer: Producer,
        records: Sequence[OutputRecord],
        position: int,
        reports: list[KafkaError | None],
        deadline: float,
    ) -> None:
        """Everything of a transaction but its commit."""

        def reported(error: KafkaError | None, _message: Message) -> None:
            reports.append(error)

        producer.begin_transaction()
        for record in records:
            _queue(producer, record, reported, deadline)
        _patiently(lambda left: producer.send_offsets_to_transaction([self._at(position)], self._group, left), deadline)
        producer.flush(_left(deadline))

    def _abort(self, producer: Producer, deadline: float) -> None:
        try:
            _patiently(producer.abort_transaction, deadline)
        except KafkaException as error:
            raise _translated(error, "aborting") from None

    def _at(self, offset: int) -> TopicPartition:
        return TopicPartition(self._topic, self._partition, offset)


def transactional_id(group: str, place: Place) -> str:
    """The same for every owner of a partition. Topics hold no slash, so that no two places share one."""
    topic, partition = place
    return f"{group}/{topic}/{partition}"


def require_transactions(arguments: Mapping[str, str | int], seconds: float) -> None:
    """Make sure that the brokers keep transactions.

    Raises:
        ConfigurationError: it is librdkafka's mock, which stores no transactional offsets and fences nobody.
        DeliveryError: no broker answers within `seconds`.
    """
    try:
        cluster = Producer(dict(arguments), logger=_LOG).list_topics(timeout=seconds).cluster_id
    except KafkaException as error:
        raise DeliveryError(f"no broker answers ({error.args[0].name()})", reason="broker_unreachable") from None
    if is_mock(cluster):
        raise ConfigurationError(
            "delivery.guarantee exactly_once needs a real Kafka; the embedded broker keeps no transactions",
            reason="no_transactions",
        )


def is_mock(cluster_id: str | None) -> bool:
    """Whether a cluster id is that of an embedded broker."""
    return (cluster_id or "").startswith(MOCK_CLUSTER)


def _queue(
    producer: Producer, record: OutputRecord, reported: Callable[[KafkaError | None, Message], None], deadline: float
) -> None:
    while True:
        try:
            producer.produce(record.topic, record.value, record.key, headers=list(record.headers), on_delivery=reported)
        except BufferError:
            if time.monotonic() >= deadline:
                raise DeliveryError("the producer's queue stays full") from None
            producer.poll(_PAUSE_SECONDS)
        else:
            producer.poll(0)
            return


def _patiently(call: Callable[[float], Any], deadline: float) -> Any:  # noqa: ANN401  each call answers its own type
    """Call, and call again while librdkafka says that this may help and there is time."""
    while True:
        try:
            return call(_left(deadline))
        except KafkaException as error:
            cause = error.args[0]
            if cause.fatal() or cause.txn_requires_abort() or not cause.retriable() or time.monotonic() >= deadline:
                raise
        time.sleep(_PAUSE_SECONDS)


def _left(deadline: float) -> float:
    """Seconds, never negative: that would mean for ever."""
    return max(0.001, deadline - time.monotonic())


def _wants_abort(error: KafkaException) -> bool:
    cause = error.args[0]
    # produce() answers with _STATE once an abortable error has come up behind its back
    return not cause.fatal() and (cause.txn_requires_abort() or cause.code() == KafkaError._STATE)  # noqa: SLF001


def _translated(error: KafkaException, doing: str) -> DeliveryError:
    cause = error.args[0]
    if cause.code() in _FENCED:
        return DeliveryError("another process writes for this partition now", reason="fenced")
    return DeliveryError(f"{doing} a transaction failed: {cause.name()}")
