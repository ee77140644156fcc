"""Private spans by a token classifier: any ONNX export of Hugging Face's form, or the project's own weights."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from filters.errors import DetectionError, DetectorTimeout, InferenceError, ModelError
from filters.findings import TextFinding
from filters.records import PromptContent
from filters.text.normalize import View
from filters.text.technical import is_technical_name, technical_tokens
from filters.text.views import reading_of
from models.batching import map_in_buckets
from models.graph import operators
from models.labels import LabelSet, read_labels
from models.manifest import CONFIG, TOKENIZER, ModelEntry, Reading, Task
from models.session import Device, OnnxSession, open_session
from models.shapes import token_shapes
from models.spans import Floats, ScoredSpan, find_spans, softmax
from models.tokens import Ids, TokenReader, Tokens, Window, padded, usable_positions, windows
from models.weights import StoredModel

CPU_BATCH, CUDA_BATCH = 8, 32
"""Windows of one inference. On a CPU more are slower: what passes from layer to layer no longer fits its cache."""
LENGTH_STEP = 8
"""Sequences are padded to a multiple of this, by their own length alone: an answer does not depend on the batch."""
MOST_TOKENS = 16_384
"""Of one prompt, with all its fields: seconds of one core. 65,536 characters of any language in words are fewer; longer
is what is made of signs alone."""
REVISION = 1
"""Counts changes of the code that change answers."""

_ROUNDED_BY_BATCH = frozenset({"DynamicQuantizeLinear", "DynamicQuantizeMatMul", "QAttention"})
"""Operators of onnxruntime's dynamic quantization: one range for the whole batch, so that answers depend on it. Models
that have them run batches of one."""
_FOR_CPUS = frozenset({"MatMulInteger", "DynamicQuantizeMatMul", "QAttention"})
"""Operators whose fast kernels are the CPU's: a GPU would hand most of them back."""
_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids", "token_shapes"})


