"""The prose view says what the prompt says, without its grammar, and leads back to the very characters."""

import pytest

from filters.text.prose import prose_view


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("(john:1.2) (smith:1.3)", "john smith"),
        ("((john)) [smith]", "john smith"),
        ("4111 BREAK 1111 BREAK 1111 BREAK 1111", "4111 1111 1111 1111"),
        ("[4111|1111|1111|1111]", "4111 1111 1111 1111"),
        ("{jane@|example.com}", "jane@example.com"),
        ("jane@(example:1.2).com", "jane@example.com"),
        ("(jane)(doe)", "jane doe"),
        ("a cat AND 2 dogs", "a cat 2 dogs"),
        ("photo of <lora:jane_doe_v2:0.8> at night", "photo of, jane doe, at night"),
        ("<lora:JaneDoe-xl:0.8:1>, oil", "Jane Doe, oil"),
        ("embedding:JaneDoe.pt, oil", "Jane Doe, oil"),
        ("(embedding:jane-doe:1.2) oil", "jane doe, oil"),
        ("a __jane/doe__ b", "a, jane doe, b"),
        ("<random:jane,john>", "jane john"),
        ("[cat:dog:0.5] and [cat::0.3]", "cat dog and cat"),
        ("{2$$red|0.5::blue|green} hair", "red blue green hair"),
        ("hot::2 dog::1", "hot dog"),
        ("a hill --ar 3:2 --style raw --no jane doe", "a hill jane doe"),
        ("a hill —ar 16:9", "a hill "),
        (r"jane \(doe\)", "jane (doe)"),
        ("jane_doe, 1girl", "jane doe, 1girl"),
        ("(x)1.3 (y)++ z++", "x y z"),
        ("Steps: 20, Sampler: DPM++ 2M Karras, Size: 512x512", "Steps: 20, , Size: 512x512"),
        ("sampler_name: euler_ancestral", ""),
    ],
)
def test_grammar_is_taken_out(text, prose):
    view = prose_view(text)
    assert view is not None
    assert view.text == prose


@pytest.mark.parametrize(
    "text",
    [
        "a portrait of jane doe",
        "mail jane_doe@example.com or @jane_doe",
        "https://example.com/jane_doe",
        "12:30, 3/4 view; fe80::1, std::vector",
        "sampler: jane doe",
        "mail to <EMAIL_ADDRESS>",
        "",
    ],
)
def test_what_has_no_grammar_has_no_prose_view(text):
    assert prose_view(text) is None


def test_findings_lead_back_to_the_characters_of_the_name():
    text = "photo, <lora:JaneDoe_v2:0.8>, (Jane:1.2) BREAK (Roe:1.3)"
    view = prose_view(text)
    first, second = view.text.index("Jane Doe"), view.text.index("Jane Roe")
    start, end = view.span(first, first + len("Jane Doe"))
    assert text[start:end] == "JaneDoe"
    start, end = view.span(second, second + len("Jane Roe"))
    assert text[start:end] == "Jane:1.2) BREAK (Roe"
