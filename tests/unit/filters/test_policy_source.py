"""Policy documents: each mistake is named once, at its place, with a way out, and without quoting the document."""

import json
from pathlib import Path

import pytest

from filters.errors import ConfigurationError, PolicyError
from filters.findings import EntityType
from filters.policy_issues import IssueCode, PolicyDocumentError, Severity
from filters.policy_source import decode_policy, lint_policy, load_default_policy, parse_policy, read_policy
from filters.policy_yaml import MAX_ALIASES, MAX_CHARACTERS, MAX_DEPTH, read_yaml
from filters.records import ContentKind
from filters.verdict import Action

ROOT = Path(__file__).parents[3]
GOOD = """\
apiVersion: veilstream/v1
kind: FilterPolicy
metadata: {tenant: acme, version: 7}
spec:
  mode: enforce
  on_error: reject
  prompts:
    rules:
      - {entities: [CREDIT_CARD], action: reject}
  images:
    rules:
      - {entities: [FACE], min_score: 0.4, action: redact, operator: {type: fill, margin: 0.15}}
"""


def changed(*changes: tuple[str, str]) -> str:
    text = GOOD
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def seen(text: str) -> list[tuple[int, int, str]]:
    return [(issue.line, issue.column, issue.code.value) for issue in lint_policy(text, "p.yaml")]


def only(text: str):
    (issue,) = lint_policy(text, "p.yaml")
    return issue


def test_a_good_policy_has_no_issues():
    assert lint_policy(GOOD, "p.yaml") == []


def test_json_is_read_as_it_is_yaml():
    policy = parse_policy(GOOD, "p.yaml")
    for indent in (None, 2, "\t"):
        text = json.dumps(policy.model_dump(mode="json", exclude_none=True), indent=indent)
        assert parse_policy(text, "p.json") == policy


def test_json_escapes_of_signs_beyond_the_first_plane_are_joined():
    text = changed(("action: reject", 'action: redact, operator: {type: replace, text: "\\ud83d\\ude36"}'))
    assert parse_policy(text, "p.yaml").spec.prompts.rules[0].operator.text == "\U0001f636"


MISTAKES = [
    pytest.param(("action: reject", "action: rejct"), (9, 43, "VS013"), "did you mean `reject`?", id="action"),
    pytest.param(("min_score", "min_scor"), (12, 28, "VS010"), "did you mean `min_score`?", id="field"),
    pytest.param(("images", "pictures"), (10, 3, "VS010"), "the fields here are mode", id="unlike any field"),
    pytest.param(("type: fill", "type: fil"), (12, 77, "VS013"), "did you mean `fill`?", id="operator"),
    pytest.param(("type: fill, ", ""), (12, 70, "VS011"), "add `type`", id="operator without type"),
    pytest.param(("{type: fill, margin: 0.15}", "fill"), (12, 70, "VS012"), "write `{type: …}`", id="bare operator"),
    pytest.param(("margin", "margn"), (12, 83, "VS010"), "did you mean `margin`?", id="field of an operator"),
    pytest.param(("fill, margin: 0.15", "blur"), (12, 70, "VS011"), "`cosmetic: true`", id="blur without the word"),
    pytest.param(("[FACE]", "[FCAE]"), (12, 21, "VS013"), "did you mean `FACE`?", id="entity"),
    pytest.param(("[FACE]", "[face]"), (12, 21, "VS013"), "did you mean `FACE`?", id="entity in lower case"),
    pytest.param(("[FACE]", "FACE"), (12, 20, "VS012"), "write `[…]`", id="entity without list"),
    pytest.param(("[FACE]", "[]"), (12, 20, "VS014"), "", id="no entities"),
    pytest.param(("on_error: reject", "on_error: pass"), (6, 13, "VS013"), "no way to release", id="pass on error"),
    pytest.param(("version: 7", 'version: "7"'), (3, 35, "VS012"), "take the quotes away", id="quoted number"),
    pytest.param(("version: 7", "version: true"), (3, 35, "VS012"), "", id="bool as number"),
    pytest.param(("version: 7", "version: 7.5"), (3, 35, "VS012"), "", id="fraction as version"),
    pytest.param(("version: 7", "version: 0"), (3, 35, "VS014"), "", id="version 0"),
    pytest.param(("0.4", ".nan"), (12, 39, "VS014"), "", id="score that is no number"),
    pytest.param(("0.4", "40"), (12, 39, "VS014"), "", id="score in percent"),
    pytest.param(("tenant: acme, ", ""), (3, 11, "VS011"), "add `tenant`", id="no tenant"),
    pytest.param(("tenant: acme", "tenant: A B"), (3, 20, "VS014"), "", id="tenant's name"),
    pytest.param(("veilstream/v1", "veilstream/v2"), (1, 13, "VS013"), "write `veilstream/v1`", id="api version"),
    pytest.param(("mode: enforce", "mode: canary"), (5, 3, "VS015"), "", id="canary without percent"),
    pytest.param(
        ("action: reject", "action: reject, operator: {type: remove}"), (9, 51, "VS015"), "", id="idle operator"
    ),
    pytest.param(("mode: enforce", "mode: &m"), (5, 9, "VS013"), "choose one of off", id="null"),
]


