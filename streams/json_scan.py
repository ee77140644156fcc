"""A strict JSON scanner (RFC 8259) that locates values by pointer and builds none.

It reads bytes as they came, so that an edit can leave everything else as it is, and it refuses what parsers read
differently: a key given twice, or in another case, where a pointer leads.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from filters.errors import MessageError
from streams.json_text import unescape

ANY_ELEMENT = "*"
MAX_DEPTH = 64
"""Nested containers. Requests of image platforms stay below 20; the scanner descends by recursion."""
MAX_VALUES = 200_000
"""Values in a document: bounds the time that a hostile message can take to about a second."""

Segments = tuple[str, ...]

_SPACE = re.compile(rb"[ \t\r\n]*+")
_OPENING = re.compile(rb"[\[{][ \t\r\n]*+")
_COLON = re.compile(rb"[ \t\r\n]*+:[ \t\r\n]*+")
_NEXT_MEMBER = re.compile(rb"[ \t\r\n]*+(?:,[ \t\r\n]*+|})")
_NEXT_ELEMENT = re.compile(rb"[ \t\r\n]*+(?:,[ \t\r\n]*+|\])")
_STRING = re.compile(rb'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\\x00-\x1f]*+)*+"')
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")
_WORD = re.compile(rb"true|false|null")
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)*")


class JsonKind(StrEnum):
    """What a value is."""

    OBJECT = "object"
    ARRAY = "array"
    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class JsonValue:
    """A located value: its kind, and its bytes `[start, end)` in the document, quotes and brackets included."""

    kind: JsonKind
    start: int
    end: int


def parse_pointer(pointer: str) -> Segments:
    """The segments of an RFC 6901 pointer; empty for the whole document.

    Raises:
        ValueError: it does not begin with `/`, or `~` stands before something else than 0 or 1.
    """
    if not _POINTER.fullmatch(pointer):
        raise ValueError("a JSON pointer is empty or begins with `/`, and writes `~` as `~0` and `/` as `~1`")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def decode_utf8(data: bytes) -> str:
    """Strict UTF-8.

    Raises:
        MessageError: it is something else.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        position = error.start
    # Raised here, outside the handler: that error holds the content.
    raise MessageError(f"no UTF-8 at byte {position}", reason="invalid_utf8")


def scan(data: bytes, targets: Mapping[str, Segments]) -> dict[str, JsonValue]:
    """The values that the targets' pointers lead to, by target name and in the order of `targets`.

    A target that leads nowhere is absent; under `*` (every element of an array) the names become `NAME/0`, `NAME/1`, …
    Text outside the paths may be anything that is valid JSON.

    Raises:
        MessageError: invalid UTF-8 or JSON, too deep or too many values; on a path: a key twice or in another case,
            or a value that is neither null nor a container of the kind that the pointer needs.
    """
    if not data.isascii():
        decode_utf8(data)
    root = _Node()
    for name, segments in targets.items():
        node = root
        for segment in segments:
            node = node.children.setdefault(segment, _Node())
        node.names.append(name)
    found = _Scanner(data).document(root)
    return {f"{name}{index}": value for name in targets for index, value in found.get(name, {}).items()}


@dataclass(slots=True)
class _Node:
    """A step of the targets' paths, and the names of those that end here."""

    children: dict[str, "_Node"] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)


_Cursors = tuple[tuple[_Node, str], ...]
"""The steps that the current value stands for, each with the array indices passed under `*` (`/0/3`)."""


