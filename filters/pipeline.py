"""The pipeline: decode → detect → decide → act → verify, for a batch, failing closed.

Every record gets an outcome; nothing but a `ConfigurationError` of the caller's making escapes. A record whose
detectors did not all answer is never released, and a redaction is released only after the detectors have looked at
the very bytes that go out.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from filters.carrying import joined, text_case
from filters.case import Case, open_cases
from filters.decide import Decision, decide
from filters.errors import (
    DetectionError,
    DetectorTimeout,
    InferenceError,
    RecordError,
    RedactionError,
    UnknownTenant,
    UnsupportedMedia,
    VeilstreamError,
)
from filters.findings import EntityType, Finding
from filters.medium import Medium
from filters.policy import Capabilities, Mode
from filters.protocols import Detector, PipelineObserver, PolicyResolver
from filters.records import ContentKind, Record
from filters.verdict import Action, ModelRef, Outcome

AnyMedium = Medium[Any, Any, Any]
LOOKS = 4
"""At what is to be released. Where a name gives way, a detector that reads context may see another beside it: of 300
private sentences one needs a third look; none was seen to need a fifth."""


class FilterPipeline:
    """Judges batches of records. Thread-safe: it holds no state between calls.

    Args:
        media: one medium for each kind of content that will come.
        policies: where the policy in force is looked up, once a record.
        observer: is told of stages, detector failures and verdicts.
        clock: monotonic seconds; deadlines are on the same clock.
    """

    def __init__(
        self,
        media: Sequence[AnyMedium],
        policies: PolicyResolver,
        observer: PipelineObserver,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._media: Mapping[ContentKind, AnyMedium] = {medium.kind: medium for medium in media}
        self._policies = policies
        self._observer = observer
        self._clock = clock

    @property
    def policies(self) -> PolicyResolver:
        """Where the policy in force is looked up."""
        return self._policies

    @property
    def observer(self) -> PipelineObserver:
        """Is told of stages beside the pipeline, too."""
        return self._observer

    def process_batch(self, records: Sequence[Record], deadline: float | None = None) -> list[Outcome]:
        """One outcome a record, in order.

        Args:
            records: of any mixture of kinds and tenants.
            deadline: on the pipeline's clock; what is still open then ends as `DetectorTimeout`. A call into native
                code is not interrupted: the caller bounds that.
        """
        cases = [self._opened(record) for record in records]
        for kind, medium in self._media.items():
            undecided = [case for case in open_cases(cases) if case.kind is kind and case.decision is None]
            for chunk in _chunks(undecided, medium):
                self._judge(chunk, medium, deadline)
        outcomes = [case.outcome() for case in cases]
        for outcome in outcomes:
            self._observer.judged(outcome.verdict)
        return outcomes

    def failed(self, record: Record, error: VeilstreamError, stage: str) -> Outcome:
        """The outcome of a record that could not be judged, for reasons outside the pipeline."""
        case = self._opened(record)
        if case.open:
            case.fail(error, stage)
        outcome = case.outcome()
        self._observer.judged(outcome.verdict)
        return outcome

    def _opened(self, record: Record) -> Case:
        case = Case(record)
        try:
            case.policy = policy = self._policies.resolve(record.context.tenant)
        except UnknownTenant as error:
            case.fail(error, "resolve")
            return case
        if policy.spec.mode is Mode.OFF:
            case.decision = Decision(Action.ALLOW)
        elif policy.section(case.kind) is None:
            case.decision = decide((), policy, case.kind)
        return case

    def _judge(self, cases: Sequence[Case], medium: AnyMedium, deadline: float | None) -> None:
        for step in (self._decode, self._detect, self._decide, self._carry, self._act, self._verify, self._sign):
            if self._is_over(deadline):
                _fail_all(open_cases(cases), DetectorTimeout("the batch deadline passed"), "detect")
            step(open_cases(cases), medium, deadline)
        for case in cases:
            case.decoded = None  # pixels must not outlive their chunk

    def _is_over(self, deadline: float | None) -> bool:
        return deadline is not None and self._clock() >= deadline

    def _decode(self, cases: Sequence[Case], medium: AnyMedium, deadline: float | None) -> None:
        del deadline
        with self._stage("decode", cases):
            for case in cases:
                _open_with(medium.decode, case, medium)

    def _detect(self, cases: Sequence[Case], medium: AnyMedium, deadline: float | None) -> None:
        with self._stage("detect", cases):
            self._ask_all(cases, medium, deadline)

    def _ask_all(self, cases: Sequence[Case], medium: AnyMedium, deadline: float | None) -> None:
        for detector in medium.detectors:
            self._ask(
                detector,
                [case for case in cases if case.policy and medium.concerns(detector, case.policy)],
                medium,
                deadline,
            )

    def _ask(self, detector: Detector, cases: Sequence[Case], medium: AnyMedium, deadline: float | None) -> None:
        """Ask for the whole batch; where that fails, for each record alone once, so that one spoils no other."""
        asked = open_cases(cases)
        if not asked:
            return
        try:
            answers = self._answers(detector, asked, medium)
        except InferenceError:
            for case in asked:
                if self._is_over(deadline):
                    case.fail(DetectorTimeout("the batch deadline passed"), "detect")
                else:
                    self._ask_alone(detector, case, medium)
            return
        for case, answer in zip(asked, answers, strict=True):
            self._note(case, detector, answer)

    def _ask_alone(self, detector: Detector, case: Case, medium: AnyMedium) -> None:
        try:
            (answer,) = self._answers(detector, [case], medium)
        except InferenceError as error:
            case.fail(error, "detect")
        else:
            self._note(case, detector, answer)

    def _note(self, case: Case, detector: Detector, answer: Sequence[Finding] | DetectionError) -> None:
        """Keep what the detector said of a record; an error that is the record's own is not tried again."""
        if isinstance(answer, DetectionError):
            self._observer.detector_failed(detector.name, answer.code)
            case.fail(answer, "detect")
            return
        case.models.append(ModelRef(detector.name, detector.digest))
        case.named = case.named or EntityType.PERSON in detector.entities
        case.findings.extend(answer)

    def _answers(
        self, detector: Detector, cases: Sequence[Case], medium: AnyMedium
    ) -> list[Sequence[Finding] | DetectionError]:
        try:
            policies = [case.policy for case in cases if case.policy]
            answers = list(medium.detect(detector, [case.decoded for case in cases], policies))
        except Exception as error:  # noqa: BLE001  a detector may raise anything; its text may hold content
            self._observer.detector_failed(detector.name, InferenceError.code)
            raise InferenceError(f"detector {detector.name} raised {type(error).__name__}", reason="raised") from None
        if len(answers) != len(cases):
            self._observer.detector_failed(detector.name, InferenceError.code)
            raise InferenceError(
                f"detector {detector.name} gave {len(answers)} answers for {len(cases)} records", reason="wrong_count"
            )
        return answers

    def _decide(self, cases: Sequence[Case], medium: AnyMedium, deadline: float | None) -> None:
        del deadline
        with self._stage("decide", cases):
            for case in cases:
                case.decision = _decision(case, medium.kind)

    def _carry(self, cases: Sequence[Case], medium: AnyMedium, deadline: float | None) -> None:
        """Have the text judged that the policy keeps with the content, and tell the content what its release keeps."""
        texts = {
            id(case): text_case(case, text)
            for case in cases
            if case.policy and (text := medium.carried_text(case.decoded, case.policy)) is not None
        }
        judging = self._media.get(ContentKind.PROMPT)
        if judging is not None:
            for chunk in _chunks(list(texts.values()), judging):
                self._judge(chunk, judging, deadline)
        for case in cases:
            kept = joined(case, texts[id(case)]) if id(case) in texts else None
            if case.open and case.policy:
                case.decoded = medium.keeping(case.decoded, case.policy, kept)

    def _act(self, cases: Sequence[Case], medium: AnyMedium, deadline: float | None) -> None:
        del deadline
        acting = [case for case in cases if case.enforced and case.intended is Action.REDACT]
        with self._stage("act", acting):
            for case in acting:
                if case.decision:
                    _redact(case, case.decoded, case.decision, medium)

    def _verify(self, cases: Sequence[Case], medium: AnyMedium, deadline: float | None) -> None:
        """Look at what would be released; redact what is still there, and look again, `LOOKS` times at most."""
        released = [case for case in cases if case.released is not None]
        with self._stage("verify", released):
            doubtful = released
            for look in range(1, LOOKS + 1):
                again = []
                for case, copy, remains in self._remains(doubtful, medium, deadline):
                    if remains.action is Action.REDACT and look < LOOKS:
                        _redact(case, copy.decoded, remains, medium)
                        again.append(case)
                    else:
                        _fail_all([case], _remaining(remains), "verify")
                doubtful = open_cases(again)

    def _sign(self, cases: Sequence[Case], medium: AnyMedium, deadline: float | None) -> None:
        """Nothing changes a release after this."""
        del deadline
        released = [case for case in cases if case.released is not None]
        with self._stage("sign", released if medium.signs else []):
            for case in released:
                _sign(case, medium)

    def _remains(
        self, cases: Sequence[Case], medium: AnyMedium, deadline: float | None
    ) -> Iterator[tuple[Case, Case, Decision]]:
        """The cases whose released content still has something to redact, hold or reject."""
        copies = []
        for case in cases:
            copy = Case(Record(case.record.context, case.released or case.record.content), policy=case.policy)
            _open_with(medium.reopen, copy, medium)
            copies.append(copy)
        self._ask_all(copies, medium, deadline)
        for case, copy in zip(cases, copies, strict=True):
            if copy.error is not None:
                case.fail(RedactionError("the released content could not be verified", reason="unverified"), "verify")
                continue
            remains = _decision(copy, medium.kind).remaining()
            if remains.hits:
                yield case, copy, remains

    @contextmanager
    def _stage(self, name: str, cases: Sequence[Case]) -> Iterator[None]:
        started = time.perf_counter()
        yield
        seconds = time.perf_counter() - started
        for case in cases:
            case.timings[name] = seconds / len(cases)
        if cases:
            self._observer.stage_finished(name, cases[0].kind.value, seconds, len(cases))


