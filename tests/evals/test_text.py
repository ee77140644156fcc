"""The goals of prompts hold; the tables say what is missed, and can say that something is."""

from dataclasses import replace

import pytest

from filters.records import PromptContent
from tests.evals import evasion, ner, over_redaction, presidio, text
from tests.evals.figures import Figure, markdown, renew
from tests.support.evasions import VECTORS, evasions
from tests.support.technical_prompts import TOKEN_KINDS, technical_prompts

needs_material = pytest.mark.skipif(
    not presidio.MATERIAL.is_file(), reason="the evaluation material does not lie beside the checkout"
)


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure("a", 0.9, 1, least=0.9), True),
        (Figure("a", 0.89, 1, least=0.9), False),
        (Figure("a", 0.01, 1, most=0.01), True),
        (Figure("a", 0.02, 1, most=0.01), False),
        (Figure("a", 0.5, 1), None),
    ],
)
def test_a_figure_knows_whether_its_goal_is_reached(figure, met):
    assert figure.met is met
    assert ("**no**" in figure.cells) is (met is False)


def test_a_page_is_renewed_between_its_marks_only(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- x: begin -->\nold\n<!-- x: end -->\nafter\n")
    renew(page, "x", markdown("t", [Figure("what", 0.5, 2)]))
    assert page.read_text().startswith("before\n<!-- x: begin -->\n**t**\n")
    assert page.read_text().endswith("<!-- x: end -->\nafter\n")
    assert "old" not in page.read_text()
    with pytest.raises(ValueError, match="y: begin"):
        renew(page, "y", "")


def test_every_part_of_the_command_has_a_measure():
    assert set(text.PARTS) == {"presidio", "people", "evasion", "over-redaction", "patterns", "cost"}


def test_coverage_counts_by_type_and_by_seventy_per_cent():
    gold = [[(0, 10, "PERSON"), (20, 30, "URL")]]
    assert presidio.counted(gold, [[(0, 7, "PERSON")]]).recall == 0.5
    assert presidio.counted(gold, [[(0, 6, "PERSON")]]).recall == 0.0
    assert presidio.counted(gold, [[(0, 10, "URL")]]).precision == 0.0
    assert presidio.counted(gold, [[(0, 10, "PERSON"), (18, 30, "URL")]]).f2 == 1.0


def test_every_kind_of_technical_token_occurs():
    assert {kind for _, kinds in technical_prompts(400) for kind in kinds} == TOKEN_KINDS


def test_technical_tokens_come_out_as_they_went_in():
    prompts = [prompt for prompt, _ in technical_prompts(400, seed=3)]
    outcomes = over_redaction.outcomes(prompts)
    assert [prompt for prompt, outcome in zip(prompts, outcomes, strict=True) if over_redaction.changed(outcome)] == []


def test_disguised_values_are_found_and_removed_and_without_views_most_are_not():
    figures = {figure.what: figure for figure in evasion.table(each=2)}
    whole = figures["every vector"]
    assert whole.met
    assert {f"vector: {vector.name}" for vector in VECTORS} <= figures.keys()
    bare = evasion.removed(evasion.engine(views=False), list(evasions(2)))
    assert sum(bare) / len(bare) < whole.value / 2


def test_a_value_that_stays_counts_as_left():
    """The measure itself can fail: a prompt that is released as it came."""
    (outcome,) = over_redaction.outcomes(["a quiet pier"])
    for each in list(evasions(1))[:5]:
        released = replace(outcome, content=PromptContent({"prompt": each.text}), changed=True)
        assert not evasion.is_removed(each, released)


@pytest.mark.slow
@needs_material
def test_sentences_of_presidio_research_reach_the_goal():
    assert [figure.what for figure in presidio.table() if figure.met is False] == []


@pytest.mark.slow
@needs_material
def test_people_in_tweets_reach_the_goals():
    assert [figure.what for figure in ner.people() if figure.met is False] == []


@pytest.mark.slow
@needs_material
def test_the_default_policy_leaves_prompts_alone():
    assert [figure.what for figure in over_redaction.table() if figure.met is False] == []
