"""A sender cannot pick a reading that the message's consumer does not share."""

import json

import pytest

from filters.errors import MessageError
from filters.records import ContentKind
from streams.mapping import Envelope, MessageMapping
from streams.message import MessageReader, RawMessage

HIDDEN = rb'{"tenant": "acme", "prompt": "mail jane\u0040example.com"}'
TEXT = (("content-type", b"text/plain"), ("tenant", b"acme"))


def read(value: bytes, *headers: tuple[str, bytes], envelope: Envelope = Envelope.AUTO):
    reader = MessageReader(ContentKind.PROMPT, MessageMapping(envelope=envelope), 100_000)
    return reader.read(RawMessage("prompts", 0, 0, None, value, headers, 0)).record.content.fields


def structured(data: object, **more: object) -> bytes:
    event = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "tenant": "acme", "data": data}
    return json.dumps(event | more).encode()


@pytest.mark.parametrize("value", [HIDDEN, b"[1]", b' \n{"a": 1}', rb'"jane\u0040example.com"'])
def test_text_that_is_json_too_is_refused(value):
    with pytest.raises(MessageError) as caught:
        read(value, *TEXT)
    assert caught.value.reason == "ambiguous_body"


@pytest.mark.parametrize("value", [b"{red|blue} house", b"[x:1.3] cat", b'"quoted" cat', b'"a plain quotation"'])
def test_prompt_syntax_that_only_looks_like_json_is_text(value):
    assert read(value, *TEXT) == {"prompt": value.decode()}


def test_a_pinned_envelope_says_how_the_platform_reads():
    assert read(HIDDEN, *TEXT, envelope=Envelope.RAW) == {"prompt": HIDDEN.decode()}
    assert read(HIDDEN, *TEXT, envelope=Envelope.JSON) == {"prompt": "mail jane@example.com"}


@pytest.mark.parametrize("declared", [{}, {"datacontenttype": "application/json"}, {"datacontenttype": "text/plain"}])
def test_json_inside_a_string_of_data_is_refused(declared):
    with pytest.raises(MessageError) as caught:
        read(structured(HIDDEN.decode(), **declared), ("content-type", b"application/cloudevents+json"))
    assert caught.value.reason == "ambiguous_body"


@pytest.mark.parametrize("name", ["specversion", r"\u0073pecversion"])
def test_an_event_that_nothing_declares_is_refused(name):
    value = (
        rb'{"tenant": "acme", "prompt": "a cat", "%s": "1.0", "data": {"prompt": "jane@example.com"}}' % name.encode()
    )
    with pytest.raises(MessageError) as caught:
        read(value)
    assert caught.value.reason == "ambiguous_body"