def capabilities(media: Sequence[AnyMedium], *, has_key: bool) -> Capabilities:
    """What policies may ask of these media."""
    entities: dict[ContentKind, frozenset[EntityType]] = {
        medium.kind: medium.own_entities.union(*(detector.entities for detector in medium.detectors))
        for medium in media
    }
    sources = {entity: found for medium in media for entity, found in medium.sources.items()}
    return Capabilities(entities, sources, has_key, signs=any(medium.signs for medium in media))


def _chunks(cases: Sequence[Case], medium: AnyMedium) -> Iterator[list[Case]]:
    """Split so that no more than the medium's batch weight lies decoded in memory at a time."""
    chunk: list[Case] = []
    total = 0
    for case in cases:
        weight = medium.weight(case.record.content)
        if chunk and total + weight > medium.batch_weight:
            yield chunk
            chunk, total = [], 0
        chunk.append(case)
        total += weight
    if chunk:
        yield chunk


def _open_with(open_content: Callable[[Any], Any], case: Case, medium: AnyMedium) -> None:
    try:
        case.decoded = open_content(case.record.content)
    except (RecordError, DetectionError) as error:
        case.fail(error, "decode")
    except Exception as error:  # noqa: BLE001  codecs may raise anything; the record is at fault, not its neighbours
        case.fail(UnsupportedMedia(f"decoding raised {type(error).__name__}", reason="decoder_raised"), "decode")
    else:
        case.findings.extend(medium.own_findings(case.decoded))
        case.language = medium.language(case.decoded)


