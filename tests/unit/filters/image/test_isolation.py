"""A codec that crashes, hangs, eats memory or turns against the filter costs its own record, and nothing else."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from filters.errors import ConfigurationError, InferenceError, PayloadTooLarge, UnsupportedMedia
from filters.image.decode_child import Order
from filters.image.formats import ImageFormat
from filters.image.isolation import IsolatedReader
from filters.image.limits import ImageLimits
from filters.image.medium import ImageMedium
from filters.pipeline import FilterPipeline
from filters.policy_source import parse_policy
from filters.records import ImageContent, Record, RecordContext, SourcePosition
from filters.verdict import Action
from tests.fakes import CollectingDecodeObserver, CollectingObserver, StaticPolicies
from tests.support.hostile_codecs import CANARY, hostile_file
from tests.unit.filters.image.images import encoded, photograph

HOSTILE = "tests.support.hostile_codecs"
SECONDS = 1.5
GOOD = ImageContent(encoded(photograph(64, 48), "PNG"))
FATAL = [
    ("crash", UnsupportedMedia, "decoder_crashed", "crash"),
    ("abort", UnsupportedMedia, "decoder_crashed", "crash"),
    ("exit", UnsupportedMedia, "decoder_crashed", "crash"),
    ("spin", PayloadTooLarge, "decode_seconds", "hang"),
    ("sleep", PayloadTooLarge, "decode_seconds", "hang"),
    ("memory", PayloadTooLarge, "decode_memory", "memory"),
    ("malloc", UnsupportedMedia, "decoder_crashed", "crash"),
]
FORBIDDEN = ["open", "write", "socket", "run", "fork", "signal", "delete", "rename", "truncate", "limit"]
FORBIDDEN += ["read memory", "trace", "have it signalled"]


def order(memory_mib: int = 256, seconds: float = SECONDS, **limits: int) -> Order:
    return Order(ImageLimits(**limits), ImageFormat.JPEG, memory_mib << 20, seconds)


def hostile(mark: str, at: str = "decode") -> ImageContent:
    return ImageContent(hostile_file(mark, at))


@pytest.fixture(scope="module")
def observer() -> CollectingDecodeObserver:
    return CollectingDecodeObserver()


@pytest.fixture(scope="module")
def reader(observer) -> Iterator[IsolatedReader]:
    with IsolatedReader(order(), 2, observer, module=HOSTILE) as started:
        yield started


@pytest.mark.parametrize(("mark", "error", "reason", "cause"), FATAL)
def test_what_ends_a_process_costs_its_own_record(reader, observer, mark, error, reason, cause):
    """The error has its code, the loss is told, and the next image is read."""
    observer.causes.clear()
    began = time.monotonic()
    with pytest.raises(error) as caught:
        reader.decode(hostile(mark))
    assert (type(caught.value), caught.value.reason) == (error, reason)
    assert observer.causes == [cause]
    assert time.monotonic() - began < SECONDS + 5
    assert reader.decode(GOOD).frames[0].width == 64


def test_what_behaves_is_read_under_the_same_limits(reader):
    """The negative of the above: the deadline and the limits do not fall upon what behaves."""
    assert reader.decode(hostile("well")).frames[0].pixels.shape == (4, 4, 3)


@pytest.mark.parametrize("mark", FORBIDDEN)
def test_a_process_reaches_nothing_outside(reader, observer, mark):
    """No file, no socket, no program, no other process: what a codec taken over by a file would go for is refused."""
    observer.causes.clear()
    escaped = Path(tempfile.gettempdir(), "veilstream-escaped")
    CANARY.write_bytes(b"untouched")
    escaped.unlink(missing_ok=True)
    with pytest.raises(UnsupportedMedia) as caught:
        reader.decode(hostile(mark))
    assert caught.value.reason in {"corrupt", "decoder_raised"}
    assert observer.causes == []
    assert not escaped.exists()
    assert CANARY.read_bytes() == b"untouched"
    CANARY.unlink()


def test_codecs_may_use_threads(reader):
    """The negative: what dav1d and libheif need is not refused."""
    assert reader.decode(hostile("thread")).frames


def test_a_process_that_the_kernel_kills_is_one_that_wanted_memory(reader, observer):
    observer.causes.clear()
    with ThreadPoolExecutor(1) as threads:
        pending = threads.submit(reader.decode, hostile("sleep"))
        busy: list[psutil.Process] = []
        while not busy:
            busy = [process for process in map(psutil.Process, reader.pids) if _sleeps_in_a_codec(process)]
        busy[0].kill()
        with pytest.raises(PayloadTooLarge) as caught:
            pending.result()
    assert (caught.value.reason, observer.causes) == ("decode_memory", ["memory"])


def _sleeps_in_a_codec(process: psutil.Process) -> bool:
    """Not waiting for the filter: the kernel tells where it sleeps."""
    return "nanosleep" in Path(f"/proc/{process.pid}/wchan").read_text()


def test_what_a_codec_says_goes_nowhere(reader):
    with pytest.raises(UnsupportedMedia) as caught:
        reader.decode(hostile("raise"))
    assert "jane" not in str(caught.value) + repr(caught.value.__cause__) + repr(caught.value.__context__)


def test_a_file_that_ends_a_process_as_it_is_weighed_does_not_end_another(reader, observer):
    observer.causes.clear()
    medium = ImageMedium([], reader=reader)
    assert medium.weight(hostile("spin", at="parse")) == 0
    with pytest.raises(PayloadTooLarge) as caught:
        medium.decode(hostile("spin", at="parse"))
    assert caught.value.reason == "decode_seconds"
    assert observer.causes == ["hang"]


def test_other_records_in_flight_go_on(reader):
    """While one process hangs, the other reads; both threads get what is theirs."""
    with ThreadPoolExecutor(2) as threads:
        hanging = threads.submit(reader.decode, hostile("sleep"))
        time.sleep(0.1)
        assert all(threads.submit(reader.decode, GOOD).result().frames for _ in range(20))
        assert not hanging.done()
        with pytest.raises(PayloadTooLarge):
            hanging.result()


@pytest.mark.slow
def test_in_a_batch_each_record_has_its_own_verdict(reader):
    """Through the pipeline, with the media's own weighing: the bad ones are rejected by code, the good ones pass."""
    files = [GOOD, hostile("crash"), GOOD, hostile("memory", at="parse"), GOOD]
    records = [_record(number, content) for number, content in enumerate(files)]
    pipeline = FilterPipeline([ImageMedium([], reader=reader)], _policies(), CollectingObserver())
    outcomes = pipeline.process_batch(records)
    failures = [one.verdict.failure and one.verdict.failure.reason for one in outcomes]
    assert failures == [None, "decoder_crashed", None, "decode_memory", None]
    assert [one.verdict.action for one in outcomes] == [
        Action.REJECT if failure else Action.ALLOW for failure in failures
    ]


