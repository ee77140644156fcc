"""Lines of text in frames: PaddleOCR's models find them, tell which stand on their heads, and read them."""

import hashlib
import json
from collections.abc import Sequence

import numpy as np

from filters.errors import InferenceError, ModelError
from filters.image.text_lines import TextLine
from filters.protocols import Pixels
from models.batching import map_in_buckets, stack
from models.boxes import checked
from models.ctc import GLANCE_WIDTH, HEIGHT, WIDTH_STEP, Ctc, Reading, Strip
from models.dbnet import DbNet, Line, Quad
from models.manifest import RECOGNIZER, TURNED, ModelEntry, Task
from models.resize import InputPlan
from models.session import Device, OnnxSession, Tensor, open_session
from models.weights import StoredModel

REVISION = 1
"""Counts changes of the code that change answers."""
CHARACTERS = "character"
"""Under which the recogniser's metadata list what it can read."""
SURE, TURNED_SHARE = 0.8, 0.3
"""A line that is read with a smaller score, or is on its head with at least this probability, is read both ways."""
_STANDING = 1.5
"""Height over width from which a line is taken to be turned by 90°; PaddleOCR's."""
_CUDA_BATCH = 8
_WARM_UP_SIDE = 736


class PpOcr:
    """`LineReader` over a DBNet and a CTC recogniser. An answer depends on the frame alone, not on its batch.

    Args:
        least_reading: lines read with a smaller score are no text; 0–1.
    """

    def __init__(
        self,
        name: str,
        digest: str,
        finder: tuple[DbNet, OnnxSession],
        turned: OnnxSession,
        recogniser: tuple[Ctc, OnnxSession],
        least_reading: float,
    ) -> None:
        self.name = name
        self.digest = digest
        self._net, self._finder = finder
        self._turned = turned
        self._ctc, self._recogniser = recogniser
        self.provider = self._finder.provider
        self._least = least_reading
        self._batch = _CUDA_BATCH if self._finder.on_cuda else 1

    def read(self, batch: Sequence[Pixels]) -> list[list[TextLine]]:
        """The lines of each frame, from the top down.

        Raises:
            InferenceError: a frame is empty or has too many lines, or an answer holds something that is no number.
        """
        found = [self._net.decode(answer, plan) for answer, plan in self._look(batch)]
        return [self._lines(frame, lines) for frame, lines in zip(batch, found, strict=True)]

    def warm_up(self) -> None:
        """Run once, so that the first record does not pay for lazy initialisation."""
        plan = self._net.look(_WARM_UP_SIDE, _WARM_UP_SIDE)
        self._finder.warm_up((self._batch, 3, plan.height, plan.width))
        self._turned.warm_up((self._batch, 3, HEIGHT, GLANCE_WIDTH))
        self._recogniser.warm_up((self._batch, 3, HEIGHT, WIDTH_STEP))

    def _look(self, batch: Sequence[Pixels]) -> list[tuple[Tensor, InputPlan]]:
        looks = [(frame, self._plan(frame)) for frame in batch]
        answers = map_in_buckets(
            looks,
            bucket=lambda look: (look[1].width, look[1].height),
            infer=lambda chunk: self._run(self._finder, [self._net.tensor(frame, plan) for frame, plan in chunk]),
            batch_size=self._batch,
        )
        return [(answer, plan) for answer, (_, plan) in zip(answers, looks, strict=True)]

    def _plan(self, frame: Pixels) -> InputPlan:
        height, width, _ = frame.shape
        if not (width and height):
            raise InferenceError("a frame without pixels", reason="empty_frame")
        return self._net.look(width, height)

    def _run(self, session: OnnxSession, tensors: Sequence[Tensor]) -> list[Tensor]:
        (answers, *_) = session.run(stack(tensors, self._batch))
        return [answers[index] for index in range(len(tensors))]

    def _lines(self, frame: Pixels, lines: Sequence[Line]) -> list[TextLine]:
        """Read as they seem to run, and where that is in doubt, the other way round too: more is read the right way."""
        turns = [1 if _stands(line.corners) else 0 for line in lines]
        quads = [np.roll(line.corners, -turn, axis=0) for line, turn in zip(lines, turns, strict=True)]
        strips = [self._ctc.strip(frame, quad) for quad in quads]
        readings, shares = self._readings(strips), self._shares_turned(strips)
        doubtful = [
            index for index, reading in enumerate(readings) if reading.score < SURE or shares[index] >= TURNED_SHARE
        ]
        turned = [np.roll(quads[index], -2, axis=0) for index in doubtful]
        again = self._readings([self._ctc.strip(frame, quad) for quad in turned])
        for index, quad, reading in zip(doubtful, turned, again, strict=True):
            if _read_of(reading) > _read_of(readings[index]):
                quads[index], readings[index] = quad, reading
        return [
            _line(quad, reading)
            for quad, reading in zip(quads, readings, strict=True)
            if reading.text.strip() and reading.score >= self._least
        ]

    def _shares_turned(self, strips: Sequence[Strip]) -> list[float]:
        """How likely each line stands on its head."""
        answers = map_in_buckets(
            [self._ctc.glance(strip) for strip in strips],
            bucket=lambda glance: glance.shape,
            infer=lambda glances: self._run(self._turned, glances),
            batch_size=self._batch,
        )
        return [float(checked(answer)[1]) for answer in answers]

    def _readings(self, strips: Sequence[Strip]) -> list[Reading]:
        return map_in_buckets(
            strips, bucket=lambda strip: strip.tensor.shape[2], infer=self._recognised, batch_size=self._batch
        )

    def _recognised(self, strips: Sequence[Strip]) -> list[Reading]:
        answers = self._run(self._recogniser, [strip.tensor for strip in strips])
        return [self._ctc.read(answer, strip) for answer, strip in zip(answers, strips, strict=True)]


