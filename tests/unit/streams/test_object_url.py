"""One spelling for each object: what is a reference, what is a prefix, and which prefixes meet."""

import pytest

from streams.object_url import bucket_names, checked_prefix, meet, parse_object_url, prefix_of, under


@pytest.mark.parametrize(
    "url",
    [
        "s3://images/a.png",
        "s3://my-bucket.v2/2026/11/23/9f-8e_7d=x,y+z@w!(v)'u$t&s;r.png",
        "s3://images/..a/b..",
        "file:///srv/images/a.png",
        "file:///a",
    ],
)
def test_a_plain_url_comes_back_as_it_was(url):
    assert str(parse_object_url(url)) == url


@pytest.mark.parametrize(
    "url",
    [
        *("", "a.png", "/srv/a.png", "s3:images/a.png", "s3:///a.png", "s3://images", "s3://images/", "file:///"),
        *("http://images/a.png", "https://s3.example.com/images/a", "data:,x", "S3://images/a.png", "s3a://images/a"),
        *("file://host/srv/a.png", "file:/srv/a.png", "file://srv/a.png", "file:////srv/a.png"),
        *("s3://images/../other/a.png", "s3://images/a/..", "s3://images/./a", "s3://images/a//b", "s3://images//a"),
        *("file:///srv/../etc/passwd", "file:///srv/./a", "file:///..", "file:///srv/a/"),
        *(
            "s3://images/%2e%2e/a",
            "s3://images/a%2Fb",
            "s3://images/a?versionId=1",
            "s3://images/a#b",
            "s3://images/a b",
        ),
        *(
            "s3://images/a\\b",
            "s3://images/a\n",
            "\ns3://images/a",
            "s3://images/a\0",
            "s3://images/ä.png",
            "s3://images/*",
        ),
        *(
            "s3://Images/a",
            "s3://i/a",
            "s3://user@images/a",
            "s3://images:9000/a",
            "s3://{tenant}/a",
            "s3://images/{tenant}",
        ),
        "s3://images/" + "a" * 256,
        "s3://images/" + "a/" * 1100 + "a",
    ],
)
def test_whatever_could_be_spelled_otherwise_is_no_reference(url):
    """Escapes, dots, doubled slashes, hosts, versions: two spellings of one object would pass for two."""
    with pytest.raises(ValueError, match="neither"):
        parse_object_url(url)


@pytest.mark.parametrize(
    "prefix", ["s3://images/", "s3://images/in/{tenant}/", "file:///srv/", "file:///srv/{tenant}/x/"]
)
def test_a_prefix_is_a_folder(prefix):
    assert checked_prefix(prefix) == prefix


@pytest.mark.parametrize(
    "prefix",
    [
        *("s3://images", "s3://images/in", "s3://{tenant}/", "s3://images/../", "s3://images/a{tenant}/"),
        *(
            "file:///",
            "file:///{tenant}/",
            "file:///srv/../x/",
            "file:///srv//",
            "http://images/",
            "",
            "s3://images/{user}/",
        ),
    ],
)
def test_what_is_no_folder_is_no_prefix(prefix):
    """The whole file system is none either."""
    with pytest.raises(ValueError, match="a prefix is"):
        checked_prefix(prefix)


def test_a_name_below_a_prefix_knows_its_root():
    url = under(prefix_of("s3://images/{tenant}/in/", "acme"), "a/b.png")
    assert (str(url), url.path, url.root) == ("s3://images/acme/in/a/b.png", "acme/in/a/b.png", "acme/in/")


@pytest.mark.parametrize(
    ("one", "other", "do"),
    [
        ("s3://a1b/x/", "s3://a1b/x/", True),
        ("s3://a1b/", "s3://a1b/x/", True),
        ("s3://a1b/{tenant}/", "s3://a1b/acme/x/", True),
        ("s3://a1b/{tenant}/in/", "s3://a1b/{tenant}/out/", False),
        ("s3://a1b/in/", "s3://a1b/in2/", False),
        ("s3://a1b/x/", "s3://b2c/x/", False),
        ("file:///srv/x/", "s3://srv/x/", False),
    ],
)
def test_prefixes_meet_where_one_can_hold_an_object_of_the_other(one, other, do):
    assert meet(one, other) is meet(other, one) is do


def test_buckets_are_named_by_prefixes():
    assert bucket_names(["s3://a1b/x/", "s3://a1b/y/", "s3://b2c/", "file:///srv/"]) == {"a1b", "b2c"}
