"""Re-identification: the attack works on what is clear or cosmetic, and not on what a safe operator leaves."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.evals.images_reidentification import (
    COSMETIC,
    EVAL,
    SAFE,
    Attack,
    Recognised,
    embedder,
    faces,
    recognised,
    releasing,
    scenes,
    single_look,
)

FILE = os.environ.get("VEILSTREAM_FACE_EMBEDDER")
needs_material = pytest.mark.skipif(not EVAL.exists(), reason="no evaluation material")


def test_the_bound_is_clopper_and_pearsons():
    """Of 60 without a hit at most 4.87 %, of 600 with ten at most 2.81 %."""
    assert Recognised(0, 60).bound == pytest.approx(1 - 0.05 ** (1 / 60), abs=1e-6)
    assert Recognised(10, 600).bound == pytest.approx(0.0281, abs=1e-4)


def test_equal_vectors_are_a_choice_by_chance():
    """Where all of the gallery looks alike nobody is recognised more often than by chance."""
    same = [(person, np.ones(4) / 2) for person in range(50)]
    assert recognised(same * 40, same).share == pytest.approx(1 / 50, abs=0.01)


@pytest.mark.slow
@needs_material
@pytest.mark.parametrize(
    "file",
    [
        None,
        pytest.param(FILE, marks=pytest.mark.skipif(not FILE, reason="VEILSTREAM_FACE_EMBEDDER names no embedder")),
    ],
    ids=["pixels", "embedder"],
)
def test_safe_operators_leave_nothing_to_recognise(file):
    """Clear faces and plain blur and mosaic give persons away; of safe operators nobody is found beyond chance."""
    detector, cut = single_look(), faces(EVAL, 25)
    attack = Attack(scenes(cut, detector, 1, 1), scenes(cut, detector, 6, 2), embedder(Path(file) if file else None))
    chance = 1 / len({each.person for each in attack.gallery})
    assert recognised(attack.vectors(attack.probes, _clear), attack.vectors(attack.gallery, _clear)).share >= 0.6
    for operator in COSMETIC.values():
        assert max(each.share for each in attack.against(releasing(operator))) >= 4 * chance
    for operator in SAFE.values():
        assert max(each.share for each in attack.against(releasing(operator))) <= 3 * chance


def _clear(scene):
    return scene.pixels
