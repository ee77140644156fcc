"""Whatever JSON a platform writes, only the mapped strings change."""

import json
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from filters.errors import MessageError
from filters.records import ContentKind, PromptContent
from streams.json_edit import JsonDocument
from streams.json_scan import scan
from streams.json_text import respell, unescape
from streams.mapping import MessageMapping
from streams.message import MessageReader, RawMessage

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
LOOSE_TEXT = st.text(
    st.sampled_from(['"', "\\", "/", "<", "é", "😀", "\n", "\x00", "\x7f", "a", "b", " "]), max_size=20
)
WORDS = TEXT | LOOSE_TEXT
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS
RESERVED = {"prompt", "negative_prompt", "prompts", "tenant", "request_id"}
KEYS = WORDS.filter(lambda key: "\0" not in key and key.casefold() not in RESERVED)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=12
)
SEPARATORS = st.sampled_from([(",", ":"), (" , ", ": "), (",\t", " :")])
STYLES = st.fixed_dictionaries(
    {"ensure_ascii": st.booleans(), "indent": st.none() | st.integers(0, 3), "separators": SEPARATORS}
)
MAPPING = MessageMapping.model_validate(
    {"json": {"fields": {"prompt": "/prompt", "negative_prompt": "/negative_prompt", "prompts": "/prompts/*"}}}
)
READER = MessageReader(ContentKind.PROMPT, MAPPING, 1_000_000)


@st.composite
def documents(draw):
    """A request of a platform and its bytes, in some serializer's style."""
    own = {"prompt": draw(WORDS), "tenant": "acme", "negative_prompt": draw(st.none() | WORDS)}
    own["prompts"] = draw(st.lists(st.none() | WORDS, max_size=3))
    members = [*own.items(), *draw(st.dictionaries(KEYS, JSON, max_size=4)).items()]
    document = dict(draw(st.permutations(members)))
    text = json.dumps(document, **draw(STYLES))
    return document, (text.replace("/", "\\/") if draw(st.booleans()) else text).encode()


def _read(data):
    return READER.read(RawMessage("t", 0, 0, None, data, (("content-type", b"application/json"),)))


def _outside(data):
    """A document without the mapped strings' literals."""
    targets = {"p": ("prompt",), "n": ("negative_prompt",), "l": ("prompts", "*")}
    document = JsonDocument(data, targets)
    strings = [name for name, value in document.values.items() if value.kind == "string"]
    return document.edited(document.replace_raw(name, b'""') for name in strings)


@settings(deadline=None)
@given(documents(), st.data())
def test_only_mapped_strings_change_and_say_what_they_should(case, data):
    """The edited document parses to the edited value, and all bytes outside the edited literals are the same."""
    document, raw = case
    message = _read(raw)
    fields = message.record.content.fields
    new = {name: data.draw(st.just(text) | WORDS, name) for name, text in fields.items()}

    released = message.render(PromptContent(new), [], "id").value

    expected = dict(document)
    for name, text in new.items():
        field, _, index = name.partition("/")
        if index:
            expected[field] = [text if at == int(index) else old for at, old in enumerate(expected[field])]
        else:
            expected[field] = text
    assert json.loads(released) == expected
    assert list(json.loads(released)) == list(document)
    assert _outside(released) == _outside(raw)
    assert _read(released).record.content.fields == new


@settings(deadline=None)
@given(documents())
def test_unchanged_content_is_released_byte_for_byte(case):
    """Equal content, equal bytes."""
    message = _read(case[1])
    fields = dict(message.record.content.fields)
    assert message.render(PromptContent(fields), [], "id").value == case[1]


@settings(deadline=None)
@given(documents(), st.data())
def test_unchanged_fields_keep_their_bytes_beside_changed_ones(case, data):
    """Changing one field leaves the literals of the others as they were spelled."""
    _, raw = case
    message = _read(raw)
    fields = dict(message.record.content.fields)
    chosen = data.draw(st.sampled_from(sorted(fields)))
    released = message.render(PromptContent(fields | {chosen: fields[chosen] + "x"}), [], "id").value
    assert released.count(b"x") == raw.count(b"x") + 1
    assert len(released) == len(raw) + 1


@settings(deadline=None)
@given(WORDS, WORDS, st.booleans())
def test_a_serializers_literal_respelled_is_what_it_would_have_written(old, new, ascii_only):
    """For a literal in json.dumps' own style, the result is json.dumps' own (but for DEL, which may stand bare)."""
    old, new = old.replace("\x7f", ""), new.replace("\x7f", "")
    literal = json.dumps(old, ensure_ascii=ascii_only)[1:-1]
    respelled = respell(literal, new, ascii_only=ascii_only)
    assert respelled == json.dumps(new, ensure_ascii=ascii_only)[1:-1]


@st.composite
def literals(draw):
    """A literal whose characters are spelled in any valid way, and its text."""
    text = draw(WORDS)
    spelled = []
    for character in text:
        units = character.encode("utf-16-be").hex()
        spellings = ["".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))]
        spellings += [spellings[0].upper().replace("\\U", "\\u"), json.dumps(character, ensure_ascii=False)[1:-1]]
        spelled.append(draw(st.sampled_from(spellings)))
    return "".join(spelled), text


@settings(deadline=None)
@given(literals(), st.data())
def test_common_beginnings_and_ends_keep_any_spelling(case, data):
    """However a literal is spelled, text before and after a replaced span keeps its spelling."""
    literal, text = case
    assert unescape(literal) == text
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    # Private-use brackets, so that the replacement has no character in common with what it stands for.
    new = f"{text[:start]}\ue000{data.draw(WORDS)}\ue001{text[end:]}"
    assume("\ue000" not in text and "\ue001" not in text)
    respelled = respell(literal, new, ascii_only=False)
    assert unescape(respelled) == new
    units = re.findall(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|[^\\]", literal, re.DOTALL)
    assert respelled.startswith("".join(units[:start]))
    assert respelled.endswith("".join(units[end:]))


def _json_module_accepts(data):
    def refuse(_):
        raise ValueError

    try:
        text = data.decode()
        json.loads(text, parse_constant=refuse)
    except ValueError:
        return False
    return True


@settings(deadline=None)
@given(JSON, STYLES, st.data())
def test_the_scanner_accepts_what_the_json_module_accepts(value, style, data):
    """On valid documents and on documents with one byte changed, removed or added, both say the same."""
    raw = bytearray(json.dumps(value, **style).encode())
    at = data.draw(st.integers(0, len(raw)))
    byte = data.draw(
        st.binary(max_size=1) | st.sampled_from([b'"', b"\\", b",", b"]", b"}", b"{", b"0", b"-", b".", b"e"])
    )
    raw[at : at + data.draw(st.integers(0, 1))] = byte
    try:
        scan(bytes(raw), {})
    except MessageError:
        accepted = False
    else:
        accepted = True
    assert accepted == _json_module_accepts(bytes(raw))


@settings(deadline=None)
@given(documents(), st.sampled_from(["prompt", "negative_prompt", "prompts", "tenant"]), WORDS, st.booleans())
def test_a_mapped_key_that_is_given_twice_is_always_refused(case, key, value, in_front):
    """Wherever the second one stands, and however it is spelled."""
    _, raw = case
    spelled = "".join(f"\\u{ord(character):04x}" for character in key)
    extra = f'"{spelled}":{json.dumps(value)}'.encode()
    inner = raw.strip()[1:-1]
    with pytest.raises(MessageError) as caught:
        _read(b"{" + (extra + b"," + inner if in_front else inner + b"," + extra) + b"}")
    assert caught.value.reason in ("duplicate_key", "not_a_container")
