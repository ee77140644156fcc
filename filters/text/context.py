"""Context words: "passport" before `A1234567` makes a weak pattern believable.

Single words count as in Presidio's LemmaContextAwareEnhancer (matching mode "whole_word", lemmas being the words as
written): the word that a candidate begins with, and the five before it. By whole words, for as substrings "pi" is in
"pixel", "us" in "lush" and "lic" in "public". Phrases ("codice fiscale") count as well, which Presidio passes over.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from filters.findings import EntityType
from filters.text.candidate import Candidate

# Presidio's defaults: context_similarity_factor, min_score_with_context_similarity, context_prefix_count.
LIFT = 0.35
MINIMUM = 0.4
WORDS = 5

_REACH = 160
"""Characters before a candidate in which phrases are looked for."""
_WORD = re.compile(r"\w+")
_SPACELESS = re.compile(r"[\u0e00-\u0e7f\u1100-\u11ff\u3040-\u9fff\uac00-\ud7af]")

# What redaction has put there is not the sender's context, and words beyond it did not stand that near before.
_SUBSTITUTE = re.compile(rf"<(?:{'|'.join(EntityType)})(?:[-=][a-zA-Z]+)?>")


class Words:
    """The words of one text, in lower case, read when first asked for.

    Args:
        text: any.
        substitutes: whether substitutes that redaction left hide the words in and before them. Presidio knows none.
    """

    def __init__(self, text: str, *, substitutes: bool = False) -> None:
        self._text = text
        self._words: list[str] | None = None
        self._ends: list[int] = []
        self._starts: list[int] = []
        has_substitutes = substitutes and "<" in text
        self._hidden = [match.end() for match in _SUBSTITUTE.finditer(text)] if has_substitutes else []

    def around(self, start: int) -> Sequence[str]:
        """The word at `start`, where nothing but space is before it, and five before it; or six before `start`."""
        if self._words is None:
            matches = list(_WORD.finditer(self._text))
            self._words = [match.group().lower() for match in matches]
            self._starts, self._ends = [match.start() for match in matches], [match.end() for match in matches]
        index = bisect_right(self._ends, start)  # the first word that ends behind `start`
        own = index < len(self._words) and not self._text[start : self._starts[index]].strip()
        last = index + 1 if own else index
        first = max(0, last - WORDS - 1)
        if self._hidden:
            end = self._hidden[at - 1] if (at := bisect_right(self._hidden, start)) else 0
            first = max(first, bisect_right(self._ends, end))
        return self._words[first:last]


class ContextWords:
    """The context words of one recognizer."""

    def __init__(self, words: Sequence[str]) -> None:
        # Presidio compares them with single words: whatever else they hold never matches there.
        self._single = frozenset(word.lower() for word in words)
        phrases = [word for word in words if not _WORD.fullmatch(word) or _SPACELESS.search(word)]
        alternatives = "|".join(_alternative(word) for word in sorted(phrases, key=len, reverse=True))
        self._phrases = re.compile(alternatives, re.IGNORECASE) if phrases else None

    def enhance(self, words: Words, candidate: Candidate) -> Candidate:
        """The candidate with its score lifted, if one of the words supports it: Presidio's rule."""
        if not self._single or self._single.isdisjoint(words.around(candidate.start)):
            return candidate
        return _lifted(candidate)

    def enhance_by_phrase(self, text: str, candidate: Candidate) -> Candidate:
        """The candidate with its score lifted, if it was not yet and one of the phrases stands before it."""
        if self._phrases is None or candidate.supported or not self._phrases.search(_before(text, candidate.start)):
            return candidate
        return _lifted(candidate)


def _lifted(candidate: Candidate) -> Candidate:
    return replace(candidate, score=min(1.0, max(MINIMUM, candidate.score + LIFT)), supported=True)


def _alternative(word: str) -> str:
    """A phrase as a pattern: whole words, spaces of any kind; without borders in scripts that write none."""
    inner = r"\s+".join(re.escape(part) for part in word.split())
    if _SPACELESS.search(word):
        return inner
    return rf"(?<!\w){inner}(?!\w)"


def _before(text: str, start: int) -> str:
    window = text[max(0, start - _REACH) : start]
    for substitute in _SUBSTITUTE.finditer(window):
        last = substitute.end()
        window = " " * last + window[last:]
    words = list(_WORD.finditer(window))
    if len(words) > WORDS:
        return window[words[-WORDS].start() :]
    if words and start > _REACH and words[0].start() == 0:
        return window[words[0].end() :]  # cut in two by the reach: half a word says nothing
    return window
