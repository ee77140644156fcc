"""What the demo claims, each claim checked on what the topics, the log and the metrics hold."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from filters.keys import TenantKeys
from filters.records import ContentKind, PromptContent
from filters.verdict import Action
from streams.demo.evidence import Evidence
from streams.demo.leaks import face_left, leaked_texts, metadata_left
from streams.demo.outcomes import CaseOutcome
from streams.demo.texts import pieces, spans_of
from streams.original import open_original
from streams.seal import Sealer

SAME_CONTACT = frozenset({"pseudonym-first", "pseudonym-again"})
"""Cases of `prompts.yaml` that name one address, for a tenant with pseudonyms."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence, and the ids of the cases that contradict it."""

    text: str
    contradicted_by: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.contradicted_by


def check_claims(evidence: Evidence) -> list[Claim]:
    """Every claim, in the order in which they are shown."""
    outcomes = evidence.outcomes
    return [
        _each("every input has exactly one verdict", outcomes, _has_one_verdict),
        _each("released + rejected + held = inputs, nothing twice", outcomes, _went_one_way),
        _each("every action is the one that the tenant's policy asks for", outcomes, _was_expected),
        _each("what is allowed or flagged goes on byte for byte", outcomes, _is_untouched_if_allowed),
        _each("of a redacted prompt nothing changes outside the findings", outcomes, _changes_only_findings),
        Claim("nothing private stands in any output, log line or metric", tuple(leaked_texts(evidence))),
        _each("no face is left in a released picture", outcomes, lambda outcome: not face_left(outcome)),
        _each("no released picture carries metadata", outcomes, lambda outcome: not metadata_left(outcome)),
        _each("verdicts carry the request id, so prompt and pictures can be joined", outcomes, _names_request),
        _each("what could not be judged is kept as a dead letter, with codes", outcomes, _has_letter_if_failed),
        _each("what is held opens with the key, and is the original", outcomes, _opener(evidence.master_key)),
        Claim("the same contact gets the same pseudonym", tuple(_odd_pseudonyms(evidence))),
        Claim("the metrics count what the topics hold", tuple(_miscounted(evidence))),
        Claim("the worker ended by itself on SIGTERM, with code 0", _unclean_end(evidence)),
    ]


def _each(text: str, outcomes: Iterable[CaseOutcome], holds: Callable[[CaseOutcome], bool]) -> Claim:
    return Claim(text, tuple(outcome.case.id for outcome in outcomes if not holds(outcome)))


def _has_one_verdict(outcome: CaseOutcome) -> bool:
    return len(outcome.verdicts) == 1


def _went_one_way(outcome: CaseOutcome) -> bool:
    action = outcome.action
    if action is None:
        return False
    expected = (int(action.releases), int(action is Action.REJECT), int(action is Action.HOLD))
    return (len(outcome.released), len(outcome.rejected), len(outcome.held)) == expected


def _was_expected(outcome: CaseOutcome) -> bool:
    return outcome.action is outcome.case.expected


def _is_untouched_if_allowed(outcome: CaseOutcome) -> bool:
    if outcome.action not in (Action.ALLOW, Action.FLAG):
        return True
    message, sent = outcome.released[0], outcome.case.message
    kept = message.headers[: len(sent.headers)]
    return (message.key, message.value, kept) == (sent.key, sent.value, sent.headers)


def _changes_only_findings(outcome: CaseOutcome) -> bool:
    before, after = outcome.case.content, outcome.content
    if not (isinstance(before, PromptContent) and isinstance(after, PromptContent)):
        return True
    findings = outcome.verdict["findings"]
    return before.fields.keys() == after.fields.keys() and all(
        pieces(text, after.fields[name], spans_of(name, findings)) is not None for name, text in before.fields.items()
    )


def _names_request(outcome: CaseOutcome) -> bool:
    wanted = outcome.case.request_id
    return wanted is None or outcome.verdict.get("request_id") == wanted


def _has_letter_if_failed(outcome: CaseOutcome) -> bool:
    failed = bool(outcome.error)
    return len(outcome.dead_letters) == failed and all(
        letter.header("veilstream.error.code") for letter in outcome.dead_letters
    )


def _opener(master_key: bytes) -> Callable[[CaseOutcome], bool]:
    sealer = Sealer(TenantKeys(master_key))

    def opens(outcome: CaseOutcome) -> bool:
        verdict_id = outcome.verdict.get("verdict_id", "")
        try:
            originals = [
                open_original(sealer, outcome.case.tenant, message.value, verdict_id) for message in outcome.held
            ]
        except ValueError:
            return False
        return all(original.value == outcome.case.message.value for original in originals)

    return opens


def _odd_pseudonyms(evidence: Evidence) -> Iterator[str]:
    """The cases whose substitutes differ though their contact is the same."""
    same = [outcome for outcome in evidence.outcomes if outcome.case.id in SAME_CONTACT]
    substitutes = {_substitutes(outcome) for outcome in same}
    if len(substitutes) > 1 or () in substitutes:
        yield from (outcome.case.id for outcome in same)


def _substitutes(outcome: CaseOutcome) -> tuple[str, ...]:
    before, after = outcome.case.content, outcome.content
    if not (isinstance(before, PromptContent) and isinstance(after, PromptContent)):
        return ()
    spans = spans_of("prompt", outcome.verdict["findings"])
    cut = pieces(before.fields["prompt"], after.fields["prompt"], spans) or []
    return tuple(piece.after for piece in cut if piece.changed)


def _miscounted(evidence: Evidence) -> Iterator[str]:
    """`STREAM.ACTION` where the counter and the topics differ."""
    samples = re.findall(
        r'^veilstream_events_total\{action="(\w+)",stream="(\w+)",tenant="[^"]*"\} (\S+)$',
        evidence.metrics,
        re.MULTILINE,
    )
    for kind in ContentKind:
        for action, count in evidence.counts(kind).items():
            counted = sum(float(value) for name, stream, value in samples if (name, stream) == (action, kind))
            if counted != count:
                yield f"{kind.value}.{action.value}"


def _unclean_end(evidence: Evidence) -> tuple[str, ...]:
    return (f"exit code {evidence.exit_code}",) if evidence.exit_code else ()