@pytest.mark.parametrize(("change", "place", "hint"), MISTAKES)
def test_a_mistake_is_one_issue_at_its_place_with_a_hint(change, place, hint):
    issue = only(changed(change))
    assert (issue.line, issue.column, issue.code.value) == place
    assert hint in issue.hint
    assert issue.severity is Severity.ERROR


def test_all_mistakes_of_a_document_are_told_at_once_in_its_order():
    text = changed(("FilterPolicy", "Policy"), ("action: reject", "action: refuse"), ("0.4", "4"), ("margin", "mragin"))
    assert seen(text) == [(2, 7, "VS013"), (9, 43, "VS013"), (12, 39, "VS014"), (12, 81, "VS010")]


BROKEN_YAML = [
    pytest.param("", (1, 1, "VS005"), id="empty"),
    pytest.param("# nothing\n", (1, 1, "VS005"), id="comment only"),
    pytest.param("- a\n- b\n", (1, 1, "VS005"), id="list"),
    pytest.param("word", (1, 1, "VS005"), id="scalar"),
    pytest.param("a: 1\n---\nb: 2\n", (2, 1, "VS004"), id="two documents"),
    pytest.param("a: 1\n...\nb: 2\n", (3, 1, "VS004"), id="second document after the end"),
    pytest.param("a: 1\nb: 2\na: 3\n", (3, 1, "VS002"), id="duplicate key"),
    pytest.param("x: {a: 1, 'a': 2}\n", (1, 11, "VS002"), id="duplicate key in quotes"),
    pytest.param("a: [1, 2\n", (2, 1, "VS001"), id="open bracket"),
    pytest.param("a:\n\t- b\n", (2, 1, "VS001"), id="tab"),
    pytest.param("a: b: c\n", (1, 5, "VS001"), id="two colons"),
    pytest.param("a: 1\nb: \x07\n", (2, 4, "VS001"), id="control character"),
    pytest.param('a: "\\ud83d"\n', (1, 4, "VS001"), id="half a surrogate pair"),
    pytest.param("a: *b\n", (1, 4, "VS001"), id="alias without anchor"),
    pytest.param("a: &a [*a]\n", (1, 8, "VS001"), id="alias inside its anchor"),
    pytest.param("a: !!python/object:os.system {}\n", (1, 4, "VS006"), id="tag"),
    pytest.param("a: !!binary aGVsbG8=\n", (1, 4, "VS006"), id="binary tag"),
    pytest.param("a: &x {b: 1}\nc: {<<: *x}\n", (2, 5, "VS006"), id="merge key"),
    pytest.param("[1]: 2\n", (1, 1, "VS006"), id="list as key"),
    pytest.param("%YAML 2.0\n---\na: 1\n", (1, 1, "VS001"), id="another YAML"),
    pytest.param("a: " + "[" * (MAX_DEPTH + 1), (1, 3 + MAX_DEPTH, "VS003"), id="deep"),
    pytest.param("a: " + "[" * 60_000, (1, 3 + MAX_DEPTH, "VS003"), id="very deep"),
    pytest.param("a: &a 1\nb: [" + "*a, " * (MAX_ALIASES + 1) + "]", (2, 5 + 4 * MAX_ALIASES, "VS003"), id="aliases"),
    pytest.param("#" * (MAX_CHARACTERS + 1), (1, 1, "VS003"), id="long"),
]


