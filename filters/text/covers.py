"""Where substitutes go, so that a redacted prompt stays one: brackets paired, weights and tags in force, JSON valid.

Private characters always go. Of what stands between them, syntax stays where taking it out would break something
outside of the span: `(john:1.2) (smith:1.3)` keeps its brackets and weights and gets a substitute in either pair.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from filters.errors import RedactionError
from filters.findings import EntityType, TextFinding
from filters.policy import MaskText, RemoveText, ReplaceText, TextOperator
from filters.text.prompt_syntax import NAMED, Mark, MarkKind, Syntax
from filters.text.structured import Part, all_parts

_NO_NAME = re.compile(r"[<>:,|()\[\]{}\\\"\s]")
"""What would end a name in a tag, or begin something else."""
_BRACKETS = re.compile(r"[()\[\]{}]")
_MEANS_SOMETHING = re.compile(r"[()\[\]{}|:\\]")
_DIALLED = re.compile(r"\(\s?\+?[\d\s]{1,8}\)")
_SEPARATES = re.compile(r"[\s!-/:-@\[-`{-~]*")
_COLONS = frozenset({EntityType.IP_ADDRESS, EntityType.MAC_ADDRESS, EntityType.URL})
"""`cafe::1` is an address or a weighted word."""
_PARTS = " \t\r\n,;"
_PLAIN_MASK = "*"


@dataclass(frozen=True, slots=True)
class Cover:
    """A span to cover in one piece, and the hit whose operator does it."""

    start: int
    end: int
    finding: TextFinding
    operator: TextOperator


@dataclass(frozen=True, slots=True)
class Edit:
    """Characters `[start, end)` and what takes their place."""

    start: int
    end: int
    replacement: str = field(repr=False)


Substitute = Callable[[str, Cover], str]
"""What stands for a cover of a text."""


def applied(text: str, edits: Iterable[Edit]) -> str:
    """The text with edits made, which do not overlap."""
    pieces, end = [], 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        pieces += [text[end : edit.start], edit.replacement]
        end = edit.end
    return "".join([*pieces, text[end:]])


def rewritten(text: str, covers: Sequence[Cover], edits: Callable[[str, Sequence[Cover]], Sequence[Edit]]) -> str:
    """A field with `edits` made in each of its texts; every other character as it was.

    Raises:
        RedactionError: a cover lies where no text is.
    """
    if not covers:
        return text
    made: list[Edit] = []
    placed: set[int] = set()
    for part in all_parts(text):
        local = [(index, part.local(cover.start, cover.end)) for index, cover in enumerate(covers)]
        within = [replace(covers[index], start=span[0], end=span[1]) for index, span in local if span]
        if within:
            placed.update(index for index, span in local if span)
            made += _written(part, edits(part.own, within), ascii_only=text.isascii())
    if len(placed) != len(covers):
        raise RedactionError("a finding lies between the texts of a structured prompt", reason="no_such_span")
    return applied(text, made)


def _written(part: Part, edits: Sequence[Edit], *, ascii_only: bool) -> Iterator[Edit]:
    """Edits of a part as edits of its field."""
    if part.is_number:
        literal = json.dumps(applied(part.own, edits), ensure_ascii=ascii_only)
        yield Edit(part.start, part.end, part.written(literal, ascii_only=ascii_only))
        return
    for edit in edits:
        start, end = part.origins[edit.start], part.reach[edit.end - 1]
        yield Edit(start, end, part.written(edit.replacement, ascii_only=ascii_only))


def grown(text: str, syntax: Syntax, cover: Cover) -> Cover:
    """The cover with whole escapes, with both brackets of a dialling code, and with a tag that would lose its name."""
    start, end = cover.start, cover.end
    for mark in syntax.within(cover.start, cover.end):
        if mark.kind is MarkKind.ESCAPE or (mark.name and _empties(cover) and _holds(cover, *mark.name)):
            start, end = min(start, mark.start), max(end, mark.end)
        elif mark.group is not None and mark.kind in (MarkKind.OPEN, MarkKind.CLOSE):
            group = syntax.groups[mark.group]
            if group.end - group.start <= 12 and _DIALLED.fullmatch(text, group.start, group.end):  # noqa: PLR2004
                start, end = min(start, group.start), max(end, group.end)
    return replace(cover, start=start, end=end)


def spread(text: str, syntax: Syntax, cover: Cover, substitute: Substitute) -> Iterator[Edit]:
    """The cover's substitute, in each piece of it that holds something private."""
    cover = _sober(cover)
    pieces = _pieces(cover, _staying(syntax, cover, whole=False))
    if len(pieces) > 1:  # where a part of the syntax stays, all of it does
        pieces = _pieces(cover, _staying(syntax, cover, whole=True))
    if len(pieces) == 1:
        piece = replace(cover, start=pieces[0][0], end=pieces[0][1])
        yield Edit(piece.start, piece.end, _fitting(text, syntax, piece, substitute(text, piece)))
        return
    private = "".join(text[start:end] for start, end in pieces)
    whole = substitute(private, replace(cover, start=0, end=len(private))) if private else ""
    at = 0
    for start, end in pieces:
        if isinstance(cover.operator, MaskText):
            yield Edit(start, end, whole[at : at + end - start])
            at += end - start
        elif not _SEPARATES.fullmatch(text, start, end):
            piece = _trimmed(text, replace(cover, start=start, end=end))
            yield Edit(
                piece.start,
                piece.end,
                _fitting(text, syntax, piece, whole) if whole else substitute(text, piece),
            )