class _Scanner:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._values = 0
        self._found: dict[str, dict[str, JsonValue]] = {}

    def document(self, root: _Node) -> dict[str, dict[str, JsonValue]]:
        self._skip(_SPACE)
        self._value(((root, ""),), 0)
        self._skip(_SPACE)
        if self._at != len(self._data):
            raise self._invalid()
        return self._found

    def _invalid(self) -> MessageError:
        return MessageError(f"invalid JSON at byte {self._at}", reason="invalid_json")

    def _skip(self, pattern: re.Pattern[bytes]) -> None:
        match = pattern.match(self._data, self._at)
        if not match:
            raise self._invalid()
        self._at = match.end()

    def _next(self, pattern: re.Pattern[bytes], closing: bytes) -> bool:
        """Whether another member follows; past the comma and space, or right behind the closing bracket."""
        self._skip(pattern)
        return self._data[self._at - 1 : self._at] != closing

    def _opened(self, closing: bytes) -> bool:
        """Whether the container that begins here has members; past the space, or behind the closing bracket."""
        self._skip(_OPENING)
        empty = self._data.startswith(closing, self._at)
        self._at += empty
        return not empty

    def _value(self, cursors: _Cursors, depth: int) -> None:
        self._values += 1
        if depth > MAX_DEPTH or self._values > MAX_VALUES:
            reason = "too_deep" if depth > MAX_DEPTH else "too_many_values"
            raise MessageError(f"JSON beyond the limits at byte {self._at}", reason=reason)
        start = self._at
        kind = self._any(cursors, depth)
        for node, index in cursors:
            for name in node.names:
                self._found.setdefault(name, {})[index] = JsonValue(kind, start, self._at)

    def _any(self, cursors: _Cursors, depth: int) -> JsonKind:
        first = self._data[self._at : self._at + 1]
        if first == b"{":
            self._object(cursors, depth + 1)
            return JsonKind.OBJECT
        if first == b"[":
            self._array(cursors, depth + 1)
            return JsonKind.ARRAY
        kind = self._scalar(first)
        if kind is not JsonKind.NULL and any(node.children for node, _ in cursors):
            raise MessageError(f"a {kind} at byte {self._at} where a pointer leads on", reason="not_a_container")
        return kind

    def _scalar(self, first: bytes) -> JsonKind:
        if first == b'"':
            self._skip(_STRING)
            return JsonKind.STRING
        if first in (b"t", b"f", b"n"):
            self._skip(_WORD)
            return JsonKind.NULL if first == b"n" else JsonKind.BOOLEAN
        self._skip(_NUMBER)
        return JsonKind.NUMBER

    def _object(self, cursors: _Cursors, depth: int) -> None:
        paths = tuple(cursor for cursor in cursors if cursor[0].children)
        if any(ANY_ELEMENT in node.children for node, _ in paths):
            # Its keys would end up in field names, and they may be anything.
            raise MessageError(f"an object at byte {self._at} where `*` asks for an array", reason="not_an_array")
        seen: set[str] = set()
        more = self._opened(b"}")
        while more:
            start = self._at
            self._skip(_STRING)
            inner = self._member(paths, start, seen) if paths else ()
            self._skip(_COLON)
            self._value(inner, depth)
            more = self._next(_NEXT_MEMBER, b"}")

    def _member(self, paths: _Cursors, start: int, seen: set[str]) -> _Cursors:
        """The cursors that the key at `start` leads to."""
        key = unescape(self._data[start + 1 : self._at - 1].decode())
        wanted = {name for node, _ in paths for name in node.children}
        if key not in wanted:
            # Go's encoding/json takes `Prompt` for `prompt`; parsers in C may stop at a NUL.
            if "\0" in key or key.casefold() in {name.casefold() for name in wanted}:
                raise MessageError(f"a key at byte {start} resembles a mapped one", reason="ambiguous_key")
            return ()
        if key in seen:
            raise MessageError(f"a mapped key is repeated at byte {start}", reason="duplicate_key")
        seen.add(key)
        return tuple((node.children[key], index) for node, index in paths if key in node.children)

    def _array(self, cursors: _Cursors, depth: int) -> None:
        paths = tuple(cursor for cursor in cursors if cursor[0].children)
        if any(not (name == ANY_ELEMENT or name.isdecimal()) for node, _ in paths for name in node.children):
            raise MessageError(f"an array at byte {self._at} where a pointer names a key", reason="not_an_object")
        more, element = self._opened(b"]"), 0
        while more:
            self._value(_element(paths, element) if paths else (), depth)
            more, element = self._next(_NEXT_ELEMENT, b"]"), element + 1


def _element(paths: _Cursors, element: int) -> _Cursors:
    """The cursors that an array's element leads to."""
    name = str(element)
    by_index = [(node.children[name], index) for node, index in paths if name in node.children]
    by_any = [(node.children[ANY_ELEMENT], f"{index}/{name}") for node, index in paths if ANY_ELEMENT in node.children]
    return (*by_index, *by_any)
