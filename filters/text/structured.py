r"""Structured prompts: workflows and parameter blocks as the texts that they are made of.

A field may hold a ComfyUI workflow, an InvokeAI graph, a SwarmUI or Fooocus document, or an A1111 parameter block. Each
text in it is judged as what it says (`\u0040` is `@`), not as it is written, and each leads back to the characters that
write it. What is put in its place is written so that the document stays one.
"""

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from filters.text.json_lexer import Scalar, ScalarKind, scalars, unescaped

MAX_NESTING = 2
"""JSON in a string of JSON in a string of JSON: deeper, a string is a text like any other."""
_LABEL_CHARACTERS = 40
_LABELLED_CHARACTERS = 60
"""A longer string speaks for itself."""
_FEWEST_DIGITS = 6
_LINK_DIGITS = 4
"""Shorter strings of digits name nodes of a graph."""
_MOST_EXPANDED = 30
_BLOCK = re.compile(r"^(?P<negative>Negative prompt:)|^(?P<settings>Steps: \d{1,5},)", re.MULTILINE | re.IGNORECASE)
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_.$-]{0,39}")
_DIGIT_RUN = re.compile(r"\d{5}")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_FILE = re.compile(r"[^@\s]{1,120}\.(?:safetensors|ckpt|pth?|onnx|gguf|bin|vae|ya?ml)", re.IGNORECASE)
_MEASURE = re.compile(r"v?\d{1,4}(?:[.:x/]\d{1,4}){1,3}(?:\s?[a-z]{1,7})?", re.IGNORECASE)
_CONTROLLED = re.compile(r"\s{0,8},\s{0,8}\"(?:randomize|fixed|increment|decrement)\"")
"""What ComfyUI writes behind the value of a seed."""
_PROMPT_LABELS = frozenset(
    [
        *[
            "caption",
            "negative",
            "negative_prompt",
            "negativeprompt",
            "positive",
            "positive_prompt",
            "prompt",
            "string",
        ],
        *["text", "text_g", "text_l", "clip_l", "t5xxl", "value", "widgets_values", "style", "description"],
    ]
)
_MACHINE_LABELS = frozenset(
    [
        *[
            "_type",
            "class_type",
            "cnr_id",
            "links",
            "localized_name",
            "node_type",
            "sampler",
            "sampler_name",
            "scheduler",
        ],
        *["type", "ver", "dir", "node name for s&r", "control_after_generate"],
    ]
)
_NAMING_LABELS = frozenset(["title", "name", "label", "id", "filename_prefix", "model", "key", "hash"])
_TECHNICAL_WORDS = frozenset(
    [
        *["cfg", "clip", "denoising", "expansion", "guidance", "hash", "hashes", "hires", "lora", "model", "negative"],
        *[
            "node",
            "performance",
            "prompt",
            "refiner",
            "resolution",
            "sampler",
            "scale",
            "schedule",
            "scheduler",
            "seed",
        ],
        *["sharpness", "size", "skip", "steps", "strength", "style", "styles", "type", "upscaler", "vae", "version"],
    ]
)
_MACHINE_WORD = re.compile(r"[A-Za-z_*][\w+|.*-]{0,60}(?: [\w()+|-]{1,20}){0,4}")


@dataclass(frozen=True, slots=True)
class Part:
    """One text of a field.

    Args:
        text: as it reads, behind `lead` characters that name it and stand elsewhere (`seed: `).
        origins, reach: for each character behind the lead, the span `[origin, reach)` of the field that writes it.
        quotes: JSON strings that it is written in, one inside the other.
        is_number: written as a JSON number, which turns into a string when it is changed.
        flows: whether it may go on in the next text: a name may begin in one and end in the other.
        judged: whether it may hold anything private: the names of a format's own parts do not.
    """

    text: str = field(repr=False)
    origins: Sequence[int] = field(repr=False)
    reach: Sequence[int] = field(repr=False)
    lead: int = 0
    quotes: int = 0
    is_number: bool = False
    flows: bool = True
    judged: bool = True

    @property
    def start(self) -> int:
        """Where in the field it begins."""
        return self.origins[0]

    @property
    def end(self) -> int:
        """Where in the field it ends."""
        return self.reach[-1]

    @property
    def own(self) -> str:
        """The text without its lead."""
        return self.text[self.lead :]

    def span(self, start: int, end: int) -> tuple[int, int] | None:
        """The field's span behind `[start, end)` of the text; None where that is all lead."""
        first, last = max(start - self.lead, 0), end - self.lead
        return (self.origins[first], self.reach[last - 1]) if first < last else None

    def local(self, start: int, end: int) -> tuple[int, int] | None:
        """The characters of `own` that `[start, end)` of the field writes; None where it writes none."""
        first, last = bisect_right(self.reach, start), bisect_left(self.origins, end)
        return (first, last) if first < last else None

    def written(self, text: str, *, ascii_only: bool) -> str:
        """How `text` is written in its place; a number's text takes the place of all of it."""
        for _ in range(self.quotes):
            text = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        return text


def plain(text: str) -> Part:
    """The whole of a text."""
    return _excerpt(text, 0, len(text))


