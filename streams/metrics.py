"""Prometheus metrics: one prefix, base units, no label that could hold content."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from filters.policy import FilterPolicy
from filters.verdict import Verdict
from streams.judge import Judgement

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_AGE = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256)
OTHER_TENANT = "other"
"""The label for tenants without a policy: names that strangers choose must not become labels."""


class Metrics:
    """The worker's metrics; implements the observers of pipeline, decoding, gate and policies.

    Args:
        registry: where they are registered; one a process.
        known_tenant: whether a policy is in force for a tenant.
    """

    def __init__(self, registry: CollectorRegistry, known_tenant: Callable[[str], bool]) -> None:
        self._known_tenant = known_tenant
        self._policies: dict[str, tuple[str, str, str]] = {}
        self._events = Counter(
            "veilstream_events_total",
            "Records judged, by what was done",
            ("stream", "tenant", "action"),
            registry=registry,
        )
        self._findings = Counter(
            "veilstream_findings_total",
            "Findings that a rule acted on",
            ("stream", "entity_type", "detector"),
            registry=registry,
        )
        self._stages = Histogram(
            "veilstream_stage_duration_seconds",
            "Time a batch spent in a stage",
            ("stream", "stage"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._age = Histogram(
            "veilstream_event_age_seconds",
            "From the record's timestamp to its durable outputs",
            ("stream",),
            buckets=_AGE,
            registry=registry,
        )
        self._batch = Histogram(
            "veilstream_batch_records",
            "Records in a batch",
            ("stream",),
            buckets=_BATCH,
            registry=registry,
        )
        self._fill = Gauge(
            "veilstream_batch_fill_ratio",
            "Records of the last batch over the batch limit",
            ("stream",),
            registry=registry,
        )
        self._detector_errors = Counter(
            "veilstream_detector_errors_total",
            "Answers of detectors that could not be used",
            ("detector", "code"),
            registry=registry,
        )
        self._decoders_lost = Counter(
            "veilstream_decoder_restarts_total",
            "Decoding processes replaced because of an image",
            ("cause",),
            registry=registry,
        )
        self._fail_closed = Counter(
            "veilstream_fail_closed_total",
            "Records withheld because they could not be judged",
            ("stream", "code"),
            registry=registry,
        )
        self._dead_letters = Counter(
            "veilstream_dead_letters_total",
            "Dead letters written",
            ("stream", "code"),
            registry=registry,
        )
        self._queue = Gauge(
            "veilstream_open_records",
            "Records taken in and not yet acknowledged",
            ("stream",),
            registry=registry,
        )
        self._lag = Gauge(
            "veilstream_consumer_lag_records",
            "Records on the topic behind the committed position",
            ("topic", "partition"),
            registry=registry,
        )
        self._lag_seconds = Gauge(
            "veilstream_consumer_lag_seconds",
            "Age of the oldest record that is not yet acknowledged",
            ("stream",),
            registry=registry,
        )
        self._policy = Gauge(
            "veilstream_policy_info",
            "1 for the policy in force",
            ("tenant", "version", "mode"),
            registry=registry,
        )
        self._policy_reload = Gauge(
            "veilstream_policy_last_reload_timestamp_seconds",
            "When a policy last took effect",
            registry=registry,
        )
        self._policy_refusals = Counter(
            "veilstream_policy_refusals_total",
            "Policies refused; the last good one stayed",
            registry=registry,
        )
        self._model = Gauge(
            "veilstream_model_info",
            "1 for a detector that is loaded",
            ("name", "digest", "provider"),
            registry=registry,
        )

    # PipelineObserver

    def stage_finished(self, stage: str, kind: str, seconds: float, records: int) -> None:
        del records
        self._stages.labels(kind, stage).observe(seconds)

    def detector_failed(self, detector: str, code: str) -> None:
        self._detector_errors.labels(detector, code).inc()

    def judged(self, verdict: Verdict) -> None:
        """Counted when delivered: a judgement that is replayed must not count twice."""

    # DecodeObserver

    def decoder_lost(self, cause: str) -> None:
        self._decoders_lost.labels(cause).inc()

    # GateObserver, one view a stream

    def stream(self, stream: str) -> "StreamMetrics":
        """The gate observer of one stream."""
        return StreamMetrics(self, stream)

    def batch_formed(self, stream: str, records: int, capacity: int) -> None:
        self._batch.labels(stream).observe(records)
        self._fill.labels(stream).set(records / capacity)

    def delivered(self, stream: str, judgement: Judgement, age_seconds: float) -> None:
        verdict = judgement.verdict
        tenant = verdict.context.tenant if self._known_tenant(verdict.context.tenant) else OTHER_TENANT
        self._events.labels(stream, tenant, verdict.action.value).inc()
        self._age.labels(stream).observe(age_seconds)
        tally = Tally((finding.entity_type.value, finding.detector) for finding in verdict.findings)
        for (entity_type, detector), count in tally.items():
            self._findings.labels(stream, entity_type, detector).inc(count)
        if verdict.failure is not None:
            self._fail_closed.labels(stream, verdict.failure.code).inc()
            self._dead_letters.labels(stream, verdict.failure.code).inc()

    # gauges that are read at scrape time

    def watch_stream(self, stream: str, open_records: Callable[[], float], oldest_age: Callable[[], float]) -> None:
        """Read the gauges of a stream's gate at each scrape."""
        self._queue.labels(stream).set_function(open_records)
        self._lag_seconds.labels(stream).set_function(oldest_age)

    def set_lag(self, lags: Iterable[tuple[str, int, int]]) -> None:
        """Set the lag of `(topic, partition, records)`; partitions not named are no longer ours."""
        self._lag.clear()
        for topic, partition, records in lags:
            self._lag.labels(topic, str(partition)).set(records)

    # policies and models

    def policy_accepted(self, policy: FilterPolicy) -> None:
        """A policy took effect."""
        self.policy_removed(policy.tenant)
        labels = (policy.tenant, str(policy.metadata.version), policy.spec.mode.value)
        self._policies[policy.tenant] = labels
        self._policy.labels(*labels).set(1)
        self._policy_reload.set_to_current_time()

    def policy_removed(self, tenant: str) -> None:
        """A tenant's policy is gone."""
        if (labels := self._policies.pop(tenant, None)) is not None:
            self._policy.remove(*labels)

    def policy_refused(self) -> None:
        """A policy was refused."""
        self._policy_refusals.inc()

    def model_loaded(self, name: str, digest: str, provider: str) -> None:
        """A detector is ready."""
        self._model.labels(name, digest, provider).set(1)


class StreamMetrics:
    """`GateObserver` for one stream."""

    def __init__(self, metrics: Metrics, stream: str) -> None:
        self._metrics = metrics
        self._stream = stream

    def batch_formed(self, records: int, capacity: int) -> None:
        self._metrics.batch_formed(self._stream, records, capacity)

    def delivered(self, judgement: Judgement, age_seconds: float) -> None:
        self._metrics.delivered(self._stream, judgement, age_seconds)
