"""Mends ONNX graphs in memory: the files stay as they were published."""

from collections.abc import Sequence

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from filters.errors import ModelError


def operators(model: bytes) -> frozenset[str]:
    """The kinds of nodes of a graph.

    Raises:
        ModelError: `model` is not ONNX.
    """
    return frozenset(node.op_type for node in _parsed(model).graph.node)


def with_free_axes(model: bytes, axes: Sequence[int]) -> bytes:
    """The model with these axes of every input and output open to any size.

    Exporters that fix the batch or the image size write it into the declared shapes only; the operators of a
    convolutional network do not care. Weights that old exporters list as inputs too are listed as weights alone:
    onnxruntime folds constants and joins normalisation into convolution only then, which halves the time.

    Raises:
        ModelError: `model` is not ONNX.
    """
    proto = _parsed(model)
    graph = proto.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    del graph.input[:]
    graph.input.extend(inputs)
    for value in (*graph.input, *graph.output):
        dimensions = value.type.tensor_type.shape.dim
        for axis in axes:
            if axis < len(dimensions):
                dimensions[axis].dim_param = f"{value.name}_{axis}"
    return bytes(proto.SerializeToString())


def _parsed(model: bytes) -> onnx.ModelProto:
    try:
        return onnx.load_from_string(model)
    except DecodeError:
        raise ModelError("the model is not ONNX", reason="not_loadable") from None