def is_structured(text: str) -> bool:
    """Whether the text is made of several."""
    return bool(text) and (scalars(text) is not None or _BLOCK.search(text) is not None)


def parts_of(text: str) -> list[Part]:
    """The texts that are to be judged, in order; one for a prompt that is only that. None is empty."""
    return [part for part in _parts(text) if part.judged]


def all_parts(text: str) -> list[Part]:
    """Every text, those that can hold nothing private included."""
    return list(_parts(text))


def _parts(text: str) -> Iterator[Part]:
    if text:
        yield from _opened(plain(text), 0)


def _opened(part: Part, nesting: int) -> Iterator[Part]:
    """The parts of a part: of a document, of a parameter block, or itself."""
    found = scalars(part.text) if nesting <= MAX_NESTING else None
    if found is None:
        yield from _sections(part)
        return
    for scalar in found:
        yield from _scalar_parts(part, scalar, nesting)


def _excerpt(text: str, start: int, end: int) -> Part:
    return Part(text[start:end], range(start, end), range(start + 1, end + 1))


def _sections(part: Part) -> Iterator[Part]:
    """Prompt, negative prompt and settings of an A1111 block."""
    begin, settings = 0, False
    for label in _BLOCK.finditer(part.text) if "rompt:" in part.text or "teps:" in part.text else ():
        yield from _section(part, begin, label.start(), flows=not settings)
        settings = label.lastgroup == "settings"
        begin = label.start() if settings else label.end()
    yield from _section(part, begin, len(part.text), flows=not settings)


def _section(part: Part, start: int, end: int, *, flows: bool) -> Iterator[Part]:
    if start == 0 and end == len(part.text):
        yield part
    elif start < end:
        yield replace(
            part, text=part.text[start:end], origins=part.origins[start:end], reach=part.reach[start:end], flows=flows
        )


def _scalar_parts(outer: Part, scalar: Scalar, nesting: int) -> Iterator[Part]:
    if scalar.kind is ScalarKind.NUMBER:
        yield _labelled(_number(outer, scalar), _label(outer.text, scalar))
        return
    said = unescaped(outer.text, scalar.start, scalar.end)
    if not said.text:
        return
    part = Part(
        said.text,
        _composed(outer.origins, said.origins, 0),
        _composed(outer.reach, said.reach, 1),
        quotes=outer.quotes + 1,
    )
    if scalar.kind is ScalarKind.KEY:
        yield replace(part, flows=False, judged=not _is_own_key(part.text))
        return
    inner = list(_opened(part, nesting + 1))
    yield from [_named(part, scalar.label)] if len(inner) == 1 else inner


def _composed(outer: Sequence[int], inner: Sequence[int], back: int) -> Sequence[int]:
    """The outer offsets of inner ones; `back`: 1 where the inner ones are ends."""
    if isinstance(inner, range):
        return outer[inner.start - back : inner.stop - back]
    return [outer[index - back] for index in inner]


def _number(outer: Part, scalar: Scalar) -> Part:
    """An integer's digits; of a fraction, the whole part. `4.1e15` is written out, all of it standing for all."""
    text = outer.text[scalar.start : scalar.end]
    begin, end = outer.origins[scalar.start], outer.reach[scalar.end - 1]
    mantissa, _, exponent = text.lower().partition("e")
    if exponent and 0 <= int(exponent[:4]) <= _MOST_EXPANDED:
        whole, _, fraction = mantissa.partition(".")
        digits = whole + fraction[: int(exponent)].ljust(int(exponent), "0")
    else:
        digits = mantissa.partition(".")[0]
    return Part(
        digits,
        [begin] * len(digits),
        [end] * len(digits),
        quotes=outer.quotes,
        is_number=True,
        flows=False,
        judged=len(digits) >= _FEWEST_DIGITS,
    )


def _label(text: str, scalar: Scalar) -> str:
    return "seed" if _CONTROLLED.match(text, scalar.end) else scalar.label


def _labelled(part: Part, label: str) -> Part:
    lead = f"{label[-_LABEL_CHARACTERS:]}: " if label else ""
    return replace(part, text=lead + part.text, lead=len(lead))


def _named(part: Part, label: str) -> Part:
    """A string that is only a word or two, under the key that tells what it is."""
    lower, text = label.lower(), part.text
    if lower in _PROMPT_LABELS or len(text) > _LABELLED_CHARACTERS or "\n" in text:
        return part
    if lower in _MACHINE_LABELS and _MACHINE_WORD.fullmatch(text):
        return _labelled(replace(part, flows=False, judged=_DIGIT_RUN.search(text) is not None), label)
    if _UUID.fullmatch(text) or (text.isdecimal() and len(text) < _LINK_DIGITS):
        return replace(part, flows=False, judged=False)
    flows = lower not in _NAMING_LABELS and not _FILE.fullmatch(text) and not _MEASURE.fullmatch(text)
    return _labelled(replace(part, flows=flows), label)


def _is_own_key(key: str) -> bool:
    """Whether a key names something of the format, as keys do."""
    if _DIGIT_RUN.search(key):
        return False
    if key.isdecimal():
        return True
    words = key.lower().split()
    return (len(words) == 1 and _IDENTIFIER.fullmatch(key) is not None) or not _TECHNICAL_WORDS.isdisjoint(words)
