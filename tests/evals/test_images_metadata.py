"""The evaluation of metadata: its own reader finds what a naive release leaves, and the filter leaves nothing."""

import io

import pytest
from PIL import Image

from tests.evals.images_metadata import EVAL, material, orientations, released, survivors


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