def _stands(corners: Quad) -> bool:
    across = np.linalg.norm(corners[1] - corners[0])
    return bool(np.linalg.norm(corners[3] - corners[0]) >= _STANDING * across)


def _read_of(reading: Reading) -> float:
    """How much was read for sure: on its head, a line gives few letters, of which some look good."""
    return reading.score * len(reading.text)


def _line(corners: Quad, reading: Reading) -> TextLine:
    first, second, third, fourth = ((float(x), float(y)) for x, y in corners)
    return TextLine((first, second, third, fourth), reading.text, reading.centres, min(reading.score, 1.0))


def build_line_reader(
    entry: ModelEntry, stored: StoredModel, device: Device = Device.AUTO, *, threads: int = 0
) -> PpOcr:
    """The reader of a manifest entry, loaded and warm.

    Args:
        stored: what `WeightStore.stored` gave.
        threads: that one inference may use on the CPU; 0 leaves it to onnxruntime.

    Raises:
        ModelError: a file is not the manifest's or does not load, the device is not there, or the entry is for
            another task.
    """
    if entry.task is not Task.OCR:
        raise ModelError(
            f"{entry.name} reads no text: `models.ocr` has to name a model of the task `ocr`", reason="task"
        )
    finder = open_session(stored.weights, device, threads=threads)
    recogniser = open_session(stored.companions[RECOGNIZER], device, threads=threads)
    turned = open_session(stored.companions[TURNED], device, threads=threads)
    ctc = Ctc(recogniser.metadata.get(CHARACTERS, ""))
    net = DbNet(entry.inputs, entry.thresholds)
    least, digest = entry.thresholds.min_reading, _digest(entry, finder)
    reader = PpOcr(entry.name, digest, (net, finder), turned, (ctc, recogniser), least)
    reader.warm_up()
    return reader


def _digest(entry: ModelEntry, session: OnnxSession) -> str:
    """SHA-256 over what answers depend on: all files, their use, and the runtime, whose kernels round each its way."""
    used = {
        "files": entry.digests,
        "revisions": [REVISION, DbNet.revision, Ctc.revision],
        "inputs": entry.inputs.model_dump(mode="json"),
        "thresholds": entry.thresholds.model_dump(mode="json"),
        "runtime": f"{session.provider} {session.version}",
    }
    return hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()
