"""What surrounds a name: is it a style, a character, a figure of public life, or a private person?

For each `PERSON` finding, and for exactly its span, the words on either side and three lists of names decide which
context attributes it carries and by how much its score is raised. An attribute excuses nothing but its own span: in
"in the style of John Smith, 12 Elm St" the address makes the name a private person's, and the address is a finding of
its own. No attribute is given, whatever the list says, to a name that is introduced as an acquaintance's.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from filters.findings import CARRY_ATTRIBUTES, ContextAttribute, TextFinding
from filters.records import PromptContent
from filters.text.known_names import KnownNames, built_in_names, folded
from filters.text.private_cues import PrivateCue, acquaintance_near, private_cues
from filters.text.style_cues import (
    FICTION_AFTER,
    FICTION_BEFORE,
    FRANCHISE_AFTER,
    Frame,
    separator_before,
    style_after,
    style_before,
)
from filters.text.surroundings import REACH, Surroundings, last_name, surroundings

LIFTS: Final[Mapping[PrivateCue, float]] = {
    PrivateCue.ACQUAINTANCE: 0.25,
    PrivateCue.INTRODUCED: 0.25,
    PrivateCue.ADDRESS: 0.25,
    PrivateCue.CONTACT: 0.25,
    PrivateCue.IDENTIFIER: 0.2,
    PrivateCue.SURNAME_FIRST: 0.15,
    PrivateCue.TITLE: 0.1,
    PrivateCue.LIKENESS: 0.1,
}
"""What a cue adds to a score. Chosen, not fitted: one strong cue lifts a doubtful name (0.4) over a usual threshold of
0.6, and two weak ones nearly do."""
MOST_LIFT: Final = 0.35
"""Cues together add no more than a context word does to a pattern (`filters.text.context.LIFT`)."""

_OVERRULES_LISTS: Final = frozenset({PrivateCue.ACQUAINTANCE, PrivateCue.INTRODUCED})
_DATA_BESIDE: Final = frozenset({PrivateCue.ADDRESS, PrivateCue.CONTACT, PrivateCue.IDENTIFIER})
_LONGEST_LIST: Final = 5


def attributed(
    content: PromptContent, findings: Sequence[TextFinding], known: KnownNames | None = None
) -> list[TextFinding]:
    """The findings in their order, each with its context attributes and its score (never lower than before).

    Args:
        content: what they were found in.
        findings: of one detector; only `PERSON` is looked at.
        known: the lists of names; those that come with the product where None.
    """
    if not any(finding.entity_type in CARRY_ATTRIBUTES for finding in findings):
        return list(findings)
    names = known or built_in_names()
    fields = {field: _sorted(findings, field) for field in {finding.field for finding in findings}}
    return [
        _attributed(content.fields[finding.field], finding, fields[finding.field], names)
        if finding.entity_type in CARRY_ATTRIBUTES
        else finding
        for finding in findings
    ]


def _sorted(findings: Sequence[TextFinding], field: str) -> list[TextFinding]:
    return sorted((finding for finding in findings if finding.field == field), key=lambda finding: finding.start)


def _attributed(text: str, finding: TextFinding, field: Sequence[TextFinding], known: KnownNames) -> TextFinding:
    first = bisect_left(field, finding.start - REACH, key=lambda other: other.start)
    last = bisect_right(field, finding.end + REACH, key=lambda other: other.start)
    near = [other for other in field[first:last] if other is not finding]
    around = surroundings(text, finding, near)
    cues = frozenset(private_cues(around.before, around.name, around.after))
    score = min(1.0, finding.score + min(MOST_LIFT, sum(LIFTS[cue] for cue in sorted(cues))))
    return replace(finding, score=score, attributes=finding.attributes | frozenset(_attributes(around, cues, known)))


def _attributes(around: Surroundings, cues: frozenset[PrivateCue], known: KnownNames) -> Iterator[ContextAttribute]:
    if cues & _OVERRULES_LISTS:
        return
    if _is_style(around, cues, known):
        yield ContextAttribute.STYLE_REFERENCE
    if _is_fictional(around, cues, known):
        yield ContextAttribute.FICTIONAL
    if not cues & _DATA_BESIDE and _listed(around, known.public):
        yield ContextAttribute.PUBLIC_FIGURE


def _listed(around: Surroundings, names: frozenset[str]) -> Surroundings | None:
    """The name as the list has it, with a word or two more than was found if need be."""
    return next((wider for wider in around.extended() if folded(wider.name) in names), None)


def _is_style(around: Surroundings, cues: frozenset[PrivateCue], known: KnownNames) -> bool:
    artist = _listed(around, known.artists)
    if artist is not None and (_frame(artist, known) is not Frame.NONE or _is_tag_of_its_own(artist)):
        return True
    if _frame(around, known) is not Frame.STYLE or cues:
        return False
    return not acquaintance_near(around.before, around.after)


def _frame(around: Surroundings, known: KnownNames) -> Frame:
    """What the words around the name say, or the head of the list of names that it stands in."""
    behind = style_after(around.after)
    if behind is not Frame.NONE:
        return behind
    before, listed_by_comma = around.before, False
    for _ in range(_LONGEST_LIST):
        frame = style_before(before, around.after)
        if frame is not Frame.NONE:
            # "by Monet, jane doe by the pool" goes on with what is in the picture; "by Monet, jane doe, mist" does not
            return Frame.LISTED if listed_by_comma and not _ends_a_tag(around) else frame
        separated = separator_before(before)
        start = last_name(separated[0], known.artists) if separated else None
        if separated is None or start is None:
            break
        before, listed_by_comma = separated[0][:start], listed_by_comma or not separated[1]
    return Frame.NONE


def _ends_a_tag(around: Surroundings) -> bool:
    after = around.after.strip()
    return not after or after[0] in ",;."


def _is_tag_of_its_own(around: Surroundings) -> bool:
    """Whether an artist's name is a tag behind others ("forest, mist, greg rutkowski, 8k"), and so not the subject."""
    return around.before.rstrip().endswith((",", ";")) and (
        not around.after.strip() or around.after.strip()[0] in ",;."
    )


def _is_fictional(around: Surroundings, cues: frozenset[PrivateCue], known: KnownNames) -> bool:
    if cues & _DATA_BESIDE:
        return False
    if _listed(around, known.characters):
        return True
    if FRANCHISE_AFTER.match(around.after):
        return True
    said = FICTION_BEFORE.search(around.before[-80:]) or FICTION_AFTER.match(around.after)
    return bool(said) and not cues - {PrivateCue.LIKENESS}
