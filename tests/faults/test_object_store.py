"""The object store misbehaves: each fault costs the records that it strikes, and no other."""

import dataclasses
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from filters.errors import PoisonRecord
from filters.verdict import Action
from tests.faults.conftest import Record
from tests.faults.rows import Row
from tests.support.claims import Claimed, ResolvingTail, Shelf, claimed, only_claiming, send_all
from tests.support.house import House
from tests.support.kafka_io import unique
from tests.support.material import Case, image_cases
from tests.support.object_faults import Fault, FaultyStore
from tests.support.objects import CREDENTIALS, S3Server
from tests.support.oracle import Input, Oracle, Report

TIMEOUT = 1.5
"""Seconds for one object; small beside the batch's 30."""
LARGEST = 400_000
"""Bytes of an image; above all of the material."""


class Store:
    """A shelf behind a proxy that misbehaves."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        bucket = unique("images")
        server = stack.enter_context(S3Server(bucket))
        self.proxy = stack.enter_context(FaultyStore(server.endpoint))
        self.shelf = Shelf(server, bucket, folder)
        self.folder = folder

    def settings(self, timeout: float = TIMEOUT) -> dict[str, str]:
        limit = {"IMAGES__MAX_IMAGE_BYTES": str(LARGEST)}
        return self.shelf.settings(self.proxy.endpoint, timeout) | limit

    def strike(self, fault: Fault, verb: str = "GET") -> None:
        """From now on, every such request meets a fault."""
        self.proxy.fault = lambda asked, path: fault if asked == verb else None

    def relieve(self) -> None:
        """From now on, none does."""
        self.proxy.fault = lambda verb, path: None


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:
        yield Store(tmp_path / "objects", stack)


@dataclasses.dataclass
class Scene:
    """A worker's outputs, and what is asked of them at the end."""

    house: House
    store: Store
    tail: ResolvingTail
    oracle: Oracle

    def sent(self, given: list[Claimed | Case], timeout: float = 90) -> list[Input]:
        """Send, and wait for the outputs."""
        inputs = send_all(self.house, given)
        assert self.oracle.settled(inputs, timeout)
        return inputs

    def failures(self, inputs: list[Input]) -> list[tuple[str, str, str] | None]:
        errors: list[Any] = [self.oracle.verdict(one)["error"] for one in inputs]
        return [(error["stage"], error["code"], error["reason"]) if error else None for error in errors]

    def checked(self, inputs: list[Input]) -> Report:
        """Nothing lost, leaked or twofold; no output names an original; releases point at all objects written.

        But for those of records that were given up: an attempt before the last may have written one.
        """
        report = self.oracle.report(inputs)
        assert report.problems == {}
        assert self.tail.names(lambda part: b"original-" in part) == []
        pointed_at, written = set().union(*self.tail.pointed_at.values()), self.store.shelf.releases()
        assert pointed_at <= written
        orphans = {url.rpartition("/")[2].partition("-")[0] for url in written - pointed_at}
        assert orphans <= self._given_up()
        return report

    def _given_up(self) -> set[str]:
        """Verdict ids of records that killed, or seemed to kill, their process too often."""
        verdicts = [json.loads(record.value or b"{}") for record in self.tail.of(self.house.topics.verdicts)]
        return {
            verdict["verdict_id"] for verdict in verdicts if (verdict["error"] or {}).get("code") == PoisonRecord.code
        }


@pytest.fixture
def scene(faults_house: House, store: Store, face_detector: Any) -> Iterator[Scene]:
    with ResolvingTail(faults_house.bootstrap, faults_house.topics, store.shelf) as tail:
        yield Scene(faults_house, store, tail, Oracle(tail, faults_house.topics, face_detector))


def pictures(count: int, seed: int = 1) -> list[Case]:
    """Inline cases in envelopes that can refer, each with a request of its own."""
    cases = only_claiming(image_cases(2 * count, seed))[:count]
    return [dataclasses.replace(case, key=case.key + b"-%d" % seed) for case in cases]


def doomed(case: Case) -> Case:
    """A case that must be rejected."""
    return dataclasses.replace(case, actions=frozenset({Action.REJECT}))


