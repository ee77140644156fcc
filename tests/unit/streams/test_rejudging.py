"""Which failures another attempt might not meet, and that they come back as what they were."""

import pytest

from filters import errors
from filters.verdict import Failure
from streams.rejudging import passing_error

PASSING = (errors.InferenceError, errors.DetectorTimeout, errors.ObjectStoreError, errors.PoisonRecord)
LASTING = (
    errors.MessageError,
    errors.PayloadTooLarge,
    errors.UnsupportedMedia,
    errors.ObjectError,
    errors.UnknownTenant,
    errors.RedactionError,
)


@pytest.mark.parametrize("error", PASSING)
def test_a_failure_for_want_of_time_of_a_store_or_of_a_process_may_pass(error):
    found = passing_error(Failure(error.code, "why", "detect"))
    assert (type(found), found.reason) == (error, "why")


@pytest.mark.parametrize("error", LASTING)
def test_what_lies_in_the_record_comes_again_by_itself(error):
    assert passing_error(Failure(error.code, "why", "detect")) is None


def test_a_verification_that_could_not_be_made_may_pass():
    found = passing_error(Failure("redaction", "unverified", "verify"))
    assert (found.code, found.reason) == ("redaction", "unverified")


def test_an_answer_is_no_failure():
    assert passing_error(None) is None
