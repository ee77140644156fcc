"""Messages that cannot be read safely are refused with a code, and nothing of them is in the error."""

import pytest

from filters.errors import MessageError, PayloadTooLarge, RecordError, UnsupportedMedia
from filters.records import ContentKind
from streams.identity import Identity
from streams.mapping import MessageMapping
from streams.message import MessageReader, RawMessage

CANARY = "Zebulon Quackenbush"
BINARY = [("ce_specversion", b"1.0"), ("ce_id", b"e-1"), ("ce_tenant", b"acme"), ("ce_requestid", b"r-1")]
STRUCTURED = [("content-type", b"application/cloudevents+json")]
RAW = [("tenant", b"acme"), ("request-id", b"r-1")]
ATTRIBUTES = '"specversion":"1.0","id":"e-1","tenant":"acme","requestid":"r-1"'


def event(rest: str) -> bytes:
    return f"{{{ATTRIBUTES},{rest}}}".encode()


def without(headers, name):
    return [header for header in headers if header[0] != name]


REFUSED = [
    # values
    (RAW, None, "null_value"),
    (BINARY, None, "null_value"),
    (STRUCTURED, None, "null_value"),
    (RAW, b"", "empty_value"),
    (BINARY, b"", "empty_value"),
    (RAW, b"Zebulon Quackenbush \xff", "invalid_utf8"),
    (BINARY, b"Zebulon Quackenbush \xff", "invalid_utf8"),
    ([], b'{"prompt":"Zebulon Quackenbush\xff"}', "invalid_utf8"),
    ([], b'{"prompt":"Zebulon Quackenbush"', "invalid_json"),
    ([], b'\xef\xbb\xbf{"tenant":"acme","prompt":"Zebulon Quackenbush"}', "invalid_json"),
    ([], b'{"tenant":"acme","prompt":"Zebulon Quackenbush"} trailing', "invalid_json"),
    ([("content-type", b"application/json")], b"Zebulon Quackenbush", "invalid_json"),
    # content
    ([], b'{"tenant":"acme","text":"Zebulon Quackenbush"}', "no_prompt"),
    ([], b'{"tenant":"acme","prompt":null}', "no_prompt"),
    ([], b'{"tenant":"acme","prompt":"x","negative_prompt":7}', "not_a_string"),
    ([], b'{"tenant":"acme","prompt":"x","negative_prompt":false}', "not_a_string"),
    ([], b'{"tenant":"acme","prompt":"Zebulon Quackenbush \\ud800"}', "lone_surrogate"),
    ([], b'{"tenant":"acme","prompt":"x","prompt":"Zebulon Quackenbush"}', "duplicate_key"),
    ([], b'{"tenant":"acme","prompt":"x","pro\\u006dpt":"Zebulon Quackenbush"}', "duplicate_key"),
    ([], b'{"tenant":"acme","prompt":"x","Prompt":"Zebulon Quackenbush"}', "ambiguous_key"),
    ([("content-type", b"application/json")], b'"Zebulon Quackenbush"', "not_a_container"),
    ([("content-type", b"application/json")], b'["Zebulon Quackenbush"]', "not_an_object"),
    # identity
    ([], b'{"prompt":"Zebulon Quackenbush"}', "missing_tenant"),
    ([], b'{"tenant":null,"prompt":"x"}', "missing_tenant"),
    (RAW[1:], b"x", "missing_tenant"),
    ([("tenant", None)], b"x", "missing_tenant"),
    (without(BINARY, "ce_tenant"), b"x", "missing_tenant"),
    ([*without(BINARY, "ce_tenant"), ("tenant", b"acme")], b"x", "missing_tenant"),
    ([("tenant", b"Zebulon Quackenbush")], b"x", "invalid_tenant"),
    ([("tenant", b"acme\n")], b"x", "invalid_tenant"),
    ([("tenant", b"\xff")], b"x", "invalid_tenant"),
    ([("tenant", b"")], b"x", "invalid_tenant"),
    ([], b'{"tenant":"Zebulon Quackenbush","prompt":"x"}', "invalid_tenant"),
    ([], b'{"tenant":{"id":"acme"},"prompt":"x"}', "not_a_string"),
    ([RAW[0], ("request-id", b"Zebulon Quackenbush")], b"x", "invalid_request_id"),
    ([RAW[0], ("request-id", b"r" * 129)], b"x", "invalid_request_id"),
    ([*without(BINARY, "ce_requestid"), ("ce_requestid", b"Zebulon Quackenbush")], b"x", "invalid_request_id"),
    ([], b'{"tenant":"acme","request_id":true,"prompt":"x"}', "not_a_string"),
    ([("tenant", b"other")], b'{"tenant":"acme","prompt":"x"}', "conflicting_tenant"),
    ([("request-id", b"r-2")], b'{"tenant":"acme","request_id":"r-1","prompt":"x"}', "conflicting_request_id"),
    # headers
    ([*RAW, ("Tenant", b"acme")], b"x", "duplicate_header"),
    ([*RAW, ("request-id", None)], b"x", "duplicate_header"),
    ([*BINARY, ("ce_tenant", b"other")], b"x", "duplicate_header"),
    ([*BINARY, ("CE_ID", b"other")], b"x", "duplicate_header"),
    ([*BINARY, ("content-type", b"text/plain"), ("Content-Type", b"application/json")], b"x", "duplicate_header"),
    ([*RAW, ("content-type", b"Zebulon Quackenbush")], b"x", "invalid_media_type"),
    ([*RAW, ("content-type", b"text/plain; charset=utf-7")], b"x", "unsupported_charset"),
    ([*BINARY, ("content-type", b'application/json;charset="UTF-16"')], b"{}", "unsupported_charset"),
    ([("content-type", b"application/cloudevents+json; charset=latin1")], event('"data":"x"'), "unsupported_charset"),
    # events
    ([("ce_specversion", b"0.3"), *BINARY[1:]], b"x", "unsupported_version"),
    ([("ce_specversion", b""), *BINARY[1:]], b"x", "unsupported_version"),
    (without(BINARY, "ce_id"), b"x", "missing_event_id"),
    ([*BINARY, *STRUCTURED], event('"data":"x"'), "ambiguous_mode"),
    ([("content-type", b"application/cloudevents-batch+json")], b"[]", "unsupported_envelope"),
    ([("content-type", b"application/cloudevents+avro")], b"\0", "unsupported_envelope"),
    ([("content-type", b"application/cloudevents+protobuf; x=y")], b"\0", "unsupported_envelope"),
    (STRUCTURED, b"[]", "not_an_object"),
    (STRUCTURED, b'{"id":"1","tenant":"acme","data":"x"}', "unsupported_version"),
    (STRUCTURED, b'{"specversion":1.0,"id":"1","tenant":"acme","data":"x"}', "not_a_string"),
    (STRUCTURED, b'{"specversion":"1.0","tenant":"acme","data":"x"}', "missing_event_id"),
    (STRUCTURED, b'{"specversion":"1.0","id":"1","id":"2","tenant":"acme","data":"x"}', "duplicate_key"),
    (STRUCTURED, event('"data":{"prompt":"x"},"data":{"prompt":"Zebulon Quackenbush"}'), "duplicate_key"),
    (STRUCTURED, event('"data":{"prompt":"x","prompt":"Zebulon Quackenbush"}'), "duplicate_key"),
    (STRUCTURED, event('"data":{"prompt":"x"},"Data":{"prompt":"Zebulon Quackenbush"}'), "ambiguous_key"),
    (STRUCTURED, event('"data":{"prompt":"x"},"data_base64":"WmVidWxvbg=="'), "ambiguous_data"),
    (STRUCTURED, event('"data":null'), "no_data"),
    (STRUCTURED, event('"subject":"x"'), "no_data"),
    (STRUCTURED, event('"data":7'), "not_a_container"),
    (STRUCTURED, event('"data_base64":"WmVidWxvbg="'), "invalid_base64"),
    (STRUCTURED, event('"data_base64":"Zebulon Quackenbush"'), "invalid_base64"),
    (STRUCTURED, event('"data_base64":"é==="'), "invalid_base64"),
    (STRUCTURED, event('"data_base64":""'), "empty_value"),
    (STRUCTURED, event('"data_base64":"/w=="'), "invalid_utf8"),
    # claim checks: refused even where data stands beside, for what they point at is not judged
    ([*BINARY, ("ce_dataref", b"s3://zebulon")], None, "claim_check_unsupported"),
    ([*BINARY, ("ce_dataref", b"s3://zebulon")], b"x", "claim_check_unsupported"),
    (STRUCTURED, event('"dataref":"s3://zebulon"'), "claim_check_unsupported"),
    (STRUCTURED, event('"dataref":"s3://zebulon","data":"x"'), "claim_check_unsupported"),
]