# ── faults of one object ──────────────────────────────────────────────────────────────────────────────────────────


def _path(given: Claimed) -> Path:
    return Path(given.url.removeprefix("file://"))


def missing(store: Store, case: Case) -> Claimed:
    given = claimed(store.shelf, case, "s3")
    return dataclasses.replace(given, url=given.url + "x")


def missing_file(store: Store, case: Case) -> Claimed:
    given = claimed(store.shelf, case, "file")
    _path(given).unlink()
    return given


def linked_out(store: Store, case: Case) -> Claimed:
    given = claimed(store.shelf, case, "file")
    _path(given).rename(store.folder / "outside.bin")
    _path(given).symlink_to(store.folder / "outside.bin")
    return given


def elsewhere(store: Store, case: Case) -> Claimed:
    given = claimed(store.shelf, case, "s3")
    return dataclasses.replace(given, url=given.url.replace("/in/", "/elsewhere/"))


def rewritten(store: Store, case: Case) -> Claimed:
    given = claimed(store.shelf, case, "file")
    _path(given).write_bytes(_path(given).read_bytes()[:-1] + b"x")
    return given


def cut_short(store: Store, case: Case) -> Claimed:
    given = claimed(store.shelf, case, "file")
    _path(given).write_bytes(_path(given).read_bytes()[:-1])
    return given


def grown(store: Store, case: Case) -> Claimed:
    """Larger than is allowed, which only the store knows."""
    given = claimed(store.shelf, case, "file", datarefsize=None)
    _path(given).write_bytes(bytes(LARGEST + 1))
    return given


def without_digest(store: Store, case: Case) -> Claimed:
    return claimed(store.shelf, case, "s3", datarefsha256=None)


def struck(fault: Fault) -> Callable[[Store, Case], Claimed]:
    """Requests for the object meet a fault."""

    def make(store: Store, case: Case) -> Claimed:
        given = claimed(store.shelf, case, "s3")
        before, own = store.proxy.fault, given.url.removeprefix("s3:/")
        store.proxy.fault = lambda verb, path: fault if path == own else before(verb, path)
        return given

    return make


OBJECT_FAULTS: Mapping[Callable[[Store, Case], Claimed], tuple[str, str]] = {
    missing: ("object", "object_missing"),
    missing_file: ("object", "object_missing"),
    linked_out: ("message", "reference_not_allowed"),
    elsewhere: ("message", "reference_not_allowed"),
    rewritten: ("object", "digest_mismatch"),
    cut_short: ("object", "size_mismatch"),
    grown: ("payload_too_large", "object_too_large"),
    without_digest: ("message", "missing_digest"),
    struck(Fault.HANG): ("object_store", "object_timeout"),
    struck(Fault.DROP): ("object_store", "object_unreachable"),
    struck(Fault.BUSY): ("object_store", "object_unreachable"),
}


def test_a_fault_of_one_object_costs_its_record_and_no_neighbour(scene: Scene, seed: int, record: Record):
    """Missing, replaced, cut, too large, linked out of its folder, not allowed, slow, refused: all side by side."""
    scene.house.worker("--streams", "images", settings=scene.store.settings()).wait_ready()
    bad = [make(scene.store, doomed(case)) for make, case in zip(OBJECT_FAULTS, pictures(11, seed=2), strict=True)]
    sound = pictures(11, seed=3)
    good = [claimed(scene.store.shelf, case, "s3") if number % 2 else case for number, case in enumerate(sound)]
    inputs = scene.sent([each for pair in zip(bad, good, strict=True) for each in pair])
    report = scene.checked(inputs)
    record(Row.of(report, "objects missing, wrong, slow", "one", (), seed))
    assert scene.failures(inputs[::2]) == [("fetch", *failure) for failure in OBJECT_FAULTS.values()]
    assert scene.failures(inputs[1::2]) == [None] * 11
    letters = {tail.header("veilstream.error.code") for tail in scene.tail.of(scene.house.topics.dead_letters)}
    assert letters == {code.encode() for code, _ in OBJECT_FAULTS.values()}


