"""Published sample numbers look private to who sees them, so they are found."""

import pytest

from tests.support.prompts import findings


@pytest.mark.parametrize("number", ["123-45-6789", "078-05-1120", "987 65 4320"])
def test_a_sample_ssn_is_an_ssn(number):
    assert any(
        finding.entity_type == "US_SSN" and finding.score >= 0.4 for finding in findings(f"her number is {number}")
    )


def test_digits_without_the_form_are_not():
    assert not [finding for finding in findings("seed 123456789") if finding.score >= 0.4]
