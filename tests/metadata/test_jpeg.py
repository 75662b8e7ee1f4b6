"""JPEG: what goes into its segments, how much, where, and what is not put there."""

import io
import os

import pytest
from helpers.portraits import PROFILE, RESOURCES, XMP, block, image_data, pixels, put, saved, segment, segments
from PIL import Image

from seedvr_cli.metadata.carry import read_metadata
from seedvr_cli.metadata.metadata import Metadata

LARGE_PROFILE = (200_000).to_bytes(4, "big") + PROFILE[4:] + bytes(200_000 - len(PROFILE))
LARGE = "".join(f"<dc:description>{os.urandom(40_000).hex()}</dc:description>" for _ in range(2)).encode()
LARGE_XMP = XMP.replace(b"</dc:title>", b"</dc:title>" + LARGE)


def read(tmp_path, content):
    return read_metadata(put(tmp_path, "read.jpg", content), "image/jpeg")


def inserted(content, *made):
    """A JPEG with more segments in front of all others."""
    return content[:2] + b"".join(made) + content[2:]


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {"progressive": True}),
        ("RGB", {"restart_marker_rows": 1}),
        ("RGB", {"comment": b"a comment"}),
        ("L", {}),
        ("CMYK", {}),
        ("RGB", {"keep_rgb": True}),
    ],
)
def test_every_kind_of_jpeg_keeps_its_image_data_and_pixels(given, mode, options):
    """From the first scan on, and in all tables, the bytes are the same; so are the pixels, and other segments."""
    new = saved("JPEG", pixels(mode=mode), **options)
    made, troubles = given(new, "JPEG", Metadata(block(), None, XMP, RESOURCES, (300.0, 300.0)))
    assert image_data(made) == image_data(new)
    assert troubles == ()
    assert segments(made)[0][0][0] == (0xE0 if segments(new)[0][0][0] == 0xE0 else 0xE1)  # JFIF first, if there is any
    with Image.open(io.BytesIO(made)) as after, Image.open(io.BytesIO(new)) as before:
        assert after.tobytes() == before.tobytes()
    others = [each for each in segments(new)[0] if each[0] not in {0xE0, 0xE1}]
    assert [each for each in segments(made)[0] if each in others] == others


def without(content, *markers):
    """A JPEG without segments of these markers."""
    found, scans = segments(content)
    return content[:2] + b"".join(segment(*each) for each in found if each[0] not in markers) + scans


ADOBE = segment(0xEE, b"Adobe\0\x64" + bytes(5))


@pytest.mark.parametrize(
    "new",
    [
        without(saved("JPEG", keep_rgb=True), 0xE0, 0xEE),
        inserted(without(saved("JPEG"), 0xE0), ADOBE),
        without(saved("JPEG", pixels(mode="CMYK")), 0xE0),
    ],
    ids=["components R, G and B", "Adobe's segment", "CMYK"],
)
def test_no_jfif_where_decoders_would_take_other_colours_for_it(given, tmp_path, new):
    """A JPEG whose colours are told by Adobe's segment or by its components is given none: EXIF has its density."""
    made, troubles = given(new, "JPEG", Metadata(density=(300.0, 150.0)))
    assert not any(marker == 0xE0 for marker, _ in segments(made)[0])
    assert (read(tmp_path, made).density, troubles) == ((300, 150), ())
    with Image.open(io.BytesIO(made)) as after, Image.open(io.BytesIO(new)) as before:
        assert after.tobytes() == before.tobytes()


def test_jfif_is_put_first_where_there_is_none(given):
    """A JPEG of YCbCr or of grey without JFIF, as cameras write it, is given one for its density."""
    for mode in ("RGB", "L"):
        new = saved("JPEG", pixels(mode=mode))
        new = new[:2] + new[20:]
        made, _ = given(new, "JPEG", Metadata(block(), density=(300.0, 150.0)))
        assert segments(made)[0][0] == (0xE0, b"JFIF\0\1\1\1\x01\x2c\0\x96\0\0")
        with Image.open(io.BytesIO(made)) as after, Image.open(io.BytesIO(new)) as before:
            assert after.tobytes() == before.tobytes()
            assert after.info["dpi"] == (300, 150)


def test_a_profile_is_divided_and_put_together(given, tmp_path):
    """One of 200,000 bytes takes four segments, that Pillow and we put together; of missing parts we tell."""
    made, _ = given(saved("JPEG"), "JPEG", Metadata(icc=LARGE_PROFILE))
    parts = [each for each in segments(made)[0] if each[0] == 0xE2]
    assert [each[1][12:14] for each in parts] == [b"\1\4", b"\2\4", b"\3\4", b"\4\4"]
    with Image.open(io.BytesIO(made)) as picture:
        assert picture.info["icc_profile"] == LARGE_PROFILE
    assert read(tmp_path, made).icc == LARGE_PROFILE
    lacking = read(tmp_path, made.replace(segment(*parts[1]), b""))
    assert (lacking.icc, lacking.troubles) == (None, ("parts of its colour profile are missing",))


def test_a_profile_of_more_segments_than_can_be_counted_is_left_out(given):
    """One of 17 MB is said to be too large."""
    profile = (17 << 20).to_bytes(4, "big") + PROFILE[4:] + bytes((17 << 20) - len(PROFILE))
    made, troubles = given(saved("JPEG"), "JPEG", Metadata(icc=profile))
    assert not any(marker == 0xE2 for marker, _ in segments(made)[0])
    assert troubles == ("a colour profile of 17825792 bytes is more than a JPEG can hold, and is left out",)


