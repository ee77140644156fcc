"""Sessions: the device that was asked for or an error that says what to do, never a quiet substitute."""

import ast
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

import models
from filters.errors import ModelError
from models.session import CPU_PROVIDER, Device, RuntimeReport, available_providers, open_session, runtime_report


def doubling_model() -> bytes:
    """y = x + x, of any shape with four axes."""
    shape = ["a", "b", "c", "d"]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "doubling",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


def test_a_session_runs_where_it_says() -> None:
    """On the CPU, the provider is the CPU's and the numbers are right."""
    session = open_session(doubling_model(), Device.CPU, threads=1)
    session.warm_up((1, 1, 2, 2))
    (answer,) = session.run(np.ones((2, 1, 2, 2), np.float32), ["y"])
    assert session.provider == CPU_PROVIDER
    assert not session.on_cuda
    assert np.array_equal(answer, np.full((2, 1, 2, 2), 2, np.float32))


def test_a_model_may_be_a_file(tmp_path: Path) -> None:
    """Path and bytes open alike."""
    (tmp_path / "m.onnx").write_bytes(doubling_model())
    assert open_session(tmp_path / "m.onnx", Device.CPU).input_name == "x"


@pytest.mark.parametrize("data", [b"", b"not a model", doubling_model()[:-20]])
@pytest.mark.parametrize("device", [Device.CPU, Device.AUTO])
def test_what_is_no_model_is_refused(data: bytes, device: Device) -> None:
    """onnxruntime's own errors become ours."""
    with pytest.raises(ModelError):
        open_session(data, device)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """So does the operating system's."""
    with pytest.raises(ModelError, match="cannot be read"):
        open_session(tmp_path / "absent.onnx")


def test_cuda_is_never_replaced_in_silence() -> None:
    """Where this onnxruntime has no CUDA, asking for it is an error that names the way out."""
    if "CUDAExecutionProvider" in available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(ModelError, match="--device cpu") as caught:
        open_session(doubling_model(), Device.CUDA)
    assert caught.value.reason == "no_cuda"


def test_auto_takes_what_there_is() -> None:
    """Without CUDA, `auto` is the CPU."""
    session = open_session(doubling_model(), Device.AUTO)
    assert session.on_cuda or session.provider == CPU_PROVIDER


def test_the_report_tells_what_is_installed() -> None:
    """The report names the distribution that is there, and its providers."""
    report = runtime_report()
    assert set(report.distributions) <= {"onnxruntime", "onnxruntime-gpu"}
    assert report.distributions
    assert report.providers == available_providers()
    assert CPU_PROVIDER in report.providers


def test_two_distributions_are_a_conflict() -> None:
    """Both at once break the GPU; one does not."""
    assert RuntimeReport({"onnxruntime": "1", "onnxruntime-gpu": "1"}, ()).conflicting
    assert not RuntimeReport({"onnxruntime-gpu": "1"}, ("CUDAExecutionProvider",)).conflicting


def test_only_the_session_knows_onnxruntime() -> None:
    """No other file of the package imports it."""
    folder = Path(models.__file__).parent
    importers = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "onnxruntime" for name in names):
                importers.add(path.name)
    assert importers == {"session.py"}
