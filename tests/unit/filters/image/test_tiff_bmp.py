"""TIFF and BMP: every page and depth judged as it is meant to be seen; a release holds pixels only."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from filters.errors import UnsupportedMedia
from filters.policy_operators import FillRegion
from tests.unit.filters.image.images import METADATA_HIT, decode, encoded, faces, hit, photograph, release, scene_with

SECRET = b"jane.doe@example.com"


@pytest.mark.parametrize("form", ["TIFF", "BMP"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_a_release_has_the_pixels_that_were_judged(form, mode):
    """Each mode is read, released and read again alike, and the release is clean."""
    picture = Image.fromarray(photograph(65, 49)).convert(mode)
    data = encoded(picture, form)
    before, after = decode(data), decode(release(data, METADATA_HIT))
    assert np.array_equal(before.frames[0].pixels, np.asarray(picture.convert("RGB")))
    assert np.array_equal(before.frames[0].pixels, after.frames[0].pixels)
    assert after.metadata == ()


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_sixteen_bits_are_scaled(compression):
    """The darkest and lightest of 65,536 greys stay apart: nothing is clipped."""
    ramp = np.linspace(0, 65_535, 4096).astype(np.uint16).reshape(64, 64)
    seen = decode(encoded(Image.fromarray(ramp), "TIFF", compression=compression)).frames[0].pixels[..., 0]
    assert np.array_equal(seen, (ramp.astype(np.uint32) + 128) // 257)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB"])
def test_colour_spaces_are_seen_in_rgb(mode):
    """Colours look as in the source, up to the space's own rounding."""
    picture = photograph(64, 48)
    seen = decode(encoded(Image.fromarray(picture).convert(mode), "TIFF")).frames[0].pixels
    assert np.abs(seen.astype(int) - picture).mean() < 12


@pytest.mark.parametrize("mode", ["I", "F"])
def test_samples_that_would_be_clipped_are_refused(mode):
    """32-bit samples have no scale of their own: a detector would see white or black."""
    with pytest.raises(UnsupportedMedia, match="samples"):
        decode(encoded(Image.fromarray(photograph(32, 32)).convert(mode), "TIFF"))


def test_every_page_is_a_frame():
    """Pages of different sizes and modes all come out, and all go in again."""
    first = Image.fromarray(photograph(65, 49))
    data = encoded(first, "TIFF", save_all=True, append_images=[first.resize((20, 30)), first.convert("L")])
    before, after = decode(data), decode(release(data, METADATA_HIT))
    assert [(frame.width, frame.height) for frame in before.frames] == [(65, 49), (20, 30), (65, 49)]
    for one, other in zip(before.frames, after.frames, strict=True):
        assert np.array_equal(one.pixels, other.pixels)
    assert after.metadata == ()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(orientation):
    """Pillow's own turning and ours agree, and the release carries no tag."""
    data = encoded(photograph(65, 49), "TIFF", tiffinfo={274: orientation})
    with Image.open(io.BytesIO(data)) as image:
        image.load()  # turns TIFF upright by itself
        expected = np.asarray(image)
    assert np.array_equal(decode(data).frames[0].pixels, expected)
    with Image.open(io.BytesIO(release(data, METADATA_HIT))) as image:
        assert image.tag_v2.get(274, 1) == 1
        assert image.size == expected.shape[1::-1]


@pytest.mark.parametrize("tag", [270, 305, 315, 700, 33723, 33432, 65_000])
def test_words_in_tags_go(tag):
    """Descriptions, artists, XMP, IPTC and private tags are metadata, and none is copied."""
    data = encoded(photograph(32, 32), "TIFF", tiffinfo={tag: SECRET if tag in {700, 33723} else SECRET.decode()})
    assert SECRET in data
    assert decode(data).metadata
    assert SECRET not in release(data, METADATA_HIT)


def test_bytes_of_no_tag_are_noticed():
    """Gaps and ends that nothing points to are told of."""
    data = encoded(photograph(32, 32), "TIFF")
    assert decode(data).metadata == ()
    assert decode(data + SECRET).metadata == ("trailing_bytes",)
    assert SECRET not in release(data + SECRET, METADATA_HIT)


def test_a_stream_that_goes_on_after_its_pixels_is_noticed():
    """Coded strips that cannot be measured count as suspect."""
    assert decode(encoded(photograph(32, 32), "TIFF", compression="tiff_lzw")).metadata == ("data_after_pixels",)
    assert decode(encoded(photograph(32, 32), "TIFF", compression="tiff_adobe_deflate")).metadata == ()


def test_directories_that_go_round_are_refused():
    """A page that names itself as the next ends with a code."""
    data = bytearray(encoded(photograph(8, 8), "TIFF"))
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    struct.pack_into("<I", data, start + 2 + 12 * count, start)
    with pytest.raises(UnsupportedMedia, match="go round"):
        decode(bytes(data))


@pytest.mark.parametrize("form", ["TIFF", "BMP"])
@pytest.mark.parametrize("cut", [3, 8, 20, 60, -1])
def test_a_cut_file_is_refused(form, cut):
    """Every cut has a code."""
    with pytest.raises(UnsupportedMedia):
        decode(encoded(photograph(33, 32), form)[:cut])


@pytest.mark.parametrize("form", ["TIFF", "BMP"])
def test_swapped_faces_give_the_same_file(form):
    """What is under the fill changes no byte of the release."""
    assert len({release(encoded(scene_with(face), form), hit(FillRegion())) for face in faces()}) == 1


def test_bits_of_a_bitmap_that_show_nothing_are_noticed():
    """Row filling, the fourth byte of a pixel, gaps and trailing bytes."""
    plain = encoded(photograph(33, 8), "BMP")
    assert decode(plain).metadata == ()
    filled = bytearray(plain)
    filled[54 + 99] = 7
    assert decode(bytes(filled)).metadata == ("data_after_pixels",)
    assert decode(plain + SECRET).metadata == ("trailing_bytes",)
    assert SECRET not in release(plain + SECRET, METADATA_HIT)
