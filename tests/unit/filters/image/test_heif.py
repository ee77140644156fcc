"""HEIC and AVIF: judged as they look, released as something else, without what they held beside."""

import io

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from filters.errors import UnsupportedMedia
from filters.findings import UNSEEN_DETECTOR
from filters.image.formats import ImageFormat
from filters.image.limits import ImageLimits
from filters.image.medium import ImageMedium
from filters.records import ImageContent
from tests.unit.filters.image.images import METADATA_HIT, decode, encoded, medium, photograph, release

SECRET = b"jane.doe@example.com"


def picture(form: str, **options: object) -> bytes:
    if form == "AVIF":
        return encoded(photograph(96, 64), "AVIF", quality=95, **options)
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(photograph(96, 64))).save(buffer, quality=95, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["AVIF", "HEIC"])
@pytest.mark.parametrize("target", ["jpeg", "png", "webp"])
def test_released_as_configured(form, target):
    """The release is of the configured format, looks alike, and is clean."""
    opened = ImageMedium([], ImageLimits(), heic_release=ImageFormat(f"image/{target}"))
    image = opened.decode(ImageContent(picture(form), f"image/{form.lower()}"))
    released = opened.redact(image, [METADATA_HIT], "acme")
    assert released.media_type == f"image/{target}"
    again = decode(released.data, released.media_type)
    assert again.metadata == ()
    assert np.abs(again.frames[0].pixels.astype(int) - photograph(96, 64)).mean() < 6


@pytest.mark.parametrize("form", ["AVIF", "HEIC"])
def test_exif_goes(form):
    """EXIF, and bytes after the end, are in no release."""
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    data = picture(form, exif=exif.tobytes()) + SECRET
    assert data.count(SECRET) == 2
    assert SECRET not in release(data, METADATA_HIT)


@pytest.mark.parametrize("form", ["AVIF", "HEIC"])
def test_never_released_as_it_came(form):
    """Whatever a policy keeps, the finding asks for a new file."""
    (finding,) = medium().own_findings(decode(picture(form)))
    assert finding.detector == UNSEEN_DETECTOR


@pytest.mark.parametrize("form", ["AVIF", "HEIC"])
def test_bad_files_have_codes(form):
    """Cut files, false declarations, and images above the limits."""
    data = picture(form)
    for cut in (16, 40, 200, len(data) // 2):
        with pytest.raises(UnsupportedMedia):
            decode(data[:cut])
    with pytest.raises(UnsupportedMedia, match="declared"):
        decode(data, "image/jpeg")
    with pytest.raises(Exception, match="side"):
        medium(max_side=90).decode(ImageContent(data, None))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["AVIF", "HEIC"])
def test_orientation(form, orientation):
    """The picture is judged upright."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = decode(encoded(photograph(96, 64), "JPEG", exif=exif.tobytes(), quality=95)).frames[0].pixels
    seen = decode(picture(form, exif=exif.tobytes())).frames[0].pixels
    assert seen.shape == upright.shape
    assert np.abs(seen.astype(int) - upright).mean() < 8
