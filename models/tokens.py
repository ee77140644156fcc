"""Texts as token windows that fit a model, each token with its place in the text."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from filters.errors import ModelError

Ids = npt.NDArray[np.int64]
Offsets = npt.NDArray[np.int64]
"""`(tokens, 2)`: start and end in characters."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text's tokens, without the special ones: ids, offsets, and the word (counted from 0) that each is part of."""

    ids: Ids = field(repr=False)
    offsets: Offsets = field(repr=False)
    words: Ids = field(repr=False)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Window:
    """Tokens `[start, end)` of a text, of whose answers `[first, last)` are used: elsewhere a neighbour sees more."""

    start: int
    end: int
    first: int
    last: int


class TokenReader:
    """A Hugging Face tokenizer. Stateless after construction, so thread-safe.

    Args:
        definition: the bytes of tokenizer.json.

    Raises:
        ModelError: `definition` is no tokenizer of the `tokenizers` library.
    """

    def __init__(self, definition: bytes) -> None:
        try:
            tokenizer = Tokenizer.from_buffer(definition)
        except ValueError as error:
            raise ModelError(f"tokenizer.json cannot be read ({type(error).__name__})", reason="tokenizer") from None
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._before, self._after = _special_tokens(tokenizer)
        # what stands in a prompt is text, also where it looks like [SEP]
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer

    @property
    def extra(self) -> int:
        """Special tokens of each sequence."""
        return len(self._before) + len(self._after)

    @property
    def leading(self) -> int:
        """Special tokens before the text."""
        return len(self._before)

    def read(self, text: str) -> Tokens:
        """The tokens of a text of any length."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        words = [-1 if word is None else word for word in encoding.word_ids]
        offsets = np.array(encoding.offsets, np.int64).reshape(-1, 2)
        return Tokens(np.array(encoding.ids, np.int64), offsets, np.array(words, np.int64))

    def sequence(self, ids: Ids) -> Ids:
        """The ids with the special tokens around them."""
        return np.concatenate([self._before, ids, self._after])


def _special_tokens(tokenizer: Any) -> tuple[Ids, Ids]:  # noqa: ANN401  has no types
    probe = tokenizer.encode("a")
    mask = probe.special_tokens_mask
    text = [index for index, special in enumerate(mask) if not special]
    if not text:
        raise ModelError("the tokenizer has no token for a plain letter", reason="tokenizer")
    ids = np.array(probe.ids, np.int64)
    return ids[: text[0]], ids[text[-1] + 1 :]


def windows(count: int, size: int, overlap: int) -> list[Window]:
    """Windows of at most `size` tokens over `count`, each sharing `overlap` with the next.

    Every token is answered for by exactly one window: in an overlap the first half by the earlier one.

    Raises:
        ValueError: the windows would not move on.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"an overlap of {overlap} does not fit windows of {size} tokens")
    if count <= size:
        return [Window(0, count, 0, count)] if count else []
    starts = [*range(0, count - size, size - overlap), count - size]
    found = []
    first = 0
    for index, start in enumerate(starts):
        following = starts[index + 1] if index + 1 < len(starts) else None
        last = count if following is None else (following + start + size) // 2
        found.append(Window(start, start + size, first, last))
        first = last
    return found


def usable_positions(config: bytes) -> tuple[int | None, dict[int, str]]:
    """The longest sequence that a model was made for (None where it has no limit), and its labels by id.

    Args:
        config: the bytes of config.json.

    Raises:
        ModelError: it is no JSON object, or has no usable `id2label`.
    """
    try:
        document = json.loads(config)
        labels = {int(index): str(label) for index, label in document["id2label"].items()}
        positions = document.get("max_position_embeddings")
        padding = document.get("pad_token_id") or 0
        taken = padding + 1 if "roberta" in str(document.get("model_type", "")) else 0
        return (None if positions is None else int(positions) - taken), labels
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"config.json cannot be read, or has no `id2label` ({type(error).__name__})", reason="model_config"
        ) from None


def padded(rows: Sequence[Ids], length: int, count: int) -> Ids:
    """`(count, length)`; what no row fills is 0, the padding of every model (its mask says so)."""
    table = np.zeros((count, length), np.int64)
    for index, row in enumerate(rows):
        table[index, : len(row)] = row
    return table
