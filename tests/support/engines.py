"""Presidio's AnalyzerEngine with the very recognizers of `PatternDetector`: what their findings are held against.

Same recognizers, Presidio's own context enhancer (whole words, its default numbers), score threshold 0. An engine must
be given a pipeline that cuts texts into tokens for the enhancer; two are used.
"""

import re
from functools import cache
from typing import Any

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine, SpacyNlpEngine
from spacy.language import Language

from filters.findings import EntityType
from filters.text.candidate import Candidate
from filters.text.presidio_recognizers import predefined

_TOKEN = re.compile(r"\w+|[^\w\s]")


class WordNlpEngine(NlpEngine):
    """The cheapest pipeline that gives context words: tokens are words or single signs, lemmas are the tokens."""

    def load(self) -> None:
        """Nothing to load."""

    def is_loaded(self) -> bool:
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        matches = list(_TOKEN.finditer(text))
        tokens = [match.group() for match in matches]
        # Presidio's artifacts leave out the lemma "be"; written otherwise it is a word like any other.
        lemmas = ["BE" if token == "be" else token for token in tokens]
        return NlpArtifacts([], tokens, [match.start() for match in matches], lemmas, self, language)

    def process_batch(self, texts: Any, language: str, *_: Any, **__: Any) -> Any:
        return ((text, self.process_text(text, language)) for text in texts)

    def is_stopword(self, word: str, language: str) -> bool:
        return False

    def is_punct(self, word: str, language: str) -> bool:
        return not re.match(r"\w", word)

    def get_supported_entities(self) -> list[str]:
        return []

    def get_supported_languages(self) -> list[str]:
        return ["en"]


@Language.component("veilstream_lemma_is_text")  # type: ignore[untyped-decorator,unused-ignore]
def _lemma_is_text(doc: Any) -> Any:
    for token in doc:
        token.lemma_ = token.text
    return doc


def _engine(nlp_engine: NlpEngine) -> AnalyzerEngine:
    return AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=predefined(), supported_languages=["en"]),
        nlp_engine=nlp_engine,
        supported_languages=["en"],
        context_aware_enhancer=LemmaContextAwareEnhancer(context_matching_mode="whole_word"),
    )


@cache
def word_engine() -> AnalyzerEngine:
    """With `WordNlpEngine`: the quicker one, and the one whose findings ours are identical to."""
    return _engine(WordNlpEngine())


@cache
def spacy_engine() -> AnalyzerEngine:
    """With a blank English spaCy pipeline whose lemmas are the words as written."""
    pipeline = spacy.blank("en")
    pipeline.add_pipe("veilstream_lemma_is_text")
    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "en_core_web_sm"}])
    engine.nlp = {"en": pipeline}
    return _engine(engine)


def analyzed(text: str, engine: AnalyzerEngine | None = None) -> list[Candidate]:
    """What the engine finds, in our order; supported where a context word was found."""
    found = (engine or word_engine()).analyze(text, language="en", return_decision_process=True)
    candidates = [
        Candidate(
            result.start,
            result.end,
            EntityType(result.entity_type),
            result.score,
            bool(result.analysis_explanation.supportive_context_word),
        )
        for result in found
    ]
    return sorted(candidates, key=lambda c: (c.start, c.end, c.entity_type))
