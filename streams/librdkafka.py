"""The mock cluster of the librdkafka that confluent-kafka bundles, reached by ctypes.

confluent-kafka offers the mock only as a client option; the rest of its interface (`rdkafka_mock.h`) makes topics with
a chosen number of partitions and a broker that fails on command.
"""

import ctypes
from collections.abc import Sequence
from enum import IntEnum
from types import TracebackType
from typing import Self

from confluent_kafka import cimpl

_PRODUCER = 0
_ERROR_TEXT_BYTES = 512
_LOG_NOTHING_BELOW_CRITICAL = b"2"
"""syslog severity; a mock without `bootstrap.servers` of its own would warn on stderr."""


class ApiKey(IntEnum):
    """Requests of the Kafka protocol that a fault can be set for."""

    PRODUCE = 0
    FETCH = 1
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    INIT_PRODUCER_ID = 22


def _signatures(library: ctypes.CDLL) -> ctypes.CDLL:
    handle, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    table: dict[str, tuple[type | None, list[type]]] = {
        "rd_kafka_conf_new": (handle, []),
        "rd_kafka_conf_destroy": (None, [handle]),
        "rd_kafka_conf_set": (number, [handle, text, text, text, ctypes.c_size_t]),
        "rd_kafka_new": (handle, [number, handle, text, ctypes.c_size_t]),
        "rd_kafka_destroy": (None, [handle]),
        "rd_kafka_err2name": (text, [number]),
        "rd_kafka_mock_cluster_new": (handle, [handle, number]),
        "rd_kafka_mock_cluster_destroy": (None, [handle]),
        "rd_kafka_mock_cluster_bootstraps": (text, [handle]),
        "rd_kafka_mock_topic_create": (number, [handle, text, number, number]),
        "rd_kafka_mock_partition_set_leader": (number, [handle, text, ctypes.c_int32, ctypes.c_int32]),
        "rd_kafka_mock_broker_set_down": (number, [handle, ctypes.c_int32]),
        "rd_kafka_mock_broker_set_up": (number, [handle, ctypes.c_int32]),
        "rd_kafka_mock_broker_set_rtt": (number, [handle, ctypes.c_int32, number]),
        "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [handle, ctypes.c_int32]),
        "rd_kafka_mock_clear_request_errors": (None, [handle, ctypes.c_int16]),
        "rd_kafka_mock_push_request_errors_array": (
            None,
            [handle, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(number)],
        ),
    }
    for name, (result, arguments) in table.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def load_librdkafka() -> ctypes.CDLL:
    """The very library that confluent-kafka runs on: symbols are looked up through its extension module."""
    return _signatures(ctypes.CDLL(cimpl.__file__))


class MockCluster:
    """Brokers in this process, on loopback ports; ids run from 1. Lives in native threads: must not be forked.

    Args:
        brokers: how many, ≥ 1.

    Raises:
        RuntimeError: librdkafka refuses to start it.
    """

    def __init__(self, brokers: int = 1) -> None:
        self._lib = load_librdkafka()
        self._client: int | None = self._new_client()
        self._cluster: int | None = self._lib.rd_kafka_mock_cluster_new(self._client, brokers)
        if not self._cluster:
            self.close()
            raise RuntimeError(f"librdkafka could not start a mock cluster of {brokers} brokers")
        self.bootstrap_servers: str = self._lib.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def _new_client(self) -> int:
        error = ctypes.create_string_buffer(_ERROR_TEXT_BYTES)
        conf = self._lib.rd_kafka_conf_new()
        self._lib.rd_kafka_conf_set(conf, b"log_level", _LOG_NOTHING_BELOW_CRITICAL, error, _ERROR_TEXT_BYTES)
        client: int | None = self._lib.rd_kafka_new(_PRODUCER, conf, error, _ERROR_TEXT_BYTES)
        if not client:
            self._lib.rd_kafka_conf_destroy(conf)
            raise RuntimeError(f"librdkafka: {error.value.decode()}")
        return client

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the brokers and forget their data. May be called twice."""
        if self._cluster:
            self._lib.rd_kafka_mock_cluster_destroy(self._cluster)
        if self._client:
            self._lib.rd_kafka_destroy(self._client)
        self._cluster = self._client = None

    def create_topic(self, name: str, partitions: int, replication: int = 1) -> None:
        """Make a topic.

        Raises:
            RuntimeError: it exists, or the counts are refused.
        """
        self._check(self._lib.rd_kafka_mock_topic_create(self._open(), name.encode(), partitions, replication))

    def set_group_delay(self, seconds: float) -> None:
        """How long a new group waits for further members; librdkafka's own choice is 3 s."""
        self._lib.rd_kafka_mock_group_initial_rebalance_delay_ms(self._open(), round(seconds * 1000))

    def fail_requests(self, api: ApiKey, errors: Sequence[int]) -> None:
        """Answer the next `len(errors)` requests of that kind with these error codes (0: that one succeeds)."""
        codes = (ctypes.c_int * len(errors))(*errors)
        self._lib.rd_kafka_mock_push_request_errors_array(self._open(), api, len(errors), codes)

    def clear_failures(self, api: ApiKey) -> None:
        """Forget what `fail_requests` was given for this kind and was not yet answered."""
        self._lib.rd_kafka_mock_clear_request_errors(self._open(), api)

    def set_leader(self, topic: str, partition: int, broker: int) -> None:
        """Let another broker lead a partition.

        Raises:
            RuntimeError: there is no such partition.
        """
        self._check(self._lib.rd_kafka_mock_partition_set_leader(self._open(), topic.encode(), partition, broker))

    def set_down(self, broker: int) -> None:
        """Close the broker's connections and refuse new ones; its data stay."""
        self._check(self._lib.rd_kafka_mock_broker_set_down(self._open(), broker))

    def set_up(self, broker: int) -> None:
        """Undo `set_down`."""
        self._check(self._lib.rd_kafka_mock_broker_set_up(self._open(), broker))

    def set_round_trip(self, broker: int, seconds: float) -> None:
        """Delay every answer of the broker."""
        self._check(self._lib.rd_kafka_mock_broker_set_rtt(self._open(), broker, round(seconds * 1000)))

    def _open(self) -> int:
        if self._cluster is None:
            raise RuntimeError("the mock cluster is closed")
        return self._cluster

    def _check(self, code: int) -> None:
        if code:
            raise RuntimeError(f"librdkafka refuses: {self._lib.rd_kafka_err2name(code).decode()}")
