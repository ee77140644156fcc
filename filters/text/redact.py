"""Operators for text: what stands in a private span's place.

Substitutes are made so that no recognizer finds anything in them: names of types in angle brackets, and letters instead
of hex digits, because digits would look like numbers.
"""

import hmac
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from hashlib import sha256

import regex

from filters.decide import Hit
from filters.errors import RedactionError
from filters.findings import TextFinding
from filters.keys import KeyPurpose, TenantKeys
from filters.policy import HashText, MaskText, PseudonymText, RemoveText, ReplaceText
from filters.text.covers import Cover, Edit, grown, rewritten, spread
from filters.text.normalize import view_of
from filters.text.prompt_syntax import parse

KeySource = Callable[[], bytes]

PSEUDONYM_LETTERS = 10
"""Forty bits: two of a tenant's values share a pseudonym once there are about a million of them."""

# One for each half-byte, without those that Italian fiscal codes read as digits (l m n p-v).
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijkowxyz")
_KEPT_BY_MASK = frozenset(" \t\n\r-+()")
_GRAPHEME = regex.compile(r"\X")

# Least revealing first.
_STRENGTH: Mapping[type, int] = {RemoveText: 5, ReplaceText: 4, PseudonymText: 3, HashText: 2, MaskText: 1}


def redact_fields(fields: Mapping[str, str], hits: Sequence[Hit], keys: TenantKeys, tenant: str) -> dict[str, str]:
    """The fields with every hit covered; all other characters stay as they are.

    Prompts stay valid for the generator: syntax and JSON around and inside of spans are kept (`filters.text.covers`).
    Overlapping hits are covered in one piece, by the operator that reveals least; among equals, that of the longest.
    Spans grow to whole grapheme clusters.

    Raises:
        RedactionError: a hit has no place in these fields, or an operator for images.
        ConfigurationError: a keyed operator is asked for and there is no key.
    """
    by_field: dict[str, list[Cover]] = {}
    for hit in hits:
        cover = _cover(fields, hit)
        by_field.setdefault(cover.finding.field, []).append(cover)

    @cache
    def key() -> bytes:
        return keys.derive(tenant, KeyPurpose.PSEUDONYM)

    return {name: rewritten(text, by_field.get(name, ()), partial(_edits, key)) for name, text in fields.items()}


def _cover(fields: Mapping[str, str], hit: Hit) -> Cover:
    finding, operator = hit.finding, hit.operator
    if not isinstance(finding, TextFinding) or finding.end > len(fields.get(finding.field, "")):
        raise RedactionError("a finding lies outside of the text", reason="no_such_span")
    if not isinstance(operator, ReplaceText | MaskText | RemoveText | HashText | PseudonymText):
        raise RedactionError("the operator is not one for text", reason="no_such_operator")
    return Cover(finding.start, finding.end, finding, operator)


def _edits(key: KeySource, text: str, covers: Sequence[Cover]) -> list[Edit]:
    syntax = parse(text)
    whole = [grown(text, syntax, cover) for cover in _whole_graphemes(text, covers)]

    def substitute(text: str, cover: Cover) -> str:
        return _substitute(text, cover, key)

    return [edit for cover in _merged(whole) for edit in spread(text, syntax, cover, substitute)]


def _whole_graphemes(text: str, covers: Iterable[Cover]) -> Iterator[Cover]:
    if text.isascii() and "\r" not in text:  # the only cluster of two ASCII characters is a line end
        yield from covers
        return
    starts = [match.start() for match in _GRAPHEME.finditer(text)]
    starts.append(len(text))
    for cover in covers:
        start = starts[bisect_right(starts, cover.start) - 1]
        end = starts[bisect_left(starts, cover.end)]
        yield Cover(start, end, cover.finding, cover.operator)


def _merged(covers: Iterable[Cover]) -> Iterator[Cover]:
    """Clusters of overlapping covers, each as one."""
    current: list[Cover] = []
    end = 0
    for cover in sorted(covers, key=lambda c: (c.start, c.end)):
        if current and cover.start >= end:
            yield _united(current)
            current = []
        current.append(cover)
        end = max(end, cover.end)
    if current:
        yield _united(current)


def _united(covers: Sequence[Cover]) -> Cover:
    chosen = max(covers, key=_rank)
    start, end = min(cover.start for cover in covers), max(cover.end for cover in covers)
    return Cover(start, end, chosen.finding, chosen.operator)


def _rank(cover: Cover) -> tuple[int, int, float, int, str, str]:
    operator, finding = cover.operator, cover.finding
    kept = operator.keep_last if isinstance(operator, MaskText) else 0
    length = cover.end - cover.start
    strength = 10 * _STRENGTH[type(operator)] - kept
    return strength, length, finding.score, -cover.start, finding.entity_type, operator.model_dump_json()


def _substitute(text: str, cover: Cover, key: KeySource) -> str:
    private = text[cover.start : cover.end]
    entity = cover.finding.entity_type
    match cover.operator:
        case ReplaceText(text=None):
            return f"<{entity}>"
        case ReplaceText(text=str(fixed)) if fixed:
            return fixed
        case MaskText() as mask:
            return _masked(private, mask)
        case HashText(length=length):
            return f"<{_keyed(key(), 'hash', private, length)}>"
        case PseudonymText():
            return f"<{entity}-{_keyed(key(), entity, _canonical(private), PSEUDONYM_LETTERS)}>"
        case _:
            return _gap(text, cover)


def _gap(text: str, cover: Cover) -> str:
    """Nothing; or a space, where what stood apart would run together and read as something else."""
    before, after = text[: cover.start][-1:], text[cover.end :][:1]
    return " " if before.strip() and after.strip() else ""


def _masked(private: str, mask: MaskText) -> str:
    """All but spaces, hyphens and round brackets covered, at most half of the letters and digits kept."""
    places = [index for index, character in enumerate(private) if character.isalnum()]
    kept = set(places[len(places) - min(mask.keep_last, len(places) // 2) :])
    return "".join(
        character if index in kept or character in _KEPT_BY_MASK else mask.character
        for index, character in enumerate(private)
    )


def _keyed(key: bytes, purpose: str, text: str, length: int) -> str:
    digest = hmac.new(key, f"{purpose}\0{text}".encode(), sha256).hexdigest()
    return digest[:length].translate(_LETTERS)


def _canonical(private: str) -> str:
    """The same for two ways to write one thing: `JANE@example.com`, `415 555-2671`."""
    view = view_of(private)
    plain = view.text if view else private
    return "".join(filter(str.isalnum, plain.casefold()))
