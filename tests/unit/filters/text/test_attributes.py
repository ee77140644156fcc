"""Context attributes: the golden table, its power to catch mistakes, and the edges of the seam."""

import re
from dataclasses import replace

import pytest
from ruamel.yaml import YAML

from filters.findings import CARRY_ATTRIBUTES, ContextAttribute, EntityType, TextFinding
from filters.keys import TenantKeys
from filters.records import PromptContent
from filters.text import attributes
from filters.text.attributes import LIFTS, MOST_LIFT, attributed
from filters.text.known_names import KnownNames, NameList, built_in_names
from filters.text.medium import PromptMedium, TextLimits
from filters.text.style_cues import Frame
from tests.fakes import WordDetector
from tests.support.prompts import ROOT

SCORE = 0.5
GOLDEN = YAML(typ="safe").load(ROOT / "tests/golden/text/context.yaml")


def named(marked: str, entity_type: EntityType = EntityType.PERSON) -> tuple[PromptContent, list[TextFinding]]:
    """The prompt without the marks, and a finding for each [[…]]."""
    text, spans = "", []
    for piece in re.split(r"(\[\[.*?\]\])", marked):
        name = piece[2:-2] if piece.startswith("[[") else None
        if name is not None:
            spans.append((len(text), len(text) + len(name)))
        text += piece if name is None else name
    return PromptContent({"prompt": text}), [
        TextFinding("prompt", start, end, entity_type, SCORE, "oracle") for start, end in spans
    ]


def judged(marked: str, known: KnownNames | None = None) -> list[TextFinding]:
    return attributed(*named(marked), known)


def is_golden(row: dict) -> bool:
    (finding,) = judged(row["text"])
    return finding.attributes == set(row["is"]) and (finding.score > SCORE) is row.get("raised", False)


@pytest.mark.parametrize("row", GOLDEN, ids=[row["text"] for row in GOLDEN])
def test_a_name_carries_what_its_surroundings_say(row):
    (finding,) = judged(row["text"])
    assert finding.attributes == set(row["is"])
    assert (finding.score > SCORE) is row.get("raised", False)


MUTANTS = {
    "private cues are not read": ("private_cues", lambda *_: iter(())),
    "every name stands in a frame": ("_frame", lambda *_: Frame.STYLE),
    "lists decide nothing": ("_listed", lambda *_: None),
    "the list alone makes a style": ("_is_style", lambda around, _, known: attributes._listed(around, known.artists)),
    "kin elsewhere in the sentence is not read": ("acquaintance_near", lambda *_: False),
    "a list overrules kin": ("_OVERRULES_LISTS", frozenset()),
    "data beside a name is no matter": ("_DATA_BESIDE", frozenset()),
    "lists of names are not followed": ("separator_before", lambda _: None),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_table_catches(mutant, monkeypatch):
    """Each of these mistakes turns at least one row: else the table would hold nothing."""
    name, instead = MUTANTS[mutant]
    assert all(map(is_golden, GOLDEN))
    monkeypatch.setattr(attributes, name, instead)
    assert not all(map(is_golden, GOLDEN))


def test_each_name_is_judged_alone():
    private, artist = judged("portrait of [[Jane Thornberry]] by [[Greg Rutkowski]], 8k")
    assert private.attributes == frozenset()
    assert artist.attributes == {ContextAttribute.STYLE_REFERENCE}


def test_what_a_redaction_left_behind_keeps_a_list_of_artists_together():
    """Verification looks at the redacted prompt: what was an artist before is still one."""
    (finding,) = judged("forest, art by <PERSON> and [[Tobiasz Wyrwicki]], mist")
    assert finding.attributes == {ContextAttribute.STYLE_REFERENCE}


@pytest.mark.parametrize("entity_type", sorted(set(EntityType) - CARRY_ATTRIBUTES))
def test_nothing_but_names_carries_attributes(entity_type):
    content, findings = named("in the style of [[Greg Rutkowski]], photo of my neighbour", entity_type)
    assert attributed(content, findings) == findings


def test_an_installation_adds_names_of_its_own():
    marked = "[[Zorblax Prime]] in a forest"
    assert judged(marked)[0].attributes == frozenset()
    known = built_in_names().with_more({NameList.CHARACTERS: ["Zorblax Prime|Zorblax"]})
    assert judged(marked, known)[0].attributes == {ContextAttribute.FICTIONAL}
    assert judged("[[Hermione Granger]]", known)[0].attributes == {ContextAttribute.FICTIONAL}
    assert known.digest != built_in_names().digest


def test_attributes_that_a_detector_gave_stay():
    content, (finding,) = named("[[Jane Thornberry]]")
    given = replace(finding, attributes=frozenset({ContextAttribute.FICTIONAL}))
    assert attributed(content, [given]) == [given]


def test_cues_add_up_to_a_limit_and_never_beyond_one():
    marked = "photo of my neighbour [[Jane Thornberry]], 12 Elm Street, jane@example.com, born on 3 May"
    content, (finding,) = named(marked)
    assert attributed(content, [finding])[0].score == pytest.approx(SCORE + MOST_LIFT)
    assert attributed(content, [replace(finding, score=0.9)])[0].score == 1.0
    assert max(LIFTS.values()) <= MOST_LIFT


def test_the_medium_reads_the_context_of_what_detectors_find():
    detector = WordDetector(["Greg Rutkowski"], EntityType.PERSON)
    medium = PromptMedium([detector], TenantKeys(bytes(32)), TextLimits())
    ((finding,),) = medium.detect(detector, [PromptContent({"prompt": "a castle by Greg Rutkowski"})])
    assert finding.attributes == {ContextAttribute.STYLE_REFERENCE}


@pytest.mark.parametrize(
    "text",
    [
        "by " * 20_000,
        "my " * 20_000,
        "1 a " * 15_000,
        "(" * 60_000,
        "style of " * 7_000,
        ", and " * 10_000,
        "ﷺ" * 60_000,
    ],
)
def test_hostile_prompts_take_no_longer(text):
    """Cues are looked for in a bounded neighbourhood: a long prompt costs what a short one does."""
    start = len(text) // 2
    content = PromptContent({"prompt": f"{text[:start]}Jane Roe{text[start:]}"})
    finding = TextFinding("prompt", start, start + 8, EntityType.PERSON, SCORE, "oracle")
    (answer,) = attributed(content, [finding])
    assert (answer.start, answer.end) == (start, start + 8)
