"""The one place that knows onnxruntime: which device runs a model, and with how many threads."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from filters.errors import ModelError

CPU_PROVIDER = "CPUExecutionProvider"
CUDA_PROVIDER = "CUDAExecutionProvider"
DISTRIBUTIONS = ("onnxruntime", "onnxruntime-gpu")
_INSTALL = "install veilstream[cpu] or veilstream[gpu]"
_ERRORS_ONLY = 3
"""onnxruntime's log severity: errors, no warnings about graphs that it mends itself."""

Tensor = npt.NDArray[np.float32]


class Device(StrEnum):
    """Where models run. `auto` takes CUDA where it works, else the CPU."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True, slots=True)
class RuntimeReport:
    """What is installed: onnxruntime distributions with their versions, and the providers that they offer."""

    distributions: Mapping[str, str]
    providers: tuple[str, ...]

    @property
    def conflicting(self) -> bool:
        """Both distributions are there: they overwrite each other's files, and the GPU is not found."""
        return len(self.distributions) > 1

    @property
    def offers_cuda(self) -> bool:
        """The installed build can use CUDA; whether driver and libraries are there shows when a session opens."""
        return CUDA_PROVIDER in self.providers


def runtime_report() -> RuntimeReport:
    """What of onnxruntime is installed; empty where nothing is."""
    versions = {}
    for name in DISTRIBUTIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return RuntimeReport(versions, available_providers())


def available_providers() -> tuple[str, ...]:
    """The providers of the installed onnxruntime, best first; none where it is not installed or broken."""
    try:
        return tuple(_onnxruntime().get_available_providers())
    except ModelError:
        return ()


class OnnxSession:
    """An open model. Safe to run from several threads at a time."""

    def __init__(self, session: Any, version: str) -> None:  # noqa: ANN401  onnxruntime has no types
        self._session = session
        self.version = version
        """Of onnxruntime."""

    @property
    def provider(self) -> str:
        """The provider that runs the model (`CPUExecutionProvider`, `CUDAExecutionProvider`)."""
        return str(self._session.get_providers()[0])

    @property
    def on_cuda(self) -> bool:
        return self.provider == CUDA_PROVIDER

    @property
    def input_name(self) -> str:
        """The name of its first input."""
        return str(self._session.get_inputs()[0].name)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of all inputs."""
        return tuple(str(value.name) for value in self._session.get_inputs())

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the model's makers wrote into the file, by name."""
        return {str(name): str(value) for name, value in self._session.get_modelmeta().custom_metadata_map.items()}

    def run_all(self, given: Mapping[str, npt.NDArray[np.int64]]) -> list[npt.NDArray[Any]]:
        """All outputs, in the model's order, for whole numbers by input name; inputs of 32 bits get such.

        Raises what onnxruntime raises.
        """
        narrow = {value.name for value in self._session.get_inputs() if value.type == "tensor(int32)"}
        feed = {name: value.astype(np.int32) if name in narrow else value for name, value in given.items()}
        answers: list[npt.NDArray[Any]] = self._session.run(None, feed)
        return answers

    def run(self, tensor: Tensor, outputs: Sequence[str] | None = None) -> list[Tensor]:
        """The outputs by name, in that order; None for all, in the model's. Raises what onnxruntime raises."""
        answers: list[Tensor] = self._session.run(outputs, {self.input_name: tensor})
        return answers

    def warm_up(self, shape: Sequence[int]) -> None:
        """Run once on zeros of this shape, so that the first record does not pay for lazy initialisation."""
        self.run(np.zeros(shape, np.float32))


def open_session(model: Path | bytes, device: Device = Device.AUTO, *, threads: int = 0) -> OnnxSession:
    """Open a model.

    Args:
        model: an ONNX file, or its bytes.
        threads: that one inference may use on the CPU; 0 leaves it to onnxruntime (one a core).

    Raises:
        ModelError: onnxruntime is missing, the device is not there, or the model cannot be loaded.
    """
    runtime = _onnxruntime()
    data = model if isinstance(model, bytes) else _read(model)
    if device is not Device.CPU and CUDA_PROVIDER in runtime.get_available_providers():
        session = _open_on_cuda(runtime, data, threads)
        if session is not None:
            return session
    if device is Device.CUDA:
        raise ModelError(_why_no_cuda(runtime_report()), reason="no_cuda")
    return _open(runtime, data, [CPU_PROVIDER], threads)


def _open_on_cuda(runtime: ModuleType, data: bytes, threads: int) -> OnnxSession | None:
    with redirect_stdout(sys.stderr):  # it prints what it does not find
        runtime.preload_dlls()  # CUDA and cuDNN from wheels lie where the loader does not look
    try:
        session = _open(runtime, data, [CUDA_PROVIDER, CPU_PROVIDER], threads)
    except ModelError:  # no driver, or none that serves; a model that is no model fails again on the CPU
        return None
    return session if session.on_cuda else None


def _open(runtime: ModuleType, data: bytes, providers: list[str], threads: int) -> OnnxSession:
    options = runtime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = threads
    # Frames differ in size: a plan of memory for each size seen would be kept for ever.
    options.enable_mem_pattern = False
    try:
        # Without `enable_fallback=0`, onnxruntime answers a failing run with a silent move to the CPU.
        session = runtime.InferenceSession(data, options, providers=providers, enable_fallback=0)
    except _errors(runtime) as error:
        raise ModelError(
            f"onnxruntime cannot load the model ({type(error).__name__})", reason="not_loadable"
        ) from error
    return OnnxSession(session, str(runtime.__version__))


def _errors(runtime: ModuleType) -> tuple[type[Exception], ...]:
    """What onnxruntime raises: classes of its own without a common base, and two of Python's."""
    own = vars(runtime.capi.onnxruntime_pybind11_state).values()
    return (RuntimeError, ValueError, *(kind for kind in own if isinstance(kind, type) and issubclass(kind, Exception)))


def _why_no_cuda(report: RuntimeReport) -> str:
    if report.conflicting:
        return (
            "CUDA was asked for, and onnxruntime and onnxruntime-gpu are both installed and overwrite each other: "
            "uninstall both, then install veilstream[gpu]"
        )
    if not report.offers_cuda:
        return (
            "CUDA was asked for, and the installed onnxruntime has none: install veilstream[gpu], or use --device cpu"
        )
    return (
        "CUDA was asked for and could not be started: check the driver (nvidia-smi) and that CUDA and cuDNN are the "
        "versions that this onnxruntime needs, or use --device cpu"
    )


def _onnxruntime() -> ModuleType:
    try:
        import onnxruntime  # noqa: PLC0415  settings and the CLI name devices without paying for the runtime
    except ImportError as error:
        raise ModelError(f"onnxruntime cannot be imported ({error}): {_INSTALL}", reason="no_runtime") from None
    if not hasattr(onnxruntime, "InferenceSession"):  # what uninstalling one of two distributions leaves behind
        raise ModelError(f"onnxruntime is incomplete: uninstall it and {_INSTALL}", reason="no_runtime")
    runtime: ModuleType = onnxruntime
    return runtime


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"the model {path} cannot be read: {error.strerror}", reason="not_loadable") from None
