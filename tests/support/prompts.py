"""Detectors over Presidio's patterns, built once a process, and its own engine as the reference for them."""

from functools import cache
from pathlib import Path
from typing import Any

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.nlp_engine import SpacyNlpEngine
from ruamel.yaml import YAML
from spacy.language import Language

from filters.decide import Hit, decide
from filters.findings import EntityType, TextFinding
from filters.policy import FilterPolicy
from filters.records import ContentKind, PromptContent
from filters.text.candidate import Candidate, without_contained
from filters.text.gate import PHONE_DIGITS
from filters.text.patterns import PatternDetector
from filters.text.plausibility import judged
from filters.text.presidio_recognizers import predefined
from filters.text.technical import technical_tokens

ROOT = Path(__file__).parents[2]


@cache
def detector() -> PatternDetector:
    """As the worker runs it."""
    return PatternDetector()


@cache
def ungated() -> PatternDetector:
    """Asks every recognizer about every text."""
    return PatternDetector(budget=60, gated=False)


@cache
def default_policy() -> FilterPolicy:
    """The policy of `veilstream scan` and the demo."""
    return FilterPolicy.model_validate(YAML(typ="safe").load(ROOT / "filters/default_policy.yaml"))


def findings(text: str, by: PatternDetector | None = None) -> list[TextFinding]:
    """What is found in one prompt."""
    return (by or detector()).detect([PromptContent({"prompt": text})])[0]


def hits(text: str, policy: FilterPolicy | None = None) -> tuple[Hit, ...]:
    """What a policy asks for in one prompt."""
    return decide(findings(text), policy or default_policy(), ContentKind.PROMPT).hits


@Language.component("veilstream_lemma_is_text")  # type: ignore[untyped-decorator,unused-ignore]
def _lemma_is_text(doc: Any) -> Any:
    for token in doc:
        token.lemma_ = token.text
    return doc


@cache
def analyzer_engine() -> AnalyzerEngine:
    """Presidio's AnalyzerEngine with the same recognizers, a blank English pipeline and whole-word context."""
    pipeline = spacy.blank("en")
    pipeline.add_pipe("veilstream_lemma_is_text")
    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "en_core_web_sm"}])
    engine.nlp = {"en": pipeline}
    registry = RecognizerRegistry(recognizers=predefined(), supported_languages=["en"])
    return AnalyzerEngine(
        registry=registry,
        nlp_engine=engine,
        supported_languages=["en"],
        context_aware_enhancer=LemmaContextAwareEnhancer(context_matching_mode="whole_word"),
    )


def reference(text: str) -> list[Candidate]:
    """What AnalyzerEngine finds in a text, judged by the rules of this project."""
    found = [
        Candidate(
            result.start,
            result.end,
            EntityType(result.entity_type),
            result.score,
            bool(result.analysis_explanation.supportive_context_word),
        )
        for result in analyzer_engine().analyze(text, language="en", return_decision_process=True)
        if result.entity_type != "PHONE_NUMBER" or PHONE_DIGITS.search(text[result.start : result.end])
    ]
    return without_contained(judged(text, found, technical_tokens(text)))
