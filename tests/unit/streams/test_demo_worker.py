"""The demo's worker process is a real one, and its failures are told in one line."""

import sys

import pytest

from filters.errors import ConfigurationError
from streams.demo.worker_process import WorkerProcess


@pytest.mark.slow
def test_a_worker_without_weights_is_told(tmp_path, monkeypatch):
    """With its exit code, its last words, and where its log is."""
    monkeypatch.setenv("VEILSTREAM_MODELS__CACHE_DIR", str(tmp_path / "empty"))
    log = tmp_path / "worker.log"
    with (
        WorkerProcess({"KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}, log) as worker,
        pytest.raises(ConfigurationError, match=r"ended with code 3.*models pull.*worker\.log"),
    ):
        worker.wait_ready(60)
    assert not worker.running


@pytest.mark.slow
def test_a_worker_does_not_outlive_its_context(tmp_path):
    """Even one that waits for a broker that is not there."""
    with WorkerProcess({"KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}, tmp_path / "worker.log") as worker:
        assert worker.running
    assert not worker.running


@pytest.mark.slow
def test_settings_of_the_machine_do_not_reach_the_worker(tmp_path, monkeypatch):
    """A platform's own variables would lead the demo to the platform's brokers; these ones would stop it at once."""
    monkeypatch.setenv("VEILSTREAM_NONSENSE", "1")
    monkeypatch.setenv("VEILSTREAM_CONFIG", str(tmp_path / "missing.yaml"))
    with (
        WorkerProcess({"KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}, tmp_path / "worker.log") as worker,
        pytest.raises(ConfigurationError, match="was not ready in time"),
    ):
        worker.wait_ready(2)


def test_a_worker_that_cannot_be_started_raises(tmp_path, monkeypatch):
    """No interpreter, no worker."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(FileNotFoundError), WorkerProcess({}, tmp_path / "worker.log"):
        pass
