"""The evaluation of malformed images: reproducible, and without a failure."""

import multiprocessing

import pytest

from filters.image.formats import ImageFormat, sniff
from tests.evals.images_malformed import Outcome, _ask, given, judged, judged_isolated, mutated, seeds


def test_the_same_seed_makes_the_same_files():
    assert list(mutated(50, 1)) == list(mutated(50, 1)) != list(mutated(50, 2))


@pytest.mark.parametrize(
    ("verdict", "seconds", "megabytes"),
    [("crashed", 0, 0), ("hung", 20, 0), ("uncoded:MemoryError", 0, 0), ("decoded", 6, 0), ("corrupt", 0, 600)],
)
def test_what_is_uncoded_slow_or_large_is_a_failure(verdict, seconds, megabytes):
    assert Outcome("x", verdict, seconds, megabytes).failed
    assert not Outcome("x", "corrupt", 1.0, 100.0).failed


@pytest.mark.slow
@pytest.mark.parametrize("look", [judged, judged_isolated])
def test_two_thousand_mutated_files_get_a_coded_verdict(look):
    assert [each for each in look(mutated(2000, 7)) if each.failed] == []


def test_every_format_is_mutated():
    assert {sniff(data) for _, data in seeds()} == set(ImageFormat)


@pytest.mark.slow
def test_every_malformed_file_gets_a_coded_verdict():
    files = list(given())
    if not files:
        pytest.skip("the evaluation material is absent")
    assert [each for each in judged(iter(files)) if each.failed] == []


def test_a_process_that_is_gone_counts_as_a_crash():
    ours, theirs = multiprocessing.Pipe()
    theirs.close()
    assert _ask(ours, "x", b"data").verdict == "crashed"