@dataclass(frozen=True, slots=True)
class _Piece:
    """One window of one text, ready for the model: `(tokens,)` each, special tokens included."""

    ids: Ids = field(repr=False)
    shapes: Ids = field(repr=False)

    @property
    def length(self) -> int:
        """What it is padded to."""
        return -(-len(self.ids) // LENGTH_STEP) * LENGTH_STEP


@dataclass(frozen=True, slots=True)
class _Text:
    """A field of a prompt as the model reads it."""

    name: str
    original: str = field(repr=False)
    text: str = field(repr=False)
    view: View | None = field(repr=False)
    tokens: Tokens = field(repr=False)
    windows: Sequence[Window]


class TextPiiDetector:
    """`TextDetector` over a token classifier. An answer depends on the prompt alone, not on its batch.

    A text is read as a person reads it (`filters.text.views.reading_of`), in overlapping windows where it is longer
    than what the model takes. A score is the mean over its words of the probability of its type.
    """

    name = "text_pii"

    def __init__(
        self,
        digest: str,
        session: OnnxSession,
        reader: TokenReader,
        labels: LabelSet,
        reading: Reading,
        batch: int,
        view: Callable[[str], View | None] = reading_of,
    ) -> None:
        self.digest = digest
        self.provider = session.provider
        self.entities = frozenset(labels.types)
        self._session = session
        self._reader = reader
        self._labels = labels
        self._reading = reading
        self._batch = batch
        self._view = view
        self._least = {entity: reading.min_scores.get(entity, reading.min_score) for entity in labels.types}

    def detect(self, batch: Sequence[PromptContent]) -> list[list[TextFinding] | DetectionError]:
        """See `TextDetector.detect`. A prompt of more than `MOST_TOKENS` is a `DetectorTimeout`.

        Raises:
            InferenceError: the model's answer holds something that is no number.
        """
        prompts = [self._read(content) for content in batch]
        pieces = [piece for texts in prompts if texts for text in texts for piece in self._pieces(text)]
        answers = iter(map_in_buckets(pieces, lambda piece: piece.length, self._infer, self._batch))
        return [_too_long() if texts is None else self._found(texts, answers) for texts in prompts]

    def warm_up(self) -> None:
        """Run once, so that the first record does not pay for lazy initialisation, and look at the answer's form.

        Raises:
            ModelError: the model does not take or give what a token classifier does.
        """
        unknown = set(self._session.inputs) - _INPUTS
        if "input_ids" not in self._session.inputs or unknown:
            raise ModelError(
                f"the model is no token classifier that is known here: its inputs are {sorted(self._session.inputs)}",
                reason="model_inputs",
            )
        piece = _Piece(np.zeros(LENGTH_STEP, np.int64), np.zeros(LENGTH_STEP, np.int64))
        answer = self._run([piece])
        expected = (LENGTH_STEP, len(self._labels.inside))
        if answer.shape[1:] != expected:
            raise ModelError(
                f"the model answers with {answer.shape[1:]} and its labels ask for {expected}", reason="model_outputs"
            )

    def _read(self, content: PromptContent) -> list[_Text] | None:
        """The fields as the model reads them; None where they are too long."""
        texts, tokens = [], 0
        for name, original in content.fields.items():
            texts.append(self._text(name, original))
            tokens += len(texts[-1].tokens)
            if tokens > MOST_TOKENS:
                return None
        return texts

    def _text(self, name: str, original: str) -> _Text:
        view = self._view(original)
        text = view.text if view else original
        tokens = self._reader.read(text)
        size = self._reading.max_tokens - self._reader.extra
        return _Text(name, original, text, view, tokens, windows(len(tokens), size, self._reading.overlap))

    def _pieces(self, text: _Text) -> list[_Piece]:
        shaped = "token_shapes" in self._session.inputs
        pieces = []
        for window in text.windows:
            ids = self._reader.sequence(text.tokens.ids[window.start : window.end])
            shapes = np.zeros_like(ids)
            if shaped:
                inner = token_shapes(text.text, text.tokens.offsets[window.start : window.end].tolist())
                shapes[self._reader.leading : self._reader.leading + len(inner)] = inner
            pieces.append(_Piece(ids, shapes))
        return pieces

    def _infer(self, pieces: Sequence[_Piece]) -> list[Floats]:
        """The probabilities of each piece's tokens, `(tokens, labels)`, special tokens left out."""
        logits = self._run(pieces)
        if not np.isfinite(logits).all():
            raise InferenceError("the text model's answer holds something that is no number", reason="not_finite")
        probabilities = softmax(logits, self._reading.temperature)
        skipped = self._reader.leading
        return [
            row[skipped : skipped + len(piece.ids) - self._reader.extra]
            for row, piece in zip(probabilities, pieces, strict=False)
        ]

    def _run(self, pieces: Sequence[_Piece]) -> Floats:
        length = max(piece.length for piece in pieces)
        count = self._batch if self._session.on_cuda else len(pieces)  # a GPU picks its kernels by shape
        ids = [piece.ids for piece in pieces]
        given = {
            "input_ids": padded(ids, length, count),
            "attention_mask": padded([np.ones_like(row) for row in ids], length, count),
            "token_type_ids": np.zeros((count, length), np.int64),
            "token_shapes": padded([piece.shapes for piece in pieces], length, count),
        }
        (logits, *_) = self._session.run_all({name: given[name] for name in self._session.inputs})
        return logits[: len(pieces)].astype(np.float32, copy=False)

    def _found(self, texts: Sequence[_Text], answers: Iterator[Floats]) -> list[TextFinding]:
        """The findings of one prompt; takes as many answers as its texts have windows."""
        found = []
        for text in texts:
            seen = [next(answers)[window.first - window.start : window.last - window.start] for window in text.windows]
            if seen:
                spans = find_spans(text.text, text.tokens, np.concatenate(seen), self._labels, self._least)
                found += _not_technical(text.original, [self._finding(text, span) for span in spans])
        return found

    def _finding(self, text: _Text, span: ScoredSpan) -> TextFinding:
        start, end = text.view.span(span.start, span.end) if text.view else (span.start, span.end)
        return TextFinding(text.name, start, end, span.entity_type, span.score, self.name)


def _not_technical(text: str, findings: Sequence[TextFinding]) -> list[TextFinding]:
    tokens = technical_tokens(text) if findings else []
    return [each for each in findings if not is_technical_name(text, each.start, each.end, tokens)]


def _too_long() -> DetectorTimeout:
    return DetectorTimeout(f"the prompt has more than {MOST_TOKENS} tokens", reason="budget")


def build_text_detector(
    entry: ModelEntry,
    stored: StoredModel,
    device: Device = Device.AUTO,
    *,
    threads: int = 0,
    view: Callable[[str], View | None] = reading_of,
) -> TextPiiDetector:
    """The detector of a manifest entry, loaded and warm.

    Args:
        stored: what `WeightStore.stored` gave.
        threads: that one inference may use on the CPU; 0 leaves it to onnxruntime.
        view: how a text is read, in the place of `reading_of` for a comparison.

    Raises:
        ModelError: a file is not the manifest's or does not load, the parts do not fit each other, the device is
            not there, or the entry is for another task.
    """
    if entry.task is not Task.TEXT_PII:
        raise ModelError(
            f"{entry.name} reads no text: `models.text` has to name a model of the task `text_pii`", reason="task"
        )
    positions, id2label = usable_positions(stored.companions[CONFIG])
    labels = read_labels(id2label, entry.reading.labels)
    reader = TokenReader(stored.companions[TOKENIZER])
    reading = entry.reading.shortened(positions)
    used = operators(stored.weights)
    if device is Device.AUTO and used & _FOR_CPUS:
        device = Device.CPU
    session = open_session(stored.weights, device, threads=threads)
    batch = 1 if used & _ROUNDED_BY_BATCH else CUDA_BATCH if session.on_cuda else CPU_BATCH
    detector = TextPiiDetector(_digest(entry, reading, session), session, reader, labels, reading, batch, view)
    detector.warm_up()
    return detector


def _digest(entry: ModelEntry, reading: Reading, session: OnnxSession) -> str:
    """SHA-256 over what answers depend on: all files, their use, and the runtime, whose kernels round each its way."""
    used: Mapping[str, object] = {
        "files": entry.digests,
        "revision": REVISION,
        "reading": reading.model_dump(mode="json"),
        "runtime": f"{session.provider} {session.version}",
    }
    return hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()
