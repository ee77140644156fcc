"""A finding is a substitute's own only where nothing else can hide in it."""

import pytest

from filters.findings import EntityType, TextFinding
from filters.records import PromptContent
from filters.written import ANY_TYPE, WrittenSpan, without_own

TEXT = "photo of Robin Ashby, Halden Merwick Smith"
SPANS = [WrittenSpan("prompt", 9, 20, ANY_TYPE - {EntityType.TERM}), WrittenSpan("prompt", 22, 36, ANY_TYPE)]


def left(start: int, end: int, entity: str = "PERSON", text: str = TEXT, spans=SPANS, field: str = "prompt") -> bool:
    finding = TextFinding(field, start, end, EntityType(entity), 0.9, "test")
    return bool(without_own([finding], {"prompt": text, "negative_prompt": text}, spans))


@pytest.mark.parametrize(("start", "end"), [(9, 20), (9, 14), (15, 20), (8, 21), (20 - 1, 24), (9, 36), (36 - 1, 37)])
def test_what_lies_in_substitutes_and_signs_around_them_is_their_own(start, end):
    assert not left(start, end)


@pytest.mark.parametrize(("start", "end"), [(0, 5), (6, 20), (22, 42), (37, 42), (9, 42), (20, 22)])
def test_a_letter_beside_a_substitute_makes_it_a_finding(start, end):
    assert left(start, end)


def test_a_type_that_the_substitute_may_not_pass_for_is_found():
    assert left(9, 20, "TERM")
    assert not left(22, 36, "TERM")


def test_the_place_counts_and_not_the_text():
    """The same words elsewhere, or in another field, are a finding."""
    assert left(9, 20, text=TEXT, field="negative_prompt")
    again = f"{TEXT} Robin Ashby"
    assert left(43, 54, text=again)


def test_content_from_outside_has_written_nothing():
    assert PromptContent({"prompt": TEXT}).written == ()
