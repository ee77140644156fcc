"""The demo's claims hold on what the filter does, and each of them can be contradicted."""

import base64
import io
from collections.abc import Callable
from dataclasses import replace

import orjson
import pytest
from PIL import Image, PngImagePlugin

from streams.demo.claims import SAME_CONTACT, check_claims
from streams.demo.evidence import Evidence
from streams.demo.images import image_cases
from streams.demo.outcomes import CaseOutcome
from streams.demo.prompts import prompt_cases
from tests.support.demo_run import judged

CLAIMS = {
    "verdict": "every input has exactly one verdict",
    "sum": "released + rejected + held = inputs, nothing twice",
    "action": "every action is the one that the tenant's policy asks for",
    "bytes": "what is allowed or flagged goes on byte for byte",
    "spans": "of a redacted prompt nothing changes outside the findings",
    "texts": "nothing private stands in any output, log line or metric",
    "faces": "no face is left in a released picture",
    "metadata": "no released picture carries metadata",
    "request": "verdicts carry the request id, so prompt and pictures can be joined",
    "letters": "what could not be judged is kept as a dead letter, with codes",
    "held": "what is held opens with the key, and is the original",
    "pseudonyms": "the same contact gets the same pseudonym",
    "metrics": "the metrics count what the topics hold",
    "exit": "the worker ended by itself on SIGTERM, with code 0",
}


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """All of the demo's cases, judged without Kafka."""
    return judged([*prompt_cases(), *image_cases()])


def failing(evidence: Evidence) -> dict[str, tuple[str, ...]]:
    """Claims that fail, by their text, with the cases against them."""
    return {claim.text: claim.contradicted_by for claim in check_claims(evidence) if not claim.holds}


def test_every_claim_holds_on_the_real_judge(evidence):
    """And these are all the claims there are."""
    assert failing(evidence) == {}
    assert [claim.text for claim in check_claims(evidence)] == list(CLAIMS.values())


def with_outcome(evidence: Evidence, case_id: str, change: Callable[[CaseOutcome], CaseOutcome]) -> Evidence:
    """One outcome, changed, and those that it is compared with."""
    kept = [outcome for outcome in evidence.outcomes if outcome.case.id in {case_id, *SAME_CONTACT}]
    outcomes = [change(outcome) if outcome.case.id == case_id else outcome for outcome in kept]
    assert outcomes != kept
    return replace(evidence, outcomes=outcomes)


def with_value(outcome: CaseOutcome, change: Callable[[bytes], bytes]) -> CaseOutcome:
    """The outcome with its released value changed."""
    return replace(outcome, released=tuple(replace(one, value=change(one.value)) for one in outcome.released))


def with_verdict(outcome: CaseOutcome, **changes: object) -> CaseOutcome:
    return replace(outcome, verdicts=(dict(outcome.verdict) | changes,))


def original(outcome: CaseOutcome) -> CaseOutcome:
    return with_value(outcome, lambda _: outcome.case.message.value)


def commented(value: bytes) -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "made with care", zip=True)
    data = io.BytesIO()
    Image.open(io.BytesIO(value)).save(data, "PNG", pnginfo=text)
    return data.getvalue()


