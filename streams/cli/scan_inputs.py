"""What `veilstream scan` reads: lines of text, and image files under paths."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import orjson

from filters.errors import MessageError, RecordError, UnsupportedMedia
from filters.records import ImageContent, PromptContent

_FIELDS = ("prompt", "negative_prompt")


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of input: its id (its own, else its number from 1), and its content or what is wrong with it."""

    number: int
    id: str
    content: PromptContent | RecordError = field(repr=False)


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One file: its path, the path of its release below the output folder, and its content or what is wrong."""

    path: Path
    target: Path
    content: ImageContent | RecordError = field(repr=False)


def text_lines(stream: BinaryIO) -> Iterator[TextLine]:
    """Lines of UTF-8: `{"id", "prompt", "negative_prompt"?}`, or else the line itself is the prompt."""
    for number, raw in enumerate(stream, start=1):
        line = raw.rstrip(b"\r\n")
        try:
            text = line.decode()
        except UnicodeDecodeError:
            error = MessageError(f"line {number} is not UTF-8", reason="invalid_utf8")
            yield TextLine(number, str(number), error)
            continue
        yield _text_line(number, text)


def _text_line(number: int, text: str) -> TextLine:
    document = _json_object(text)
    if document is None:
        return TextLine(number, str(number), PromptContent({"prompt": text}))
    given = document.get("id")
    line_id = str(given) if isinstance(given, str | int) else str(number)
    given_fields = {name: document[name] for name in _FIELDS if document.get(name) is not None}
    fields = {name: value for name, value in given_fields.items() if isinstance(value, str)}
    if "prompt" not in fields or len(fields) < len(given_fields):
        error = MessageError(f'line {number} needs a string "prompt"', reason="no_prompt")
        return TextLine(number, line_id, error)
    return TextLine(number, line_id, PromptContent(fields))


def _json_object(text: str) -> dict[str, object] | None:
    """None for what is not a JSON object: prompts may begin with a brace too (`{red|blue} house`)."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def image_files(paths: Iterable[Path], max_bytes: int) -> Iterator[ImageFile]:
    """The files named, and all files below the folders named but hidden ones, in order of path; no two targets alike.

    Args:
        max_bytes: one byte more is read at most, so that larger files are seen to be too large without being read.
    """
    targets: set[Path] = set()
    for path, target in _walk(paths):
        unique, copy = target, 1
        while unique in targets:
            copy += 1
            unique = target.with_name(f"{target.stem}-{copy}{target.suffix}")
        targets.add(unique)
        yield ImageFile(path, unique, _content(path, max_bytes))


def _walk(paths: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    for path in paths:
        if not path.is_dir():
            yield path, Path(path.name)
            continue
        for found in sorted(found for found in path.rglob("*") if found.is_file()):
            target = found.relative_to(path)
            if not any(part.startswith(".") for part in target.parts):
                yield found, target


def _content(path: Path, max_bytes: int) -> ImageContent | RecordError:
    try:
        with path.open("rb") as file:
            return ImageContent(file.read(max_bytes + 1))
    except OSError as error:
        return UnsupportedMedia(f"{path} cannot be read: {error.strerror}", reason="unreadable")
