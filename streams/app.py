"""The one place where objects are built from settings."""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import faust

from filters.errors import ConfigurationError, DeliveryError
from filters.image.barcodes import BarcodeDetector
from filters.image.container import Reader
from filters.image.credentials import ReleaseSigner
from filters.image.decode_child import Order
from filters.image.formats import ImageFormat
from filters.image.isolation import DecodeObserver, IsolatedReader
from filters.image.limits import ImageLimits
from filters.image.medium import ImageMedium
from filters.image.text_in_image import TextInImageDetector
from filters.keys import TenantKeys
from filters.pipeline import AnyMedium, FilterPipeline, capabilities
from filters.policy import Keeping
from filters.protocols import ImageDetector, PipelineObserver, PolicyResolver, TextDetector
from filters.records import ContentKind
from filters.text.known_names import names_from
from filters.text.medium import PromptMedium, TextLimits
from filters.text.patterns import PatternDetector
from filters.text.terms import TermDetector
from models.face import face_detector
from models.manifest import load_manifest
from models.ocr import build_line_reader
from models.text_pii import build_text_detector
from models.weights import WeightStore
from streams.attempts import Partition
from streams.attempts_topic import TopicAttempts
from streams.claim_check import ClaimCheck, ClaimRules
from streams.content_credentials import signer_from_files
from streams.dead_letter import LetterKeeping
from streams.emit import Deliverer
from streams.exactly_once import ExactlyOnceOutlet
from streams.gate import Gate, GateLimits, SharedParts
from streams.judge import Judge, OutputLimits
from streams.kafka_client import broker_credentials, client_arguments
from streams.message import MessageReader
from streams.metrics import Metrics
from streams.object_store import ObstoreObjects, S3Options
from streams.object_url import bucket_names
from streams.outlet import AtLeastOnceOutlet, Outlet
from streams.policies import PolicyBoard
from streams.policy_files import FolderPolicies
from streams.policy_log import PolicyLog
from streams.policy_topic import TopicPolicies
from streams.settings import ContentCredentialsSettings, ModelSettings, Settings
from streams.topic_admin import librdkafka_arguments
from streams.transactions import KafkaTransactions, Place, require_transactions

_LEAST_QUEUE_BYTES = 32 * 1024 * 1024
_FETCH_BYTES = 4 * 1024 * 1024
"""Of a partition, in one answer. Brokers send the first batch of records whole, however large (KIP-74). aiokafka copies
an answer as it grows: with 32 MiB, records of 200 kB came at half the pace."""


def build_keys(settings: Settings) -> TenantKeys:
    """Tenant keys from the master key, if there is one."""
    return TenantKeys(settings.keys.master_bytes())


def build_isolated_reader(settings: Settings, observer: DecodeObserver) -> IsolatedReader | None:
    """What decodes images in processes of their own, to be started and closed; None where the settings want none."""
    options = settings.images
    if options.decode == "inline":
        return None
    order = Order(
        limits=_image_limits(settings),
        heic_release=_heic_release(settings),
        memory_bytes=options.decode_memory_mib * 1024 * 1024,
        seconds=options.decode_seconds,
    )
    return IsolatedReader(order, options.decode_processes, observer)


def build_media(
    settings: Settings, kinds: Sequence[ContentKind], keys: TenantKeys, reader: Reader | None = None
) -> list[AnyMedium]:
    """The media for `kinds`, with their detectors loaded; `reader` opens images, in this process where there is none.

    Raises:
        ModelError: weights are missing or altered, or the device is not there.
    """
    reads = settings.images.codes or settings.models.ocr
    text = _text_detectors(settings) if ContentKind.PROMPT in kinds or reads else ()
    build: dict[ContentKind, Callable[[], AnyMedium]] = {
        ContentKind.PROMPT: lambda: _prompt_medium(settings, keys, text),
        ContentKind.IMAGE: lambda: _image_medium(settings, text, reader),
    }
    return [build[kind]() for kind in kinds]


def _text_detectors(settings: Settings) -> Sequence[TextDetector]:
    """Those that judge prompts, and what stands in pictures."""
    return (PatternDetector(), *_text_models(settings.models))


def _prompt_medium(settings: Settings, keys: TenantKeys, text: Sequence[TextDetector]) -> AnyMedium:
    limits = TextLimits(max_characters=settings.prompts.max_characters)
    known = names_from(settings.prompts.names) if settings.prompts.names else None
    return PromptMedium([*text, TermDetector()], keys, limits, known)


def _text_models(options: ModelSettings) -> Sequence[TextDetector]:
    """The text model, where one is set: without one, policies that need it are refused."""
    if not options.text:
        return ()
    entry = load_manifest(options.manifest).entry(options.text)
    stored = WeightStore(options.cache_dir).stored(entry)
    return (build_text_detector(entry, stored, options.device, threads=options.threads),)


