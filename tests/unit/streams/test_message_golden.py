"""Golden messages: the platform's own message comes back with only the private spans changed."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from filters.records import ContentKind, PromptContent
from streams.mapping import MessageMapping
from streams.message import MessageReader, RawMessage

GOLDEN = Path(__file__).parents[2] / "golden" / "messages"
MARK = ("veilstream-verdict", b"v-1")


def _cases():
    for path in sorted(GOLDEN.glob("*.yaml")):
        for case in YAML(typ="safe").load(path):
            yield pytest.param(case, id=f"{path.stem}: {case['claim']}")


def _headers(items):
    return tuple((name, None if value is None else value.encode()) for name, value in items)


@pytest.mark.parametrize("case", list(_cases()))
def test_golden_message_is_read_and_released_as_written(case):
    """Each case's own claim."""
    reader = MessageReader(ContentKind.PROMPT, MessageMapping.model_validate(case.get("mapping", {})), 10_000)
    raw = RawMessage("prompts", 3, 41, b"key\xff", case["value"].encode(), _headers(case.get("headers", [])))

    message = reader.read(raw)
    assert message.record.context.tenant == case["tenant"]
    assert message.record.context.request_id == case["request_id"]
    assert list(message.record.content.fields.items()) == list(case["content"].items())

    released = message.render(PromptContent(case["release"]), [MARK], "new-id")
    assert released.key == b"key\xff"
    assert released.value.decode() == case["released_value"]
    assert released.headers == (*_headers(case.get("released_headers", case.get("headers", []))), MARK)
