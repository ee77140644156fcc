"""A worker process: start in the order that fails closed, run until told to stop, drain, exit."""

import asyncio
import gc
import os
import signal
from collections.abc import Mapping, Sequence

import faust
import structlog
from prometheus_client import CollectorRegistry

from filters.errors import DeliveryError
from filters.image.isolation import IsolatedReader
from filters.pipeline import AnyMedium, FilterPipeline
from filters.records import ContentKind
from streams import app as build
from streams.agents import attach, has_joined, lags, last_commit, run_until
from streams.attempts import Partition
from streams.attempts_topic import TopicAttempts
from streams.emit import KafkaEmitter
from streams.gate import EXIT_DELIVERY_FAILED, Gate, SharedParts
from streams.http import OperationsServer
from streams.isolation import Isolation
from streams.kafka_client import client_arguments
from streams.metrics import Metrics
from streams.outlet import Outlet
from streams.policies import PolicyBoard
from streams.settings import Settings
from streams.suspension import longest_gap, watch_for_suspension

_LAG_SECONDS = 1.0


class Worker:
    """One process of the filter.

    Args:
        settings: everything.
        kinds: the streams to run.
    """

    def __init__(self, settings: Settings, kinds: Sequence[ContentKind]) -> None:
        self._settings = settings
        self._kinds = kinds
        self._log = structlog.get_logger()
        self._registry = CollectorRegistry()
        self._metrics = Metrics(self._registry, self._known_tenant)
        self._keys = build.build_keys(settings)
        self._emitter = KafkaEmitter(client_arguments(settings.kafka), settings.kafka.max_message_bytes)
        self._reader: IsolatedReader | None = None
        self._board: PolicyBoard | None = None
        self._policies: build.PolicySource | None = None
        self._attempts: TopicAttempts | None = None
        self._outlet: Outlet | None = None
        self._gates: dict[ContentKind, Gate] = {}
        self._apps: dict[ContentKind, faust.App] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT; ends the process with code 70 when outputs cannot be delivered.

        Raises:
            ConfigurationError: settings, policies or models do not allow a safe start.
            DeliveryError: no broker answers.
        """
        stop = asyncio.Event()
        self._stop_on_signals(stop)
        http = OperationsServer(
            self._settings.http.host, self._settings.http.port, self._registry, self._alive, self._ready
        )
        port = await http.start()
        self._log.info("listening", port=port)
        try:
            await self._start()
            self._log.info("started", group=self._settings.kafka.group)
            await self._run_apps(stop)
        finally:
            gc.unfreeze()  # extensions complain of what is left over at the end
            await self._stop()
            await http.stop()

    async def _start(self) -> None:
        media = await asyncio.to_thread(self._build_media)
        self._note_models(media)
        gc.freeze()  # what was loaded stays: each collection that looked it through cost a tenth of the throughput
        self._board = board = build.build_board(media, self._keys, self._metrics)
        self._policies = build.build_policy_source(self._settings, board)
        await self._policies.start(self._settings.policies.catch_up_seconds)
        await self._emitter.start()
        self._attempts = attempts = build.build_attempts(self._settings, self._emitter, self._committed)
        await attempts.start(self._settings.policies.catch_up_seconds)
        pipeline = FilterPipeline(media, board, self._metrics)
        self._outlet = outlet = await build.build_outlet(self._settings, self._emitter)
        shared = SharedParts(outlet, attempts, Isolation())
        for kind in self._kinds:
            judge = build.build_judge(self._settings, kind, pipeline, self._keys)
            gate = build.build_gate(self._settings, kind, judge, shared, self._metrics, self._die, self._policies_fresh)
            app = build.build_faust_app(self._settings, kind)
            commits = not self._settings.delivery.transactional
            attach(app, build.input_topic(self._settings, kind), gate, commits=commits)
            self._gates[kind], self._apps[kind] = gate, app
            self._tasks.append(asyncio.create_task(gate.run()))
        self._tasks.append(asyncio.create_task(self._watch_lag()))
        gap = longest_gap(self._settings.kafka.session_timeout_seconds)
        self._tasks.append(asyncio.create_task(watch_for_suspension(gap, self._die)))

    def _build_media(self) -> Sequence[AnyMedium]:
        if ContentKind.IMAGE in self._kinds:
            self._reader = build.build_isolated_reader(self._settings, self._metrics)
        if self._reader is not None:
            self._reader.start()
        return build.build_media(self._settings, self._kinds, self._keys, self._reader)

    async def _run_apps(self, stop: asyncio.Event) -> None:
        """Run until all have drained, or one has failed: it may not leave the other running on half a worker."""
        drain = self._settings.delivery.drain_seconds
        tasks = [asyncio.create_task(run_until(app, stop, drain)) for app in self._apps.values()]
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for error in [task.exception() for task in ended]:
            if isinstance(error, DeliveryError):
                self._die(error)
            if error is not None:
                # Faust and aiokafka may raise anything, with content in its text: only its type is told
                self._log.error("consumer crashed", error_type=type(error).__name__)
                reason = "drain" if isinstance(error, TimeoutError) else "consumer_crashed"
                self._die(DeliveryError("a consumer ended", reason=reason))

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._attempts is not None:
            await self._attempts.stop()
        if self._outlet is not None:
            await self._outlet.stop()
        await self._emitter.stop()
        if self._policies is not None:
            await self._policies.stop()
        if self._reader is not None:
            self._reader.close()
        self._log.info("stopped")
        if any(gate.has_stuck_threads for gate in self._gates.values()):
            os._exit(0)  # everything is delivered; the interpreter would wait for threads that never end

    def _stop_on_signals(self, stop: asyncio.Event) -> None:
        def on_signal(number: signal.Signals) -> None:
            self._log.info("stopping", signal=number.name)
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, on_signal, number)

    def _die(self, error: DeliveryError) -> None:
        """End at once: nothing that is open may be acknowledged, and threads may hang."""
        self._log.error("exiting without acknowledging", code=error.code, reason=error.reason, exit_code=70)
        os._exit(EXIT_DELIVERY_FAILED)

    def _committed(self, partition: Partition) -> int | None:
        offsets = (last_commit(app, *partition) for app in self._apps.values())
        return next((offset for offset in offsets if offset is not None), None)

    async def _watch_lag(self) -> None:
        while True:
            self._metrics.set_lag([lag for app in self._apps.values() for lag in lags(app)])
            await asyncio.sleep(_LAG_SECONDS)

    def _note_models(self, media: Sequence[AnyMedium]) -> None:
        for medium in media:
            for detector in medium.detectors:
                provider = getattr(detector, "provider", "python")
                self._metrics.model_loaded(detector.name, detector.digest, provider)
                self._log.info("model loaded", model=detector.name, digest=detector.digest, provider=provider)

    def _known_tenant(self, tenant: str) -> bool:
        return self._board is not None and tenant in self._board.snapshot

    def _policies_fresh(self) -> bool:
        return self._policies is not None and self._policies.fresh

    def _ready(self) -> Mapping[str, bool]:
        return {
            "models_loaded": self._board is not None,
            "policies_current": self._policies_fresh(),
            "partitions_assigned": bool(self._apps) and all(has_joined(app) for app in self._apps.values()),
        }

    def _alive(self) -> Mapping[str, bool]:
        if self._policies is None or not self._gates:
            return {"starting": True}
        patience = 2 * (self._settings.delivery.judge_seconds + self._settings.delivery.deliver_seconds)
        waits = not self._policies.fresh  # for brokers that do not answer: a restart would not help
        progress = {kind: waits or gate.stalled_seconds < patience for kind, gate in self._gates.items()}
        return {"policies_followed": self._policies.following} | {
            f"{kind.value}_progress": moves for kind, moves in progress.items()
        }
