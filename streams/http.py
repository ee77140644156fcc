"""The operators' port: `/metrics`, `/healthz` (liveness) and `/readyz` (readiness)."""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from filters.errors import ConfigurationError

Probe = Callable[[], Mapping[str, bool]]
"""Named conditions; the probe passes when all of them hold."""


class OperationsServer:
    """Serves metrics and probes.

    Args:
        host, port: where to listen; port 0 picks a free one.
        registry: what `/metrics` shows.
        alive: false conditions mean that the process should be restarted; never broker reachability.
        ready: false conditions mean that no traffic should be expected of it now.
    """

    def __init__(self, host: str, port: int, registry: CollectorRegistry, alive: Probe, ready: Probe) -> None:
        self._host = host
        self._port = port
        self._registry = registry
        self._alive = alive
        self._ready = ready
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """Listen; returns the port.

        Raises:
            ConfigurationError: the address cannot be bound.
        """
        app = web.Application()
        app.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/healthz", self._probe(self._alive)),
                web.get("/readyz", self._probe(self._ready)),
            ]
        )
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            await runner.cleanup()
            message = f"cannot listen on {self._host}:{self._port} ({error.strerror}); set VEILSTREAM_HTTP__PORT"
            raise ConfigurationError(message, reason="port") from None
        self._runner = runner
        port: int = runner.addresses[0][1]
        return port

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    def _probe(self, probe: Probe) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(_request: web.Request) -> web.StreamResponse:
            conditions = dict(probe())
            return web.json_response(conditions, status=200 if all(conditions.values()) else 503)

        return answer
