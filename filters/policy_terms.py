"""A tenant's own terms in the policy document: words and regular expressions, checked when the document is read."""

import re
from collections.abc import Sequence
from functools import partial
from itertools import chain
from math import prod
from typing import Annotated, Final, Self

import regex
from pydantic import AfterValidator, Field, model_validator

from filters.policy_part import PolicyPart, RuleId

MAX_LISTS: Final = 32
MAX_WORDS: Final = 5_000
"""Over all lists of a policy; its document may have 65,536 characters."""
MAX_REGEXES: Final = 64
"""Over all lists of a policy."""

MAX_REPEATS: Final = 10_000
"""The product of a regular expression's `{n}`: nested ones are written out when it is compiled, which takes memory."""

_REPEAT = re.compile(r"\{(\d*)(?:,(\d*))?\}")
_RECURSION = re.compile(r"\(\?(?:R|&|P>|[-+]?\d)")

compiled_regex = partial(regex.compile, flags=regex.IGNORECASE | regex.VERSION0)
"""Compile a policy's regular expression. Raises `regex.error` where its syntax is wrong."""


def _is_word(word: str) -> str:
    if sum(map(str.isalnum, word)) < 2:  # noqa: PLR2004  a single letter stands in every prompt
        raise ValueError("a word needs two letters or digits")
    return word


def _is_regex(pattern: str) -> str:
    """The pattern, if it is small, compiles, and asks for at least one character; messages do not quote it."""
    if _RECURSION.search(pattern) or prod(_most(repeat) for repeat in _REPEAT.finditer(pattern)) > MAX_REPEATS:
        raise ValueError(f"this regular expression calls itself, or repeats more than {MAX_REPEATS} times")
    try:
        matches_nothing = compiled_regex(pattern).fullmatch("", timeout=1.0)
    except TimeoutError:
        raise ValueError("this regular expression takes too long on the empty text") from None
    except (regex.error, OverflowError, RecursionError) as error:
        at = getattr(error, "pos", None)
        where = f" at its character {at + 1}" if isinstance(at, int) else ""
        raise ValueError(f"this is no regular expression of Python's `regex` module{where}") from None
    if matches_nothing:
        raise ValueError("this regular expression matches the empty text, and so everywhere")
    return pattern


def _most(repeat: re.Match[str]) -> int:
    return max((int(number[:9]) for number in repeat.groups() if number), default=1) or 1


Word = Annotated[str, Field(min_length=2, max_length=128), AfterValidator(_is_word)]
TermRegex = Annotated[str, Field(min_length=2, max_length=256), AfterValidator(_is_regex)]


class TermList(PolicyPart):
    """Words and regular expressions that the tenant looks for; rules for `TERM` say what becomes of them.

    Words are found whatever their case, accents and spacing. Regular expressions ignore case, are those of Python's
    `regex` module, and share a time limit: a prompt that exceeds it cannot be judged.
    """

    name: RuleId = Field(description="What rules call the list by, in `lists`.")
    words: Annotated[tuple[Word, ...], Field(max_length=MAX_WORDS)] = ()
    regexes: Annotated[tuple[TermRegex, ...], Field(max_length=MAX_REGEXES)] = ()
    whole_words: bool = Field(default=True, description="Whether letters and digits beside a word make it another.")

    @model_validator(mode="after")
    def _lists_something(self) -> Self:
        if not self.words and not self.regexes:
            raise ValueError("a term list needs `words` or `regexes`")
        return self


def check_term_lists(lists: Sequence[TermList], asked: Sequence[Sequence[str]]) -> None:
    """Hold the lists against each other and the rules.

    Args:
        lists: those of the policy.
        asked: for each rule about `TERM`, the lists that it names; none stands for all.

    Raises:
        ValueError: too many terms, a name twice, or rules and lists that do not meet.
    """
    names = [each.name for each in lists]
    if len(set(names)) != len(names):
        raise ValueError("two lists of `terms` have the same name")
    if sum(len(each.words) for each in lists) > MAX_WORDS or sum(len(each.regexes) for each in lists) > MAX_REGEXES:
        raise ValueError(f"`terms` has more than {MAX_WORDS} words or {MAX_REGEXES} regular expressions")
    if set(chain.from_iterable(asked)) - set(names):
        raise ValueError("a rule's `lists` names a list that `terms` does not have")
    uncovered = bool(asked) and all(asked) and set(names) - set(chain.from_iterable(asked))
    if names and (not asked or uncovered):
        raise ValueError("`terms` has a list that no rule about TERM asks for, so that nothing becomes of it")
    if asked and not names:
        raise ValueError("a rule is about TERM, and there are no `terms`")
