"""What every `PolicyTextDetector` owes the pipeline: the fake and the real one."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from filters.findings import EntityType
from filters.policy import FilterPolicy
from filters.protocols import PolicyTextDetector
from filters.records import PromptContent
from filters.text.terms import TermDetector
from tests.fakes import PolicyWordDetector, policy

TEXT = "a poster of Blue Heron beside the Red Kite"


@pytest.fixture(params=[PolicyWordDetector, TermDetector])
def detector(request: pytest.FixtureRequest) -> PolicyTextDetector:
    return request.param()


def with_terms(tenant: str, *words: str, version: int = 1) -> FilterPolicy:
    """A policy with one list of terms; without words it has none."""
    terms = [{"name": "projects", "words": list(words)}] if words else []
    rules = [{"entities": ["TERM"], "lists": ["projects"], "action": "redact"}] if words else []
    return policy(tenant, version, prompts={"rules": rules, "terms": terms})


def found(detector: PolicyTextDetector, texts: list[str], policies: list[FilterPolicy]) -> list[list[str]]:
    """What is found in each text, as written there."""
    contents = [PromptContent({"prompt": text}) for text in texts]
    answers = detector.detect_for(contents, policies)
    assert not any(isinstance(answer, Exception) for answer in answers)
    return [
        [content.fields[each.field][each.start : each.end] for each in answer]
        for content, answer in zip(contents, answers, strict=True)
    ]


def test_it_has_a_name_a_digest_and_types_and_is_no_text_detector(detector: PolicyTextDetector) -> None:
    assert isinstance(detector, PolicyTextDetector)
    assert not hasattr(detector, "detect")
    assert detector.name
    assert len(detector.digest) == 64
    assert detector.entities == {EntityType.TERM}


def test_an_empty_batch_has_an_empty_answer(detector: PolicyTextDetector) -> None:
    assert list(detector.detect_for([], [])) == []


def test_each_prompt_is_read_by_its_own_policy(detector: PolicyTextDetector) -> None:
    policies = [with_terms("acme", "Blue Heron"), with_terms("umbra", "Red Kite"), with_terms("free")]
    assert found(detector, [TEXT] * 3, policies) == [["Blue Heron"], ["Red Kite"], []]


def test_a_new_version_of_a_policy_counts_at_once(detector: PolicyTextDetector) -> None:
    assert found(detector, [TEXT], [with_terms("acme", "Blue Heron")]) == [["Blue Heron"]]
    assert found(detector, [TEXT], [with_terms("acme", "Red Kite", version=2)]) == [["Red Kite"]]


def test_findings_name_list_detector_and_a_place_in_the_text(detector: PolicyTextDetector) -> None:
    (answer,) = detector.detect_for([PromptContent({"prompt": "", "style": TEXT})], [with_terms("acme", "Blue Heron")])
    (finding,) = answer
    assert (finding.field, finding.term_list, finding.detector) == ("style", "projects", detector.name)
    assert finding.entity_type is EntityType.TERM
    assert 0 <= finding.score <= 1


@pytest.mark.parametrize("count", [0, 2])
def test_another_number_of_policies_is_an_error(detector: PolicyTextDetector, count: int) -> None:
    with pytest.raises(ValueError, match="zip"):
        detector.detect_for([PromptContent({"prompt": TEXT})], [with_terms("acme", "Blue Heron")] * count)


def test_an_answer_does_not_depend_on_the_batch_or_the_thread(detector: PolicyTextDetector) -> None:
    texts = [TEXT, "nothing here", TEXT.lower(), TEXT * 20]
    policies = [with_terms("acme", "Blue Heron", "Red Kite")] * len(texts)
    together = found(detector, texts, policies)
    assert together == [found(detector, [text], policies[:1])[0] for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert all(each == together for each in pool.map(lambda _: found(detector, texts, policies), range(8)))
