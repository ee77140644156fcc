"""Publishing a policy to the topic: never a broken one, never one that does not follow what stands there."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from filters.errors import DeliveryError
from filters.policy_issues import PolicyDocumentError, PolicyIssue
from filters.policy_source import PolicyDocument, read_policy
from streams.policy_topic import read_topic
from streams.topic_reader import REQUEST_MS


@dataclass(frozen=True, slots=True)
class Published:
    """A policy that stands on the topic. `offset` is None where the same one stood there already."""

    tenant: str
    version: int
    partition: int | None
    offset: int | None


class _Deaf:
    """Listens to nothing: what else stands on the topic is no business of a publisher."""

    def on_accepted(self, policy: object) -> None:
        pass

    def on_removed(self, tenant: str) -> None:
        pass

    def on_refused(self, tenant: str | None, issues: Sequence[PolicyIssue]) -> None:
        pass


async def publish_policy(
    client: Mapping[str, Any], topic: str, text: str, source: str, *, within_seconds: float = 15.0
) -> Published:
    """Check a policy here and against what is on the topic, and publish it as it is written (acks=all).

    Args:
        client: aiokafka's connection arguments.
        text: the document; its tenant becomes the record's key.
        source: what to call the text in issues (its file name).

    Raises:
        PolicyDocumentError: it is invalid, or its version does not follow the one on the topic; nothing was sent.
        ConfigurationError: the topic cannot be read (as `TopicPolicies.start`).
        DeliveryError: no broker took it in time.
    """
    document = read_policy(text, source)
    board = await read_topic(client, topic, _Deaf(), within_seconds=within_seconds)
    issues = board.check(document)
    if issues:
        raise PolicyDocumentError(issues)
    policy = document.policy
    if board.snapshot.get(policy.tenant) == policy:
        return Published(policy.tenant, policy.metadata.version, None, None)
    return await _send(client, topic, document, text, within_seconds)


async def _send(
    client: Mapping[str, Any], topic: str, document: PolicyDocument, text: str, within_seconds: float
) -> Published:
    policy = document.policy
    producer = AIOKafkaProducer(**client, acks="all", enable_idempotence=True, request_timeout_ms=REQUEST_MS)
    try:
        async with asyncio.timeout(within_seconds):
            await producer.start()
            sent = await producer.send_and_wait(topic, value=text.encode(), key=policy.tenant.encode())
    except (KafkaError, TimeoutError) as error:
        name = type(error).__name__
        raise DeliveryError(f"no broker took the policy within {within_seconds} s ({name})") from None
    finally:
        await producer.stop()
    return Published(policy.tenant, policy.metadata.version, sent.partition, sent.offset)
