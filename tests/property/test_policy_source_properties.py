"""Whatever text comes in, the reader gives a policy or issues that lie inside the text; what it writes it reads."""

import contextlib
import json

from hypothesis import example, given
from hypothesis import strategies as st

from filters.policy_issues import PolicyDocumentError
from filters.policy_source import lint_policy, parse_policy

GOOD = {
    "apiVersion": "veilstream/v1",
    "kind": "FilterPolicy",
    "metadata": {"tenant": "acme", "version": 1},
    "spec": {"prompts": {"rules": [{"entities": ["URL"], "action": "redact", "operator": {"type": "replace"}}]}},
}
YAML_SIGNS = st.text(st.sampled_from("ab:-[]{}&*!|>'\"%#\n\t ,?<~01.\\\x00\ud800é"), max_size=60)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def paths(value, prefix=()):
    """Every place in a document."""
    yield prefix
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths(inner, (*prefix, key))


def replaced(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def check_issues(text: str) -> None:
    issues = lint_policy(text, "p.yaml")
    lines = text.splitlines() or [""]
    for issue in issues:
        assert 1 <= issue.line <= len(lines) + 1
        assert issue.column >= 1
        assert issue.message


@given(st.text(max_size=80) | YAML_SIGNS)
@example("a: &a [*a]")
@example("? \n")
@example("!!set {a, b}")
def test_any_text_is_a_policy_or_has_issues_inside_it(text):
    check_issues(text)
    with contextlib.suppress(PolicyDocumentError):
        parse_policy(text, "p.yaml")


@given(st.sampled_from(list(paths(GOOD))), JSON_VALUES)
def test_any_value_in_any_place_of_a_policy_is_taken_or_has_issues_inside_the_text(path, value):
    text = json.dumps(replaced(GOOD, path, value), indent=1)
    check_issues(text)


@given(st.sampled_from([path for path in paths(GOOD) if path]), st.text(min_size=1, max_size=12))
def test_a_key_that_the_schema_does_not_know_is_refused(path, key):
    document = replaced(GOOD, path, {key: 1, "unknown": 2})
    assert any(issue.severity == "error" for issue in lint_policy(json.dumps(document), "p.json"))
