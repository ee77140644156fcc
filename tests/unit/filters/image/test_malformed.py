"""Files from the wild that are broken, or odd: a picture or a reason, in bounded time."""

import time

import pytest

from filters.errors import RecordError
from tests.unit.filters.image.images import EVAL, METADATA_HIT, decode, medium, needs_eval, release

REASONS = {
    "unknown_format",
    "truncated",
    "corrupt",
    "unsupported_coding",
    "bytes",
    "pixels",
    "side",
    "aspect",
    "frames",
}


def files(folder: str):
    return [pytest.param(path, id=path.name) for path in sorted((EVAL / folder).glob("*"))]


@needs_eval
@pytest.mark.parametrize("path", files("malformed") + files("frames"))
def test_broken_and_odd_files_end_soon_with_a_picture_or_a_reason(path):
    """Crash and time-out samples of every format raise record errors alone, within two seconds."""
    started = time.perf_counter()
    try:
        frames, reason = len(decode(path.read_bytes()).frames), None
    except RecordError as error:
        frames, reason = 0, error.reason
    assert frames or reason in REASONS
    assert time.perf_counter() - started < 2


@needs_eval
@pytest.mark.parametrize("path", [param for param in files("metadata") if param.values[0].suffix == ".jpg"])
def test_photographs_of_many_cameras_lose_all_metadata(path):
    """Every camera's file decodes, has metadata, and none after the release; nor does the maker's name remain."""
    data = path.read_bytes()
    decoded = decode(data)
    assert len(medium().own_findings(decoded)) == 1
    out = release(data, METADATA_HIT)
    assert decode(out).metadata == ()
    assert out.count(b"\xff\xd8\xff") == 1
    for marker in (b"Exif", b"http://ns.adobe.com", b"Photoshop", b"ICC_PROFILE", b"Canon", b"NIKON", b"SONY"):
        assert marker not in out
