"""What the schema says against a document, as issues: with places, and with what was probably meant."""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from filters.policy import policy_json_schema
from filters.policy_issues import IssueCode, PolicyIssue
from filters.policy_yaml import Path, YamlTree

SAFE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
"""Field names that issues may repeat; anything else might be content that lost its way."""

MOST_CHOICES_SHOWN: Final = 12

_TYPE_NAMES: Final[Mapping[str, str]] = {
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "string_type": "a string",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
}
_TYPE_HINTS: Final[Mapping[str, str]] = {
    "dict_type": "write `{type: …}`",
    "tuple_type": "write `[…]`",
}
_HINTS: Final[Mapping[Path, str]] = {
    ("on_error",): "write reject or hold; there is no way to release what could not be judged",
    ("cosmetic",): "use `fill` or a look, or write `cosmetic: true` to accept that it can be reversed",
}
_RANGE_ERRORS: Final[Mapping[str, str]] = {
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "does not match {pattern}",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
}


def schema_issues(tree: YamlTree, invalid: ValidationError) -> Iterator[PolicyIssue]:
    """The validator's errors as issues, in its order."""
    for error in invalid.errors(include_url=False):
        if not _consequence(error):
            yield _issue(tree, error)


def _consequence(error: ErrorDetails) -> bool:
    """A list that is "too short" only because its entries were refused, each with an error of its own."""
    return error["type"] == "too_short" and bool(error["input"])


def _document_path(tree: YamlTree, location: Path) -> Path:
    """Pydantic's location without the union tags that it puts between (`operator`, `fill`, `margin`)."""
    path: Path = ()
    for part in location[:-1]:
        path = (*path, part) if (*path, part) in tree.values else path
    return (*path, *location[-1:])


def _issue(tree: YamlTree, error: ErrorDetails) -> PolicyIssue:
    path = _document_path(tree, error["loc"])
    match error["type"]:
        case "missing":
            issue = _missing(tree, path)
        case "extra_forbidden":
            issue = _unknown_field(tree, path, error["loc"])
        case "union_tag_not_found":
            issue = _missing(tree, (*path, "type"))
        case "union_tag_invalid":
            issue = _not_a_choice(tree, (*path, "type"), error["input"]["type"], error["ctx"]["expected_tags"])
        case "enum" | "literal_error":
            issue = _not_a_choice(tree, path, error["input"], error["ctx"]["expected"])
        case "value_error":
            issue = _contradiction(tree, path, str(error["ctx"]["error"]))
        case _:
            issue = _wrong_value(tree, path, error)
    return issue


def _name(path: Path) -> str:
    return f"`{path[-1]}`" if path and isinstance(path[-1], str) else "the entry"


def _missing(tree: YamlTree, path: Path) -> PolicyIssue:
    name = _name(path)
    hint = _HINTS.get(path[-1:], f"add {name}")
    return PolicyIssue.at(tree.source, tree.place(path), IssueCode.MISSING_FIELD, f"{name} is missing", hint)


def _wrong_value(tree: YamlTree, path: Path, error: ErrorDetails) -> PolicyIssue:
    kind, name, place = error["type"], _name(path), tree.place(path)
    if kind in _RANGE_ERRORS:
        message = f"{name} {_RANGE_ERRORS[kind].format(**error['ctx'])}"
        return PolicyIssue.at(tree.source, place, IssueCode.OUT_OF_RANGE, message)
    message = f"{name} must be {_TYPE_NAMES[kind]}" if kind in _TYPE_NAMES else f"{name}: {error['msg']}"
    quoted_number = isinstance(error["input"], str) and kind in ("int_type", "float_type")
    hint = "take the quotes away" if quoted_number else _TYPE_HINTS.get(kind, "")
    return PolicyIssue.at(tree.source, place, IssueCode.WRONG_TYPE, message, hint)


def _unknown_field(tree: YamlTree, path: Path, location: Path) -> PolicyIssue:
    name = str(path[-1])
    shown = f"`{name}`" if SAFE_NAME.fullmatch(name) else "this field"
    hint = _suggestion(name, _fields_at(location[:-1]), "the fields here are ")
    return PolicyIssue.at(tree.source, tree.key_place(path), IssueCode.UNKNOWN_FIELD, f"{shown} is no field here", hint)


def _not_a_choice(tree: YamlTree, path: Path, value: object, expected: str) -> PolicyIssue:
    choices = re.findall(r"'([^']*)'", expected) or [expected.lower()]
    if len(choices) == 1:
        message, hint = f"{_name(path)} must be `{choices[0]}`", f"write `{choices[0]}`"
        return PolicyIssue.at(tree.source, tree.place(path), IssueCode.NOT_A_CHOICE, message, hint)
    what = _name(path) if isinstance(path[-1], str) else f"an entry of `{path[-2]}`"
    message = f"{what} is none of its {len(choices)} choices"
    hint = _HINTS.get(path[-1:]) or _suggestion(str(value), choices, "choose one of ")
    return PolicyIssue.at(tree.source, tree.place(path), IssueCode.NOT_A_CHOICE, message, hint)


def _contradiction(tree: YamlTree, path: Path, message: str) -> PolicyIssue:
    """Placed at the first field that the validator's message names, if the document has it."""
    for name in re.findall(r"`(\w+)`", message):
        if (*path, name) in tree.keys:
            return PolicyIssue.at(tree.source, tree.keys[(*path, name)], IssueCode.CONTRADICTION, message)
    return PolicyIssue.at(tree.source, tree.place(path), IssueCode.CONTRADICTION, message)


def _suggestion(word: str, known: list[str], preface: str) -> str:
    """`did you mean …?` for the nearest known word in any case; else what there is to choose from, if it is short."""
    folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word[:64].casefold(), folded, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{folded[near[0]]}`?"
    return preface + ", ".join(known) if 0 < len(known) <= MOST_CHOICES_SHOWN else "see `veilstream policy schema`"


def _fields_at(location: Path) -> list[str]:
    """The field names that the schema allows at a pydantic location, in its order."""
    schema = policy_json_schema()
    definitions: Mapping[str, Any] = schema["$defs"]
    node: Mapping[str, Any] = schema
    for part in location:
        node = _descend(definitions, node, part)
    return list(_resolved(definitions, node).get("properties", {}))


def _resolved(definitions: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node behind references and behind the `null` alternative of an optional field."""
    while "$ref" in node or "anyOf" in node:
        if "anyOf" in node:
            node = next(option for option in node["anyOf"] if option.get("type") != "null")
        else:
            node = definitions[node["$ref"].rsplit("/", 1)[-1]]
    return node


def _descend(definitions: Mapping[str, Any], node: Mapping[str, Any], part: str | int) -> Mapping[str, Any]:
    node = _resolved(definitions, node)
    if isinstance(part, int):
        return dict(node["items"])
    if "discriminator" in node:
        return {"$ref": node["discriminator"]["mapping"][part]}
    return dict(node["properties"][part])
