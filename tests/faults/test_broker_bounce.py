"""A broker's process dies in mid-load and comes back with its data."""

import random
import time

import pytest

from tests.faults.conftest import Breakable, MakeHouse, Record
from tests.faults.trial import BOTH_GUARANTEES, Guarantee, loaded_trial


@pytest.mark.timeout(150)
@BOTH_GUARANTEES
def test_the_only_broker_is_killed_in_mid_load(
    breakable: Breakable, houses: MakeHouse, guarantee: Guarantee, rng: random.Random, seed: int, record: Record
):
    """`kill -9`, some seconds of nothing, the same data again: all is delivered, and nothing was acknowledged early."""
    house = houses(breakable)
    with loaded_trial(house, rng, guarantee) as (running, load):
        load.wait_for(rng.uniform(0.2, 0.5))
        breakable.kafka.kill()
        time.sleep(rng.uniform(0.5, 3))
        breakable.kafka.start()
        judged = running.judge(load.finish())
    record(judged.row("hard bounce of the only broker", "one", seed))
    judged.holds()