# ── faults of the store ───────────────────────────────────────────────────────────────────────────────────────────


def mixed(store: Store, count: int, seed: int) -> list[Claimed | Case]:
    """By reference and inline, in turn."""
    cases = pictures(count, seed)
    return [claimed(store.shelf, case, "s3") if number % 2 else case for number, case in enumerate(cases)]


def struck_down(given: list[Claimed | Case]) -> list[Claimed | Case]:
    """The same, but what is by reference must be rejected."""
    return [dataclasses.replace(each, case=doomed(each.case)) if isinstance(each, Claimed) else each for each in given]


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.HANG])
def test_a_store_that_is_down_rejects_references_and_recovers_unaided(
    fault: Fault, scene: Scene, seed: int, record: Record
):
    """Inline images go on meanwhile; nothing has to be restarted."""
    worker = scene.house.worker("--streams", "images", settings=scene.store.settings()).wait_ready()
    scene.store.strike(fault)
    during = scene.sent(struck_down(mixed(scene.store, 12, seed=2)))
    scene.store.relieve()
    after = scene.sent(mixed(scene.store, 12, seed=3))
    report = scene.checked([*during, *after])
    record(Row.of(report, f"object store down ({fault})", "one", (), seed))
    reason = {Fault.DROP: "object_unreachable", Fault.HANG: "object_timeout"}[fault]
    assert scene.failures(during) == [None, ("fetch", "object_store", reason)] * 6
    assert scene.failures(after) == [None] * 12
    assert worker.running


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.HANG])
def test_what_cannot_be_written_is_not_released(fault: Fault, scene: Scene, seed: int, record: Record):
    """Reading works, writing does not: the verdict says reject."""
    scene.house.worker("--streams", "images", settings=scene.store.settings()).wait_ready()
    scene.store.strike(fault, "PUT")
    during = scene.sent(struck_down(mixed(scene.store, 12, seed=2)))
    report = scene.checked(during)
    record(Row.of(report, f"object store refuses writes ({fault})", "one", (), seed))
    reason = {Fault.DROP: "object_unreachable", Fault.HANG: "object_timeout"}[fault]
    assert scene.failures(during) == [None, ("put", "object_store", reason)] * 6
    assert scene.store.shelf.releases() == set()


def test_a_slow_store_ends_with_the_batchs_deadline(scene: Scene, seed: int, record: Record):
    """However long the store's own timeout is; inline neighbours have their time."""
    settings = scene.store.settings(timeout=60) | {"DELIVERY__JUDGE_SECONDS": "20", "IMAGES__BATCH_RECORDS": "8"}
    worker = scene.house.worker("--streams", "images", settings=settings).wait_ready()
    scene.store.strike(Fault.HANG)
    started = time.monotonic()
    inputs = scene.sent(struck_down(mixed(scene.store, 8, seed=2)), timeout=60)
    report = scene.checked(inputs)
    record(Row.of(report, "object store slower than the batch", "one", (), seed))
    assert scene.failures(inputs) == [None, ("fetch", "object_store", "object_timeout")] * 4
    assert time.monotonic() - started < 45
    assert worker.running


def test_a_worker_that_is_killed_writes_the_same_objects_again(
    scene: Scene, seed: int, rng: random.Random, record: Record
):
    """`kill -9` after some writes, twice: one object for each release, whatever was written when."""
    worker = scene.house.worker("--streams", "images", settings=scene.store.settings()).wait_ready()
    inputs = send_all(scene.house, mixed(scene.store, 60, seed=4))
    for _ in range(2):
        wanted = scene.store.proxy.count("PUT") + rng.randint(2, 6)
        deadline = time.monotonic() + 30
        while scene.store.proxy.count("PUT") < wanted and time.monotonic() < deadline:
            time.sleep(0.01)
        worker.kill()
        worker.start().wait_ready()
    assert scene.oracle.settled(inputs, timeout=120)
    report = scene.checked(inputs)
    record(Row.of(report, "killed while objects are written", "one", (-9, -9), seed))
    assert all(len(urls) == 1 for urls in scene.tail.pointed_at.values())