@pytest.mark.parametrize(("text", "place"), BROKEN_YAML)
def test_yaml_that_is_no_policy_is_refused_at_its_first_offence(text, place):
    assert seen(text) == [place]


def test_a_billion_laughs_are_counted_not_expanded():
    laughs = ["a0: &a0 [lol, lol, lol, lol, lol]"]
    laughs += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 5)}]" for i in range(1, 6)]
    issue = only("\n".join(laughs))
    assert issue.code is IssueCode.LIMIT
    assert "aliases" in issue.message


def test_aliases_within_the_limits_are_read():
    text = changed(
        ("[CREDIT_CARD], action: reject", "&cards [CREDIT_CARD], action: reject"),
        ("entities: [FACE], min_score", "entities: *cards, source: text_in_image, min_score"),
    )
    policy = parse_policy(text, "p.yaml")
    assert policy.entities(ContentKind.IMAGE) == policy.entities(ContentKind.PROMPT) == {EntityType.CREDIT_CARD}


def test_mistakes_behind_an_alias_are_placed_at_the_alias():
    text = changed(
        ("  mode: enforce", "  mode: enforce\n  canary_percent: &a [NOBODY]"), ("entities: [FACE]", "entities: *a")
    )
    assert (13, 20, "VS013") in seen(text)


@pytest.mark.parametrize("word", ["off", "no", "yes", "on", "2024-01-01", "0x1f", "1_000", "12:30"])
def test_plain_words_stay_words_whatever_yaml_version_is_declared(word):
    for head in ("", "%YAML 1.1\n---\n"):
        assert read_yaml(f"{head}a: {word}\n", "p.yaml").data == {"a": word}


def test_mode_off_is_a_word():
    assert parse_policy(changed(("mode: enforce", "mode: off")), "p.yaml").spec.mode == "off"


def test_bytes_that_are_not_utf8_are_refused_at_their_place():
    with pytest.raises(PolicyDocumentError) as refused:
        decode_policy(b"apiVersion: veilstream/v1\nkind: F\xe4", "p.yaml")
    assert [(issue.line, issue.column) for issue in refused.value.issues] == [(2, 8)]
    assert refused.value.__cause__ is None


def test_a_byte_order_mark_is_no_part_of_the_document():
    assert decode_policy(b"\xef\xbb\xbfa: 1", "p.yaml") == "a: 1"


CANARY = "Jane Roe of 12 Elm Street"
LEAKS = [
    CANARY,
    f"{{'prompt': '{CANARY}'}}",
    f'{{"{CANARY}": 1}}',
    f'"{CANARY}\\q"',
    f"a: '{CANARY}",
    f"a: {CANARY}: x",
    f"a: &{CANARY.replace(' ', '_')} *{CANARY.replace(' ', '')}",
    f"a: !<{CANARY.replace(' ', '_')}> b",
    f"%TAG {CANARY}\n---\na: 1",
    changed(("action: reject", f"action: {CANARY}")),
    changed(("tenant: acme", f"tenant: {CANARY}")),
    changed(("version: 7", f"version: {CANARY}")),
    changed(("type: fill", f"type: {CANARY}")),
    changed(("[FACE]", f"[{CANARY}]")),
    changed(("mode: enforce", f"{CANARY}: enforce")),
    changed(("{type: fill, margin: 0.15}", CANARY)),
]


