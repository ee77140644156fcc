"""What a file is, is told by its content; a declaration may only agree."""

import pytest

from filters.errors import UnsupportedMedia
from filters.image.formats import ImageFormat, check_declared, sniff
from tests.unit.filters.image.images import FORMATS, decode, encoded, photograph


def reason(data: bytes, media_type: str | None = None) -> str:
    with pytest.raises(UnsupportedMedia) as caught:
        decode(data, media_type)
    return caught.value.reason


@pytest.mark.parametrize("form", [*FORMATS, "GIF"])
def test_content_tells_the_format(form):
    """The first bytes name the format, whatever the file is called."""
    assert decode(encoded(photograph(32, 24), form)).format == f"image/{form.lower()}"


@pytest.mark.parametrize("form", ["EPS", "ICO", "PPM", "TGA"])
def test_other_formats_are_refused_by_name(form):
    """Formats without a codec are refused before any decoder sees them; Ghostscript is never called."""
    assert reason(encoded(photograph(32, 32), form)) == "unknown_format"


@pytest.mark.parametrize(
    "data", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"MZ\x90", b"RIFF\0\0\0\0WAVE", b"\xff"]
)
def test_what_is_no_image_is_refused(data):
    """Text, programs, sounds and scraps are of no known format."""
    assert reason(data) == "unknown_format"


def test_an_empty_file_is_refused():
    """Zero bytes have a reason of their own."""
    assert reason(b"") == "empty"


@pytest.mark.parametrize("declared", ["text/plain", "image/svg+xml", "image/png", "application/json", "image", "jpeg"])
def test_a_false_declaration_is_refused(declared):
    """A consumer that believes the declaration would read another file than was judged."""
    assert reason(encoded(photograph(32, 24), "JPEG"), declared) == "media_type_mismatch"


@pytest.mark.parametrize(
    "declared",
    [None, "", "application/octet-stream", "image/jpeg", "image/jpg", "IMAGE/JPEG", "image/jpeg; charset=binary"],
)
def test_a_true_or_missing_declaration_is_accepted(declared):
    """Nothing declared, no type in particular, and the usual spellings all pass."""
    check_declared(declared, ImageFormat.JPEG)


def test_apng_is_png():
    """An animation's own media type is accepted for the format that carries it."""
    check_declared("image/apng", ImageFormat.PNG)


def test_the_magic_decides_before_the_declaration():
    """A WebP declared as one is found by RIFF and WEBP, not by RIFF alone."""
    assert sniff(encoded(photograph(16, 16), "WEBP")) is ImageFormat.WEBP
