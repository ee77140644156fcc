"""A replay must end as the judging before it did: what may be released already is not refused for want of time."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
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
GIVE_UP_ANSWERED_AT: Final = 30
"""The attempt at which even a record is given up that had an answer: it did not kill the process then, so that as many
ends are rather the machine's. Under random faults every nine seconds ten were reached once in 60,000 records."""
_PASSING: Final[tuple[type[VeilstreamError], ...]] = (InferenceError, DetectorTimeout, ObjectStoreError, PoisonRecord)
"""Poison among them: what was given up because processes ended may well be judged by the next one."""


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


Latest = Callable[[RawMessage], Awaitable[History]]


class Rejudging:
    """Judges batches so that they agree with how earlier judgings of their records ended.

    Args:
        judging: judges.
        latest: what is known of a record by now, other processes' notes included.
    """

    def __init__(self, judging: BoundedJudging, latest: Latest) -> None:
        self._judging = judging
        self._latest = latest

    async def judge(self, raws: Sequence[RawMessage], histories: Sequence[History]) -> list[Judgement]:
        """One judgement a record, in order.

        What failed before fails again, without being judged. What had an answer, or may get one from a process that
        has begun on it and is slow, is tried again; `histories` is what was known when the records came.

        Raises:
            DeliveryError: there is no answer for a record that had one. Nothing may be written of the batch.
        """
        found: dict[int, Judgement] = {}
        histories = [await self._up_to_date(raw, history) for raw, history in zip(raws, histories, strict=True)]
        for index, (raw, history) in enumerate(zip(raws, histories, strict=True)):
            error = _foregone(raw, history)
            if error is not None:
                found[index] = self._judging.failed(raw, error)
        todo = [index for index in range(len(raws)) if index not in found]
        for round_ in range(ROUNDS):
            judgements = await self._judging.judge([raws[index] for index in todo]) if todo else []
            found |= zip(todo, judgements, strict=True)
            todo = [
                index for index in todo if ending_of(found[index]).failure and _rounds(histories[index]) > round_ + 1
            ]
        await self._agree(raws, found, histories)
        return [found[index] for index in range(len(raws))]

    async def _up_to_date(self, raw: RawMessage, history: History) -> History:
        """What is known of a record; asked for once more of one that would be given up, as that is never released.

        A process that lost the partition may have ended its judging since the record came here.
        """
        return await self._latest(raw) if isinstance(_foregone(raw, history), PoisonRecord) else history

    async def _agree(
        self, raws: Sequence[RawMessage], found: Mapping[int, Judgement], histories: Sequence[History]
    ) -> None:
        """Whether no record fails here that has an answer elsewhere, but for those that no process survives."""
        for index, raw in enumerate(raws):
            if raw.attempts >= GIVE_UP_ANSWERED_AT:
                continue
            if _rounds(histories[index]) > 1 and ending_of(found[index]).failure:
                ending = (await self._latest(raw)).ending
                if ending and ending.failure is None:
                    raise DeliveryError(
                        "a record cannot be judged that had an answer in another attempt", reason="not_judged_again"
                    )


def _rounds(history: History) -> int:
    """How often a record is tried: there may be an answer out, or one may be on its way."""
    if history.ending:
        return ROUNDS if history.ending.failure is None else 1
    return 2 if history.attempts else 1


def _foregone(raw: RawMessage, history: History) -> VeilstreamError | None:
    if history.ending and (error := passing_error(history.ending.failure)):
        return error
    limit = GIVE_UP_ANSWERED_AT if history.ending else GIVE_UP_AT
    if raw.attempts >= limit:
        return PoisonRecord(f"the process ended {raw.attempts - 1} times while it judged this record")
    return None