@pytest.mark.parametrize("text", LEAKS)
def test_no_issue_quotes_what_may_be_a_prompt_that_lost_its_way(text):
    with pytest.raises(PolicyDocumentError) as refused:
        parse_policy(text, "p.yaml")
    shown = str(refused.value) + repr(refused.value)
    assert "Jane" not in shown
    assert "Elm" not in shown
    # Tracebacks print causes and contexts too: neither pydantic's nor the parser's own exception may hang on.
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_document_error_is_a_configuration_error_with_a_line_for_each_issue():
    with pytest.raises(PolicyError) as refused:
        parse_policy(changed(("0.4", "4"), ("margin", "mragin")), "policies/acme.yaml")
    assert isinstance(refused.value, ConfigurationError)
    assert str(refused.value).splitlines() == [
        "policies/acme.yaml:12:39: error VS014: `min_score` must be 1.0 or less",
        "policies/acme.yaml:12:81: error VS010: `mragin` is no field here; did you mean `margin`?",
    ]


def test_a_document_knows_where_its_parts_stand():
    document = read_policy(GOOD, "p.yaml")
    issue = document.issue(IssueCode.VERSION_NOT_GROWN, ("metadata", "version"), "message")
    assert (issue.line, issue.column, issue.source) == (3, 35, "p.yaml")


WARNINGS = [
    pytest.param([("mode: enforce", "mode: off")], (5, 9, "VS102"), id="off"),
    pytest.param([("mode: enforce", "mode: shadow")], (5, 9, "VS102"), id="shadow"),
    pytest.param([("type: fill", "type: blur, cosmetic: true")], (12, 70, "VS101"), id="blur"),
    pytest.param([("type: fill", "type: mosaic, cosmetic: true")], (12, 70, "VS101"), id="mosaic"),
    pytest.param([("0.4", "0")], (12, 39, "VS104"), id="score 0"),
    pytest.param([("    rules:\n      - {entities: [CREDIT_CARD], action: reject}", "    rules: []")], (7, 3, "VS105")),
    pytest.param([(GOOD[GOOD.index("  images") :], "")], (4, 1, "VS106"), id="no section"),
    pytest.param([("  images:\n", "  images:\n    metadata: keep\n")], (11, 15, "VS110"), id="keep"),
]


KEEP_METADATA = [
    pytest.param("keep_metadata: [generation, digital_source_type]", [], id="both"),
    pytest.param("metadata: keep\n    keep_metadata: [generation]", ["VS015"], id="with keep"),
    pytest.param("keep_metadata: [icc]", ["VS013"], id="something else"),
    pytest.param("keep_metadata: generation", ["VS012"], id="no list"),
]


@pytest.mark.parametrize(("text", "codes"), KEEP_METADATA)
def test_what_of_metadata_can_be_kept(text, codes):
    """A list of two words, with stripping."""
    assert [code for _, _, code in seen(changed(("  images:\n", f"  images:\n    {text}\n")))] == codes


def test_generation_needs_prompt_rules():
    """What no prompt rule judges cannot be kept; the source type can."""
    prompts = GOOD[GOOD.index("  prompts") : GOOD.index("  images")]
    for word, codes in (("generation", ["VS015"]), ("digital_source_type", ["VS106"])):
        text = changed((prompts, ""), ("  images:\n", f"  images:\n    keep_metadata: [{word}]\n"))
        assert [code for _, _, code in seen(text)] == codes


