"""How people really write: small letters, no punctuation, accents left out, blanks everywhere. Labels stay in place."""

import random
import re
import unicodedata
from collections.abc import Callable, Sequence

from models.training.grammar import Piece

Change = Callable[[str], str]

_MARKS = re.compile(r"([^\w\s@#'’]|(?<=\w)['’](?=s\b|t\b|m\b|re\b|ll\b|ve\b|d\b))")


def _each(pieces: Sequence[Piece], change: Change, *, names: bool = True, rest: bool = True) -> list[Piece]:
    """The pieces, the labelled and the other ones changed as asked."""
    return [
        Piece(change(piece.text), piece.label, style=piece.style) if (names if piece.label else rest) else piece
        for piece in pieces
    ]


def without_accents(text: str) -> str:
    """`é` as `e`; other scripts stay."""
    parts = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", "".join(sign for sign in parts if not unicodedata.combining(sign)))


def recased(pieces: Sequence[Piece], chance: random.Random, small: float) -> list[Piece]:
    """In small letters with the probability `small`; now and then in capitals, in title case, or the names alone."""
    drawn = chance.random()
    if drawn < small:
        return _each(pieces, str.lower)
    if drawn < small + 0.04:
        return _each(pieces, str.upper)
    if drawn < small + 0.06:
        return _each(pieces, str.title)
    if drawn < small + 0.10:
        return _each(pieces, str.lower, rest=False)
    if drawn < small + 0.12:
        return _each(pieces, str.upper, rest=False)
    return list(pieces)


def _careless(text: str) -> str:
    return re.sub(r"[.!?]+(?=\s|$)", "", text)


def careless(pieces: Sequence[Piece], chance: random.Random) -> list[Piece]:
    """Without punctuation, without accents, or with slips of the finger between the names; mostly as it was."""
    drawn = chance.random()
    if drawn < 0.06:
        return _each(pieces, _careless, names=False)
    if drawn < 0.14:
        return _each(pieces, without_accents)
    if drawn < 0.18:
        return _each(pieces, lambda text: _slip(text, chance), names=False)
    if drawn < 0.19:
        return _each(pieces, lambda text: text.replace(" ", "  "), names=False)
    return list(pieces)


def _slip(text: str, chance: random.Random) -> str:
    if len(text) < 8:
        return text
    at = chance.randrange(1, len(text) - 2)
    if not text[at : at + 2].isalpha():
        return text
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def tokenised(pieces: Sequence[Piece]) -> list[Piece]:
    """Every mark of punctuation apart, as annotated corpora are joined."""
    spaced = _each(pieces, lambda text: re.sub(r" {2,}", " ", _MARKS.sub(r" \1 ", text)), names=False)
    return [
        Piece(_MARKS.sub(r" \1 ", piece.text).replace("  ", " ").strip(), piece.label, style=piece.style)
        if piece.label in {"PERSON", "ORGANIZATION", "LOCATION"}
        else piece
        for piece in spaced
    ]


def example(pieces: Sequence[Piece]) -> tuple[str, list[tuple[int, int, str]], list[tuple[int, int]]]:
    """The text, its labelled spans, and which of them are names of styles; no span begins or ends with a blank."""
    text, spans, styles = "", list[tuple[int, int, str]](), list[tuple[int, int]]()
    for piece in pieces:
        inner = piece.text.strip() if piece.label else ""
        if inner and piece.label:
            start = len(text) + piece.text.index(inner)
            spans.append((start, start + len(inner), piece.label))
            if piece.style:
                styles.append((start, start + len(inner)))
        text += piece.text
    return text, spans, styles