def _image_limits(settings: Settings) -> ImageLimits:
    options = settings.images
    return ImageLimits(
        max_bytes=options.max_image_bytes,
        max_pixels=options.max_pixels,
        max_side=options.max_side,
        max_frames=options.max_frames,
        max_decoded_bytes=options.max_decoded_bytes,
    )


def _heic_release(settings: Settings) -> ImageFormat:
    return ImageFormat(f"image/{settings.images.heic_release}")


def _image_medium(settings: Settings, text: Sequence[TextDetector], reader: Reader | None) -> AnyMedium:
    options = settings.images
    models = settings.models
    face = face_detector(
        load_manifest(models.manifest),
        models.face,
        WeightStore(models.cache_dir),
        models.device,
        threads=models.threads,
    )
    codes = [BarcodeDetector(text)] if options.codes else []
    return ImageMedium(
        [face, *codes, *_text_in_images(settings.models, text)],
        _image_limits(settings),
        batch_weight=options.batch_pixel_bytes,
        heic_release=_heic_release(settings),
        reader=reader,
        signer=_signer(settings.content_credentials),
    )


def _signer(options: ContentCredentialsSettings) -> ReleaseSigner | None:
    if options.certificate is None or options.private_key is None:
        return None
    return signer_from_files(options.certificate, options.private_key, options.algorithm)


def _text_in_images(options: ModelSettings, text: Sequence[TextDetector]) -> Sequence[ImageDetector]:
    """The text reader, where one is set: without one, policies that need it are refused."""
    if not options.ocr:
        return ()
    entry = load_manifest(options.manifest).entry(options.ocr)
    stored = WeightStore(options.cache_dir).stored(entry)
    return (TextInImageDetector(build_line_reader(entry, stored, options.device, threads=options.threads), text),)


def build_keeping(settings: Settings, policies: PolicyResolver, keys: TenantKeys) -> LetterKeeping:
    """Whose dead letters keep the original.

    Raises:
        ConfigurationError: originals without a policy shall be kept and no master key is set.
    """
    without_policy = settings.delivery.dead_letters_without_policy
    if without_policy is Keeping.SEALED and not keys.available:
        raise ConfigurationError(
            "delivery.dead_letters_without_policy: `sealed` needs a key and none is set; set VEILSTREAM_KEYS__MASTER",
            reason="key_missing",
        )
    return LetterKeeping(policies, without_policy)


def build_judge(settings: Settings, kind: ContentKind, pipeline: FilterPipeline, keys: TenantKeys) -> Judge:
    """The judge of one stream.

    Raises:
        ConfigurationError: as `build_keeping`.
    """
    stream = settings.stream(kind)
    reader = MessageReader(kind, stream.mapping, stream.max_bytes)
    limits = OutputLimits(settings.kafka.max_message_bytes, settings.delivery.max_sealed_bytes)
    keeping = build_keeping(settings, pipeline.policies, keys)
    claims = build_claims(settings, kind, pipeline.observer)
    return Judge(kind, reader, pipeline, settings.topics, keys, limits, keeping, claims)


def build_claims(settings: Settings, kind: ContentKind, observer: PipelineObserver) -> ClaimCheck:
    """What fetches and writes images by reference."""
    objects = settings.objects
    rules = ClaimRules(
        allowed=objects.allowed,
        released=objects.released or "",
        max_bytes=settings.images.max_image_bytes,
        seconds=objects.timeout_seconds,
        require_sha256=objects.require_sha256,
    )
    # the claim check's own bound ends first, so that its error is the one that is seen
    s3 = S3Options(objects.endpoint, objects.region, 2 * objects.timeout_seconds)
    store = ObstoreObjects(bucket_names(objects.prefixes), s3)
    return ClaimCheck(store, rules, lambda stage, took, count: observer.stage_finished(stage, kind.value, took, count))


async def build_outlet(settings: Settings, deliverer: Deliverer) -> Outlet:
    """What the gates write through.

    Raises:
        ConfigurationError: exactly once is asked for, and the brokers keep no transactions.
        DeliveryError: no broker answers.
    """
    if not settings.delivery.transactional:
        return AtLeastOnceOutlet(deliverer)
    arguments, seconds = librdkafka_arguments(settings.kafka), settings.delivery.deliver_seconds
    await asyncio.to_thread(require_transactions, arguments, seconds)
    groups = {input_topic(settings, kind): consumer_group(settings, kind) for kind in ContentKind}
    largest = settings.kafka.max_message_bytes

    def transactions(place: Place) -> KafkaTransactions:
        return KafkaTransactions(arguments, groups[place[0]], place, largest, seconds)

    return ExactlyOnceOutlet(transactions, seconds)


