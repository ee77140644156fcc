"""Reads and changes the topics of a real cluster, through librdkafka's admin client."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from filters.errors import ConfigurationError, DeliveryError, VeilstreamError
from streams.kafka_client import client_arguments
from streams.settings import KafkaSettings
from streams.topics import AddPartitions, CreateTopic, ExistingTopic, RaiseReplication, SetConfigs, TopicChange

_UNREACHABLE = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001  librdkafka's own codes begin with an underscore
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError._TIMED_OUT_QUEUE,  # noqa: SLF001
        KafkaError._TRANSPORT,  # noqa: SLF001
        KafkaError._RESOLVE,  # noqa: SLF001
        KafkaError.REQUEST_TIMED_OUT,
    }
)


def librdkafka_arguments(settings: KafkaSettings) -> dict[str, str | int]:
    """Connection arguments for confluent-kafka's clients, quiet on stderr: errors are raised instead.

    Raises:
        ConfigurationError: as `streams.kafka_client.client_arguments`.
    """
    checked = client_arguments(settings)
    arguments: dict[str, str | int] = {
        "bootstrap.servers": settings.bootstrap_servers,
        "security.protocol": settings.security_protocol,
        "log_level": 2,
    }
    if settings.ca_file is not None and settings.security_protocol.endswith("SSL"):
        arguments["ssl.ca.location"] = str(settings.ca_file)
    if settings.security_protocol.startswith("SASL"):
        arguments |= {
            "sasl.mechanism": settings.sasl_mechanism,
            "sasl.username": checked["sasl_plain_username"],
            "sasl.password": checked["sasl_plain_password"],
        }
    return arguments


class TopicAdmin:
    """One connection to a cluster. Its methods block, each for at most `timeout` seconds a request.

    Every method raises `DeliveryError` where no broker answers, and `ConfigurationError` where one refuses.
    """

    def __init__(self, arguments: Mapping[str, str | int], timeout: float = 15.0) -> None:
        self._client = AdminClient(dict(arguments), logger=None)
        self._timeout = timeout

    def brokers(self) -> int:
        """How many brokers are up."""
        return len(self._metadata().brokers)

    def names(self) -> frozenset[str]:
        """Every topic that there is."""
        return frozenset(self._metadata().topics)

    def describe(self, names: Iterable[str]) -> list[ExistingTopic]:
        """Those of the topics that exist, with their configurations."""
        metadata = self._metadata().topics
        found = {name: metadata[name].partitions for name in names if name in metadata}
        configs = self._configs(sorted(found))
        return [
            ExistingTopic(
                name=name,
                partitions=len(partitions),
                replication=min(len(partition.replicas) for partition in partitions.values()),
                configs=configs[name],
            )
            for name, partitions in found.items()
        ]

    def apply(self, changes: Sequence[TopicChange]) -> None:
        """Make the changes, one after the other; `RaiseReplication` is left to the cluster's operator."""
        for change in changes:
            for future in self._request(change):
                self._result(future, change.topic)

    def _metadata(self) -> Any:  # noqa: ANN401  ClusterMetadata, which confluent-kafka does not type
        try:
            return self._client.list_topics(timeout=self._timeout)
        except KafkaException as error:
            raise _translated(error, "the cluster") from None

    def _configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        futures = self._client.describe_configs(resources, request_timeout=self._timeout)
        return {
            resource.name: {key: entry.value for key, entry in self._result(future, resource.name).items()}
            for resource, future in futures.items()
        }

    def _request(self, change: TopicChange) -> Iterable["Future[Any]"]:
        match change:
            case CreateTopic(topic, partitions, replication, configs):
                new = NewTopic(topic, num_partitions=partitions, replication_factor=replication, config=dict(configs))
                return self._client.create_topics([new], request_timeout=self._timeout).values()
            case AddPartitions(topic, _, wanted):
                grown = NewPartitions(topic, wanted)
                return self._client.create_partitions([grown], request_timeout=self._timeout).values()
            case SetConfigs(topic, _, configs):
                entries = [
                    ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                    for key, value in configs.items()
                ]
                resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
                return self._client.incremental_alter_configs([resource], request_timeout=self._timeout).values()
            case RaiseReplication():
                return ()

    def _result(self, future: "Future[Any]", topic: str) -> Any:  # noqa: ANN401  each request answers its own type
        try:
            return future.result(timeout=2 * self._timeout)
        except KafkaException as error:
            raise _translated(error, f"topic {topic}") from None
        except TimeoutError:
            raise DeliveryError(f"{topic}: no answer within {self._timeout:g} s", reason="broker_unreachable") from None


def _translated(error: KafkaException, subject: str) -> VeilstreamError:
    cause = error.args[0]
    if cause.code() in _UNREACHABLE:
        return DeliveryError(f"{subject}: no broker answers ({cause.name()})", reason="broker_unreachable")
    return ConfigurationError(f"{subject}: the brokers refuse: {cause.str()}", reason="broker_refuses")