def _record(number: int, content: ImageContent) -> Record:
    return Record(RecordContext(SourcePosition("t", 0, number), "acme", str(number)), content)


def _policies() -> StaticPolicies:
    text = "apiVersion: veilstream/v1\nkind: FilterPolicy\nmetadata: {tenant: acme, version: 1}\n"
    return StaticPolicies(parse_policy(text + "spec: {images: {rules: []}}\n", "test"))


@pytest.mark.slow
def test_the_memory_limit_is_what_bites():
    """The same large picture: read under a roomy limit, refused under a tight one."""
    large = ImageContent(encoded(photograph(3000, 3000), "PNG"))
    observer = CollectingDecodeObserver()
    with IsolatedReader(order(memory_mib=512, seconds=20), 1, observer) as roomy:
        assert roomy.decode(large).frames[0].width == 3000
    assert observer.causes == []
    with IsolatedReader(order(memory_mib=32, seconds=20), 1, observer) as tight:
        with pytest.raises(PayloadTooLarge) as caught:
            tight.decode(large)
        assert tight.decode(GOOD).frames
    assert (caught.value.reason, observer.causes) == ("decode_memory", ["memory"])


def test_a_process_has_the_limits_and_none_of_the_secrets(monkeypatch):
    monkeypatch.setenv("VEILSTREAM_KEYS__MASTER", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with IsolatedReader(order(), 1, CollectingDecodeObserver()) as reader:
        (pid,) = reader.pids
        process = psutil.Process(pid)
        limits = {name: process.rlimit(getattr(psutil, f"RLIMIT_{name}")) for name in ("CORE", "FSIZE", "NOFILE")}
        assert set(limits.values()) == {(0, 0)}
        assert process.rlimit(psutil.RLIMIT_AS)[1] < 2 << 30
        reader.decode(GOOD)
        assert process.rlimit(psutil.RLIMIT_CPU)[0] < 60
        assert "secret" not in process.environ().values()
        status = Path(f"/proc/{pid}/status").read_text()
        assert "NoNewPrivs:\t1" in status
        assert "Seccomp:\t2" in status
        assert process.num_fds() == len("012") + len(["link", "lifeline", "region"])


@pytest.mark.slow
def test_processes_are_replaced_after_so_many_images():
    with IsolatedReader(order(seconds=20), 1, observer := CollectingDecodeObserver(), images=3) as reader:
        before = reader.pids
        for _ in range(2):
            reader.decode(GOOD)
        assert reader.pids == before
        reader.decode(GOOD)
        assert reader.pids != before
        assert reader.decode(GOOD).frames
    assert observer.causes == []


@pytest.mark.slow
def test_closing_ends_the_processes_and_whoever_waits():
    reader = IsolatedReader(order(seconds=3), 1, CollectingDecodeObserver(), module=HOSTILE)
    with pytest.raises(InferenceError):
        reader.decode(GOOD)
    reader.start()
    (pid,) = reader.pids
    with ThreadPoolExecutor(2) as threads:
        hanging = threads.submit(reader.decode, hostile("sleep"))
        time.sleep(0.2)
        waiting = threads.submit(reader.decode, GOOD)
        time.sleep(0.2)
        reader.close()
        with pytest.raises(InferenceError) as caught:
            waiting.result()
        with pytest.raises(PayloadTooLarge):
            hanging.result()
    assert caught.value.reason == "decoder_unavailable"
    assert reader.pids == ()
    assert _is_gone(pid)


def test_a_process_that_ended_while_idle_costs_no_record():
    """Killed by an operator, or by the kernel for another's hunger."""
    with IsolatedReader(order(seconds=20), 1, observer := CollectingDecodeObserver()) as reader:
        (pid,) = reader.pids
        psutil.Process(pid).kill()
        psutil.Process(pid).wait(5)
        assert reader.decode(GOOD).frames
    assert observer.causes == []


def test_where_no_process_can_be_had_the_record_is_not_at_fault(monkeypatch):
    """No rejection, but a detector's error: the policy's `on_error` decides, and the next record tries again."""
    with IsolatedReader(order(seconds=20), 1, CollectingDecodeObserver()) as reader:
        process = psutil.Process(reader.pids[0])
        process.kill()
        process.wait(5)
        with monkeypatch.context() as patched:
            patched.setattr(subprocess, "Popen", _no_process)
            pipeline = FilterPipeline([ImageMedium([], reader=reader)], _policies(), CollectingObserver())
            (outcome,) = pipeline.process_batch([_record(0, GOOD)])
        assert outcome.verdict.failure is not None
        assert (outcome.verdict.failure.code, outcome.verdict.failure.reason) == ("inference", "decoder_unavailable")
        assert "on_error" in outcome.verdict.rules
        assert reader.decode(GOOD).frames


def _no_process(*_: object, **__: object) -> None:
    raise BlockingIOError("no more processes")


def test_where_no_process_gets_ready_the_start_is_refused():
    with pytest.raises(ConfigurationError) as caught:
        IsolatedReader(order(), 1, CollectingDecodeObserver(), module="tests.support.no_such_module").start()
    assert caught.value.reason == "decode_process"


_PARENT = """
import json, os, sys, threading, time
from tests.unit.filters.image.test_isolation import *
reader = IsolatedReader(order(seconds=600), 2, CollectingDecodeObserver(), module=HOSTILE)
reader.start()
threading.Thread(target=reader.decode, args=(hostile("{mark}"),), daemon=True).start()
time.sleep(0.3)
print(json.dumps(reader.pids), flush=True)
time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("mark", ["sleep", "spin"])
def test_when_the_filter_is_killed_its_processes_end(mark):
    """One of two is in the middle of a codec that never returns; both are gone soon after a `kill -9` of the filter."""
    command = [sys.executable, "-c", _PARENT.replace("{mark}", mark)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as filtering:
        pids = json.loads(filtering.stdout.readline())
        assert len(pids) == 2
        assert not any(map(_is_gone, pids))
        filtering.kill()
    deadline = time.monotonic() + 5
    while not all(map(_is_gone, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert all(map(_is_gone, pids))


def test_a_process_outlives_the_thread_that_started_it():
    reader = IsolatedReader(order(), 1, CollectingDecodeObserver())
    starter = threading.Thread(target=reader.start)
    starter.start()
    starter.join()
    before = reader.pids
    time.sleep(0.2)
    assert reader.decode(GOOD).frames
    assert reader.pids == before
    reader.close()


def _is_gone(pid: int) -> bool:
    """Ended, whether or not its new parent has taken note."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_no_descriptor_is_left_behind():
    def open_now() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = open_now()
    with IsolatedReader(order(), 2, CollectingDecodeObserver(), module=HOSTILE) as reader, suppress(UnsupportedMedia):
        reader.decode(hostile("crash"))
    assert open_now() == before
