"""`TermDetector`: the words and regular expressions of the tenant's own policy.

Words are found by one Aho–Corasick automaton a policy (A. V. Aho and M. J. Corasick, 1975), so that their number costs
nothing; regular expressions one after the other, under a time limit that they share.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final

import ahocorasick
import regex

from filters.errors import DetectionError, DetectorTimeout
from filters.findings import EntityType, TextFinding
from filters.policy import FilterPolicy
from filters.policy_terms import TermList, compiled_regex
from filters.records import PromptContent
from filters.text.folding import folded
from filters.text.normalize import View, view_of
from filters.text.views import views_of

REGEX_SECONDS: Final = 0.5
"""Of this process's CPU time, for all regular expressions of a policy over one prompt."""
KEPT_POLICIES: Final = 256
TERM_SCORE: Final = 1.0

_SHORTEST_JOINED: Final = 8
"""Letters from which a term of several words is also found written as one: `Blue Heron` in `blueheron`."""
_SPACELESS = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_RULES_OF_READING = "2"
"""Raised when the same policy would find something else."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A spelling in the automaton: its length, the lists that have it, and whether its ends must be a word's."""

    length: int
    lists: tuple[tuple[str, bool], ...] = field(repr=False)
    bounded_left: bool
    bounded_right: bool


@dataclass(frozen=True, slots=True)
class _Match:
    start: int
    end: int
    term_list: str


class TermMatcher:
    """The term lists of one policy, ready to search. Immutable; called from several threads at a time.

    Args:
        lists: of one policy, validated.
    """

    def __init__(self, lists: Sequence[TermList]) -> None:
        self.lists = lists
        self._automaton = _automaton(_spellings(lists))
        self._patterns = [(each.name, compiled_regex(pattern)) for each in lists for pattern in each.regexes]

    def matches(self, text: str, budget: "RegexBudget") -> list[_Match]:
        """What stands in the text, by start; none inside another of the same list.

        Raises:
            TimeoutError: the regular expressions took longer than the budget has left.
        """
        found: set[_Match] = set()
        for each in (None, *views_of(text)):
            found.update(self._words(text, each))
            found.update(self._regexes(text, each, budget))
        return _widest(found)

    def _words(self, text: str, view: View | None) -> Iterator[_Match]:
        if self._automaton is None:
            return
        plain = folded(view.text if view else text)
        for last, entry in self._automaton.iter(plain.text):
            start, end = last + 1 - entry.length, last + 1
            alone = not (entry.bounded_left and plain.text[start - 1 : start].isalnum()) and not (
                entry.bounded_right and plain.text[end : end + 1].isalnum()
            )
            span = plain.span(start, end)
            for name, whole in entry.lists:
                if alone or not whole:
                    yield _Match(*(view.span(*span) if view else span), name)

    def _regexes(self, text: str, view: View | None, budget: "RegexBudget") -> Iterator[_Match]:
        shown = view.text if view else text
        for name, pattern in self._patterns:
            for start, end in budget.search(pattern, shown):
                yield _Match(*(view.span(start, end) if view else (start, end)), name)


