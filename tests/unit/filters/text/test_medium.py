"""`PromptMedium`: limits, and what it passes on."""

import pytest

from filters.decide import Hit
from filters.errors import MessageError, PayloadTooLarge
from filters.findings import EntityType, TextFinding
from filters.keys import TenantKeys
from filters.medium import Medium
from filters.pipeline import FilterPipeline
from filters.policy_operators import ReplaceText
from filters.protocols import TextDetector
from filters.records import ContentKind, PromptContent, Record, RecordContext, SourcePosition
from filters.text.medium import PromptMedium, TextLimits
from filters.text.patterns import PatternDetector
from filters.verdict import Action
from tests.fakes import CollectingObserver, StaticPolicies, WordDetector, policy


def medium(*detectors, limits=None):
    return PromptMedium(detectors, TenantKeys(bytes(32)), limits or TextLimits())


def test_it_is_a_medium():
    """The assignment is what mypy checks; the attributes are what the pipeline reads."""
    it: Medium[PromptContent, PromptContent, TextDetector] = medium(WordDetector(["jane"]))
    assert (it.kind, it.own_entities) == (ContentKind.PROMPT, frozenset())
    assert it.weight(PromptContent({"a": "xyz", "b": "é"})) == 4
    assert it.own_findings(it.decode(PromptContent({}))) == ()


def test_characters_are_counted_over_all_fields():
    it = medium(limits=TextLimits(max_characters=10))
    assert it.decode(PromptContent({"a": "x" * 5, "b": "x" * 5})).size == 10
    with pytest.raises(PayloadTooLarge):
        it.decode(PromptContent({"a": "x" * 5, "b": "x" * 6}))


def test_the_defaults_are_64_kibi_characters_and_64_fields():
    it = medium()
    it.decode(PromptContent({"a": "x" * 65_536}))
    it.decode(PromptContent({str(index): "" for index in range(64)}))
    with pytest.raises(PayloadTooLarge):
        it.decode(PromptContent({"a": "x" * 65_537}))
    with pytest.raises(PayloadTooLarge):
        it.decode(PromptContent({str(index): "" for index in range(65)}))


@pytest.mark.parametrize("bad", ["a\0b", "\ud83d", "\udc00x"])
def test_what_is_no_text_is_refused_without_being_shown(bad):
    with pytest.raises(MessageError) as caught:
        medium().decode(PromptContent({"prompt": "fine", "other": bad}))
    assert caught.value.reason == "invalid_text"
    assert bad not in str(caught.value)


def test_emoji_outside_the_basic_plane_are_text():
    content = PromptContent({"prompt": "👩🏽‍🎨 paints 🎨"})
    assert medium().decode(content) is content


def test_detect_and_redact_pass_through():
    it = medium(WordDetector(["jane"]))
    (found,) = it.detect(it.detectors[0], [PromptContent({"p": "a jane b"})])
    assert [(f.start, f.end) for f in found] == [(2, 6)]
    hits = [Hit(TextFinding("p", 2, 6, EntityType.PERSON, 1.0, "x"), Action.REDACT, "r", ReplaceText())]
    assert it.redact(PromptContent({"p": "a jane b"}), hits, "acme") == PromptContent({"p": "a <PERSON> b"})


def test_a_detector_out_of_time_fails_closed():
    """A prompt made to stall the patterns is not released."""
    context = RecordContext(SourcePosition("prompts", 0, 0), "acme", "r")
    pipeline = FilterPipeline([medium(PatternDetector(budget=0.2))], StaticPolicies(policy()), CollectingObserver())
    (outcome,) = pipeline.process_batch([Record(context, PromptContent({"prompt": "a." * 30_000 + "@b.c"}))])
    assert outcome.content is None
    assert outcome.verdict.failure is not None
