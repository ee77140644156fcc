"""Dead letters hold codes and positions, content only sealed, and no name that is not well formed."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from filters.keys import TenantKeys
from filters.policy import Keeping
from filters.verdict import Failure
from streams.dead_letter import DeadLetterWriter, LetterKeeping, most_sealed_bytes, open_dead_letter
from streams.identity import Identity
from streams.message import RawMessage
from streams.original import Original, packed
from streams.seal import Sealer
from tests.fakes import StaticPolicies, policy

CANARY = b"Zebulon Quackenbush"
SEALER = Sealer(TenantKeys(bytes(range(32))))
KEYLESS = Sealer(TenantKeys(None))
KEEPS = LetterKeeping(StaticPolicies(policy("acme", dead_letters="sealed")), Keeping.SEALED)
FAILURE = Failure("message", "invalid_json", "read")
AT = datetime(2026, 3, 4, 5, 6, 7, 890_000, tzinfo=timezone(timedelta(hours=2)))


def raw(value=b"{" + CANARY, key=b"key-1"):
    headers = (("tenant", CANARY), ("veilstream-verdict", b"forged"), ("x", None))
    return RawMessage("prompts", 4, 77, key, value, headers, 1)


def write(sealer=SEALER, message=None, identity=None, limit=1000, *, connect=False, keeping=KEEPS):
    writer = DeadLetterWriter(sealer, keeping, limit, connect_headers=connect)
    sender = identity or Identity("acme", "r-1")
    return writer.write(message or raw(), FAILURE, sender, verdict_id="v" * 32, attempts=3, at=AT)


def test_a_letter_says_what_failed_where_and_for_whom():
    body = json.loads(write().value)
    sealed, digest = body.pop("sealed"), body.pop("digest")
    assert body == {
        "verdict_id": "v" * 32,
        "code": "message",
        "reason": "invalid_json",
        "stage": "read",
        "topic": "prompts",
        "partition": 4,
        "offset": 77,
        "tenant": "acme",
        "request_id": "r-1",
        "attempts": 3,
        "replay_of": None,
        "size": 20,
        "timestamp": "2026-03-04T03:06:07.890+00:00",
    }
    assert sealed
    assert digest == SEALER.digest("acme", b"{" + CANARY)


def test_headers_tell_tools_the_same_and_none_of_the_originals_remain():
    letter = write()
    assert letter.key == b"key-1"
    assert letter.headers == (
        ("veilstream.error.code", b"message"),
        ("veilstream.error.stage", b"read"),
        ("veilstream.error.topic", b"prompts"),
        ("veilstream.error.partition", b"4"),
        ("veilstream.error.offset", b"77"),
        ("veilstream.error.attempts", b"3"),
    )


def test_connect_headers_are_added_where_asked():
    assert write(connect=True).headers[6:] == (
        ("__connect.errors.topic", b"prompts"),
        ("__connect.errors.partition", b"4"),
        ("__connect.errors.offset", b"77"),
        ("__connect.errors.connector.name", b"veilstream"),
        ("__connect.errors.stage", b"read"),
        ("__connect.errors.exception.class.name", b"message"),
        ("__connect.errors.exception.message", b"invalid_json"),
    )


@pytest.mark.parametrize("sealer", [SEALER, KEYLESS])
@pytest.mark.parametrize("identity", [Identity("acme", "r-1"), Identity(CANARY.decode(), CANARY.decode())])
def test_no_content_and_no_malformed_name_is_in_a_letter(sealer, identity):
    letter = write(sealer, identity=identity, connect=True)
    assert b"Zebulon" not in letter.value
    assert all(b"Zebulon" not in value for _, value in letter.headers)


def test_malformed_names_are_left_out():
    body = json.loads(write(identity=Identity("Not A Tenant", "not an id")).value)
    assert (body["tenant"], body["request_id"]) == (None, None)


@pytest.mark.parametrize("identity", [Identity("acme", None), Identity(None, None), Identity("A B", None)])
@pytest.mark.parametrize("value", [b"", b"\0\xff", b"{" + CANARY])
def test_the_original_can_be_opened_with_the_key(identity, value):
    """Key and headers along with the value: without them many a message could not be read again."""
    message = raw(value)
    original = Original(message.key, value, message.headers)
    assert open_dead_letter(SEALER, write(message=message, identity=identity).value) == original


def test_a_sealed_value_cannot_be_passed_off_as_another_records():
    body = json.loads(write().value)
    with pytest.raises(ValueError, match="differ"):
        open_dead_letter(SEALER, json.dumps(body | {"verdict_id": "w" * 32}).encode())
    with pytest.raises(ValueError, match="differ"):
        open_dead_letter(SEALER, json.dumps(body | {"tenant": "other"}).encode())


@pytest.mark.parametrize("letter", [b"", b"[]", b"{}", b"x", b'{"sealed":null}'])
def test_what_is_no_letter_is_not_opened(letter):
    with pytest.raises(ValueError):  # noqa: PT011  JSON's own error or ours
        open_dead_letter(SEALER, letter)


def test_large_values_null_values_and_keyless_installations_keep_no_original():
    whole = len(packed(raw()))
    for letter in (write(limit=whole - 1), write(KEYLESS), write(message=raw(None))):
        assert json.loads(letter.value)["sealed"] is None
        assert open_dead_letter(SEALER, letter.value) is None
    assert json.loads(write(limit=whole).value)["sealed"]
    assert json.loads(write(limit=19).value)["digest"]
    assert json.loads(write(KEYLESS).value)["digest"] is None
    null = json.loads(write(message=raw(None)).value)
    assert (null["size"], null["digest"]) == (0, None)


def test_a_letter_is_never_null_and_a_missing_key_stays_missing():
    letter = write(message=raw(None, None))
    assert letter.key is None
    assert letter.value


def test_times_are_written_in_utc():
    writer = DeadLetterWriter(KEYLESS, KEEPS, 0)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    letter = writer.write(raw(), FAILURE, Identity(None, None), verdict_id="v", attempts=1, at=at)
    assert json.loads(letter.value)["timestamp"] == "2026-01-01T00:00:00.000+00:00"


@pytest.mark.parametrize("without_policy", list(Keeping))
def test_whose_originals_are_kept_is_said_by_policies_and_else_by_the_setting(without_policy):
    keeping = LetterKeeping(StaticPolicies(policy("a", dead_letters="sealed"), policy("b")), without_policy)
    otherwise = without_policy is Keeping.SEALED
    assert [keeping.keeps(tenant) for tenant in ("a", "b", "nobody", None)] == [True, False, otherwise, otherwise]


def test_the_largest_letter_that_is_allowed_fits_into_a_record():
    limit = most_sealed_bytes(100_000)
    message = raw(bytes(limit - len(packed(raw(b"")))))
    letter = write(message=message, limit=limit)
    assert json.loads(letter.value)["sealed"]
    assert 90_000 < len(letter.value) < 100_000
