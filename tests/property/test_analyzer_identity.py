"""`PatternSearch` finds what Presidio's AnalyzerEngine finds with the same recognizers: same spans, types, scores."""

import json
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.findings import EntityType
from filters.text import phone
from filters.text.context import ContextWords
from filters.text.gate import GATES, Gate
from filters.text.patterns import PatternDetector
from filters.text.presidio_recognizers import predefined, scanner
from filters.text.search import PatternSearch
from tests.support.engines import analyzed
from tests.support.pattern_texts import pattern_texts, private_pieces
from tests.support.prompts import detector

FEW, MANY = 300, 5000
EVAL = Path(__file__).parents[3] / "shared" / "eval"
needs_eval = pytest.mark.skipif(not EVAL.is_dir(), reason="the evaluation files do not lie beside the checkout")


def found(text, search=None):
    return (search or detector().patterns).find(text, time.monotonic() + 60)


def differing(texts, search=None):
    """How many texts the two disagree about; texts themselves are too long to show."""
    return [text for text in texts if found(text, search) != analyzed(text)]


@cache
def few():
    return [(text, analyzed(text)) for text in pattern_texts(FEW)]


def test_the_findings_are_those_of_the_engine_on_a_few_hundred_texts():
    assert [text for text, expected in few() if found(text) != expected] == []


@pytest.mark.slow
def test_the_findings_are_those_of_the_engine_on_5000_texts():
    texts = pattern_texts(MANY, seed=17)
    assert len(set(texts)) == MANY
    assert differing(texts) == []
    assert {each.entity_type for text in texts for each in found(text)} == detector().patterns.entities


@pytest.mark.slow
@needs_eval
def test_the_findings_are_those_of_the_engine_on_the_evaluation_sentences():
    sentences = json.loads((EVAL / "text/presidio_generated_large.json").read_text())
    assert differing([sentence["full_text"] for sentence in sentences]) == []


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.text("0123456789 -./:()+@xA\n", max_size=12), st.text(max_size=5)), max_size=8))
def test_the_findings_are_those_of_the_engine_on_any_text(pieces):
    text = "".join(pieces)
    assert found(text) == analyzed(text)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(piece for some in private_pieces().values() for piece in (*some[0], *some[1])))),
    st.sampled_from(["", " ", ", ", "\n", " be ", " passport card ssn ", "-", "."]),
)
def test_the_findings_are_those_of_the_engine_where_numbers_meet(pieces, glue):
    text = glue.join(pieces[:5])
    assert found(text) == analyzed(text)


@pytest.mark.parametrize("entity", sorted(GATES))
def test_a_gate_that_stays_shut_would_be_noticed(entity):
    """A mutant for each type: its gate asks for what is not there."""
    shut = GATES | {entity: Gate(cluster=1000)}
    mutant = PatternSearch([scanner(recognizer) for recognizer in _recognizers()], shut)
    texts = [text for text in private_pieces()[entity][0] if analyzed(text)]
    assert [text for text in texts if entity in {c.entity_type for c in analyzed(text)}]
    assert differing(texts, mutant)


@pytest.mark.parametrize("entity", [EntityType.US_SSN, EntityType.UK_NHS, EntityType.KR_RRN, EntityType.AU_ABN])
def test_a_gate_that_forgets_how_digits_can_be_grouped_would_be_noticed(entity):
    """A mutant that only lets digits pass that stand in one row."""
    gate = GATES[entity]
    mutant = PatternSearch(map(scanner, _recognizers()), GATES | {entity: replace(gate, runs=gate.runs[:1])})
    assert differing([text for text, _ in few()] + list(private_pieces()[entity][0]), mutant)


def test_context_that_reaches_too_near_would_be_noticed(monkeypatch):
    """A mutant that looks four words back."""
    monkeypatch.setattr("filters.text.context.WORDS", 4)
    assert [text for text, expected in few() if found(text) != expected]


def test_numbers_that_a_region_is_not_asked_about_would_be_noticed(monkeypatch):
    """A mutant that takes every number in national notation for impossible."""
    monkeypatch.setattr(phone.Region, "may_take", lambda self, piece: piece.digits is None or piece.has_plus)
    assert [text for text, expected in few() if found(text) != expected]


def test_phrases_are_ours_alone():
    """The engine compares context words with single tokens: "codice fiscale" never supports anything there."""
    text = "codice fiscale MRTMTT91D08F205J"
    assert [c.supported for c in analyzed(text)] == [False]
    assert [c.supported for c in found(text)] == [False]
    (each,) = found(text)
    assert ContextWords(["codice fiscale"]).enhance_by_phrase(text, each).supported


@cache
def _recognizers():
    return tuple(predefined())


def test_the_detector_judges_what_the_search_finds():
    """A seed is a phone number to the engine and to the search, and a seed to the detector."""
    text = "seed 4155552671"
    assert found(text) == analyzed(text) != []
    assert detector()._search(text, time.monotonic() + 60) == []
    assert isinstance(detector(), PatternDetector)