def raw(headers, value) -> RawMessage:
    return RawMessage("prompts", 0, 7, None, value, tuple(headers))


def reader(kind=ContentKind.PROMPT, max_bytes=10_000, **mapping) -> MessageReader:
    return MessageReader(kind, MessageMapping.model_validate(mapping), max_bytes)


@pytest.mark.parametrize(("headers", "value", "reason"), REFUSED)
def test_unreadable_messages_are_refused_with_a_reason_and_without_content(headers, value, reason):
    with pytest.raises(MessageError) as caught:
        reader().read(raw(headers, value))
    assert caught.value.reason == reason
    assert "ebulon" not in str(caught.value)
    assert "uacken" not in repr(caught.value.__context__)


@pytest.mark.parametrize(
    "declared", [b"multipart/form-data; boundary=x", b"application/x-www-form-urlencoded", b"text/html"]
)
@pytest.mark.parametrize("headers", [BINARY, RAW])
def test_prompts_of_other_media_types_are_refused(headers, declared):
    with pytest.raises(UnsupportedMedia) as caught:
        reader().read(raw([*headers, ("content-type", declared)], b"prompt=jane%40example.com"))
    assert caught.value.reason == "media_type"


def test_a_value_beyond_the_limit_is_refused_unread():
    with pytest.raises(PayloadTooLarge) as caught:
        reader(max_bytes=9).read(raw(RAW, b"\xff" * 10))
    assert caught.value.reason == "bytes"
    assert reader(max_bytes=10).read(raw(RAW, b"x" * 10)).record.content.size == 10


