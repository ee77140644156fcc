"""Detectors that misbehave on marked records, and as they should on all others."""

import copy
import ctypes
import os
import resource
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
from PIL import Image

from filters.errors import DetectionError
from filters.findings import Detection, EntityType, TextFinding
from filters.pipeline import AnyMedium
from filters.protocols import ImageDetector, Pixels, TextDetector
from filters.records import ContentKind, PromptContent
from filters.verdict import Action
from tests.support.material import Case, encode_image, image_case, prompt_case
from tests.support.tenants import REDACTS

HANG_SECONDS = 3600.0
ALLOCATED_BYTES = 16 << 30
"""Named, not touched: without a limit on the address space the machine grants it and nothing happens."""
_NAN = float("nan")


class Fault(StrEnum):
    """What a detector does instead of its work."""

    RAISE = "raise"
    HANG = "hang"
    WRONG_COUNT = "wrong_count"
    NAN = "nan"
    MEMORY_ERROR = "memory_error"
    ALLOCATION = "allocation"
    SEGFAULT = "segfault"
    KILL = "kill"


HARMLESS = (Fault.RAISE, Fault.WRONG_COUNT, Fault.NAN, Fault.MEMORY_ERROR, Fault.ALLOCATION)
"""Those that neither take time nor end the process."""
_FAULTS = tuple(Fault)
_MARK = "fault-is-"
_FIRST_WIDTH, _HEIGHT = 201, 150
"""A picture's mark is its width, so that it survives any codec."""


def faulty_prompt(fault: Fault, number: int, tenant: str = REDACTS) -> Case:
    """A prompt that makes the detector misbehave; it holds something private, so that a release is a leak."""
    private = f"joan.roe{number}@example.com"
    fields = {"prompt": f"a red house, {_MARK}{fault.value}, {private}"}
    actions = frozenset({Action.REJECT})
    return prompt_case(fields, "json", tenant, f"{fault.value}-{number}", actions=actions, private=(private,))


def faulty_image(fault: Fault, number: int, tenant: str = REDACTS) -> Case:
    """A picture that makes the detector misbehave."""
    width = _FIRST_WIDTH + _FAULTS.index(fault)
    encoded = encode_image(Image.new("RGB", (width, _HEIGHT), (200, 30, number % 256)), "PNG")
    actions = {Action.REJECT}
    return image_case(encoded, "image/png", "raw", tenant, f"{fault.value}-image-{number}", actions=actions)


def with_faults(media: Sequence[AnyMedium], slow_seconds: float = 0.0) -> list[AnyMedium]:
    """The media with every detector wrapped; `slow_seconds` for each record on top of its own time."""
    for medium in media:
        if medium.kind is ContentKind.PROMPT:
            medium.detectors = tuple(FaultyText(each, slow_seconds) for each in medium.detectors)
        else:
            medium._detectors = tuple(FaultyImages(each, slow_seconds) for each in medium.detectors)
    return list(media)


class FaultyText:
    """`TextDetector` over another."""

    def __init__(self, detector: TextDetector, slow_seconds: float = 0.0) -> None:
        self._detector = detector
        self._slow_seconds = slow_seconds
        self.name, self.digest, self.entities = detector.name, detector.digest, detector.entities

    def detect(self, batch: Sequence[PromptContent]) -> Sequence[Sequence[TextFinding] | DetectionError]:
        time.sleep(self._slow_seconds * len(batch))
        fault = next((fault for fault in map(_fault_of_prompt, batch) if fault), None)
        if fault is Fault.WRONG_COUNT:
            return self._detector.detect(batch)[1:]
        if fault is Fault.NAN:
            return [[TextFinding("prompt", 0, 5, EntityType.EMAIL_ADDRESS, _NAN, self.name)] for _ in batch]
        _misbehave(fault)
        return self._detector.detect(batch)


class FaultyImages:
    """`ImageDetector` over another."""

    def __init__(self, detector: ImageDetector, slow_seconds: float = 0.0) -> None:
        self._detector = detector
        self._slow_seconds = slow_seconds
        self.name, self.digest, self.entities = detector.name, detector.digest, detector.entities
        self.sources = detector.sources

    def detect(self, batch: Sequence[Pixels]) -> Sequence[Sequence[Detection]]:
        time.sleep(self._slow_seconds * len(batch))
        fault = next((fault for fault in map(_fault_of_frame, batch) if fault), None)
        if fault is Fault.WRONG_COUNT:
            return self._detector.detect(batch)[1:]
        if fault is Fault.NAN:
            return self._with_numbers_that_are_none(batch)
        _misbehave(fault)
        return self._detector.detect(batch)

    def _with_numbers_that_are_none(self, batch: Sequence[Pixels]) -> Sequence[Sequence[Detection]]:
        """The real detector, on a model whose answers are NaN throughout: by a copy, as other threads use this one."""
        detector: Any = copy.copy(self._detector)
        detector._session = _NanSession(detector._session)
        found: Sequence[Sequence[Detection]] = detector.detect(batch)
        return found


class _NanSession:
    def __init__(self, session: Any) -> None:
        self._session = session

    def run(self, *given: Any) -> list[np.ndarray]:
        return [np.full_like(answer, _NAN) for answer in self._session.run(*given)]


def _fault_of_prompt(content: PromptContent) -> Fault | None:
    _, marked, rest = content.fields.get("prompt", "").partition(_MARK)
    return Fault(rest.partition(",")[0]) if marked else None


def _fault_of_frame(frame: Pixels) -> Fault | None:
    index = frame.shape[1] - _FIRST_WIDTH
    return _FAULTS[index] if frame.shape[0] == _HEIGHT and 0 <= index < len(_FAULTS) else None


def _misbehave(fault: Fault | None) -> None:
    if fault is not None:
        _DEEDS[fault]()


def _raise() -> None:
    raise RuntimeError("the detector says no")


def _run_out_of_memory() -> None:
    raise MemoryError


def _allocate() -> None:
    np.empty(ALLOCATED_BYTES, np.uint8)


def _crash() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.string_at(0)


_DEEDS: Mapping[Fault, Callable[[], None]] = {
    Fault.RAISE: _raise,
    Fault.HANG: lambda: time.sleep(HANG_SECONDS),
    Fault.MEMORY_ERROR: _run_out_of_memory,
    Fault.ALLOCATION: _allocate,
    Fault.SEGFAULT: _crash,
    Fault.KILL: lambda: os.kill(os.getpid(), signal.SIGKILL),
}
