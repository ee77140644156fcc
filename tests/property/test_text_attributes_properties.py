"""Attributes over generated prompts: of exactly their own span, by their own cue, and never for private people."""

from hypothesis import given
from hypothesis import strategies as st

from filters.findings import CARRY_ATTRIBUTES, ContextAttribute, EntityType, TextFinding
from filters.records import PromptContent
from filters.text.attributes import attributed

STYLE = ContextAttribute.STYLE_REFERENCE
GIVEN = ["Tobiasz", "Quirina", "Anneke", "Ruslana", "Benvolio", "Ishaan"]
SURNAMES = ["Wyrwicki", "Thornberry", "Osterhagen", "Lecointe", "Arriaga", "Penhale"]
STRANGERS = st.builds("{} {}".format, st.sampled_from(GIVEN), st.sampled_from(SURNAMES))
NAMES = st.builds(lambda name, case: case(name), STRANGERS, st.sampled_from([str, str.lower, str.upper]))
SUBJECTS = st.sampled_from(["a castle on a hill", "two cats", "mist over a lake", "city at night, rain"])
TAILS = st.sampled_from(["", ", 8k", ", highly detailed, mist", ", trending on artstation"])
CUES = st.sampled_from(
    [
        "in the style of",
        "oil painting by",
        "art by",
        "inspired by",
        "painted by",
        "by",
        "by the artist",
        "matte painting by",
    ]
)
PRIVATE_BEHIND = st.sampled_from(
    [
        ", 12 Elm Street",
        ", phone 555-123-4567",
        " (tq@example.com)",
        ", my neighbour",
        ", born on 3 May 1988",
        ", aged 34",
    ]
)
PRIVATE_BEFORE = st.sampled_from(["my neighbour", "our teacher", "Mrs.", "meine Nachbarin", "mi vecina", "mon voisin"])
PRIVATE_FRAMES = st.sampled_from(
    ["my boss {} in the rain", "photo of {} by the pool", "{}, 42 Elm Street", "a letter written by {}", "taken by {}"]
)


def person(text: str, name: str) -> TextFinding:
    start = text.index(name)
    return TextFinding("prompt", start, start + len(name), EntityType.PERSON, 0.5, "oracle")


def attributes(text: str, *names: str) -> list[frozenset[ContextAttribute]]:
    findings = [person(text, name) for name in names]
    return [finding.attributes for finding in attributed(PromptContent({"prompt": text}), findings)]


@given(SUBJECTS, CUES, NAMES, TAILS)
def test_the_cue_makes_the_style_and_nothing_else_does(subject, cue, name, tail):
    assert attributes(f"{subject}, {cue} {name}{tail}", name) == [{STYLE}]
    assert attributes(f"{subject}, {name}{tail}", name) == [frozenset()]


@given(SUBJECTS, CUES, NAMES, PRIVATE_BEHIND)
def test_data_behind_a_name_takes_its_style_away(subject, cue, name, data):
    assert attributes(f"{subject}, {cue} {name}{data}", name) == [frozenset()]


@given(SUBJECTS, CUES, NAMES, PRIVATE_BEFORE, TAILS)
def test_an_acquaintance_is_no_style(subject, cue, name, acquaintance, tail):
    assert attributes(f"{subject}, {cue} {acquaintance} {name}{tail}", name) == [frozenset()]


@given(PRIVATE_FRAMES, SUBJECTS, CUES, TAILS, st.lists(NAMES, min_size=2, max_size=2, unique_by=str.lower))
def test_marking_one_name_marks_no_other(frame, subject, cue, tail, names):
    """A private person stays one, whatever stands elsewhere in the prompt; and takes no artist's style away."""
    private, artist = names
    text = f"{frame.format(private)}. {subject}, {cue} {artist}{tail}"
    assert attributes(text, private, artist)[0] == frozenset()
    assert attributes(text, private) == [frozenset()], "nor where the artist was not reported"
    behind = f"{subject}, {cue} {artist}{tail}. {frame.format(private)}"
    assert attributes(behind, private, artist)[0] == frozenset()


@given(st.data(), st.text(alphabet="by, mystelof(:1.2)é\n|@Á\u200b", max_size=60))
def test_spans_types_and_order_are_never_touched(data, text):
    """Of arbitrary findings in arbitrary text; scores only grow, up to 1."""
    text += "x"
    places = st.integers(0, len(text) - 1)
    findings = []
    for _ in range(data.draw(st.integers(0, 5))):
        start = data.draw(places)
        end = data.draw(st.integers(start + 1, len(text)))
        entity_type = data.draw(st.sampled_from([EntityType.PERSON, EntityType.ADDRESS, EntityType.URL]))
        findings.append(TextFinding("prompt", start, end, entity_type, data.draw(st.floats(0, 1)), "oracle"))
    answers = attributed(PromptContent({"prompt": text}), findings)
    assert len(answers) == len(findings)
    for before, after in zip(findings, answers, strict=True):
        assert (before.field, before.start, before.end, before.entity_type) == (
            after.field, after.start, after.end, after.entity_type,
        )  # fmt: skip
        assert before.score <= after.score <= 1
        assert before.entity_type in CARRY_ATTRIBUTES or before == after


@given(st.permutations(range(3)), CUES)
def test_the_order_of_findings_does_not_matter(order, cue):
    names = ["Tobiasz Wyrwicki", "Anneke Penhale", "Jane Doe"]
    text = f"a castle, {cue} {names[0]} and {names[1]}, mist, my neighbour {names[2]}"
    forward = dict(zip(names, attributes(text, *names), strict=True))
    shuffled = [names[index] for index in order]
    assert dict(zip(shuffled, attributes(text, *shuffled), strict=True)) == forward
    assert forward == {names[0]: {STYLE}, names[1]: {STYLE}, names[2]: frozenset()}
