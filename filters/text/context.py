"""Context words: "passport" before `A1234567` makes a weak pattern believable.

In the spirit of Presidio's LemmaContextAwareEnhancer and with its numbers, but by whole words: as substrings, "pi" is
in "pixel", "us" in "lush" and "lic" in "public". Phrases ("codice fiscale") count as well.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from filters.findings import EntityType
from filters.text.candidate import Candidate

# Presidio's defaults: context_similarity_factor, min_score_with_context_similarity, context_prefix_count.
LIFT = 0.35
MINIMUM = 0.4
WORDS = 5

_REACH = 160
"""Characters before a candidate in which its words are looked for."""
_WORD = re.compile(r"\w+")
_SPACELESS = re.compile(r"[\u0e00-\u0e7f\u1100-\u11ff\u3040-\u9fff\uac00-\ud7af]")

# What redaction has put there is not the sender's context, and words beyond it did not stand that near before.
_SUBSTITUTE = re.compile(rf"<(?:{'|'.join(EntityType)})(?:[-=][a-zA-Z]+)?>")


class ContextWords:
    """The context words of one recognizer."""

    def __init__(self, words: Sequence[str]) -> None:
        alternatives = "|".join(_alternative(word) for word in sorted(words, key=len, reverse=True))
        self._pattern = re.compile(alternatives, re.IGNORECASE) if words else None

    def enhance(self, text: str, candidate: Candidate) -> Candidate:
        """The candidate with its score lifted, if one of the words stands within five words before it."""
        if self._pattern is None or self._pattern.search(_before(text, candidate.start)) is None:
            return candidate
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
