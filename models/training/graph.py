"""The classifier as an ONNX graph, written operator by operator: float or with eight-bit weights.

Eight-bit weights meet activations that are rounded row by row, a row being one token: onnxruntime's dynamic
quantization takes one range for the whole batch, and a prompt's answer must not depend on what shares its batch. The
finer ranges also keep the answers closer to the float model's (models/training/README.md has both).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Floats = npt.NDArray[np.float32]
Weights = Mapping[str, Floats]

_OPSET = 17
_IR_VERSION = 9
_CONTRIB = "com.microsoft"
_MIDDLE = 128
"""What stands for 0 in activations of eight bits without sign: those are what fast kernels multiply."""
_LEAST_SCALE = 1e-12


class GraphWriter:
    """Collects nodes and weights; every value is named after the node that makes it."""

    def __init__(self, *, eight_bits: bool) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._eight_bits = eight_bits
        self._rows_middle: str | None = None

    def weight(self, name: str, value: npt.NDArray[Any]) -> str:
        """A constant."""
        self.weights.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def node(self, kind: str, name: str, *inputs: str, domain: str = "", **attributes: Any) -> str:  # noqa: ANN401  as onnx takes them
        """One operator with one output."""
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name, domain=domain, **attributes))
        return name

    def linear(self, name: str, value: str, weight: Floats, bias: Floats) -> str:
        """`value · weightᵀ + bias` for `value` `(rows, inputs)` and `weight` `(outputs, inputs)`."""
        product = self._rounded(name, value, weight) if self._eight_bits else self._exact(name, value, weight)
        return self.node("Add", name, product, self.weight(f"{name}.bias", bias))

    def _exact(self, name: str, value: str, weight: Floats) -> str:
        return self.node("MatMul", f"{name}.product", value, self.weight(f"{name}.weight", weight.T))

    def _rounded(self, name: str, value: str, weight: Floats) -> str:
        whole, scales = in_eight_bits(weight)
        # the largest magnitude from two reductions: one over absolute values would write them all down first
        high = self.node("ReduceMax", f"{name}.high", value, axes=[1], keepdims=0)
        low = self.node("ReduceMin", f"{name}.low", value, axes=[1], keepdims=0)
        largest = self.node("Max", f"{name}.largest", high, self.node("Neg", f"{name}.below", low))
        least = self.node(
            "Max", f"{name}.range", largest, self.weight(f"{name}.least", np.array(_LEAST_SCALE, np.float32))
        )
        step = self.node("Mul", f"{name}.step", least, self.weight(f"{name}.share", np.array(1 / 127, np.float32)))
        rounded = self.node("QuantizeLinear", f"{name}.rounded", value, step, self._middles(step), axis=0)
        middle = self.weight(f"{name}.middle", np.array(_MIDDLE, np.uint8))
        sums = self.node("MatMulInteger", f"{name}.sums", rounded, self.weight(f"{name}.weight", whole.T), middle)
        steps = self.node("Unsqueeze", f"{name}.steps", step, self.weight(f"{name}.axis", np.array([1], np.int64)))
        by_row = self.node(
            "Mul", f"{name}.by_row", self.node("Cast", f"{name}.float", sums, to=TensorProto.FLOAT), steps
        )
        return self.node("Mul", f"{name}.product", by_row, self.weight(f"{name}.scales", scales[None, :]))

    def _middles(self, like: str) -> str:
        """`_MIDDLE` for each row, made once."""
        if self._rows_middle is None:
            rows = self.node("Shape", "rows", like)
            middle = self.weight("middle", np.array([_MIDDLE], np.uint8))
            self._rows_middle = self.node("Expand", "middles", middle, rows)
        return self._rows_middle

    def rows(self, name: str, ids: str, table: Floats) -> str:
        """Rows of an embedding."""
        if not self._eight_bits:
            return self.node("Gather", name, self.weight(f"{name}.table", table), ids)
        whole, scales = in_eight_bits(table)
        row = self.node("Gather", f"{name}.row", self.weight(f"{name}.table", whole), ids)
        scale = self.node("Gather", f"{name}.scale", self.weight(f"{name}.scales", scales[:, None]), ids)
        return self.node("Mul", name, self.node("Cast", f"{name}.cast", row, to=TensorProto.FLOAT), scale)

    def norm(self, name: str, value: str, weights: Mapping[str, Floats]) -> str:
        """Layer normalisation over the last axis."""
        scale = self.weight(f"{name}.weight", weights[f"{name}.weight"])
        bias = self.weight(f"{name}.bias", weights[f"{name}.bias"])
        return self.node("LayerNormalization", name, value, scale, bias, axis=-1, epsilon=1e-12)


def in_eight_bits(weight: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """Whole numbers from -127 to 127, and the scale of each row."""
    scales = np.maximum(np.abs(weight).max(axis=1), _LEAST_SCALE) / 127
    whole = np.clip(np.round(weight / scales[:, None]), -127, 127)
    return whole.astype(np.int8), scales.astype(np.float32)


def classifier(weights: Weights, heads: int, *, eight_bits: bool) -> onnx.ModelProto:
    """The whole model: `input_ids`, `attention_mask` and `token_shapes`, `(batch, tokens)`, to `logits`."""
    graph = GraphWriter(eight_bits=eight_bits)
    width = weights["head.weight"].shape[1]
    hidden, mask = _embedded(graph, weights, width), _mask(graph)
    layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("layers."))
    for index in range(layers):
        hidden = _layer(graph, weights, f"layers.{index}", hidden, mask, heads)
    head = graph.weight("head.weight", weights["head.weight"].T)  # small, and what decides: kept as it is
    scores = graph.node("MatMul", "head", hidden, head)
    flat = graph.node("Add", "flat", scores, graph.weight("head.bias", weights["head.bias"]))
    graph.node("Reshape", "logits", flat, "by_text")
    return _model(graph, labels=weights["head.bias"].shape[0])


def _embedded(graph: GraphWriter, weights: Weights, width: int) -> str:
    """`(batch · tokens, width)`; leaves the value `by_text`, the shape `(batch, tokens, -1)`."""
    words = graph.rows("words", "input_ids", weights["words.weight"])
    shapes = graph.node("Gather", "shapes", graph.weight("shapes.table", weights["shapes.weight"]), "token_shapes")
    shape = graph.node("Shape", "shape", "input_ids")
    graph.node("Concat", "by_text", shape, graph.weight("rest", np.array([-1], np.int64)), axis=0)
    tokens = graph.node("Gather", "tokens", shape, graph.weight("one", np.array([1], np.int64)))
    table = graph.weight("positions.table", weights["positions.weight"])
    positions = graph.node("Slice", "positions", table, graph.weight("zero", np.array([0], np.int64)), tokens)
    written = graph.node("Add", "written", words, shapes)
    normed = graph.norm("norm", graph.node("Add", "placed", written, positions), weights)
    return graph.node("Reshape", "embedded", normed, graph.weight("wide", np.array([-1, width], np.int64)))


def _mask(graph: GraphWriter) -> str:
    """`(batch, 1, 1, tokens)`: 0 where a token is, a large negative number elsewhere."""
    present = graph.node("Cast", "present", "attention_mask", to=TensorProto.FLOAT)
    absent = graph.node("Sub", "absent", graph.weight("unit", np.array(1, np.float32)), present)
    closed = graph.node("Mul", "closed", absent, graph.weight("far", np.array(-1e9, np.float32)))
    return graph.node("Unsqueeze", "mask", closed, graph.weight("mask.axes", np.array([1, 2], np.int64)))


def _layer(graph: GraphWriter, weights: Weights, name: str, hidden: str, mask: str, heads: int) -> str:
    def linear(part: str, value: str) -> str:
        return graph.linear(f"{name}.{part}", value, weights[f"{name}.{part}.weight"], weights[f"{name}.{part}.bias"])

    each = weights[f"{name}.attended.weight"].shape[1] // heads
    attended = linear("attended", _attention(graph, name, linear("qkv", hidden), mask, heads, each))
    hidden = graph.norm(f"{name}.attended_norm", graph.node("Add", f"{name}.first", hidden, attended), weights)
    inner = graph.node("Gelu", f"{name}.gelu", linear("up", hidden), domain=_CONTRIB)
    return graph.norm(f"{name}.down_norm", graph.node("Add", f"{name}.second", hidden, linear("down", inner)), weights)


def _attention(graph: GraphWriter, name: str, qkv: str, mask: str, heads: int, each: int) -> str:
    by_text = graph.node("Reshape", f"{name}.by_text", qkv, "by_text")
    shape = graph.weight(f"{name}.heads", np.array([0, 0, 3, heads, each], np.int64))
    split = graph.node("Reshape", f"{name}.split", by_text, shape)

    def part(kind: str, index: int, axes: tuple[int, ...]) -> str:
        which = graph.weight(f"{name}.{kind}.index", np.array(index, np.int64))
        return graph.node(
            "Transpose", f"{name}.{kind}", graph.node("Gather", f"{name}.{kind}.one", split, which, axis=2), perm=axes
        )

    query, key, value = part("query", 0, (0, 2, 1, 3)), part("key", 1, (0, 2, 3, 1)), part("value", 2, (0, 2, 1, 3))
    width = graph.weight(f"{name}.width", np.array(1 / np.sqrt(each), np.float32))
    scaled = graph.node("Mul", f"{name}.scaled", graph.node("MatMul", f"{name}.scores", query, key), width)
    shares = graph.node("Softmax", f"{name}.shares", graph.node("Add", f"{name}.masked", scaled, mask), axis=-1)
    heard = graph.node("MatMul", f"{name}.heard", shares, value)
    mixed = graph.node("Transpose", f"{name}.mixed", heard, perm=(0, 2, 1, 3))
    return graph.node(
        "Reshape", f"{name}.joined", mixed, graph.weight(f"{name}.flat", np.array([-1, heads * each], np.int64))
    )


def _model(graph: GraphWriter, labels: int) -> onnx.ModelProto:
    axes = ["batch", "tokens"]
    names = ("input_ids", "attention_mask", "token_shapes")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name in names]
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [*axes, labels])
    made = helper.make_graph(graph.nodes, "text_pii", inputs, [output], graph.weights)
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="veilstream")