@pytest.mark.parametrize(("changes", "place"), WARNINGS)
def test_what_is_allowed_and_seldom_meant_is_a_warning(changes, place):
    issue = only(changed(*changes))
    assert (issue.line, issue.column, issue.code.value) == place
    assert issue.severity is Severity.WARNING
    assert parse_policy(changed(*changes), "p.yaml")


def rules(*lines: str) -> str:
    old = "- {entities: [CREDIT_CARD], action: reject}"
    return changed((old, "\n      ".join(f"- {{{line}}}" for line in lines)))


REACH = [
    pytest.param(["entities: [US_SSN], action: redact", "entities: [US_SSN], action: redact"], [10], id="twice"),
    pytest.param(["entities: [US_SSN], action: redact", "entities: [US_SSN], action: reject"], [9], id="milder first"),
    pytest.param(["entities: [US_SSN], action: hold", "entities: [URL, US_SSN], action: flag"], [10], id="one of two"),
    pytest.param(
        ["entities: [US_SSN], action: reject, min_score: 0.6", "entities: [US_SSN], action: flag"], [], id="s"
    ),
    pytest.param(["entities: [US_SSN], action: reject, min_score: 0.3", "entities: [US_SSN], action: flag"], [10]),
    pytest.param(["entities: [PERSON], action: hold, unless: [fictional]", "entities: [PERSON], action: flag"], []),
    pytest.param(["entities: [PERSON], action: hold", "entities: [PERSON], action: flag, unless: [fictional]"], [10]),
    pytest.param(["entities: [URL], action: flag", "entities: [US_SSN], action: flag"], [], id="others"),
]


@pytest.mark.parametrize(("lines", "warned"), REACH)
def test_a_rule_that_another_always_beats_is_a_warning_at_the_entity(lines, warned):
    assert [(line, code) for line, _, code in seen(rules(*lines))] == [(line, "VS103") for line in warned]


def test_unless_for_what_carries_no_attribute_is_a_warning_at_the_entity():
    issues = seen(rules("entities: [PERSON, US_SSN], action: redact, unless: [style_reference]"))
    assert issues == [(9, 29, "VS107")]
    assert seen(rules("entities: [PERSON], action: redact, unless: [style_reference]")) == []
    assert seen(rules("entities: [PERSON, US_SSN], action: redact")) == []


def test_image_rules_for_one_source_are_beaten_by_rules_for_any_source_only():
    head = "- {entities: [FACE], min_score: 0.4, action: redact, operator: {type: fill, margin: 0.15}}"
    narrow = "- {entities: [FACE], action: reject, source: code}"
    assert seen(changed((head, f"{head}\n      {narrow}"))) == []
    wide = "- {entities: [FACE], action: reject}"
    milder = narrow.replace("reject", "flag")
    assert seen(changed((head, f"{milder}\n      {wide}"))) == [(12, 21, "VS103")]


def test_every_code_is_explained_in_the_documentation():
    text = (ROOT / "docs/policy.md").read_text(encoding="utf-8")
    assert [code.value for code in IssueCode if f"| {code.value} |" not in text] == []


def test_the_default_policy_lints_clean_and_needs_no_key():
    text = (ROOT / "filters/default_policy.yaml").read_text(encoding="utf-8")
    assert lint_policy(text, "default_policy.yaml") == []
    policy = load_default_policy()
    assert policy.tenant == "default"
    assert Action.HOLD not in policy.actions


def test_the_default_policy_names_what_the_built_in_detectors_find_but_scenery_and_brands():
    by_models = {"LOCATION", "ORGANIZATION", "USERNAME", "NRP"}
    not_private = {"DATE_TIME"}
    of_tenants = {"TERM"}
    of_images = {"FACE", "LICENSE_PLATE", "QR_CODE", "METADATA"}
    policy = load_default_policy()
    assert policy.entities(ContentKind.PROMPT) == set(EntityType) - by_models - not_private - of_tenants - of_images
    assert policy.entities(ContentKind.IMAGE) == {EntityType.FACE}