OUTCOME_CASES = [
    ("verdict", "art-monet", lambda one: replace(one, verdicts=(*one.verdicts, *one.verdicts))),
    ("verdict", "photo-two", lambda one: replace(one, verdicts=())),
    ("sum", "refuse-iban", lambda one: replace(one, rejected=())),
    ("sum", "calm-cat", lambda one: replace(one, released=(*one.released, *one.released))),
    ("sum", "hold-card", lambda one: replace(one, rejected=one.held)),
    ("action", "art-seed", lambda one: with_verdict(one, action="redact")),
    ("bytes", "calm-coffee", lambda one: with_value(one, lambda value: value + b"\0")),
    ("bytes", "flag-link", lambda one: with_value(one, lambda value: value.replace(b"museum", b"******"))),
    ("spans", "pii-email", lambda one: with_value(one, lambda value: value.replace(b"watercolour", b"watercolor"))),
    ("texts", "pii-negative", original),
    ("texts", "evade-zero-width", lambda one: with_value(one, lambda value: value.replace(b"<EM", b"jane.roe<EM"))),
    ("texts", "hidden-parameters", lambda one: with_value(one, lambda _: one.case.content.data)),
    ("texts", "hidden-trailer", original),
    ("texts", "refuse-card", lambda one: with_verdict(one, rules=["secrets", "4111 1111 1111 1111"])),
    ("texts", "broken-form", lambda one: replace(one, dead_letters=(*one.dead_letters, echo(one)))),
    ("faces", "photo-mosaic", original),
    ("faces", "moving-webp", original),
    ("faces", "hidden-alpha", original),
    ("faces", "photo-two", lambda one: with_value(one, lambda value: value[: len(value) // 3])),
    ("faces", "moving-png", lambda one: with_value(one, lambda _: b"no image")),
    ("metadata", "photo-webp", lambda one: with_value(one, lambda _: b"no image")),
    ("metadata", "photo-close", lambda one: with_value(one, commented)),
    ("metadata", "photo-exif", original),
    ("request", "pii-ip", lambda one: with_verdict(one, request_id="somebody-else")),
    ("letters", "broken-jpeg", lambda one: replace(one, dead_letters=())),
    ("held", "photo-held", lambda one: replace(one, held=other_plaintext(one))),
    ("pseudonyms", "pseudonym-again", lambda one: with_value(one, lambda value: value.replace(b"<EMAIL", b"<OTHER"))),
]


def echo(outcome: CaseOutcome):
    """A dead letter that holds the original."""
    return replace(outcome.dead_letters[0], value=outcome.case.message.value)


def other_plaintext(outcome: CaseOutcome):
    """Held bytes of another record: they open under that one's verdict id only."""
    return tuple(replace(one, value=one.value[:-1] + bytes([one.value[-1] ^ 1])) for one in outcome.held)


@pytest.mark.parametrize(
    ("claim", "case_id", "change"),
    OUTCOME_CASES,
    ids=[f"{claim}-{case_id}" for claim, case_id, _ in OUTCOME_CASES],
)
def test_each_claim_notices_its_contradiction(evidence, claim, case_id, change):
    """And names the case."""
    assert case_id in failing(with_outcome(evidence, case_id, change))[CLAIMS[claim]]


@pytest.mark.parametrize("place", ["log", "metrics"])
@pytest.mark.parametrize("spelling", ["jane.roe@example.com", "JANE.ROE@EXAMPLE.COM", "jane.roe＠example.com"])
def test_a_private_text_in_log_or_metrics_is_noticed(evidence, place, spelling):
    """In any spelling that a reader takes for the same."""
    told = replace(evidence, **{place: getattr(evidence, place) + f"\nfailed on {spelling}\n"})
    assert "pii-email" in failing(told)[CLAIMS["texts"]]


def test_private_text_inside_base64_is_noticed(evidence):
    """A structured event's image is looked into."""

    def hide(value: bytes) -> bytes:
        event = orjson.loads(value)
        event["data_base64"] = base64.b64encode(base64.b64decode(event["data_base64"]) + b"canary-7").decode()
        return orjson.dumps(event)

    def planted(outcome: CaseOutcome) -> CaseOutcome:
        return with_value(replace(outcome, case=replace(outcome.case, private=("canary-7",))), hide)

    assert failing(with_outcome(evidence, "card-badge", planted))[CLAIMS["texts"]] == ("card-badge",)


def test_an_event_too_many_in_the_metrics_is_noticed(evidence):
    told = replace(evidence, metrics=evidence.metrics.replace('tenant="acme"} 4.0', 'tenant="acme"} 5.0'))
    assert told.metrics != evidence.metrics
    assert CLAIMS["metrics"] in failing(told)


def test_missing_metrics_are_noticed(evidence):
    assert CLAIMS["metrics"] in failing(replace(evidence, metrics=""))


@pytest.mark.parametrize("code", [1, 70, -9])
def test_a_worker_that_did_not_end_well_is_noticed(evidence, code):
    assert failing(replace(evidence, exit_code=code)) == {CLAIMS["exit"]: (f"exit code {code}",)}
