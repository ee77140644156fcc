"""The network between worker and broker is slow, silent, cut, or has lost its memory."""

import random
import time
from collections.abc import Callable

import pytest

from tests.faults.conftest import Breakable, MakeHouse, Record
from tests.faults.trial import BOTH_GUARANTEES, Guarantee, loaded_trial
from tests.support.proxy import Proxy
from tests.support.worker import SESSION_SECONDS


def cut(proxy: Proxy, rng: random.Random) -> None:
    """Several short cuts."""
    for _ in range(rng.randint(2, 3)):
        proxy.cut()
        time.sleep(rng.uniform(0.2, 1.5))
        proxy.heal()
        time.sleep(rng.uniform(0.2, 1))


def slow(proxy: Proxy, rng: random.Random) -> None:
    """A far away broker, 0.1 to 0.3 s each way."""
    proxy.delay(rng.uniform(0.1, 0.3))
    time.sleep(4)
    proxy.heal()


def silent(proxy: Proxy, rng: random.Random) -> None:
    """Nothing passes for longer than the group's session."""
    proxy.silence()
    time.sleep(SESSION_SECONDS + rng.uniform(1, 2))
    proxy.heal()


def forgetful(proxy: Proxy, _: random.Random) -> None:
    """Connections never answer again; only new ones do."""
    proxy.forget()


@pytest.mark.timeout(120)
@BOTH_GUARANTEES
@pytest.mark.parametrize("fault", [cut, slow, silent, forgetful], ids=lambda fault: fault.__name__)
def test_the_network_fails(
    fault: Callable[[Proxy, random.Random], None],
    breakable: Breakable,
    houses: MakeHouse,
    guarantee: Guarantee,
    rng: random.Random,
    seed: int,
    record: Record,
):
    """The worker recovers unaided, or ends and recovers when it is started again."""
    house = houses(breakable)
    settings = {"KAFKA__BOOTSTRAP_SERVERS": breakable.proxy.bootstrap_servers, "DELIVERY__DELIVER_SECONDS": "8"} | dict(
        guarantee
    )
    with loaded_trial(house, rng, settings) as (running, load):
        load.wait_for(rng.uniform(0.1, 0.3))
        fault(breakable.proxy, rng)
        judged = running.judge(load.finish())
    record(judged.row(f"network {fault.__name__}", "one", seed))
    judged.holds()
