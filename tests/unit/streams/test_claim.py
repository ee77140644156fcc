"""References as messages spell them, and what else in a message names the same object."""

import json

import pytest

from filters.errors import MessageError
from streams.claim import mentions, read_claim
from streams.object_url import parse_object_url

URL = "s3://images/in/2026/a-canary.png"
DIGEST = "aB" * 32


def test_a_claim_is_read_and_its_digest_lowered():
    claim = read_claim(URL, DIGEST, "123", "image/png")
    assert (str(claim.url), claim.sha256, claim.size, claim.media_type) == (URL, DIGEST.lower(), 123, "image/png")
    assert "canary" not in repr(claim)


@pytest.mark.parametrize(
    ("url", "sha256", "size", "reason"),
    [
        ("https://images/a-canary", None, None, "invalid_reference"),
        ("", None, None, "invalid_reference"),
        (URL, "ab" * 31, None, "invalid_digest"),
        (URL, "canary" + "0" * 58, None, "invalid_digest"),
        (URL, "", None, "invalid_digest"),
        (URL, None, "-1", "invalid_size"),
        (URL, None, "1e9", "invalid_size"),
        (URL, None, "٣", "invalid_size"),
        (URL, None, "9" * 16, "invalid_size"),
    ],
)
def test_a_malformed_claim_is_refused_and_not_quoted(url, sha256, size, reason):
    with pytest.raises(MessageError) as refused:
        read_claim(url, sha256, size, None)
    assert refused.value.reason == reason
    assert "canary" not in str(refused.value)
    assert refused.value.__context__ is None


PLACE = parse_object_url(URL)


@pytest.mark.parametrize(
    "part",
    [
        URL,
        f"see {URL}?versionId=7",
        "https://images.s3.eu-west-1.amazonaws.com/in/2026/a-canary.png",
        "https://s3.example.com/images/in/2026/a-canary.png?X-Amz-Signature=1",
        "in/2026/a-canary.png",
        "/IN/2026/A-Canary.PNG",
        "s3%3A%2F%2Fimages%2Fin%2F2026%2Fa-canary.png",
        json.dumps({"x": URL}).replace("/", "\\/"),
        json.dumps({"x": json.dumps({"y": URL}).replace("/", "\\/")}),
        "".join(f"\\u{ord(letter):04x}" for letter in URL),
        json.dumps({"x": f"line\n{URL[12:]}"}),
        json.dumps({"x": "in%252F2026%252Fa-canary.png"}),
    ],
)
def test_another_spelling_of_the_object_is_seen(part):
    assert mentions(PLACE, [None, b"", b"nothing", part.encode()])


@pytest.mark.parametrize(
    "part",
    ["s3://images/in/2026/b-canary.png", "s3://images/in/2026/", "main/2026/a-canary.png2", "images", "a-canary"],
)
def test_other_objects_are_none_of_it(part):
    assert not mentions(PLACE, [part.encode(), b"\xff\xfe"])


def test_a_short_key_is_no_coincidence_only_behind_a_slash():
    """A key `7` in a bucket's root must not clash with every number."""
    place = parse_object_url("s3://images/7")
    assert not mentions(place, [b'{"seed": 7, "size": 7}'])
    assert mentions(place, [b"https://images.example.com/7"])


def test_files_are_seen_by_their_path():
    place = parse_object_url("file:///srv/images/a.png")
    assert mentions(place, [b"/srv/images/a.png"])
    assert not mentions(place, [b"/srv/images/b.png"])
