"""Exactly once, on a real Kafka: whatever befalls the workers, readers of committed records see each output once.

The oracle's consumers read committed records only, which is librdkafka's default.
"""

import contextlib
import random
import signal
import time
from collections.abc import Sequence

import pytest
from confluent_kafka import KafkaException

from tests.faults.conftest import MakeHouse, Record
from tests.faults.rows import Row
from tests.support.brokers import RealKafka
from tests.support.house import House
from tests.support.kafka_io import committed_offsets, end_offsets
from tests.support.material import image_cases, interleaved, prompt_cases
from tests.support.oracle import Input, Oracle, Report, send
from tests.support.tenants import POLICIES
from tests.support.worker import SESSION_SECONDS, WorkerProcess

pytestmark = pytest.mark.timeout(300)
TENANTS = tuple(POLICIES)
EXACTLY_ONCE = {"DELIVERY__GUARANTEE": "exactly_once", "DELIVERY__DELIVER_SECONDS": "15"}
PROMPTS, IMAGES = 900, 24
ENDED_FOR_SAFETY = {70, -signal.SIGKILL}


class Scene:
    """Inputs under way, workers, and a watch over the committed offsets."""

    def __init__(self, house: House, rng: random.Random) -> None:
        self.house = house
        cases = interleaved(
            prompt_cases(PROMPTS, rng.randrange(10**6), TENANTS), image_cases(IMAGES, rng.randrange(10**6), TENANTS)
        )
        self.inputs: list[Input] = send(house.bootstrap, house.topics, list(cases))
        self.oracle: Oracle = house.oracle()
        self.exits: list[int] = []
        self.went_back: list[str] = []
        self._committed: dict[tuple[str, int], int] = {}

    def worker(self) -> WorkerProcess:
        return self.house.worker(settings=EXACTLY_ONCE)

    def wait_for_share(self, share: float, timeout: float = 90.0) -> None:
        """Until so many of the inputs are through, and not all."""
        deadline = time.monotonic() + timeout
        while (done := self.oracle.count_done()) < share * len(self.inputs):
            assert time.monotonic() < deadline, f"only {done} of {len(self.inputs)} inputs done in {timeout} s"
        assert done < len(self.inputs), "the workers were through before the fault"

    def kill(self, worker: WorkerProcess) -> None:
        worker.kill()
        self.exits.append(worker.process.returncode)

    def settle(self, workers: Sequence[WorkerProcess], timeout: float = 150.0) -> bool:
        """Read until all inputs are through; workers that ended are started again, as an orchestrator does."""
        deadline = time.monotonic() + timeout
        while not (settled := self.oracle.settled(self.inputs, 1.0)) and time.monotonic() < deadline:
            for worker in workers:
                if not worker.running:
                    self.exits.append(worker.process.returncode)
                    worker.start()
            # A dead worker's open transaction hides the offsets until the next worker, or the broker, ends it.
            with contextlib.suppress(KafkaException):
                self.look_at_offsets(timeout=3.0)
        return settled

    def look_at_offsets(self, timeout: float = 30.0) -> dict[tuple[str, int], int]:
        """What both groups have committed; whatever went back is noted."""
        now = {
            place: offset
            for stream in ("prompts", "images")
            for place, offset in committed_offsets(
                self.house.bootstrap, f"{self.house.group}-{stream}", [getattr(self.house.topics, stream)], timeout
            ).items()
        }
        self.went_back += [f"{place}" for place, offset in self._committed.items() if now.get(place, 0) < offset]
        self._committed = now
        return now

    def check(self, record: Record, fault: str, seed: int) -> Report:
        """Judge everything: one verdict and one content record for each input, and all offsets at their ends."""
        report = self.oracle.report(self.inputs)
        record(Row.of(report, f"exactly once: {fault}", "one", self.exits, seed))
        assert report.problems == {}
        assert report.released + report.rejected + report.held == report.inputs
        assert report.duplicates == 0, self.oracle.repeated()
        assert self.went_back == []
        topics = [self.house.topics.prompts, self.house.topics.images]
        ends = {(topic, n): end for topic in topics for n, end in end_offsets(self.house.bootstrap, topic).items()}
        assert self.look_at_offsets() == {place: end for place, end in ends.items() if end}
        return report


@pytest.fixture
def scene(faults_house: House, rng: random.Random) -> Scene:
    return Scene(faults_house, rng)


def test_kill_9_twice_in_mid_load(scene: Scene, record: Record, seed: int):
    """Transactions that were under way are aborted by the next owner."""
    worker = scene.worker().wait_ready()
    for share in (0.2, 0.5):
        scene.wait_for_share(share)
        scene.kill(worker)
        worker = scene.worker()
    settled = scene.settle([worker])
    code = worker.terminate()
    scene.check(record, "kill -9 twice", seed)
    assert settled
    assert code == 0


def test_sigterm_in_mid_load(scene: Scene, record: Record, seed: int):
    """What was taken in is written and committed, and the next worker goes on behind it."""
    worker = scene.worker().wait_ready()
    scene.wait_for_share(0.3)
    scene.exits.append(worker.terminate())
    worker = scene.worker()
    settled = scene.settle([worker])
    scene.exits.append(worker.terminate())
    scene.check(record, "SIGTERM", seed)
    assert settled
    assert scene.exits == [0, 0]


def test_a_zombie_that_wakes_up_writes_nothing(scene: Scene, record: Record, seed: int):
    """Stopped in mid-load beyond its session, replaced, and woken when the other one has done its work."""
    zombie = scene.worker().wait_ready()
    scene.wait_for_share(0.2)
    zombie.process.send_signal(signal.SIGSTOP)
    time.sleep(SESSION_SECONDS + 1)
    worker = scene.worker().wait_ready()
    half = scene.oracle.settled(scene.inputs[: int(0.6 * PROMPTS)], 60)
    zombie.process.send_signal(signal.SIGCONT)
    settled = scene.settle([worker, zombie])
    time.sleep(3)
    codes = [each.terminate() if each.running else each.process.returncode for each in (worker, zombie)]
    scene.exits += codes
    scene.check(record, "SIGSTOP beyond the session, then CONT", seed)
    assert half
    assert settled
    assert set(codes) <= {0, 70}
    lines = [line for log in scene.house.folder.glob("worker-*.log") for line in log.read_text().splitlines()]
    assert [line for line in lines if not line.startswith("{")] == [], "librdkafka speaks past the log"


def test_a_second_worker_joins_and_dies(scene: Scene, record: Record, seed: int):
    """Partitions move twice while transactions are under way."""
    first = scene.worker().wait_ready()
    scene.wait_for_share(0.15)
    second = scene.worker().wait_ready()
    scene.wait_for_share(0.5)
    scene.kill(second)
    settled = scene.settle([first])
    code = first.terminate()
    scene.check(record, "a second worker joins and is killed", seed)
    assert settled
    assert code == 0


def test_the_broker_is_killed_in_mid_load(
    kafka_home,
    tmp_path_factory: pytest.TempPathFactory,
    houses: MakeHouse,
    rng: random.Random,
    record: Record,
    seed: int,
):
    """Workers that cannot write end with code 70; what was under way is committed or aborted, never half of it."""
    with RealKafka(kafka_home, tmp_path_factory.mktemp("bounced")) as broker:
        scene = Scene(houses(broker), rng)
        worker = scene.worker().wait_ready()
        scene.wait_for_share(0.3)
        broker.restart()
        settled = scene.settle([worker])
        worker.terminate()
        scene.check(record, "broker kill -9", seed)
        assert settled
        assert set(scene.exits) <= ENDED_FOR_SAFETY
