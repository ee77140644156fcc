"""The tenant's own words and regular expressions are found as its policy lists them, or the prompt fails closed."""

import threading

import pytest

from filters.errors import DetectorTimeout
from filters.records import PromptContent
from filters.text import terms
from filters.text.terms import TermDetector
from tests.fakes import policy


def policy_with(*lists: dict, version: int = 1, tenant: str = "acme"):
    rules = [{"entities": ["TERM"], "action": "redact"}]
    return policy(tenant, version, prompts={"rules": rules, "terms": list(lists)})


def words(*terms: str, whole: bool = True, name: str = "words") -> dict:
    return {"name": name, "words": terms, "whole_words": whole}


def regexes(*patterns: str, name: str = "patterns") -> dict:
    return {"name": name, "regexes": patterns}


def found(text: str, *lists: dict) -> list[str]:
    (answer,) = TermDetector().detect_for([PromptContent({"prompt": text})], [policy_with(*lists)])
    assert not isinstance(answer, DetectorTimeout)
    return [text[each.start : each.end] for each in answer]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a blue heron, oil", ["blue heron"]),
        ("BLUE   HERON", ["BLUE   HERON"]),
        ("blue_heron_v2", ["blue_heron"]),
        ("(Blue-Heron:1.3)", ["Blue-Heron"]),
        ("<lora:blueheron:0.8>", ["blueheron"]),
        ("#BlueHeron", ["BlueHeron"]),
        ("Ｂｌｕｅ Ｈｅｒｏｎ", ["Ｂｌｕｅ Ｈｅｒｏｎ"]),
        ("bl\u200bue her\u00adon", ["bl\u200bue her\u00adon"]),
        ("Blúe Héron", ["Blúe Héron"]),
        ("blue\nheron blue heron", ["blue\nheron", "blue heron"]),
        ("blue herons", []),
        ("ablue heron", []),
        ("blue, heron", []),
    ],
)
def test_a_term_is_found_however_it_is_written(text, expected):
    assert found(text, words("Blue Heron")) == expected


def test_parts_of_words_count_where_the_list_says_so():
    assert found("megablueherons", words("blue heron", whole=False)) == ["blueheron"]
    assert found("Anatomy of Ana", words("Ana")) == ["Ana"]
    assert found("Anatomy of Ana", words("Ana", whole=False)) == ["Ana", "Ana"]


def test_scripts_without_spaces_have_no_word_borders():
    assert found("我画小明的猫", words("小明")) == ["小明"]


def test_expanding_letters_map_back_to_whole_letters():
    assert found("die Weißstraße im Schnee", words("WEISSSTRASSE")) == ["Weißstraße"]


def test_regular_expressions_ignore_case_and_read_views():
    assert found("heron-123 and HERON-４５６", regexes(r"heron-\d{3}\b")) == ["heron-123", "HERON-４５６"]


def test_empty_matches_are_none():
    assert found("abc", regexes(r"(?=b)|zz")) == []


def test_of_two_that_overlap_the_wider_is_told_and_each_list_for_itself():
    answer = TermDetector().detect_for(
        [PromptContent({"prompt": "blue heron"})],
        [policy_with(words("blue heron", "heron", name="one"), words("heron", name="two"))],
    )[0]
    assert [(each.term_list, each.start, each.end) for each in answer] == [("one", 0, 10), ("two", 5, 10)]


def test_each_prompt_is_read_by_its_own_policy():
    acme, bolt = policy_with(words("heron")), policy_with(words("crane"), tenant="bolt")
    contents = [PromptContent({"prompt": "heron crane"})] * 3
    answers = TermDetector().detect_for(contents, [acme, bolt, policy()])
    assert [[each.start for each in answer] for answer in answers] == [[0], [6], []]


def test_without_a_policy_for_each_prompt_nothing_is_answered():
    with pytest.raises(ValueError, match="argument 2"):
        TermDetector().detect_for([PromptContent({"prompt": "x"})], [])


def test_a_regular_expression_that_takes_too_long_fails_its_prompt_alone():
    """And the error names no term and no text."""
    detector = TermDetector(regex_seconds=0.05)
    slow = policy_with(regexes(r"(?:(?:a|aa)+c|x!)"))
    contents = [PromptContent({"prompt": "a" * 40 + "b"}), PromptContent({"prompt": "fine"})]
    failed, fine = detector.detect_for(contents, [slow, slow])
    assert isinstance(failed, DetectorTimeout)
    assert failed.reason == "term_regex"
    assert "aa" not in str(failed)
    assert fine == []


def test_the_limit_is_shared_by_all_expressions_of_a_prompt():
    matcher = terms.TermMatcher(policy_with(regexes("heron")).spec.prompts.terms)
    with pytest.raises(TimeoutError):
        matcher.matches("heron", terms.RegexBudget(0.0))


def test_a_matcher_is_built_once_a_version(monkeypatch):
    """Not once a record; and again for a new version, or for other terms under the same version."""
    built = []
    original = terms.TermMatcher
    monkeypatch.setattr(terms, "TermMatcher", lambda lists: built.append(lists) or original(lists))
    detector = TermDetector(kept=2)
    contents = [PromptContent({"prompt": "heron"})]
    first = policy_with(words("heron"))
    for asked, count in [
        (first, 1),
        (first, 1),
        (policy_with(words("heron")), 1),
        (policy_with(words("heron"), version=2), 2),
        (policy_with(words("crane"), version=2), 3),
        (policy_with(words("crane"), tenant="bolt"), 4),
        (first, 5),
    ]:
        detector.detect_for(contents, [asked])
        assert len(built) == count
    assert len(detector._matchers) == 2


def test_threads_share_a_detector():
    detector, asked = TermDetector(kept=1), [policy_with(words(term), tenant=term) for term in ("heron", "crane")]
    wrong = []

    def ask(mine):
        for _ in range(50):
            ((one,),) = detector.detect_for([PromptContent({"prompt": f"a {mine.tenant}"})], [mine])
            if (one.start, one.end) != (2, 7):
                wrong.append(one)

    threads = [threading.Thread(target=ask, args=(each,)) for each in asked * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
