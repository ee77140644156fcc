"""Reads YAML (and so JSON) into plain data and remembers where each value stood.

A policy may come from whoever can write to a topic, so the reader is closed: one document, no tags, no merge keys, no
duplicate keys, and hard limits on size, depth and what aliases expand to. Scalars follow the YAML 1.2 core schema
(decimal numbers only) whatever the document declares: `off` and `no` are words, dates are words.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError

from filters.policy_issues import IssueCode, Place, PolicyDocumentError, PolicyIssue

MAX_CHARACTERS: Final = 65_536
"""A policy that names every entity type in rules of their own has about 8,000; reading 64 Ki takes 0.2 s."""
MAX_DEPTH: Final = 16
"""A policy nests 7 deep."""
MAX_ALIASES: Final = 32
MAX_NODES: Final = 20_000
"""Values after the aliases are expanded."""

Path = tuple[str | int, ...]

_INTEGER = re.compile(r"[-+]?[0-9]{1,400}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{sign + word: float(sign + "inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


@dataclass(frozen=True, slots=True)
class YamlTree:
    """Plain data, and the places of its values and of its mapping keys by path."""

    source: str
    data: Mapping[str, Any]
    values: Mapping[Path, Place]
    keys: Mapping[Path, Place]

    def place(self, path: Path) -> Place:
        """Where the value at `path` stands; of the nearest value around it where the path does not exist."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Place())

    def key_place(self, path: Path) -> Place:
        """Where the key of `path` stands; the value's place where it has none."""
        return self.keys.get(path) or self.place(path)


def read_yaml(text: str, source: str) -> YamlTree:
    """Read one YAML document whose root is a mapping.

    Args:
        source: what to call the text in issues (a file name, say).

    Raises:
        PolicyDocumentError: it is no such document, or exceeds a limit; one issue, at the first offence.
    """
    reader = _Reader(source)
    if len(text) > MAX_CHARACTERS:
        reader.refuse(Place(), IssueCode.LIMIT, f"the document has more than {MAX_CHARACTERS} characters")
    try:
        return reader.read(YAML(typ="safe", pure=True).parse(text))
    except ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        reader.refuse(place, IssueCode.SYNTAX, "a character that YAML does not allow", "remove control characters")
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place()
        reader.refuse(place, IssueCode.SYNTAX, f"not YAML: {_blind(error.problem or '')}", _syntax_hint(error.problem))
    except YAMLError:
        reader.refuse(Place(), IssueCode.SYNTAX, "not YAML")


def _blind(problem: str) -> str:
    """A parser's complaint without what it quotes from the text; single signs and tokens like `<block end>` stay."""

    def quoted(match: re.Match[str]) -> str:
        inside = match[0][1:-1]
        return match[0] if len(inside) <= len(r"\t") or inside.startswith("<") else "…"

    return re.sub(r"\"[^\"]*\"|'[^']*'", quoted, " ".join(problem.split()))


def _syntax_hint(problem: str | None) -> str:
    if problem and "\\t" in problem:
        return "indent with spaces, not tabs"
    return "check indentation, quotes and brackets at this place and before it"


def _place(event: Event) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


