"""From frame to input: sides that the model can take, a bounded size, and the right colours in the right place."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.boxes import Candidates, in_frame
from models.manifest import SIDE_STEP, Inputs
from models.resize import plan_boxed, plan_looks, plan_stretched, to_tensor

SIDE = st.integers(1, 13_000)
DEFAULT = Inputs(long_side=1280, enlarge_to=640, close_up=256)


@given(SIDE, SIDE)
def test_inputs_are_bounded(width: int, height: int) -> None:
    """Every look has sides in whole steps, at most the longest side, and at least one step."""
    looks = plan_looks(width, height, DEFAULT)
    assert 1 <= len(looks) <= 2
    assert len({(look.width, look.height) for look in looks}) == len(looks)
    for look in looks:
        assert look.width % SIDE_STEP == look.height % SIDE_STEP == 0
        assert min(look.width, look.height) >= SIDE_STEP
        assert max(look.width, look.height) <= DEFAULT.long_side
        assert (look.frame_width, look.frame_height) == (width, height)


@given(st.integers(1, 1280), st.integers(1, 1280))
def test_fitting_frames_are_stretched_by_less_than_a_step(width: int, height: int) -> None:
    """Without enlarging, a frame that fits keeps its pixels but for the way to the next step."""
    (look,) = plan_looks(width, height, Inputs(long_side=1280))
    assert 0 <= look.width - width < SIDE_STEP
    assert 0 <= look.height - height < SIDE_STEP


def test_frames_of_whole_steps_are_left_alone() -> None:
    """512 × 768 goes in as it is."""
    look = plan_stretched(512, 768, 768)
    assert (look.width, look.height, look.scale_x, look.scale_y) == (512, 768, 1.0, 1.0)


def test_small_frames_are_enlarged_at_most_twofold() -> None:
    """416 pixels become 640, 200 become 400 (and the next step)."""
    assert plan_looks(416, 416, DEFAULT)[0].width == 640
    assert plan_looks(200, 100, DEFAULT)[0].width == 416


def test_the_second_look_reports_large_boxes_only() -> None:
    """The first look reports all sizes, the close-up those from a fifth of its side on."""
    first, second = plan_looks(1024, 1024, DEFAULT)
    assert (first.width, first.smallest) == (1024, 0)
    assert (second.width, second.smallest) == (256, 51.2)


def test_the_tensor_holds_the_pixels() -> None:
    """Colour planes in order or swapped, mean and scale applied, the rest of a boxed input zero pixels."""
    frame = np.zeros((240, 240, 3), np.uint8)
    frame[...] = (10, 20, 30)
    plain = to_tensor(frame, plan_stretched(240, 240, 256), swap=False)
    assert plain.shape == (3, 256, 256)
    assert plain[:, 5, 5].tolist() == [10, 20, 30]
    assert to_tensor(frame, plan_stretched(240, 240, 256), swap=True)[:, 5, 5].tolist() == [30, 20, 10]
    boxed = to_tensor(frame, plan_boxed(240, 240, 640, 480), swap=False, mean=10, scale=0.5)
    assert boxed.shape == (3, 480, 640)
    assert boxed[:, 479, 479].tolist() == [0, 5, 10]
    assert boxed[:, 0, 480].tolist() == [-5, -5, -5]


@given(SIDE, SIDE)
def test_boxed_frames_fit(width: int, height: int) -> None:
    """A frame of any proportions lies inside the fixed input and touches one of its sides."""
    plan = plan_boxed(width, height, 640, 480)
    assert 1 <= plan.content_width <= 640
    assert 1 <= plan.content_height <= 480
    assert plan.content_width == 640 or plan.content_height == 480


FINE = Inputs(long_side=1280, enlarge_to=640, close_up=256, fine=1536)


@pytest.mark.parametrize(
    ("side", "expected"), [(416, [640, 672, 672]), (832, [832, 1344, 1344]), (2048, [1280, 1536, 1536])]
)
def test_fine_looks_are_larger_and_one_is_mirrored(side: int, expected: list[int]) -> None:
    """The first look, one half as large again within its limit, and that one's mirror image: these vote."""
    looks = plan_looks(side, side, FINE)
    assert [look.width for look in looks if look.votes] == expected
    assert [look.mirrored for look in looks] == [False, False, True, False]


def test_where_a_finer_look_would_be_none_the_first_is_mirrored() -> None:
    """A frame at the limit already."""
    looks = plan_looks(1280, 1280, Inputs(long_side=1280, fine=1280))
    assert [(look.width, look.mirrored) for look in looks] == [(1280, False), (1280, True)]


def test_a_mirrored_look_shows_the_mirror_image_and_gives_boxes_back() -> None:
    """Left and right change places twice."""
    frame = np.arange(64 * 32 * 3, dtype=np.uint8).reshape(32, 64, 3)
    plan = replace(plan_stretched(64, 32, 64), mirrored=True)
    assert np.array_equal(
        to_tensor(frame, plan, swap=False), to_tensor(frame, replace(plan, mirrored=False), swap=False)[:, :, ::-1]
    )
    boxes = np.array([[0, 0, 10, 20]], np.float32)
    assert in_frame(Candidates(boxes, np.ones(1, np.float32)), plan).boxes.tolist() == [[54, 0, 64, 20]]


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_look_shows_the_turned_frame_and_gives_boxes_back(turns: int) -> None:
    """A bright spot is where its box says, whichever way the frame is turned; what is small there is not reported."""
    frame = np.zeros((320, 480, 3), np.uint8)
    frame[40:100, 300:380] = 255
    (plan,) = (each for each in plan_looks(480, 320, Inputs(long_side=640, turned=480)) if each.turns == turns)
    rows, columns = np.nonzero(to_tensor(frame, plan, swap=False)[0] > 127)
    box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    seen = in_frame(Candidates(np.array([box, [0, 0, 15, 15]], np.float32), np.ones(2, np.float32)), plan)
    assert seen.boxes.round().tolist() == [[300, 40, 380, 100]]
    assert not plan.votes
