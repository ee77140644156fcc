"""What is found, what is not, and what is found in disguise: tables in tests/golden/text."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from filters.findings import EntityType
from tests.support.prompts import detector, findings, hits

GOLDEN = Path(__file__).parents[3] / "golden/text"


def load(name):
    return YAML(typ="safe").load(GOLDEN / name)


PRIVATE = [(entity, *case) for entity, cases in load("private.yaml").items() for case in cases]
CLEAN = load("clean.yaml")
EVASIONS = load("evasions.yaml")


@pytest.mark.parametrize(("entity", "marked", "score"), PRIVATE)
def test_private_data_is_found_at_its_place(entity, marked, score):
    """The very span, with at least the score."""
    before, rest = marked.split("⟦")
    found, after = rest.split("⟧")
    spans = {(f.entity_type, f.start, f.end): f.score for f in findings(before + found + after)}
    place = (entity, len(before), len(before) + len(found))
    assert place in spans
    assert spans[place] >= score - 1e-9


def test_every_entity_type_of_the_detector_has_a_case():
    assert {EntityType(entity) for entity, *_ in PRIVATE} == detector().entities


@pytest.mark.parametrize("case", CLEAN, ids=lambda case: case["text"][:40])
def test_technical_prompts_are_left_alone(case):
    """Seeds, sizes, flags, hashes, model and camera names are nobody's data."""
    assert [(hit.finding.entity_type, hit.finding.score) for hit in hits(case["text"])] == []
    if case.get("all"):
        assert findings(case["text"]) == []


@pytest.mark.parametrize("case", EVASIONS, ids=lambda case: ascii(case["text"]))
def test_disguises_are_seen_through_to_the_original_span(case):
    start = case["text"].index(case["found"])
    found = [f for f in findings(case["text"]) if f.entity_type == case["entity"]]
    assert any(f.start <= start and start + len(case["found"]) <= f.end for f in found)


@pytest.mark.parametrize("number", ["536221234", "a 536221234 b", "912701234", "123456789"])
def test_nine_bare_digits_are_no_ssn(number):
    assert all(f.score < 0.4 for f in findings(number) if f.entity_type is EntityType.US_SSN)


def test_over_redaction_of_benchmark_prompts(shared_material):
    """No benchmark prompt is touched; of 2,000 artists and 2,000 flavours at most two (bare ten-digit numbers)."""
    folder = shared_material / "eval/prompts"
    parti = [line.split("\t")[0] for line in (folder / "partiprompts.tsv").read_text("utf-8").splitlines()[1:]]
    assert [text for text in parti if hits(text)] == []
    for name in ("artists.txt", "flavors.txt"):
        lines = (folder / name).read_text("utf-8").splitlines()
        sample = lines[:: max(1, len(lines) // 2000)][:2000]
        assert sum(bool(hits(text)) for text in sample) <= 2
