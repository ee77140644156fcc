"""What an uncased vocabulary loses: how a token is written, and whether it stands apart from what precedes it."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Shapes = npt.NDArray[np.int64]

APART = 8
"""Added where white space or the beginning of the text precedes: what tells `@ name` from `@name`."""
SHAPES = 2 * APART
"""How many there are: ids from 0 to 15. 0 is everything without a letter or digit, and what is no token of the text."""

_LOWER, _TITLE, _CAPITAL, _UPPER, _MIXED, _NUMBER, _UNCASED = range(1, 8)


def token_shapes(text: str, offsets: Sequence[tuple[int, int]]) -> Shapes:
    """A shape id a token.

    Args:
        text: what was tokenized.
        offsets: of each token, in characters of `text`; empty ones are tokens that the tokenizer added.
    """
    return np.array([_shape(text, start, end) for start, end in offsets], np.int64)


def _shape(text: str, start: int, end: int) -> int:
    if start >= end:
        return 0
    apart = start == 0 or text[start - 1].isspace()
    return _writing(text[start:end]) + APART * apart


def _writing(token: str) -> int:
    if token.islower():
        return _LOWER
    if token.isupper():
        return _CAPITAL if len(token) == 1 else _UPPER
    if token.istitle():
        return _TITLE
    if token.isdigit():
        return _NUMBER
    letters = [character for character in token if character.isalpha()]
    if not letters:
        return 0
    cased = any(character.isupper() or character.islower() for character in letters)
    return _MIXED if cased else _UNCASED


def in_small_letters(shapes: Shapes) -> Shapes:
    """The shapes of the same text without capitals."""
    return np.where(_is_cased(shapes), _LOWER + shapes // APART * APART, shapes)


def in_capitals(shapes: Shapes) -> Shapes:
    """The shapes of the same text in capitals; what is a single letter is not told apart."""
    return np.where(_is_cased(shapes), _UPPER + shapes // APART * APART, shapes)


def _is_cased(shapes: Shapes) -> npt.NDArray[np.bool_]:
    writing = shapes % APART
    cased: npt.NDArray[np.bool_] = (writing >= _LOWER) & (writing <= _MIXED)
    return cased
