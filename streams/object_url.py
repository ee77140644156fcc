"""Where objects lie: `s3://BUCKET/KEY` and `file:///PATH`, in one spelling each, so that prefixes can be compared.

Letters, digits and `._-=+,@:!()'$&;` only: nothing that is escaped anywhere, so no two spellings name one object.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

_NAME = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._=+,@:!()'$&;-]{1,255}"
"""One segment; `.` and `..` are none."""
_BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_URL = re.compile(
    rf"(?P<scheme>s3)://(?P<bucket>{_BUCKET})/(?P<key>{_NAME}(?:/{_NAME})*)|file:///(?P<path>{_NAME}(?:/{_NAME})*)"
)
_PREFIX = re.compile(rf"(?:s3://{_BUCKET}/|file:///{_NAME}/)(?:(?:{_NAME}|\{{tenant\}})/)*")
LONGEST_URL = 2048
"""Characters; keys of S3 have 1,024 bytes at most, paths of Linux 4,096."""
TENANT_MARK = "{tenant}"


@dataclass(frozen=True, slots=True)
class ObjectUrl:
    """One object.

    `bucket` is empty for files. `path` is the key, or the path without its leading `/`. `root` is the allowed part of
    it, with a closing `/`: what a file must not leave, by a link either.
    """

    scheme: str
    bucket: str
    path: str
    root: str = ""

    @property
    def is_file(self) -> bool:
        return self.scheme == "file"

    def __str__(self) -> str:
        return f"file:///{self.path}" if self.is_file else f"s3://{self.bucket}/{self.path}"


def parse_object_url(text: str) -> ObjectUrl:
    """The object that a URL names.

    Raises:
        ValueError: another scheme, a spelling with escapes, or a path with empty or dotted segments.
    """
    match = _URL.fullmatch(text) if len(text) <= LONGEST_URL else None
    if match is None:
        raise ValueError("neither s3://BUCKET/KEY nor file:///PATH in plain letters")
    return ObjectUrl(match["scheme"] or "file", match["bucket"] or "", match["key"] or match["path"])


def checked_prefix(text: str) -> str:
    """A prefix under which objects may lie; a segment `{tenant}` stands for the record's tenant.

    Raises:
        ValueError: it names no folder.
    """
    if not _PREFIX.fullmatch(text):
        raise ValueError("a prefix is s3://BUCKET/ or file:///FOLDER/, and ends with `/`")
    return text


def prefix_of(text: str, tenant: str) -> str:
    """A checked prefix for one tenant."""
    return text.replace(TENANT_MARK, tenant)


def under(prefix: str, name: str) -> ObjectUrl:
    """The object `name` below a prefix that has no `{tenant}` left.

    Raises:
        ValueError: as `parse_object_url`.
    """
    url = parse_object_url(prefix + name)
    return replace(url, root=url.path.removesuffix(name))


def bucket_names(prefixes: Iterable[str]) -> frozenset[str]:
    """The buckets that checked prefixes name."""
    return frozenset(prefix.split("/")[2] for prefix in prefixes if prefix.startswith("s3://"))


def meet(one: str, other: str) -> bool:
    """Whether an object can lie under both of two prefixes, for some tenants."""
    return all(
        a == b or TENANT_MARK in (a, b) for a, b in zip(one.split("/")[:-1], other.split("/")[:-1], strict=False)
    )
