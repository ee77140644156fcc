"""The table of patterns claims identity everywhere, and ten times the engine's speed on prompts of the lists."""

import math

import pytest

from tests.evals import patterns_speed

needs_lists = pytest.mark.skipif(not patterns_speed.EVAL.is_dir(), reason="the lists do not lie beside the checkout")


def test_every_row_counts_identical_texts():
    rows = patterns_speed.table(prompts=8, texts=40)
    assert rows[-1].of == 40
    assert all(row.identical == row.of for row in rows)
    assert all(row.ratio > 1 for row in rows if not math.isnan(row.ratio))


@pytest.mark.slow
@needs_lists
def test_prompts_of_the_lists_are_searched_ten_times_as_fast_as_by_the_engine():
    """Processor time of both, taking turns; measured: about fifty times."""
    rows = [
        patterns_speed.row("lists", patterns_speed.list_prompts(200)),
        patterns_speed.row("parti", patterns_speed.parti_prompts()[:200]),
    ]
    assert [row.material for row in rows if row.ratio < 10 or row.detector < 10 * row.engine] == []
