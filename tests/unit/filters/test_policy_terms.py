"""Term lists are held to their limits, and to the rules that ask for them, when the policy is read."""

import time

import pytest
from pydantic import ValidationError

from filters.decide import decide
from filters.findings import EntityType, TextFinding
from filters.policy_source import lint_policy, parse_policy
from filters.policy_terms import MAX_WORDS
from filters.records import ContentKind
from filters.verdict import Action
from tests.fakes import policy

GOOD = """\
apiVersion: veilstream/v1
kind: FilterPolicy
metadata: {tenant: acme, version: 7}
spec:
  prompts:
    terms:
      - {name: projects, words: [Blue Heron], regexes: ['heron-[0-9]+']}
      - {name: staff, words: [Jane Doe]}
    rules:
      - {entities: [TERM], lists: [projects], action: reject}
      - {entities: [TERM], lists: [staff], action: redact, operator: {type: encrypt}}
  images: {rules: [{entities: [FACE], action: redact}]}
"""


def seen(old: str = "", new: str = "") -> list[tuple[int, int, str]]:
    assert GOOD.count(old) == 1 or not old
    return [(issue.line, issue.column, issue.code.value) for issue in lint_policy(GOOD.replace(old, new), "p.yaml")]


def test_a_good_policy_with_terms_has_no_issues():
    assert seen() == []


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("heron-[0-9]+", "heron-[0-9+", (7, 57, "VS015")),
        ("heron-[0-9]+", "heron-(?R)", (7, 57, "VS015")),
        ("heron-[0-9]+", "(?:(?:ab){900}){900}", (7, 57, "VS015")),
        ("heron-[0-9]+", "(?:heron)*", (7, 57, "VS015")),
        ("heron-[0-9]+", "h" * 257, (7, 57, "VS014")),
        ("[Blue Heron]", "[Blue Heron, '--']", (7, 46, "VS015")),
        ("[Blue Heron]", "[Blue Heron, b]", (7, 46, "VS014")),
        ("[Jane Doe]", "[]", (8, 23, "VS015")),
        ("name: staff", "name: Staff", (8, 16, "VS014")),
        ("name: staff", "name: projects", (6, 5, "VS015")),
        ("lists: [staff]", "lists: [stuff]", (6, 5, "VS015")),
        ("lists: [staff], ", "min_score: 0.5, lists: [projects], ", (6, 5, "VS015")),
        ("entities: [TERM], lists: [staff]", "entities: [TERM, URL], lists: [staff]", (11, 33, "VS015")),
    ],
)
def test_a_mistake_is_an_issue_at_its_place(old, new, place):
    assert seen(old, new)[0] == place


def test_no_issue_quotes_a_term_or_an_expression():
    for new in ("heron-[0-9+", "(?:heron)*", "heron{9}{", "\\p{Heron}"):
        text = GOOD.replace("heron-[0-9]+", new)
        assert not any("eron" in str(issue) for issue in lint_policy(text, "p.yaml"))


@pytest.mark.parametrize(
    "pattern", ["(?:a{1000}){1000}", "(?:(?:(?:a{99}){99}){99}){99}", "a{99999999999}", "((a{0,99}){99}){99}b"]
)
def test_an_expression_that_is_written_out_at_length_is_refused_at_once(pattern):
    started = time.perf_counter()
    with pytest.raises(ValidationError):
        policy(
            prompts={
                "terms": [{"name": "x", "regexes": [pattern]}],
                "rules": [{"entities": ["TERM"], "action": "flag"}],
            }
        )
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    "section",
    [
        {"terms": [{"name": "x", "words": ["heron"]}]},
        {"terms": [{"name": "x", "words": ["heron"]}], "rules": [{"entities": ["URL"], "action": "flag"}]},
        {"rules": [{"entities": ["TERM"], "action": "flag"}]},
        {"rules": [{"entities": ["TERM"], "lists": ["x"], "action": "flag"}]},
        {
            "terms": [{"name": f"x{n}", "words": ["heron"] * (MAX_WORDS // 2 + 1)} for n in range(2)],
            "rules": [{"entities": ["TERM"], "action": "flag"}],
        },
        {
            "terms": [{"name": f"x{n}", "words": ["heron"]} for n in range(33)],
            "rules": [{"entities": ["TERM"], "action": "flag"}],
        },
    ],
    ids=["no rule", "no rule about terms", "no terms", "no such list", "too many words", "too many lists"],
)
def test_lists_and_rules_have_to_meet(section):
    with pytest.raises(ValidationError):
        policy(prompts=section)


def test_a_rule_is_about_its_lists_only():
    asked = parse_policy(GOOD, "p.yaml")
    found = [TextFinding("prompt", 0, 4, EntityType.TERM, 1.0, "terms", term_list="staff")]
    assert decide(found, asked, ContentKind.PROMPT).action is Action.REDACT
    found.append(TextFinding("prompt", 5, 9, EntityType.TERM, 1.0, "terms", term_list="projects"))
    assert decide(found, asked, ContentKind.PROMPT).action is Action.REJECT


@pytest.mark.parametrize(
    ("rule", "codes"),
    [
        ("{entities: [US_SSN], action: redact, operator: {type: encrypt}}", ["VS108"]),
        ("{entities: [US_SSN], action: redact, operator: {type: hash}}", []),
        ("{entities: [PHONE_NUMBER], action: redact, operator: {type: encrypt}}", []),
        ("{entities: [DATE_TIME, URL], action: redact, operator: {type: generalise}}", ["VS109"]),
        ("{entities: [ADDRESS], action: redact, operator: {type: generalise}}", []),
    ],
)
def test_operators_that_keep_too_much_or_nothing_are_warned_of(rule, codes):
    text = GOOD.replace("    rules:\n", f"    rules:\n      - {rule}\n", 1)
    assert [issue.code.value for issue in lint_policy(text, "p.yaml")] == codes


def test_a_rule_for_other_lists_beats_none():
    """Only one for the same lists, or for all, is named as the stronger one."""
    text = GOOD.replace("lists: [projects], ", "")
    assert [(issue.line, issue.code.value) for issue in lint_policy(text, "p.yaml")] == [(11, "VS103")]