def _trimmed(text: str, cover: Cover) -> Cover:
    """The cover without spaces and commas at its ends: they part it from syntax that stays."""
    private = text[cover.start : cover.end]
    start = cover.start + len(private) - len(private.lstrip(_PARTS))
    return replace(cover, start=start, end=start + len(private.strip(_PARTS)))


def _sober(cover: Cover) -> Cover:
    """The cover, with a mask that is no bracket."""
    operator = cover.operator
    if isinstance(operator, MaskText) and operator.character in "()[]{}<>|\\":
        return replace(cover, operator=operator.model_copy(update={"character": _PLAIN_MASK}))
    return cover


def _empties(cover: Cover) -> bool:
    return isinstance(cover.operator, RemoveText) or cover.operator == ReplaceText(text="")


def _holds(cover: Cover, start: int, end: int) -> bool:
    return cover.start <= start and end <= cover.end


def _pieces(cover: Cover, staying: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The cover without the syntax that stays."""
    pieces, at = [], cover.start
    for start, end in staying:
        if end <= cover.start or cover.end <= start:
            continue
        first, last = max(start, cover.start), min(end, cover.end)
        if at < first:
            pieces.append((at, first))
        at = max(at, last)
    return [*pieces, (at, cover.end)] if at < cover.end else pieces


def _staying(syntax: Syntax, cover: Cover, *, whole: bool) -> Iterator[tuple[int, int]]:
    """The syntax that stays; `whole`: with the pairs that lie in the cover and carry no number."""
    for mark in syntax.within(cover.start, cover.end):
        if mark.kind in NAMED and mark.name:
            if not (_empties(cover) and _holds(cover, mark.start, mark.end)):
                yield mark.start, mark.name[0]
                yield mark.name[1], mark.end
        elif _stays(syntax, mark, cover) or (whole and mark.group is not None):
            yield mark.start, mark.end


def _stays(syntax: Syntax, mark: Mark, cover: Cover) -> bool:
    """Whether the mark's pair reaches beyond the cover, or tells a number; or whether it is a weight of its own."""
    if mark.group is None:
        whole = cover.start < mark.start and mark.end <= cover.end
        return whole and mark.kind in (MarkKind.FACTOR, MarkKind.FLAG) and cover.finding.entity_type not in _COLONS
    group = syntax.groups[mark.group]
    return group.carries or not _holds(cover, group.start, group.end)


def _fitting(text: str, syntax: Syntax, piece: Cover, substitute: str) -> str:
    """The substitute, without what would mean something else where it stands."""
    if isinstance(piece.operator, MaskText):
        return substitute
    for mark in syntax.within(piece.start, piece.end):
        if mark.name and mark.name[0] <= piece.start and piece.end <= mark.name[1]:
            return _NO_NAME.sub("", substitute)
    if not _MEANS_SOMETHING.search(substitute):
        return substitute
    if not _is_balanced(substitute):
        substitute = _BRACKETS.sub("", substitute)
    if any(group.start < piece.start and piece.end < group.end for group in syntax.groups):
        substitute = re.sub(r"[|:]", "", substitute)
    before = text[: piece.start][-1:]
    return substitute.rstrip("\\") if before != "\\" else substitute.strip("\\")


def _is_balanced(text: str) -> bool:
    opened: list[str] = []
    for bracket in _BRACKETS.findall(text):
        if bracket in "([{":
            opened.append(bracket)
        elif not opened or opened.pop() + bracket not in ("()", "[]", "{}"):
            return False
    return not opened
