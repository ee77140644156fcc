"""JSON string literals and the text that they stand for; escapes survive where the text does."""

import re

from filters.errors import MessageError, RedactionError

_UNIT = re.compile(
    r"\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}"  # a surrogate pair: one character
    r"|\\u[0-9A-Fa-f]{4}"
    r"|\\."
)
"""One escape of a valid literal."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/"}
_SHORTEST = {character: f"\\{letter}" for letter, character in _SHORT.items() if character != "/"}
_PAIR_LENGTH = len(r"\ud800\udc00")


def _character(unit: re.Match[str]) -> str:
    escape = unit[0]
    if escape[1] != "u":
        return _SHORT[escape[1]]
    if len(escape) == _PAIR_LENGTH:
        return (bytes.fromhex(escape[2:6]) + bytes.fromhex(escape[8:])).decode("utf-16-be")
    character = chr(int(escape[-4:], 16))
    if _SURROGATE.match(character):
        raise MessageError("a JSON string holds half of a surrogate pair", reason="lone_surrogate")
    return character


def unescape(literal: str) -> str:
    """The text of a literal, given without its quotes and grammatically valid.

    Raises:
        MessageError: half of a surrogate pair (parsers differ in what they make of it).
    """
    return _UNIT.sub(_character, literal) if "\\" in literal else literal


def _escaped(character: str) -> str:
    if character in _SHORTEST:
        return _SHORTEST[character]
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def escape(text: str, *, ascii_only: bool, habits: dict[str, str] | None = None) -> str:
    """A literal for `text`, without quotes. `habits` gives spellings for characters that need not be escaped.

    Raises:
        RedactionError: the text holds half of a surrogate pair.
    """
    if _SURROGATE.search(text):
        raise RedactionError("the redacted text cannot be encoded", reason="lone_surrogate")
    spelled = habits or {}
    wanted = r"\"\\\x00-\x1f" + (r"\x80-\U0010ffff" if ascii_only else "") + re.escape("".join(spelled))
    return re.sub(f"[{wanted}]", lambda hit: spelled.get(hit[0]) or _escaped(hit[0]), text)


def _habits(literal: str) -> dict[str, str]:
    """How the literal spells the characters that it escapes, by their first escape."""
    spelled: dict[str, str] = {}
    for unit in _UNIT.finditer(literal) if "\\" in literal else ():
        spelled.setdefault(_character(unit), unit[0])
    return spelled


def _literal_offset(literal: str, index: int) -> int:
    """Where in the literal the character `index` of its text begins."""
    offset, characters = 0, 0
    for unit in _UNIT.finditer(literal) if "\\" in literal else ():
        plain = unit.start() - offset
        if characters + plain >= index:
            break
        offset, characters = unit.end(), characters + plain + 1
    return offset + index - characters


def _common_prefix(one: str, other: str) -> int:
    """Length of the common prefix, by bisection: slices compare at memory speed."""
    low, high = 0, min(len(one), len(other)) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


def respell(literal: str, new: str, *, ascii_only: bool) -> str:
    """The literal changed to say `new`, without quotes.

    What stands before the first and after the last changed character is kept as it is spelled. Between them, each
    character that the literal escapes somewhere is escaped in the same way (`\\/`, `\\u003c`, …): a literal that any
    serializer wrote keeps every unchanged character byte for byte. With `ascii_only`, other new characters beyond
    ASCII are escaped.

    Raises:
        RedactionError: `new` holds half of a surrogate pair.
    """
    old = unescape(literal)
    head = _common_prefix(old, new)
    tail = _common_prefix(old[head:][::-1], new[head:][::-1])
    middle = escape(new[head : len(new) - tail], ascii_only=ascii_only, habits=_habits(literal))
    return literal[: _literal_offset(literal, head)] + middle + literal[_literal_offset(literal, len(old) - tail) :]
