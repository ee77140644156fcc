"""The evaluation of metadata: its own reader finds what a naive release leaves, and the filter leaves nothing."""

import io

import pytest
from PIL import Image

from tests.evals.images_metadata import (
    EVAL,
    exiftool,
    exiftool_survivors,
    material,
    orientations,
    released,
    survivors,
)

needs_exiftool = pytest.mark.skipif(exiftool() is None, reason="exiftool (libimage-exiftool-perl) is not installed")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_reader_finds_what_is_left(form):
    """A file with EXIF is not called clean: the evaluation can fail."""
    exif = Image.Exif()
    exif[0x010E] = "a description"
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32)).save(buffer, form, exif=exif)
    assert list(survivors(buffer.getvalue()))


def test_nothing_survives_in_any_orientation():
    """Five formats in eight orientations are released clean."""
    rows = [released(name, data) for name, data in orientations()]
    assert [row for row in rows if row.refused or row.survived] == []


@pytest.mark.slow
@pytest.mark.skipif(not EVAL.exists(), reason="no evaluation material")
def test_nothing_survives_of_the_material():
    """Every file that is released is clean, with the frames and the timing that another reader sees in the source."""
    rows = [row for name, data in material(EVAL) if (row := released(name, data)).refused is None]
    assert len(rows) >= 140
    assert [row for row in rows if row.survived or not (row.frames_kept and row.timing_kept)] == []


@needs_exiftool
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exiftool_finds_what_is_left_and_nothing_in_a_release(form):
    """EXIF and bytes after the end in the source; nothing in what is released."""
    exif = Image.Exif()
    exif[0x010E] = "a description"
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32)).save(buffer, form, exif=exif)
    assert exiftool_survivors({"source": buffer.getvalue()})
    assert exiftool_survivors({"release": released("source", buffer.getvalue()).output}) == {}


@needs_exiftool
@pytest.mark.slow
@pytest.mark.skipif(not EVAL.exists(), reason="no evaluation material")
def test_exiftool_finds_nothing_of_the_material():
    """In no released file of the evaluation material."""
    rows = [row for name, data in material(EVAL) if (row := released(name, data)).refused is None]
    assert exiftool_survivors({row.name: row.output for row in rows}) == {}
