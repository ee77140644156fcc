"""A JSON document whose mapped strings can be read and rewritten; every other byte stays as it came."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from filters.errors import MessageError, RedactionError
from streams.json_scan import JsonKind, JsonValue, Segments, scan
from streams.json_text import escape, respell, unescape

_CONTAINERS = (JsonKind.OBJECT, JsonKind.ARRAY)


@dataclass(frozen=True, slots=True)
class Edit:
    """Bytes `[start, end)` of a document and what takes their place."""

    start: int
    end: int
    replacement: bytes = field(repr=False)


class JsonDocument:
    """A document and its located values.

    Args:
        data: the document, UTF-8.
        targets: pointers by name, see `streams.json_scan.scan`.

    Raises:
        MessageError: see `streams.json_scan.scan`.
    """

    def __init__(self, data: bytes, targets: Mapping[str, Segments]) -> None:
        self.data = data
        self.values: Mapping[str, JsonValue] = scan(data, targets)
        # A document that is pure ASCII stays so: its sender may have a reason.
        self._ascii_only = data.isascii()

    def kind(self, name: str) -> JsonKind | None:
        """What stands at a target; None where it leads nowhere."""
        value = self.values.get(name)
        return value.kind if value else None

    def raw(self, name: str) -> bytes:
        """The bytes of a located value."""
        value = self.values[name]
        return self.data[value.start : value.end]

    def text(self, name: str) -> str | None:
        """The string at a target; None where it is absent or null.

        Raises:
            MessageError: something else stands there.
        """
        kind = self.kind(name)
        if kind in (None, JsonKind.NULL):
            return None
        if kind is not JsonKind.STRING:
            raise MessageError(f"a mapped value is a {kind} and must be a string", reason="not_a_string")
        return unescape(self._literal(name))

    def source(self, name: str) -> str | None:
        """Like `text`, and objects and arrays as they are written: a workflow is a prompt.

        Raises:
            MessageError: a boolean or a number stands there.
        """
        return self.raw(name).decode() if self.kind(name) in _CONTAINERS else self.text(name)

    def identifier(self, name: str) -> str | None:
        """Like `text`, and numbers as they are written: platforms count their requests.

        Raises:
            MessageError: a boolean, an array or an object stands there.
        """
        return self.raw(name).decode() if self.kind(name) is JsonKind.NUMBER else self.text(name)

    def replace(self, name: str, text: str) -> Edit:
        """The edit that makes the string at a target say `text`; see `streams.json_text.respell`."""
        value = self.values[name]
        literal = respell(self._literal(name), text, ascii_only=self._ascii_only)
        return Edit(value.start + 1, value.end - 1, literal.encode())

    def replace_source(self, name: str, source: str) -> Edit:
        """The edit that puts a new `source` in the place of a target's.

        Raises:
            RedactionError: an object or array would be no JSON any more.
        """
        if self.kind(name) not in _CONTAINERS:
            return self.replace(name, source)
        try:
            scan(source.encode(), {})
        except (MessageError, UnicodeEncodeError):
            pass
        else:
            return self.replace_raw(name, source.encode())
        raise RedactionError("the redacted document would be no JSON", reason="invalid_json")

    def replace_raw(self, name: str, value: bytes) -> Edit:
        """The edit that puts `value`, itself JSON, in a located value's place."""
        place = self.values[name]
        return Edit(place.start, place.end, value)

    def insert_after(self, name: str, key: str, value: bytes) -> Edit:
        """The edit that adds a member with `value`, itself JSON, behind a located member of the same object."""
        end = self.values[name].end
        literal = escape(key, ascii_only=self._ascii_only)
        return Edit(end, end, b',"' + literal.encode() + b'":' + value)

    def edited(self, edits: Iterable[Edit]) -> bytes:
        """The document with edits made, which must not overlap."""
        parts: list[bytes] = []
        position = 0
        for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
            if edit.start < position:
                raise ValueError("edits overlap")
            parts += (self.data[position : edit.start], edit.replacement)
            position = edit.end
        return b"".join((*parts, self.data[position:]))

    def _literal(self, name: str) -> str:
        return self.raw(name)[1:-1].decode()