def build_gate(
    settings: Settings,
    kind: ContentKind,
    judge: Judge,
    shared: SharedParts,
    metrics: Metrics,
    on_fatal: Callable[[DeliveryError], None],
    may_judge: Callable[[], bool],
) -> Gate:
    """The gate of one stream, its gauges registered."""
    stream = settings.stream(kind)
    limits = GateLimits(
        batch_records=stream.batch_records,
        batch_bytes=stream.max_bytes * 2,
        linger_seconds=stream.batch_linger_seconds,
        queue_records=stream.queue_records,
        queue_bytes=max(_LEAST_QUEUE_BYTES, 4 * stream.max_bytes),
        judge_seconds=settings.delivery.judge_seconds,
        deliver_seconds=settings.delivery.deliver_seconds,
    )
    observer = metrics.stream(kind.value)
    gate = Gate(judge, shared, limits, observer, on_fatal, may_judge)
    metrics.watch_stream(kind.value, lambda: gate.open_records, lambda: gate.oldest_age)
    return gate


def build_attempts(
    settings: Settings, deliverer: Deliverer, committed: Callable[[Partition], int | None]
) -> TopicAttempts:
    """What all workers of the group know of judgings."""
    return TopicAttempts(
        client_arguments(settings.kafka),
        settings.topics.attempts,
        settings.kafka.group,
        deliverer,
        timeout=settings.delivery.deliver_seconds,
        committed=None if settings.delivery.transactional else committed,
    )


class PolicySource(Protocol):
    """Keeps a board in step with where policies are published."""

    @property
    def fresh(self) -> bool:
        """Whether the policies in force are known to be the published ones."""

    @property
    def following(self) -> bool:
        """Whether changes are being looked for; false for good once the source has died."""

    async def start(self, within_seconds: float) -> None:
        """Return when the board has caught up."""

    async def stop(self) -> None:
        """Stop following."""


def build_board(media: Sequence[AnyMedium], keys: TenantKeys, metrics: Metrics) -> PolicyBoard:
    """The policies in force, refusing those that these media or a missing key cannot keep."""
    return PolicyBoard(capabilities(media, has_key=keys.available), PolicyLog(metrics))


def build_policy_source(settings: Settings, board: PolicyBoard) -> PolicySource:
    """The policies topic, or a folder where the settings name one."""
    stale = settings.policies.max_stale_seconds
    if settings.policies.folder is not None:
        return FolderPolicies(settings.policies.folder, board, max_stale_seconds=stale)
    return TopicPolicies(
        client_arguments(settings.kafka),
        settings.topics.policies,
        board,
        max_stale_seconds=stale,
        metadata_seconds=settings.kafka.metadata_seconds,
    )


def build_faust_app(settings: Settings, kind: ContentKind) -> faust.App:
    """A Faust app for one stream, with the settings of docs/delivery.md. One stream, one consumer group."""
    kafka, delivery = settings.kafka, settings.delivery
    buffer = settings.stream(kind).queue_records
    options: dict[str, Any] = {
        "processing_guarantee": "at_least_once",
        "broker": [f"kafka://{host.strip()}" for host in kafka.bootstrap_servers.split(",")],
        "broker_credentials": broker_credentials(kafka),
        "broker_commit_interval": kafka.commit_interval_seconds,
        "broker_max_poll_records": buffer,
        "broker_session_timeout": kafka.session_timeout_seconds,
        "broker_request_timeout": max(90.0, kafka.session_timeout_seconds * 2),
        # a rebalance waits for what was taken in, which takes a judging and a delivery at most
        "broker_rebalance_timeout": delivery.judge_seconds + delivery.deliver_seconds + 10,
        "consumer_auto_offset_reset": "earliest",
        "consumer_metadata_max_age_ms": round(kafka.metadata_seconds * 1000),
        "consumer_max_fetch_size": _FETCH_BYTES,
        "consumer_group_instance_id": f"{kafka.instance_id}-{kind.value}" if kafka.instance_id else None,
        "stream_wait_empty": True,
        "stream_publish_on_commit": False,
        "producer_threaded": False,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "web_enabled": False,
        "autodiscover": False,
        "store": "memory://",
        # Faust makes empty folders for tables there, by default in the working directory; nothing is written to them
        "datadir": str(Path(tempfile.gettempdir()) / "veilstream"),
    }
    return faust.App(consumer_group(settings, kind), **options)


def consumer_group(settings: Settings, kind: ContentKind) -> str:
    """The group that reads a stream's topic."""
    return f"{settings.kafka.group}-{kind.value}s"


def input_topic(settings: Settings, kind: ContentKind) -> str:
    """The topic that a stream reads."""
    return settings.topics.prompts if kind is ContentKind.PROMPT else settings.topics.images
