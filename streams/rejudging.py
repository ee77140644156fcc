"""A replay must end as the judging before it did: what may be released already is not refused for want of time."""

from collections.abc import Sequence
from typing import Final

from filters.errors import (
    DeliveryError,
    DetectorTimeout,
    InferenceError,
    ObjectStoreError,
    PoisonRecord,
    RedactionError,
    VeilstreamError,
)
from filters.verdict import Failure
from streams.attempts import GIVE_UP_AT, Ending, History
from streams.bounded_judging import BoundedJudging
from streams.judge import Judgement
from streams.message import RawMessage

ROUNDS: Final = 3
"""Each with the whole time that a batch has. Twice that is how long a gate may stand still before `/healthz` tells."""
_PASSING: Final[tuple[type[VeilstreamError], ...]] = (InferenceError, DetectorTimeout, ObjectStoreError)


def passing_error(failure: Failure | None) -> VeilstreamError | None:
    """The error of a failure that another attempt might not meet; None for any other, and for none."""
    if failure is None:
        return None
    if failure.code == RedactionError.code and failure.reason == "unverified":
        return RedactionError("verification failed in an earlier attempt", reason=failure.reason)
    for error in _PASSING:
        if failure.code == error.code:
            return error("it failed in an earlier attempt, whose outputs may exist", reason=failure.reason)
    return None


def ending_of(judgement: Judgement) -> Ending:
    """How the judging ended: as far as it might end otherwise another time."""
    failure = judgement.verdict.failure
    return Ending(failure if passing_error(failure) is not None else None)


async def judged_again(
    judging: BoundedJudging, raws: Sequence[RawMessage], histories: Sequence[History]
) -> list[Judgement]:
    """Judge a batch, in agreement with how earlier judgings ended.

    What failed before fails again, without being judged. What had an answer gets up to `ROUNDS` attempts at one.

    Raises:
        DeliveryError: there is none for a record that had one. Nothing may be written of the batch.
    """
    found: dict[int, Judgement] = {}
    for index, (raw, history) in enumerate(zip(raws, histories, strict=True)):
        error = _foregone(raw, history)
        if error is not None:
            found[index] = judging.failed(raw, error)
    todo = [index for index in range(len(raws)) if index not in found]
    for _ in range(ROUNDS):
        judgements = await judging.judge([raws[index] for index in todo]) if todo else []
        found |= zip(todo, judgements, strict=True)
        todo = [index for index in todo if histories[index].ending and ending_of(found[index]).failure]
        if not todo:
            return [found[index] for index in range(len(raws))]
    raise DeliveryError(
        f"{len(todo)} records cannot be judged that had an answer in an earlier attempt", reason="not_judged_again"
    )


def _foregone(raw: RawMessage, history: History) -> VeilstreamError | None:
    if history.ending and (error := passing_error(history.ending.failure)):
        return error
    if raw.attempts >= GIVE_UP_AT:
        return PoisonRecord(f"the process ended {raw.attempts - 1} times while it judged this record")
    return None
