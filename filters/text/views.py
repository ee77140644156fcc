"""Every way in which a text is read: as it looks, decoded, put together, written down, without grammar.

Detectors of forms are asked about each view that differs (`views_of`). A view further from the text is believed less:
of those that put together what stands apart, only what proves itself counts (`View.name` tells which; `is_believed`).
Detectors of words, to which a view more is a run of a model more, read one view that has it all (`reading_of`).
"""

import re
from collections.abc import Iterator, Sequence

from filters.findings import EntityType
from filters.text.candidate import Candidate
from filters.text.escapes import decoded_view, turned_view
from filters.text.normalize import View, view_of
from filters.text.prose import joined_view, prose_view
from filters.text.spelled import DIGIT_WORDS, compact_view, leet_view, lettered_view, spelled_view

_PROVEN = frozenset(
    {
        EntityType.CREDIT_CARD,
        EntityType.CRYPTO,
        EntityType.EMAIL_ADDRESS,
        EntityType.IBAN_CODE,
        EntityType.IP_ADDRESS,
        EntityType.PHONE_NUMBER,
        EntityType.US_SSN,
    }
)
"""Types whose form or checksum does not come about by putting together what does not belong together."""
_LITERAL = frozenset({"reading", "decoded"})
_LEAST_SCORE = 0.4
_PHONE_DIGITS = 9
_WORDS = frozenset(
    [
        *DIGIT_WORDS,
        *["double", "triple", "dot", "period", "punkt", "punto", "point", "ponto", "punt"],
    ]
)
_APART = str.maketrans(",.-/()[]{}<>\n", " " * 13)
_FEWEST_WORDS = 2
# What a text needs, but for words, so that anything but its reading can differ.
_MARKS = re.compile(
    r"[@%&\\]|U\+|[\d)](?:[ \t]{0,3}-?[ \t]{0,3}[\r\n_*|~]|[ \t]{2}|[OoQDIliZSB|][\dOoQDIliZSB|. -]{3})"
    r"|[OoQDIliZSB|]\d[\dOoQDIliZSB|]"
    r"|(?<!\w)[\w@][ .\-_*|~/,][\w@][ .\-_*|~/,][\w@](?!\w)"
)
_LONG = re.compile(r"[\w+/-]{11}")
_ENCODED = re.compile(r"(?<![\w+/-])(?=[\w+/-]{11})[a-z+/-]{0,40}[A-Z0-9_]")


def no_views(text: str) -> Sequence[View]:  # noqa: ARG001  in the place of `views_of`
    """None: what a detector without views sees."""
    return ()


def views_of(text: str) -> Sequence[View]:
    """The views of a text that differ from it and from each other, the most literal first; seven at most."""
    views: list[View] = []
    seen = {text}
    for view in _views(text):
        if view.text not in seen:
            seen.add(view.text)
            views.append(view)
    return views


def _views(text: str) -> Iterator[View]:
    reading = view_of(text)
    if reading is not None:
        yield reading
    plain = reading.text if reading else text
    if _may_differ(plain):
        yield from _far_views(text, reading)
    prose = prose_view(text)
    if prose is not None:
        yield prose
        joined = joined_view(prose)
        if joined is not None:
            yield joined
            yield from _far_views(text, joined)


def reading_of(text: str) -> View | None:
    """The text as a person reads its words; None where that is the text itself.

    Look-alikes, escapes, islands and letters set apart are put right, and the grammar of prompts is gone. Numbers are
    left as they are.
    """
    reading = view_of(text)
    looks = (decoded_view, compact_view) if _may_differ(reading.text if reading else text) else ()
    for look in (*looks, prose_view, lettered_view):
        view = look(reading.text if reading else text)
        reading = view.over(reading) if view else reading
    return reading


def _far_views(text: str, reading: View | None) -> Iterator[View]:
    plain = reading.text if reading else text
    latest = reading
    for read in (decoded_view, compact_view, spelled_view, leet_view):
        view = read(latest.text if latest else text)
        if view is not None:
            latest = view.over(latest)
            yield latest
    turned = turned_view(plain)
    if turned is not None:
        yield turned.over(reading)


def _may_differ(text: str) -> bool:
    """A cheap look: whether anything in the text could be decoded, put together or written down."""
    if _MARKS.search(text) or (_LONG.search(text) and _ENCODED.search(text)):
        return True
    words = [word for word in text.lower().translate(_APART).split() if word in _WORDS]
    return len(words) >= _FEWEST_WORDS


def is_believed(view: View, candidate: Candidate, text: str) -> bool:
    """Whether what was found in a view of `text` counts: it stands on what the view changed, and proves itself."""
    if view.name in _LITERAL:
        return True
    start, end = view.span(candidate.start, candidate.end)
    found = view.text[candidate.start : candidate.end]
    if candidate.entity_type not in _PROVEN or candidate.score < _LEAST_SCORE or text[start:end] == found:
        return False
    if view.name == "turned":
        return candidate.entity_type is EntityType.EMAIL_ADDRESS
    return candidate.entity_type is not EntityType.PHONE_NUMBER or sum(map(str.isdigit, found)) >= _PHONE_DIGITS