@dataclass(slots=True)
class _Reader:
    """Builds one document from parser events."""

    source: str
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)
    nodes: int = 0
    aliases: int = 0

    def refuse(self, place: Place, code: IssueCode, message: str, hint: str = "") -> NoReturn:
        # `from None`: the parser's own exception quotes the text.
        raise PolicyDocumentError([PolicyIssue.at(self.source, place, code, message, hint)]) from None

    def read(self, events: Iterator[Event]) -> YamlTree:
        next(events)  # the stream's start
        if not isinstance(next(events), DocumentStartEvent):
            self.refuse(Place(), IssueCode.NOT_A_MAPPING, "the document is empty", "start with `apiVersion:`")
        root = next(events)
        data = self._node(root, events, ())
        next(events)  # the document's end
        event = next(events)
        if not isinstance(event, StreamEndEvent):
            self.refuse(_place(event), IssueCode.SEVERAL_DOCUMENTS, "a second document", "one policy a file")
        if not isinstance(data, dict):
            self.refuse(_place(root), IssueCode.NOT_A_MAPPING, "the document is not a mapping of fields")
        return YamlTree(self.source, data, self.values, self.keys)

    def _node(self, event: Event, events: Iterator[Event], path: Path) -> Any:  # noqa: ANN401  any YAML value
        place = _place(event)
        self.values[path] = place
        self._count(place, 1)
        if isinstance(event, AliasEvent):
            return self._alias(event)
        if getattr(event, "tag", None) is not None:
            self.refuse(place, IssueCode.FORBIDDEN_YAML, "a tag (`!…`)", "write the plain value")
        before = self.nodes
        data = self._scalar(event) if isinstance(event, ScalarEvent) else self._collection(event, events, path)
        if isinstance(event, NodeEvent) and event.anchor is not None:
            self.anchors[event.anchor] = (data, self.nodes - before + 1)
        return data

    def _count(self, place: Place, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            self.refuse(place, IssueCode.LIMIT, f"more than {MAX_NODES} values once aliases are expanded")

    def _alias(self, event: AliasEvent) -> Any:  # noqa: ANN401  any YAML value
        place = _place(event)
        self.aliases += 1
        if self.aliases > MAX_ALIASES:
            self.refuse(place, IssueCode.LIMIT, f"more than {MAX_ALIASES} aliases")
        if event.anchor not in self.anchors:
            self.refuse(place, IssueCode.SYNTAX, "an alias (`*…`) to an anchor that is not complete before it")
        data, nodes = self.anchors[event.anchor]
        self._count(place, nodes)
        return data

    def _collection(self, event: Event, events: Iterator[Event], path: Path) -> Any:  # noqa: ANN401  any YAML value
        if len(path) >= MAX_DEPTH:
            self.refuse(_place(event), IssueCode.LIMIT, f"nested deeper than {MAX_DEPTH}")
        return self._sequence(events, path) if isinstance(event, SequenceStartEvent) else self._mapping(events, path)

    def _sequence(self, events: Iterator[Event], path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(events), SequenceEndEvent):
            items.append(self._node(event, events, (*path, len(items))))
        return items

    def _mapping(self, events: Iterator[Event], path: Path) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        while not isinstance(event := next(events), MappingEndEvent):
            key = self._key(event)
            if key in fields:
                first = self.keys[(*path, key)].line
                hint = f"it stands first in line {first}; keep one of the two"
                self.refuse(_place(event), IssueCode.DUPLICATE_KEY, "the same key a second time", hint)
            self.keys[(*path, key)] = _place(event)
            fields[key] = self._node(next(events), events, (*path, key))
        return fields

    def _key(self, event: Event) -> str:
        place = _place(event)
        if not isinstance(event, ScalarEvent) or event.tag is not None:
            self.refuse(place, IssueCode.FORBIDDEN_YAML, "a key that is not a plain word")
        if event.implicit[0] and event.value == "<<":
            self.refuse(place, IssueCode.FORBIDDEN_YAML, "a merge key (`<<`)", "write the fields out")
        return self._text(event)

    def _scalar(self, event: ScalarEvent) -> Any:  # noqa: ANN401  any YAML value
        text = self._text(event)
        if not event.implicit[0]:  # quoted, or a block: a string as it stands
            return text
        if text in _SPECIAL:
            return _SPECIAL[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        return float(text) if _FLOAT.fullmatch(text) else text

    def _text(self, event: ScalarEvent) -> str:
        """The scalar's text, with the surrogate pairs that JSON writes (`\\ud83d\\ude00`) joined."""
        try:
            return str(event.value).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            self.refuse(_place(event), IssueCode.SYNTAX, "half of a surrogate pair (`\\ud800`…)")
