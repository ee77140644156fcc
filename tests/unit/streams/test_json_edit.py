"""Locating and rewriting JSON strings by their bytes."""

import time

import pytest

from filters.errors import MessageError, RedactionError
from streams.json_edit import Edit, JsonDocument
from streams.json_scan import MAX_DEPTH, MAX_VALUES, JsonKind, parse_pointer, scan
from streams.json_text import escape, respell, unescape


@pytest.mark.parametrize(
    ("pointer", "segments"),
    [("", ()), ("/", ("",)), ("/a/b", ("a", "b")), ("/a~1b/m~0n", ("a/b", "m~n")), ("/~01", ("~1",)), ("/é", ("é",))],
)
def test_pointers_follow_rfc_6901(pointer, segments):
    assert parse_pointer(pointer) == segments


@pytest.mark.parametrize("pointer", ["a", "a/b", "/~", "/~2", "#/a"])
def test_malformed_pointers_are_refused(pointer):
    with pytest.raises(ValueError, match="JSON pointer"):
        parse_pointer(pointer)


def test_values_are_located_with_kind_and_bytes():
    data = ' {"s":"é", "n":-1.5e3 ,"b":true,"z":null,"o":{ },"a":[1, 2 ]} '.encode()
    found = scan(data, {name: (name,) for name in ("a", "s", "n", "b", "z", "o", "absent")})
    seen = [(name, value.kind, data[value.start : value.end].decode()) for name, value in found.items()]
    assert seen == [
        ("a", JsonKind.ARRAY, "[1, 2 ]"),
        ("s", JsonKind.STRING, '"é"'),
        ("n", JsonKind.NUMBER, "-1.5e3"),
        ("b", JsonKind.BOOLEAN, "true"),
        ("z", JsonKind.NULL, "null"),
        ("o", JsonKind.OBJECT, "{ }"),
    ]


def test_star_and_index_lead_into_arrays():
    data = b'{"a":[{"t":"x"},{"u":1},{"t":["y","z"]}]}'
    targets = {"deep": ("a", "2", "t", "*"), "first": ("a", "0"), "u": ("a", "*", "u"), "no": ("a", "01")}
    found = scan(data, targets)
    assert {name: data[value.start : value.end] for name, value in found.items()} == {
        "deep/0": b'"y"',
        "deep/1": b'"z"',
        "first": b'{"t":"x"}',
        "u/1": b"1",
    }


INVALID = [
    *(
        b"",
        b" ",
        b"{",
        b"}",
        b"[",
        b"[1,]",
        b"[,1]",
        b"[1 2]",
        b"[1}",
        b"[1]//",
        b"// c\n{}",
        b"\xef\xbb\xbf{}",
        b"\x0b1",
    ),
    *(
        b'{"a":1,}',
        b'{"a"}',
        b'{"a":}',
        b"{a:1}",
        b"{'a':1}",
        b'{"a":1}}',
        b'{"a":1} x',
        b'{"a" 1}',
        b'{"a":1]',
        b"{,}",
    ),
    *(
        b"nul",
        b"True",
        b"NaN",
        b"Infinity",
        b"-",
        b"01",
        b"1.",
        b".5",
        b"1e",
        b"+1",
        b"0x1",
        b"-01",
        b"1e+",
        b"truefalse",
    ),
    *(b'"', b'"a', b'"\\x"', b'"\\u12"', b'"\\u12g4"', b'"\\"', b'"tab\t"', b'"nul\x00"', b'"line\n"', b"'a'"),
]


@pytest.mark.parametrize("data", INVALID)
def test_what_is_no_json_is_refused(data):
    with pytest.raises(MessageError) as caught:
        scan(data, {"whole": ()})
    assert caught.value.reason == "invalid_json"


@pytest.mark.parametrize("data", [b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', '{"a":"é"}'.encode("utf-16")])
def test_what_is_no_utf_8_is_refused_without_its_bytes(data):
    with pytest.raises(MessageError) as caught:
        scan(data, {})
    assert caught.value.reason == "invalid_utf8"
    assert caught.value.__context__ is None  # a UnicodeDecodeError would carry the content along


SMUGGLED = [
    (b'{"p":"a","p":"b"}', "duplicate_key"),
    (b'{"p":"a","\\u0070":"b"}', "duplicate_key"),
    (b'{"o":{"q":"a"},"o":{}}', "duplicate_key"),
    (b'{"o":{"q":"a","q":null}}', "duplicate_key"),
    (b'{"l":[{"q":"a"},{"q":"a","q":"b"}]}', "duplicate_key"),
    (b'{"p":"a","P":"b"}', "ambiguous_key"),
    (b'{"O":{"q":"a"}}', "ambiguous_key"),
    ('{"o":{"ſ":1}}'.encode(), "ambiguous_key"),
    (b'{"p\\u0000x":"b"}', "ambiguous_key"),
    (b'{"p\\ud800":"b"}', "lone_surrogate"),
    (b'{"o":"a"}', "not_a_container"),
    (b'{"o":7}', "not_a_container"),
    (b'"a"', "not_a_container"),
    (b'{"o":["a"]}', "not_an_object"),
    (b"[]", "not_an_object"),
    (b'{"l":{"0":{"q":"a"}}}', "not_an_array"),
]


@pytest.mark.parametrize(("data", "reason"), SMUGGLED)
def test_what_parsers_read_differently_is_refused_on_a_path(data, reason):
    targets = {"p": ("p",), "q": ("o", "q"), "s": ("o", "s"), "l": ("l", "*", "q")}
    with pytest.raises(MessageError) as caught:
        scan(data, targets)
    assert caught.value.reason == reason


def test_depth_and_number_of_values_are_bounded():
    assert scan(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, {}) == {}
    for data, reason in [
        (b"[" * 1_000_000, "too_deep"),
        (b'{"a":' * 1_000_000, "too_deep"),
        (b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2), "too_deep"),
        (b"[" + b"0," * MAX_VALUES + b"0]", "too_many_values"),
    ]:
        with pytest.raises(MessageError) as caught:
            scan(data, {})
        assert caught.value.reason == reason


@pytest.mark.parametrize("body", [b"\\n" * 2_000_000, b"\\u0041" * 600_000, b"a" * 4_000_000, b" " * 4_000_000])
def test_long_strings_are_scanned_in_linear_time(body):
    started = time.perf_counter()
    scan(b'{"a":"' + body + b'"}', {})
    with pytest.raises(MessageError):
        scan(b'{"a":"' + body, {})
    assert time.perf_counter() - started < 5.0  # quadratic would take hours


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ("", ""),
        ("plain é", "plain é"),
        (r"\"\\\/\b\f\n\r\t", '"\\/\b\f\n\r\t'),
        (r"\u0041\u00e9\u00E9", "Aéé"),
        (r"\ud83d\ude00\uD83D\uDE00", "😀😀"),
        (r"\\ud83d", r"\ud83d"),
    ],
)
def test_literals_are_unescaped(literal, text):
    assert unescape(literal) == text