def test_exif_beyond_a_segment_is_left_out(given):
    """65,527 bytes are carried, and one more is said to be too many."""
    old = block()
    assert given(saved("JPEG"), "JPEG", Metadata(old.ljust(65_527, b"\0")))[1] == ()
    made, troubles = given(saved("JPEG"), "JPEG", Metadata(old.ljust(65_528, b"\0")))
    assert not any(marker == 0xE1 for marker, _ in segments(made)[0])
    assert troubles == ("EXIF of 65528 bytes is more than a JPEG can hold, and is left out",)


def test_exif_in_two_segments_is_one_block(tmp_path):
    """A second segment without a beginning of its own goes on with the first; one with such a beginning does not."""
    first, second = (segment(0xE1, b"Exif\0\0" + each) for each in (block()[:300], block()[300:]))
    another = segment(0xE1, b"Exif\0\0" + block("<"))
    assert read(tmp_path, inserted(saved("JPEG"), first, second, another)).exif == block()


def test_xmp_beyond_a_segment_has_an_extension(given, tmp_path, exiftool):
    """exiftool reads every property of a packet of 160,000 bytes, and we read them again as one packet."""
    made, troubles = given(saved("JPEG"), "JPEG", Metadata(xmp=LARGE_XMP))
    assert troubles == ()
    assert sum(marker == 0xE1 for marker, _ in segments(made)[0]) > 2
    said = exiftool(put(tmp_path, "made.jpg", made))
    assert said["XMP:XMP-dc:Title"] == 'tiff:Orientation="6" & Größe'
    assert len(said["XMP:XMP-dc:Description"]) == 80_000
    assert not any(name.startswith("ExifTool") for name in said)
    found = read(tmp_path, made)
    assert found.xmp.count(LARGE[:80_000]) == 1
    assert b"HasExtendedXMP" not in found.xmp
    assert found.troubles == ()
    again, _ = given(made, "JPEG", Metadata(xmp=XMP))
    assert sum(marker == 0xE1 for marker, _ in segments(again)[0]) == 1  # the extension is replaced too


def test_an_extension_that_is_not_whole_is_left_out(given, tmp_path):
    """Without one of its segments the packet is read alone, points to nothing, and the user is told."""
    made, _ = given(saved("JPEG"), "JPEG", Metadata(xmp=LARGE_XMP))
    lost = next(each for each in segments(made)[0] if each[1].startswith(b"http://ns.adobe.com/xmp/extension/"))
    found = read(tmp_path, made.replace(segment(*lost), b""))
    assert b"HasExtendedXMP" not in found.xmp
    assert b"Orientation='6'" in found.xmp
    assert found.troubles == ("parts of its XMP are missing",)


def test_xmp_that_cannot_be_divided_is_left_out(given):
    """What is too large and no XML has no place in a JPEG."""
    made, troubles = given(saved("JPEG"), "JPEG", Metadata(xmp=b"<x" + bytes(70_000)))
    assert not any(marker == 0xE1 for marker, _ in segments(made)[0])
    assert troubles == ("its XMP is no XML that can be read: more than a JPEG can hold, and is left out",)


def test_resources_beyond_a_segment_go_on_in_the_next(given, tmp_path):
    """100,000 bytes of Photoshop's take two segments, and are the same when they are read."""
    from helpers.portraits import resource

    large = RESOURCES + resource(0x07D0, os.urandom(100_000))
    made, _ = given(saved("JPEG"), "JPEG", Metadata(iptc=large))
    assert sum(marker == 0xED for marker, _ in segments(made)[0]) == 2
    assert read(tmp_path, made).iptc == large


def test_units_of_jfif(tmp_path):
    """Centimetres become inches, and a ratio is no density: EXIF may have one."""
    new = saved("JPEG", dpi=(300, 300))
    unit = new.index(b"JFIF\0") + 7
    assert read(tmp_path, new[:unit] + b"\2" + new[unit + 1 :]).density == (762, 762)
    assert read(tmp_path, new[:unit] + b"\0" + new[unit + 1 :]).density is None
    both = inserted(new[:unit] + b"\0" + new[unit + 1 :], segment(0xE1, b"Exif\0\0" + block()))
    assert read(tmp_path, both).density == (300, 300)


def test_rubbish_and_fill_between_segments_is_passed_over(given, tmp_path):
    """Pillow opens such files, and so the metadata behind it is read, and the picture can be written."""
    new = inserted(
        saved("JPEG"), segment(0xFE, b"first"), b"\0\0rubbish", b"\xff" * 9, segment(0xE1, b"Exif\0\0" + block())
    )
    assert read(tmp_path, new).exif == block()
    made, _ = given(new, "JPEG", Metadata(xmp=XMP))
    assert read(tmp_path, made).exif == block()
    with Image.open(io.BytesIO(made)) as after, Image.open(io.BytesIO(new)) as before:
        assert after.tobytes() == before.tobytes()


def test_what_comes_before_damage_is_read(tmp_path):
    """A file that ends within a later segment gives what stood in front of it."""
    found = read(tmp_path, inserted(b"\xff\xd8", segment(0xE1, b"Exif\0\0" + block()), segment(0xFE, b"a")[:-1]))
    assert found.exif == block()
    assert found.troubles == ("its segments cannot all be read: it ends within a segment",)
