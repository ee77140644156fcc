"""`veilstream demo` as a stranger runs it: its claims hold, its pages are there, and nothing is left running."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

BOUND_SECONDS = 180
_PATIENCE_SECONDS = 20


@contextmanager
def demo(out: Path) -> Iterator[subprocess.Popen[str]]:
    """The command in a process group of its own, killed with all that it started if the test fails."""
    command = [sys.executable, "-m", "streams.cli.main", "demo", "--out", str(out)]
    with (
        (out.parent / "stdout").open("w") as printed,
        subprocess.Popen(command, stdout=printed, stderr=subprocess.PIPE, text=True, start_new_session=True) as process,
    ):
        try:
            yield process
        finally:
            if alive(process.pid):
                os.killpg(process.pid, signal.SIGKILL)


def alive(group: int) -> bool:
    """Whether any process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for_line(process: subprocess.Popen[str], words: str) -> None:
    """Read standard error up to a line with these words."""
    for line in process.stderr:
        if words in line:
            return
    pytest.fail(f"the demo ended before it said {words!r}")


def wait_until_gone(group: int) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while alive(group):
        assert time.monotonic() < deadline, "a process of the demo is left"
        time.sleep(0.1)


def test_the_demo_keeps_its_promises(tmp_path):
    """Exit 0, every claim holds, gallery and sheets are written, within three minutes, nothing left running."""
    out = tmp_path / "gallery"
    started = time.monotonic()
    with demo(out) as process:
        _, told = process.communicate(timeout=BOUND_SECONDS)
        assert process.returncode == 0, told + (tmp_path / "stdout").read_text()[-6000:]
        wait_until_gone(process.pid)
    assert time.monotonic() - started < BOUND_SECONDS
    results = json.loads((out / "results.json").read_bytes())
    assert [claim for claim in results["claims"] if not claim["holds"]] == []
    assert sum(results["counts"]["prompt"].values()) >= 40
    assert sum(results["counts"]["image"].values()) >= 12
    printed = (tmp_path / "stdout").read_text()
    for path in (out / "index.html", out / "contact-sheet-1.png"):
        assert path.is_file()
        assert str(path) in printed


def test_a_demo_whose_worker_dies_fails(tmp_path):
    """Its claims are contradicted, and it says so by its exit code."""
    with demo(tmp_path / "gallery") as process:
        wait_for_line(process, "inputs produced")
        (worker,) = psutil.Process(process.pid).children()
        worker.kill()
        process.communicate(timeout=BOUND_SECONDS)
        assert process.returncode == 1
        wait_until_gone(process.pid)
    results = json.loads((tmp_path / "gallery" / "results.json").read_bytes())
    failing = {claim["text"] for claim in results["claims"] if not claim["holds"]}
    assert {"every input has exactly one verdict", "the worker ended by itself on SIGTERM, with code 0"} <= failing


def test_a_terminated_demo_leaves_nothing_running(tmp_path):
    """SIGTERM in mid-run stops worker and broker, too."""
    with demo(tmp_path / "gallery") as process:
        wait_for_line(process, "the worker is ready")
        process.terminate()
        process.communicate(timeout=_PATIENCE_SECONDS)
        assert process.returncode == 128 + signal.SIGTERM
        wait_until_gone(process.pid)
