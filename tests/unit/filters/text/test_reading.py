"""What detectors get of a prompt: every text by itself, the boundaries between them, and the way back."""

import json
import time

import pytest

from filters.findings import EntityType, TextFinding
from filters.records import PromptContent
from filters.text.reading import Reading
from filters.text.structured import is_structured

WORKFLOW = {
    "3": {
        "inputs": {"seed": 156680208700286, "steps": 20, "cfg": 8.0, "sampler_name": "euler", "model": ["4", 0]},
        "class_type": "KSampler",
        "_meta": {"title": "KSampler"},
    },
    "6": {"inputs": {"text": 'photo of "jané"', "clip": ["4", 1]}, "class_type": "CLIPTextEncode"},
    "7": {"inputs": {"text": "blurry", "clip": ["4", 1]}, "class_type": "CLIPTextEncode"},
}
BLOCK = "a sea\nNegative prompt: blurry, jane\nSteps: 20, Sampler: Euler a, Seed: 1234567890"


def texts(**fields):
    return list(Reading(PromptContent(fields)).content.fields.values())


def found(private, entity=EntityType.PERSON, **fields):
    """The fields' spans that a detector's findings of `private`, wherever it is read, come to."""
    reading = Reading(PromptContent(fields))
    findings = [
        TextFinding(name, text.index(private), text.index(private) + len(private), entity, 0.9, "test")
        for name, text in reading.content.fields.items()
        if private in text
    ]
    return [(each.field, fields[each.field][each.start : each.end]) for each in reading.findings(findings)]


def test_a_plain_prompt_is_read_as_it_is():
    content = PromptContent({"prompt": "{a|b} (x:1.2)", "negative_prompt": ""})
    assert Reading(content).content is content


def test_every_text_of_a_workflow_is_read_as_it_says():
    assert texts(prompt=json.dumps(WORKFLOW)) == [
        "seed: 156680208700286",
        "title: KSampler",
        'photo of "jané"',
        "blurry",
        'photo of "jané" blurry ',
    ]


def test_findings_lead_back_to_what_writes_them():
    assert found("jané", prompt=json.dumps(WORKFLOW)) == [("prompt", "jan\\u00e9")]
    assert found("156680208700286", prompt=json.dumps(WORKFLOW)) == [("prompt", "156680208700286")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('{"card": 4111111111111111, "a": "b c"}', "card: 4111111111111111"),
        ('{"card": 4111111111111111.0, "a": "b c"}', "card: 4111111111111111"),
        ('{"card": 4.111111111111111e15, "a": "b c"}', "card: 4111111111111111"),
        ('{"jane@example.com": true}', "jane@example.com"),
        ('{"jane doe": true}', "jane doe"),
        ('{"a": "jane\\u0040example.com"}', "a: jane@example.com"),
        ('{"a": "\\ud83c\\udfa8 jane"}', "a: 🎨 jane"),
        ('{"a": "half \\ud83c"}', "a: half \ufffd"),
        ('{"is_changed": [NaN], "text": "jane"}', "jane"),
        ('{"text": "two\nlines"}', "two\nlines"),
        ('[[156680208700286, "randomize", 20]]', "seed: 156680208700286"),
        (json.dumps({"a": json.dumps({"b": json.dumps({"text": "jane"})})}), "jane"),
        ('\ufeff {"text": "jane"} ', "jane"),
    ],
)
def test_strings_keys_and_numbers_are_read(value, text):
    assert text in texts(prompt=value)


def test_json_in_strings_is_opened_to_a_depth():
    """Deeper, it is a text like any other: judged, though not unescaped."""
    value = "jane"
    for _ in range(5):
        value = json.dumps({"text": value})
    assert any(r"\"text\"" in text and "jane" in text for text in texts(prompt=value))


@pytest.mark.parametrize(
    "text",
    ["{a|b}", "[x]", "{red} {blue}", "[4111 1111 1111 1111]", "[1, 2]", '{"a"', "{2$$a|b}", '{"a" "b" x}', "", "(x)"],
)
def test_prompt_syntax_is_no_json(text):
    assert not is_structured(text) or text == '{"a"'


def test_a_parameter_block_is_three_texts_and_their_boundaries():
    assert texts(parameters=BLOCK) == [
        "a sea\n",
        " blurry, jane\n",
        "Steps: 20, Sampler: Euler a, Seed: 1234567890",
        "a sea blurry, jane ",
    ]
    assert found("jane", parameters=BLOCK) == [("parameters", "jane")]


@pytest.mark.parametrize(
    ("private", "one", "other"),
    [
        ("john smith", "photo of john", "smith, blurry"),
        ("4111 1111 1111 1111", "card 4111 1111", "1111 1111, blurry"),
        ("4111111111111111", "card 41111111", "11111111, blurry"),
        ("jane@example.com", "mail jane", "@example.com, blurry"),
        ("jane@example.com", "mail jane@", "example.com, blurry"),
        ("jane@example.com", "mail jane@exam", "ple.com, blurry"),
    ],
)
def test_what_is_cut_in_two_is_found_in_both_fields(private, one, other):
    fields = {"prompt": one, "negative_prompt": other}
    spans = found(private, **fields)
    assert [field for field, _ in spans] == ["prompt", "negative_prompt"]
    assert "".join(text for _, text in spans).replace(" ", "") == private.replace(" ", "")
    assert one.endswith(spans[0][1])
    assert other.startswith(spans[1][1])


def test_what_lies_in_one_text_is_not_told_twice():
    assert found("jane", prompt="jane", negative_prompt="blurry") == [("prompt", "jane")]


def test_what_is_spread_over_four_texts_is_found_in_each():
    """Also where long texts lie between: only their ends are read."""
    document = json.dumps({"a": "x 4111", "b": "1111", "c": "1111", "d": "1111 y"})
    assert [text for _, text in found("4111 1111 1111 1111", prompt=document)] == ["4111", "1111", "1111", "1111"]
    long = "1111 " + "sea " * 100 + "john"
    assert found("john smith", a="x", b=long, c="smith") == [("b", "john"), ("c", "smith")]


def test_labels_are_context_and_nothing_more():
    """A finding of a label alone is none; one that begins in it is one of the value, and of all of a number."""
    reading = Reading(PromptContent({"prompt": '{"seed": 4155552671, "text": "a b"}'}))
    (name,) = [name for name, text in reading.content.fields.items() if text.startswith("seed")]
    label, both = (TextFinding(name, 0, end, EntityType.PHONE_NUMBER, 0.4, "test") for end in (4, 10))
    (mapped,) = reading.findings([label, both])
    assert (mapped.field, mapped.start, mapped.end) == ("prompt", 9, 19)


def test_names_of_texts_meet_no_field():
    fields = {"#0": '{"a": "b c"}', "#1": "x y", "#1#": "z"}
    assert len(texts(**fields)) == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ['{"a":', '["', "[", '{"a":"b",', '"', "[1,", '{"\\u0061":"', "Steps: 1,\n", '["x\\\\",']
)
def test_hostile_documents_take_no_longer(piece):
    text = (piece * 65_536)[:65_536]
    for attempt in (text, '{"a": ' + json.dumps(text[:30_000]) + "}", text[:60_000].rstrip(",") + '"]'):
        started = time.process_time()
        Reading(PromptContent({"prompt": attempt}))
        assert time.process_time() - started < 2
