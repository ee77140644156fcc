"""One person has one invented name, however the name is written and whatever part of it stands there."""

import pytest

from filters.text.substitute_names import NAMES, substitute_name
from tests.support.prompts import findings

KEY = bytes(range(32))
JANE, DOE = str(substitute_name("Jane", KEY)), str(substitute_name("Doe", KEY))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Jane Doe", f"{JANE} {DOE}"),
        ("JANE DOE", f"{JANE} {DOE}"),
        ("jane  doe", f"{JANE} {DOE}"),
        ("Jane\u200b\u00a0Dóe", f"{JANE} {DOE}"),
        ("Doe, Jane", f"{DOE} {JANE}"),
        ("Dr. Jane van Doe", f"{JANE} {DOE}"),
        ("jane_doe", f"{JANE}_{DOE}"),
        ("JaneDoe", f"{JANE}{DOE}"),
        ("Jane's", f"{JANE}'s"),
        ("Ms. Doe", DOE),
    ],
)
def test_each_word_of_a_name_has_one_substitute(written, expected):
    assert substitute_name(written, KEY) == expected


def test_an_initial_stays_an_initial():
    first, last = str(substitute_name("J. Doe", KEY)).split()
    assert len(first) == 2
    assert first.endswith(".")
    assert last == DOE


def test_another_key_has_other_names():
    assert substitute_name("Jane Doe", bytes(32)) != substitute_name("Jane Doe", KEY)


def test_nobody_is_called_as_before():
    """Also where the draw gives the very name."""
    assert all(str(substitute_name(name, KEY)).casefold() != name.casefold() for name in NAMES)


def test_a_span_without_letters_has_no_name():
    assert substitute_name("12-34", KEY) is None


def test_there_are_as_many_names_as_the_documentation_says():
    """2,234; a thousand people with nothing in common share none."""
    assert len(set(NAMES)) == len(NAMES) == 2234
    people = [f"{first} {last}" for first, last in zip(NAMES[:1000], NAMES[-1000:], strict=True)]
    assert len({substitute_name(name, KEY) for name in people}) == len(people)


def test_no_recognizer_finds_anything_in_the_names():
    assert findings(", ".join(NAMES)) == []