def _decision(case: Case, kind: ContentKind) -> Decision:
    if case.policy is None:
        return Decision(Action.REJECT)
    unsupported = case.language is not None and not case.language.supported
    return decide(case.findings, case.policy, kind, unsupported_language=unsupported)


def _remaining(remains: Decision) -> RedactionError:
    return RedactionError(f"{len(remains.hits)} findings remain after redaction", reason="remains")


def _redact(case: Case, decoded: object, decision: Decision, medium: AnyMedium) -> None:
    try:
        case.released = medium.redact(decoded, decision.redactions, case.record.context.tenant)
    except RedactionError as error:
        case.fail(error, "act")
    except Exception as error:  # noqa: BLE001  an operator that raises has not redacted
        case.fail(RedactionError(f"redaction raised {type(error).__name__}", reason="operator_raised"), "act")


def _sign(case: Case, medium: AnyMedium) -> None:
    try:
        case.released = medium.signed(case.released, case.policy) if case.policy else None
    except RedactionError as error:
        case.fail(error, "sign")
    except Exception as error:  # noqa: BLE001  a signer that raises has not signed
        case.fail(RedactionError(f"signing raised {type(error).__name__}", reason="unsigned"), "sign")


def _fail_all(cases: Sequence[Case], error: VeilstreamError, stage: str) -> None:
    for case in cases:
        case.fail(error, stage)