@pytest.mark.parametrize("literal", [r"\ud83d", r"\ude00", r"\ude00\ud83d", r"\ud83dx\ude00", r"\ud83d\n"])
def test_half_a_surrogate_pair_is_refused(literal):
    with pytest.raises(MessageError) as caught:
        unescape(literal)
    assert caught.value.reason == "lone_surrogate"


@pytest.mark.parametrize(
    ("literal", "new", "respelled"),
    [
        ("Jane Doe, 8k", "<PERSON>, 8k", "<PERSON>, 8k"),
        (r"\u0041 Jane \u0042", "A <PERSON> B", r"\u0041 <PERSON> \u0042"),
        (r"Jane \/ Jane \/ x", "Jo / Jo / x", r"Jo \/ Jo \/ x"),
        (r"\u003cb\u003e Jane", "<b> <PERSON>", r"\u003cb\u003e \u003cPERSON\u003e"),
        (r"\uD83D\uDE00 Jane \uD83D\uDE00", "😀 Jo 😀", r"\uD83D\uDE00 Jo \uD83D\uDE00"),
        (r"caf\u00E9 Jane", "café é Jo", r"caf\u00E9 \u00E9 Jo"),
        ("Jane", 'é"\\\n\x01', r"é\"\\\n\u0001"),
        ("aaa", "aa", "aa"),
        ("aa", "aaa", "aaa"),
        (r"\n\n", "\n", r"\n"),
        ("gone", "", ""),
    ],
)
def test_unchanged_characters_keep_their_spelling(literal, new, respelled):
    assert respell(literal, new, ascii_only=False) == respelled
    assert unescape(respelled) == new


def test_ascii_literals_stay_ascii_where_asked():
    assert respell("Jane", "é😀\x7f", ascii_only=True) == "\\u00e9\\ud83d\\ude00\x7f"


def test_text_that_cannot_be_encoded_is_refused():
    with pytest.raises(RedactionError):
        escape("\ud800", ascii_only=True)
    with pytest.raises(RedactionError):
        respell("a", "b\udc00", ascii_only=False)


def test_a_document_tells_strings_from_null_numbers_and_the_rest():
    document = JsonDocument(b'{"s":"\\u0041","z":null,"n":1e2,"b":true}', {name: (name,) for name in "sznbx"})
    assert [document.text("s"), document.text("z"), document.text("x")] == ["A", None, None]
    assert [document.identifier("s"), document.identifier("n"), document.identifier("z")] == ["A", "1e2", None]
    for name in ("n", "b"):
        with pytest.raises(MessageError) as caught:
            document.text(name)
        assert caught.value.reason == "not_a_string"
    with pytest.raises(MessageError):
        document.identifier("b")


def test_objects_and_arrays_are_read_and_rewritten_as_they_stand():
    document = JsonDocument(b'{"a": {"t": "x", "n": 1.0}, "b": "y"}', {"a": ("a",), "b": ("b",)})
    assert document.source("a") == '{"t": "x", "n": 1.0}'
    assert document.source("b") == "y"
    edits = [document.replace_source("a", '{"t": "z", "n": 1.0}'), document.replace_source("b", '"')]
    assert document.edited(edits) == b'{"a": {"t": "z", "n": 1.0}, "b": "\\""}'


@pytest.mark.parametrize("broken", ["{", '{"t": <PERSON>}', "[Zebulon]", '["\ud800"]'])
def test_what_would_be_no_json_is_not_written(broken):
    """And the error does not tell what it was."""
    document = JsonDocument(b'{"a": {"t": "x"}}', {"a": ("a",)})
    with pytest.raises(RedactionError) as caught:
        document.replace_source("a", broken)
    assert caught.value.reason == "invalid_json"
    assert "Zebulon" not in str(caught.value)


def test_several_edits_are_made_at_a_time():
    document = JsonDocument(b'{"a" : "1","b":"2", "c":3}', {name: (name,) for name in "abc"})
    edits = [document.replace("b", "two"), document.replace("a", "one"), document.insert_after("a", "n", b"null")]
    assert document.edited([*edits, document.replace_raw("c", b"[]")]) == b'{"a" : "one","n":null,"b":"two", "c":[]}'


def test_overlapping_edits_are_refused():
    document = JsonDocument(b'{"a":"1"}', {"a": ("a",)})
    with pytest.raises(ValueError, match="overlap"):
        document.edited([document.replace_raw("a", b"1"), Edit(6, 7, b"x")])
