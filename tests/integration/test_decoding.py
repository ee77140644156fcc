"""Files that crash, hang or starve a codec, sent to a worker with its default settings: each costs its own record."""

import json
import time

import psutil
import pytest

from filters.records import ContentKind
from tests.integration.conftest import Figures
from tests.support.bad_input import BadInput
from tests.support.hostile_codecs import hostile_file
from tests.support.house import House
from tests.support.instrumented import Faults
from tests.support.kafka_io import produce
from tests.support.material import encode_image, image_case, image_cases, picture
from tests.support.oracle import output_topics, send
from tests.support.tenants import REDACTS
from tests.support.worker import WorkerProcess

REASONS = {"crash": "decoder_crashed", "spin": "decode_seconds", "memory": "decode_memory", "abort": "decoder_crashed"}
CAUSES = {"crash": 2, "hang": 1, "memory": 1}


def _bad(mark: str) -> BadInput:
    case = image_case(encode_image(picture("coffee"), "JPEG"), "image/jpeg", "raw", REDACTS, "bad")
    headers = tuple((name, b"image/bmp" if name == "content-type" else value) for name, value in case.headers)
    return BadInput(mark, "", ContentKind.IMAGE, hostile_file(mark), headers)


@pytest.mark.timeout(180)
def test_a_file_that_ends_a_codec_costs_its_own_record(embedded_house: House, figures: Figures):
    """Rejected with the reason, told of in the metrics; good ones before and behind are judged; nobody is left."""
    house = embedded_house
    worker = house.worker(command=Faults(streams=("images",), hostile_codecs=True).command)
    worker.wait_ready()
    oracle, tail = house.oracle(), house.tail(*output_topics(house.topics))
    inputs = send(house.bootstrap, house.topics, image_cases(6, seed=1))
    produce(house.bootstrap, [_bad(mark).to(house.topics.images) for mark in REASONS])
    inputs += send(house.bootstrap, house.topics, image_cases(12, seed=2))
    assert oracle.settled(inputs, timeout=90)
    assert tail.read_until(lambda: len(tail.of(house.topics.rejected)) >= len(REASONS), timeout=60)
    tail.read_quiet()
    rejected = {record.key: json.loads(record.value)["error"] for record in tail.of(house.topics.rejected)}
    assert {mark: rejected[mark.encode()]["reason"] for mark in REASONS} == REASONS
    restarts = restarts_once_told(worker)
    figures(f"{len(inputs)} good records beside {len(REASONS)} that end a codec; restarts {restarts}")
    assert restarts == CAUSES
    assert worker.running
    children = psutil.Process(worker.process.pid).children()
    assert len(children) == 2
    assert worker.terminate() == 0
    assert psutil.wait_procs(children, timeout=5)[1] == []


def restarts_once_told(worker: WorkerProcess) -> dict[str, float]:
    """Restarts by cause, read until there are some: on a busy machine a scrape can go unanswered."""
    restarts = dict.fromkeys(CAUSES, 0.0)
    deadline = time.monotonic() + 30
    while not any(restarts.values()) and time.monotonic() < deadline:
        restarts = {cause: worker.metric("veilstream_decoder_restarts_total", cause=cause) for cause in CAUSES}
    return restarts


@pytest.mark.timeout(120)
def test_a_worker_that_is_killed_leaves_no_process_behind(embedded_house: House):
    worker = embedded_house.worker("--streams", "images").wait_ready()
    children = psutil.Process(worker.process.pid).children()
    assert len(children) == 2
    worker.kill()
    deadline = time.monotonic() + 10
    while any(_runs(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_runs, children))


def _runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.timeout(120)
def test_inline_starts_no_process(embedded_house: House):
    worker = embedded_house.worker("--streams", "images", settings={"IMAGES__DECODE": "inline"}).wait_ready()
    assert psutil.Process(worker.process.pid).children() == []
    inputs = send(embedded_house.bootstrap, embedded_house.topics, image_cases(4))
    assert embedded_house.oracle().settled(inputs, timeout=60)
