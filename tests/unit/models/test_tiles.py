"""Large frames in parts: nothing small lies between them, and their number is bounded."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.boxes import Candidates, in_frame
from models.manifest import SIDE_STEP, Inputs
from models.resize import InputPlan, to_tensor
from models.tiles import LARGEST, plan_tiles

LARGE = st.integers(256, 13_000)
INPUTS = Inputs(long_side=1280, close_up=256, fine=1536, tiles=9)


@given(LARGE, LARGE)
def test_the_number_and_the_sides_are_bounded(width: int, height: int) -> None:
    """At most nine parts, each a whole number of steps and at most the model's longest side."""
    tiles = plan_tiles(width, height, INPUTS)
    assert len(tiles) <= INPUTS.tiles
    assert len({(tile.left, tile.top) for tile in tiles}) == len(tiles)
    for tile in tiles:
        assert tile.width % SIDE_STEP == tile.height % SIDE_STEP == 0
        assert max(tile.width, tile.height) <= INPUTS.long_side
        assert tile.left + tile.frame_width <= width
        assert tile.top + tile.frame_height <= height
        assert max(tile.scale_x, tile.scale_y) < 1.5


@given(LARGE, LARGE, st.floats(0, 1), st.floats(0, 1))
def test_every_small_face_lies_whole_in_a_tile(width: int, height: int, across: float, down: float) -> None:
    """A box of nearly the largest size is inside a tile, and touches no edge where the frame goes on."""
    tiles = plan_tiles(width, height, INPUTS)
    if not tiles:
        return
    side = math.floor(LARGEST / max(max(each.scale_x, each.scale_y) for each in tiles)) - 1
    x, y = across * (width - side), down * (height - side)
    assert any(_inside(tile, x, y, side) for tile in tiles)


def _inside(tile: InputPlan, x: float, y: float, side: float) -> bool:
    corners = np.array([x - tile.left, y - tile.top, x - tile.left + side, y - tile.top + side])
    in_input = corners * np.array([tile.scale_x, tile.scale_y] * 2)
    inside = (
        (corners >= -1e-6).all() and corners[2] <= tile.frame_width + 1e-6 and corners[3] <= tile.frame_height + 1e-6
    )
    seen = in_frame(Candidates(in_input[None].astype(np.float32), np.ones(1, np.float32)), tile)
    return bool(inside and len(seen.scores))


@pytest.mark.parametrize("side", [416, 1024, 1280, 1536, 1900])
def test_frames_that_the_looks_show_well_have_no_tiles(side: int) -> None:
    """Up to a quarter more than the largest look."""
    assert plan_tiles(side, side, INPUTS) == ()


@pytest.mark.parametrize(("width", "height", "number"), [(2048, 2048, 4), (2048, 1152, 2), (4000, 3000, 9)])
def test_larger_ones_do(width: int, height: int, number: int) -> None:
    """As many as it takes, within the budget."""
    assert len(plan_tiles(width, height, INPUTS)) == number


def test_none_without_a_budget() -> None:
    """0 turns them off."""
    assert plan_tiles(8000, 8000, Inputs(long_side=1280)) == ()


def test_pixels_go_to_the_tile_and_boxes_come_back() -> None:
    """A bright spot of the frame is where its box says, whichever tile shows it."""
    frame = np.zeros((2400, 2400, 3), np.uint8)
    frame[1400:1440, 2000:2040] = 255
    seen = 0
    for tile in plan_tiles(2400, 2400, INPUTS):
        rows, columns = np.nonzero(to_tensor(frame, tile, swap=False)[0] > 127)
        if len(rows):
            box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
            placed = in_frame(Candidates(box, np.ones(1, np.float32)), tile).boxes
            assert np.abs(placed - [2000, 1400, 2040, 1440]).max() <= 2
            seen += 1
    assert seen


def test_what_an_inner_edge_cuts_is_the_neighbours_to_report() -> None:
    """Boxes at the frame's own edge stay, at an edge within the frame they go; large ones go too."""
    first, *_ = plan_tiles(2048, 2048, INPUTS)
    boxes = np.array([[0, 0, 20, 20], [first.width - 20, 50, first.width, 70], [100, 100, 300, 300]], np.float32)
    placed = in_frame(Candidates(boxes, np.ones(3, np.float32)), first)
    assert len(placed.boxes) == 1
    assert placed.boxes[0, :2].tolist() == [0, 0]