def test_a_pinned_cloudevents_envelope_takes_nothing_else():
    with pytest.raises(MessageError) as caught:
        reader(envelope="cloudevents").read(raw(RAW, b"x"))
    assert caught.value.reason == "unsupported_envelope"


def test_a_pinned_json_envelope_takes_no_other_for_a_header():
    """A sender cannot have JSON judged as an event, or as text in which escapes hide what it says."""
    pinned, value = reader(envelope="json"), b'{"tenant":"acme","prompt":"\\u0041"}'
    for headers in (
        [("ce_specversion", b"1.0")],
        [("content-type", b"text/plain")],
        STRUCTURED,
        [("content-type", b"json")],
    ):
        assert pinned.read(raw(headers, value)).record.content.fields == {"prompt": "A"}


def test_the_default_tenant_serves_only_messages_that_name_none():
    with_default = reader(default_tenant="shared")
    assert with_default.read(raw([], b"x")).record.context.tenant == "shared"
    assert with_default.read(raw(RAW, b"x")).record.context.tenant == "acme"
    with pytest.raises(MessageError):
        with_default.read(raw([("tenant", b"Acme Inc.")], b"x"))


IDENTIFIED = [
    (RAW, None, Identity("acme", "r-1")),
    (RAW, b"\xff", Identity("acme", "r-1")),
    (RAW, b"x" * 10_001, Identity("acme", "r-1")),
    (BINARY, None, Identity("acme", "r-1")),
    (BINARY, b"{", Identity("acme", "r-1")),
    (BINARY, b"x" * 10_001, Identity("acme", "r-1")),
    (without(BINARY, "ce_requestid"), None, Identity("acme", "e-1")),
    # what is beyond the limit is not parsed, not even for its sender's name
    ([], b'{"tenant":"acme","request_id":"r-1","prompt":"' + b"x" * 10_000 + b'"}', Identity(None, "prompts:0:7")),
    (STRUCTURED, event('"data":7'), Identity("acme", "r-1")),
    (STRUCTURED, b"{", Identity(None, None)),
    ([], b'{"tenant":"acme","request_id":"r-1","prompt":7}', Identity("acme", "r-1")),
    ([], b'{"tenant":"Zebulon Quackenbush","request_id":"r-1","prompt":"x"}', Identity(None, "r-1")),
    ([], b'{"tenant":"acme","request_id":"Zebulon Quackenbush","prompt":"x"}', Identity("acme", None)),
    ([RAW[0], *RAW], b"x", Identity(None, "r-1")),
    (RAW[:1], None, Identity("acme", "prompts:0:7")),
    ([("ce_specversion", b"9")], b"x", Identity(None, None)),
]


@pytest.mark.parametrize(("headers", "value", "identity"), IDENTIFIED)
def test_the_sender_of_a_refused_message_is_told_as_far_as_it_is_well_formed(headers, value, identity):
    with pytest.raises(RecordError):
        reader().read(raw(headers, value))
    assert reader().identify(raw(headers, value)) == identity


def test_nothing_that_is_read_shows_content_when_printed():
    value = f'{{"tenant":"acme","prompt":"{CANARY}"}}'.encode()
    message = reader().read(RawMessage("t", 0, 0, CANARY.encode(), value, (("x", CANARY.encode()),)))
    out = message.render(message.record.content, [], "id")
    assert "Zebulon" not in repr((message, message.raw, out))
