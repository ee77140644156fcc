"""The mapping document is closed, and refuses what could not be read safely."""

import pytest
from pydantic import ValidationError

from streams.mapping import Envelope, MessageMapping


def test_defaults_read_cloudevents_json_and_raw_bytes():
    mapping = MessageMapping()
    assert mapping.envelope is Envelope.AUTO
    assert (mapping.ce.tenant, mapping.ce.request_id) == ("tenant", "requestid")
    assert (mapping.json_pointers.tenant, mapping.json_pointers.request_id) == ("/tenant", "/request_id")
    assert mapping.json_pointers.fields == {"prompt": "/prompt", "negative_prompt": "/negative_prompt"}
    assert mapping.json_pointers.image == "/image"
    assert (mapping.headers.tenant, mapping.headers.request_id) == ("tenant", "request-id")
    assert mapping.default_tenant is None


def test_the_document_says_json_where_the_model_says_json_pointers():
    document = {"json": {"fields": {"text": "/input/text"}}}
    mapping = MessageMapping.model_validate(document)
    assert mapping.json_pointers.fields == {"text": "/input/text"}
    assert MessageMapping.model_validate(mapping.model_dump(by_alias=True)) == mapping


@pytest.mark.parametrize(
    "document",
    [
        {"envelope": "avro"},
        {"unknown": 1},
        {"json": {"fields": {}}},
        {"json": {"fields": {"prompt": "prompt"}}},
        {"json": {"fields": {"prompts/0": "/p"}}},
        {"json": {"fields": {"Jane Doe": "/p"}}},
        {"json": {"tenant": "/tenants/*"}},
        {"json": {"image": "/images/*"}},
        {"json": {"fields": {"a": "/p", "b": "/p"}}},
        {"json": {"fields": {"a": "/p/*", "b": "/p/0"}}},
        {"json": {"fields": {"a": "/p", "b": "/p/text"}}},
        {"json": {"fields": {"a": "/tenant"}}},
        {"json": {"fields": {"a": ""}}},
        {"ce": {"tenant": "Tenant"}},
        {"headers": {"tenant": ""}},
        {"default_tenant": "Not A Tenant"},
    ],
)
def test_mappings_that_could_not_be_kept_are_refused(document):
    with pytest.raises(ValidationError):
        MessageMapping.model_validate(document)


def test_a_mapping_is_frozen():
    with pytest.raises(ValidationError):
        MessageMapping().envelope = Envelope.RAW