class RegexBudget:
    """What regular expressions may still take for one prompt.

    Args:
        seconds: for all searches together.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def search(self, pattern: regex.Pattern[str], text: str) -> list[tuple[int, int]]:
        """The spans that the pattern matches, without the empty ones.

        Raises:
            TimeoutError: the budget is spent.
        """
        if self._seconds <= 0:
            raise TimeoutError
        started = time.perf_counter()
        spans = [match.span() for match in pattern.finditer(text, timeout=self._seconds)]
        self._seconds -= time.perf_counter() - started
        return [(start, end) for start, end in spans if start < end]


class TermDetector:
    """`PolicyTextDetector` for the terms of the policy in force.

    Args:
        regex_seconds: for the regular expressions of a policy over one prompt.
        kept: policies whose matchers are kept, the least used going first.
    """

    name = "terms"
    entities = frozenset({EntityType.TERM})

    def __init__(self, regex_seconds: float = REGEX_SECONDS, kept: int = KEPT_POLICIES) -> None:
        self._regex_seconds = regex_seconds
        self._kept = kept
        self._matchers: OrderedDict[tuple[str, int], TermMatcher] = OrderedDict()
        self._lock = threading.Lock()
        parts = (_RULES_OF_READING, version("pyahocorasick"), version("regex"))
        self.digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def detect_for(
        self, batch: Sequence[PromptContent], policies: Sequence[FilterPolicy]
    ) -> list[list[TextFinding] | DetectionError]:
        """The terms of each prompt's own policy; a prompt that takes too long gets an error of its own.

        Raises:
            ValueError: there is not one policy a prompt.
        """
        return [self._findings(content, policy) for content, policy in zip(batch, policies, strict=True)]

    def _findings(self, content: PromptContent, policy: FilterPolicy) -> list[TextFinding] | DetectionError:
        if policy.spec.prompts is None or not policy.spec.prompts.terms:
            return []
        matcher = self._matcher(policy, policy.spec.prompts.terms)
        budget = RegexBudget(self._regex_seconds)
        try:
            return [
                TextFinding(
                    name, match.start, match.end, EntityType.TERM, TERM_SCORE, self.name, term_list=match.term_list
                )
                for name, text in content.fields.items()
                for match in matcher.matches(text, budget)
            ]
        except TimeoutError:
            return DetectorTimeout(
                f"the regular expressions of the policy's `terms` took longer than {self._regex_seconds} s; "
                "simplify them",
                reason="term_regex",
            )

    def _matcher(self, policy: FilterPolicy, lists: Sequence[TermList]) -> TermMatcher:
        """The policy's matcher, built once a version; a tenant that was removed may come back with the same version."""
        key = (policy.tenant, policy.metadata.version)
        with self._lock:
            matcher = self._matchers.get(key)
            if matcher is not None and (matcher.lists is lists or matcher.lists == lists):
                self._matchers.move_to_end(key)
                return matcher
        matcher = TermMatcher(lists)
        with self._lock:
            self._matchers[key] = matcher
            self._matchers.move_to_end(key)
            while len(self._matchers) > self._kept:
                self._matchers.popitem(last=False)
        return matcher


def _spellings(lists: Sequence[TermList]) -> dict[str, dict[str, bool]]:
    """Every spelling to look for, with the lists that have it and whether they want it as a whole word."""
    spellings: dict[str, dict[str, bool]] = {}
    for each in lists:
        for word in each.words:
            view = view_of(word)
            plain = folded(view.text if view else word).text.strip()
            joined = plain.replace(" ", "")
            for spelling in {plain, joined} if len(joined) >= _SHORTEST_JOINED else {plain}:
                spellings.setdefault(spelling, {})[each.name] = each.whole_words
    return spellings


def _automaton(spellings: dict[str, dict[str, bool]]) -> ahocorasick.Automaton | None:
    if not spellings:
        return None
    automaton = ahocorasick.Automaton()
    for spelling, lists in spellings.items():
        entry = _Entry(len(spelling), tuple(lists.items()), _is_bounded(spelling[0]), _is_bounded(spelling[-1]))
        automaton.add_word(spelling, entry)
    automaton.make_automaton()
    return automaton


def _is_bounded(edge: str) -> bool:
    """Whether a letter or digit beside this one would make another word of it: not in scripts without spaces."""
    return edge.isalnum() and not _SPACELESS.match(edge)


def _widest(matches: Iterable[_Match]) -> list[_Match]:
    """In order, without those that lie inside another of their list."""
    kept: list[_Match] = []
    reach: dict[str, int] = {}
    for match in sorted(matches, key=lambda each: (each.start, -each.end, each.term_list)):
        if match.end > reach.get(match.term_list, -1):
            reach[match.term_list] = match.end
            kept.append(match)
    return kept
