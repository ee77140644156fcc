"""What a prompt says, without its grammar: the view that language models read, and that joins what brackets part."""

import re
from collections.abc import Iterator

import regex

from filters.text.normalize import View
from filters.text.prompt_syntax import Mark, MarkKind, parse

_SYNTAX = re.compile(
    r"[()\[\]{}<|\\]|__|::|--|\u2014|\w_\w|\+\+|\bBREAK\b|\bAND\b|ADD[BCR]|embedding:|\\.(?:safet|ckpt|pth|gguf)|(?i:sampler|schedule)"
)
# Possessive: a name is taken whole or not at all.
_UNDERSCORED = re.compile(r"(?<![\w@./:\\<-])[^\W\d_]++(?:_{1,2}[^\W\d_]++)++(?![\w@/-]|\.\w)")
_WORDS = regex.compile(r"\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+|\p{L}+")
_SAMPLERS = (
    "automatic|beta|cosine|ddim|ddpm|deis|dpm[\\w+]{0,20}|euler(?:_a\\w*)?|exponential|heun\\w{0,4}|ipndm\\w{0,2}|karras|"
    "kl_optimal|lcm|lms|normal|plms|polyexponential|restart|sgm[_ ]uniform|simple|turbo|unipc|uni_pc\\w{0,4}"
)
_SAMPLER = re.compile(
    r"(?<!\w)(?:sampler|scheduler?|schedule type|sampler_name|sampling method)[\"']?\s{0,2}:\s{0,2}[\"']?"
    rf"(?:{_SAMPLERS})(?:[ _](?:a|\d{{1,2}}m|sde|gpu|{_SAMPLERS})){{0,5}}(?!\w)",
    re.IGNORECASE,
)
"""Some samplers bear the names of people."""
_NOT_NAMES = frozenset(
    [
        *["ckpt", "embedding", "flux", "illustrious", "lcm", "lightning", "locon", "lora", "loras", "lycoris", "nai"],
        *["noob", "pony", "pt", "safetensors", "sd", "sdxl", "ti", "turbo", "v", "ver", "xl"],
    ]
)
"""Words in names of weights that tell a family of models or a file type."""


def prose_view(text: str) -> View | None:
    """The text without weights, brackets, tags, flags and escapes; None where it would be the text itself.

    What grammar parts is joined: by nothing, or by a space where two words would run together. Names in tags,
    embeddings, wildcards and files of weights are split into words at `_`, `-`, digits and capitals (`jane_doe_v2`,
    `JaneDoe`) and stand between commas; so are underscored words elsewhere, but not in addresses and handles.
    """
    if _SYNTAX.search(text) is None:
        return None
    writer = _Writer(_UNDERSCORED.sub(lambda hit: hit[0].replace("_", " "), text))
    end = 0
    for mark in _taken_out(text):
        if mark.start < end:
            continue
        writer.copy(end, mark.start)
        _rewrite(writer, text, mark)
        end = mark.end
    writer.copy(end, len(text))
    view = writer.view()
    return None if view.text == text else view


def _taken_out(text: str) -> list[Mark]:
    samplers = [Mark(hit.start(), hit.end(), MarkKind.FLAG) for hit in _SAMPLER.finditer(text)]
    marks = parse(text).marks
    return sorted([*marks, *samplers], key=lambda mark: (mark.start, -mark.end)) if samplers else list(marks)


def _rewrite(writer: "_Writer", text: str, mark: Mark) -> None:
    if mark.name is None:
        # An escaped character is its own: only the backslash goes.
        kept = mark.end - 1 if mark.kind is MarkKind.ESCAPE else mark.end
        writer.skip(mark.start, kept)
        writer.copy(kept, mark.end)
        return
    end = mark.start
    for index, (first, last) in enumerate(_words(text, *mark.name)):
        writer.skip(end, first, " " if index else ", ")
        writer.copy(first, last)
        end = last
    writer.skip(end, mark.end, ", ")


def _words(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for word in _WORDS.finditer(text, start, end):
        if word[0].lower() not in _NOT_NAMES:
            yield word.span()


class _Writer:
    """Writes a view, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._pieces: list[str] = []
        self._origins: list[int] = []
        self._reach: list[int] = []
        self._last = ""
        self._gap: tuple[int, int, str] | None = None

    def copy(self, start: int, end: int) -> None:
        """Say `[start, end)`."""
        if start >= end:
            return
        if self._gap is not None:
            start = self._close_gap(start)
        self._pieces.append(self._text[start:end])
        self._origins.extend(range(start, end))
        self._reach.extend(range(start + 1, end + 1))
        self._last = self._text[end - 1] if end > start else self._last

    def skip(self, start: int, end: int, separator: str = "") -> None:
        """Leave `[start, end)` out. What stands on either side is parted by `separator`, or where it is empty by a
        space between two words."""
        if self._gap is not None:
            first, _, earlier = self._gap
            start, separator = first, max(separator, earlier, key=len)
        self._gap = start, end, separator

    def view(self) -> View:
        """What was written."""
        return View("".join(self._pieces), self._origins, self._reach)

    def _close_gap(self, begin: int) -> int:
        """Write what stands in the gap before `begin`; returns where to go on, behind a space that would be doubled."""
        start, end, separator = self._gap or (begin, begin, "")
        self._gap = None
        following = self._text[begin]
        if separator == ", ":
            separator = self._comma(following)
        elif separator or (self._last.isalnum() and following.isalnum()):
            separator = " "
        self._put(separator, start if end > start else start - 1, end)  # in `JaneDoe` the space stands for the e
        doubled = following == " " and (not self._last or self._last.isspace())
        return begin + 1 if doubled else begin

    def _comma(self, following: str) -> str:
        """What sets a name off from what was written before it."""
        if self._last == " ":
            self._pieces[-1] = self._pieces[-1][:-1]
            self._origins.pop()
            self._reach.pop()
            self._last = next((piece[-1] for piece in reversed(self._pieces) if piece), "")
        if not self._last or self._last.isspace():
            return ""
        spaced = "" if following in " ,\n" else " "
        return spaced if self._last in ",(" or following == "," else f",{spaced}"

    def _put(self, separator: str, start: int, end: int) -> None:
        if separator:
            self._pieces.append(separator)
            self._origins.extend([start] * len(separator))
            self._reach.extend([end] * len(separator))
            self._last = separator[-1]
