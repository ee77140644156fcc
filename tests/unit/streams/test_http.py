"""The operators' port shows metrics and conditions."""

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Gauge

from filters.errors import ConfigurationError
from streams.http import OperationsServer


async def fetch(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


async def test_probes_follow_their_conditions_and_metrics_are_prometheus_text():
    registry = CollectorRegistry()
    Gauge("veilstream_test", "A test", registry=registry).set(7)
    ready = {"models_loaded": True, "policies_current": False}
    server = OperationsServer("127.0.0.1", 0, registry, lambda: {"progress": True}, lambda: ready)
    port = await server.start()
    try:
        assert (await fetch(port, "/healthz"))[0] == 200
        assert (await fetch(port, "/readyz"))[0] == 503
        ready["policies_current"] = True
        assert (await fetch(port, "/readyz"))[0] == 200
        status, text = await fetch(port, "/metrics")
        assert (status, "veilstream_test 7.0" in text) == (200, True)
    finally:
        await server.stop()


async def test_a_port_in_use_is_a_configuration_error_that_names_the_setting():
    first = OperationsServer("127.0.0.1", 0, CollectorRegistry(), dict, dict)
    port = await first.start()
    try:
        with pytest.raises(ConfigurationError, match="VEILSTREAM_HTTP__PORT"):
            await OperationsServer("127.0.0.1", port, CollectorRegistry(), dict, dict).start()
    finally:
        await first.stop()
