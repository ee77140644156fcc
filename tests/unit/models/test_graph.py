"""Graphs are mended in memory: declared sizes are opened, weights are no inputs."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from filters.errors import ModelError
from models.graph import with_free_axes
from models.session import Device, open_session


def old_model() -> bytes:
    """An old exporter's: one fixed size, and the weight listed among the inputs."""
    weight = numpy_helper.from_array(np.full((1, 3, 1, 1), 2, np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        "old",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [10, 3, 32, 32]),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, [1, 3, 1, 1]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [10, 1, 32, 32])],
        [weight],
    )
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=4).SerializeToString())


def test_a_fixed_size_is_opened() -> None:
    """The mended graph takes any batch and size, and computes what it did."""
    mended = with_free_axes(old_model(), (0, 2, 3))
    assert [value.name for value in onnx.load_from_string(mended).graph.input] == ["x"]
    (answer,) = open_session(mended, Device.CPU).run(np.ones((2, 3, 64, 96), np.float32))
    assert answer.shape == (2, 1, 64, 96)
    assert (answer == 6).all()


@pytest.mark.parametrize("data", [b"garbage", b"\xff" * 40])
def test_what_is_no_graph_is_refused(data: bytes) -> None:
    """Protobuf's error becomes ours."""
    with pytest.raises(ModelError, match="not ONNX"):
        with_free_axes(data, (0,))
