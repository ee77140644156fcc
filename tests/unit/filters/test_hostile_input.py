"""Input that was made to cost square time or memory costs neither: each of these took minutes or gigabytes once."""

import pytest

from filters.errors import MessageError, RecordError
from filters.image.jpeg import read_segments
from filters.keys import TenantKeys
from filters.records import ContentKind
from filters.text.redact import redact_fields
from streams.mapping import MessageMapping
from streams.message import MessageReader, RawMessage
from tests.support.prompts import hits

LONG = 65_000


@pytest.mark.timeout(30)
def test_fill_bytes_of_a_jpeg_are_read_once():
    with pytest.raises(RecordError):
        read_segments(b"\xff\xd8" + b"\xff" * 5_000_000 + b"\x00")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", ["a@b.co é ", "::1 ", "1k a@b.co "])
def test_dense_findings_are_redacted_in_linear_time(piece):
    text = (piece * LONG)[:LONG]
    released = redact_fields({"prompt": text}, hits(text), TenantKeys(None), "acme")
    assert "a@b.co" not in released["prompt"]


@pytest.mark.timeout(30)
def test_a_data_url_with_a_million_parameters_is_malformed():
    value = b'{"tenant": "acme", "image": "data:' + b";" * 4_000_000 + b'base64,AAAA"}'
    reader = MessageReader(ContentKind.IMAGE, MessageMapping(), 20_000_000)
    with pytest.raises(MessageError):
        reader.read(RawMessage("images", 0, 0, None, value, (("content-type", b"application/json"),), 0))
