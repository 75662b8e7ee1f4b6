"""What a picture says of itself is in the new picture too, whatever the formats, and the new pixels are untouched."""

import io
from pathlib import Path

import pytest
from helpers.portraits import (
    CMYK_PROFILE,
    GREY_PROFILE,
    PROFILE,
    RESOURCES,
    TYPES,
    XMP,
    block,
    image_data,
    pixels,
    put,
    saved,
    source,
)
from PIL import Image

from seedvr_cli.metadata.carry import adjusted, read_metadata, with_properties, write_metadata
from seedvr_cli.metadata.metadata import Metadata, MetadataError

FORMS = tuple(TYPES)
# What differs between a picture and the one made of it: sizes, turn, thumbnail and where things stand.
CHANGED = ("Orientation", "ImageWidth", "ImageHeight", "ImageLength", "PixelXDimension", "PixelYDimension", "ExifImage")


@pytest.fixture(params=FORMS)
def form(request):
    """A format of the result."""
    return request.param


@pytest.mark.parametrize("source_form", FORMS)
def test_what_exiftool_reads_in_the_source_it_reads_in_the_result(tmp_path, exiftool, form, source_form):
    """Every value of EXIF, XMP, IPTC and profile is in the result; sizes and orientation are those of the result."""
    old, new = put(tmp_path, "old", source(source_form)), put(tmp_path, "new", saved(form, pixels((64, 96))))
    metadata = adjusted(read_metadata(old, TYPES[source_form]), width=64, height=96, is_upright=True)
    out = str(tmp_path / "out")
    troubles = write_metadata(new, TYPES[form], metadata, out)

    before, after = exiftool(old), exiftool(out)
    if form == "WEBP" and metadata.iptc:
        assert troubles == ("WebP has no place for IPTC, which is left out",)
        before = {name: value for name, value in before.items() if not name.startswith(("IPTC", "Photoshop"))}
    else:
        assert troubles == ()
    kept = {
        name: value
        for name, value in before.items()
        if not any(word in name for word in CHANGED)
        and "IFD1" not in name
        and not name.startswith(("JFIF", "ExifTool"))
    }
    assert len(kept) > 30
    assert {name: after.get(name) for name in kept} == kept
    assert {name for name in after if "IFD1" in name or name.startswith("ExifTool")} <= {"ExifTool:Warning"}
    assert after.get("ExifTool:Warning") == "[minor] Unrecognized MakerNotes" == before.get("ExifTool:Warning")
    assert (after["EXIF:IFD0:Orientation"], after["XMP:XMP-tiff:Orientation"]) == (1, 1)
    assert (after["EXIF:ExifIFD:ExifImageWidth"], after["XMP:XMP-exif:ExifImageWidth"]) == (64, 64)
    assert (after["EXIF:IFD0:ImageHeight"], after["XMP:XMP-tiff:ImageHeight"]) == (96, 96)


@pytest.mark.parametrize("source_form", FORMS)
def test_no_pixel_and_no_compressed_byte_changes(tmp_path, given, form, source_form):
    """The image data are the same bytes, and Pillow decodes the same pixels and reads the source's metadata."""
    metadata = read_metadata(put(tmp_path, "old", source(source_form)), TYPES[source_form])
    new = saved(form)
    made, _ = given(new, form, metadata)

    assert image_data(made) == image_data(new)
    with Image.open(io.BytesIO(made)) as after, Image.open(io.BytesIO(new)) as before:
        assert after.tobytes() == before.tobytes()
        assert after.info["icc_profile"] == PROFILE
        assert after.info["exif"].removeprefix(b"Exif\0\0") == block()
        assert XMP in (after.info.get("xmp"), after.info.get("XML:com.adobe.xmp", "").encode())


@pytest.mark.parametrize("source_form", FORMS)
def test_density_is_carried(tmp_path, source_form):
    """Pixels per inch are read from each format, of WebP from its EXIF."""
    found = read_metadata(put(tmp_path, "old", source(source_form)), TYPES[source_form])
    assert found.density == pytest.approx((300, 300), rel=1e-4)
    assert found.troubles == ()


def test_density_alone_is_carried(tmp_path, given, form):
    """A density without EXIF is read again from every format, of which WebP keeps it in EXIF of three values."""
    made, troubles = given(saved(form), form, Metadata(density=(240, 120)))
    again = read_metadata(put(tmp_path, "again", made), TYPES[form])
    assert again.density == pytest.approx((240, 120), rel=1e-3)
    assert troubles == ()


def test_what_the_metadata_has_not_the_result_keeps(given, form, tmp_path):
    """A result given nothing is the same file, to the byte."""
    new = source(form)
    assert given(new, form, Metadata()) == (new, ())


def test_written_twice_is_written_once(given, form):
    """What a result carried of the same kinds is replaced: a second time changes nothing."""
    metadata = Metadata(block(), None, XMP, RESOURCES, (300.0, 300.0))
    once, _ = given(saved(form), form, metadata)
    assert given(once, form, metadata)[0] == once


def test_a_result_that_says_what_its_colours_are_is_believed(given, form):
    """The result's own profile stays, and the source's is not carried."""
    own = PROFILE[:44] + bytes(40) + PROFILE[84:]  # another creator
    made, troubles = given(saved(form, icc_profile=own), form, Metadata(icc=PROFILE))
    with Image.open(io.BytesIO(made)) as picture:
        assert picture.info["icc_profile"] == own
    assert troubles == ()


@pytest.mark.parametrize(("profile", "name"), [(GREY_PROFILE, "grey"), (CMYK_PROFILE, "CMYK")])
def test_a_profile_for_other_colours_is_left_out(given, form, profile, name):
    """An RGB picture is given no profile for grey or CMYK, and the user is told."""
    made, troubles = given(saved(form), form, Metadata(icc=profile))
    with Image.open(io.BytesIO(made)) as picture:
        assert "icc_profile" not in picture.info
    assert troubles == (f"the colour profile is for {name}, and the result is RGB: it is left out",)


@pytest.mark.parametrize(("grey_form", "mode"), [("JPEG", "L"), ("PNG", "L"), ("PNG", "LA")])
def test_a_grey_picture_is_given_a_grey_profile_alone(given, grey_form, mode):
    """A grey result takes a profile for grey, and none for RGB."""
    new = saved(grey_form, pixels(mode="RGB").convert(mode))
    assert b"GRAY" in given(new, grey_form, Metadata(icc=GREY_PROFILE))[0] or grey_form == "PNG"
    assert given(new, grey_form, Metadata(icc=GREY_PROFILE))[1] == ()
    assert given(new, grey_form, Metadata(icc=PROFILE)) == (
        new,
        ("the colour profile is for RGB, and the result is grey: it is left out",),
    )


def test_properties_are_added_to_any_format(tmp_path, exiftool, given, form):
    """What we add to a picture without XMP is read by exiftool, and by us."""
    made, _ = given(saved(form), form, with_properties(Metadata(), {"RequestId": "r-1", "Source": "a & b <ü>"}))
    said = exiftool(put(tmp_path, "made", made))
    assert said["XMP:XMP-seedvr:RequestId"] == "r-1"
    assert said["XMP:XMP-seedvr:Source"] == "a & b <ü>"
    assert not any(name.startswith("ExifTool") for name in said)


def test_other_formats_are_said_to_be_none_of_ours(tmp_path):
    """A GIF has no metadata that is read, and is not written."""
    path = put(tmp_path, "a.gif", saved("GIF"))
    assert read_metadata(path, "image/gif").troubles == ("metadata of image/gif is not read",)
    with pytest.raises(MetadataError, match="image/gif"):
        write_metadata(path, "image/gif", Metadata(), str(tmp_path / "out"))


def test_nothing_is_left_where_writing_fails(tmp_path, form):
    """A file that is cut gives no result, and neither does a file of ours that is in the way lose a byte."""
    cut = put(tmp_path, "cut", saved(form)[:40])
    with pytest.raises(MetadataError):
        write_metadata(cut, TYPES[form], Metadata(exif=block()), str(tmp_path / "out"))
    stands = put(tmp_path, "stands", b"mine")
    with pytest.raises(FileExistsError):
        write_metadata(put(tmp_path, "new", saved(form)), TYPES[form], Metadata(), stands)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cut", "new", "stands"]
    assert (tmp_path / "stands").read_bytes() == b"mine"


def test_an_open_file_is_written_to_where_it_is(tmp_path, form):
    """What stands before in an open file stays, and a failure writes nothing behind it."""
    new, cut = put(tmp_path, "new", saved(form)), put(tmp_path, "cut", saved(form)[:40])
    out = io.BytesIO(b"before")
    out.seek(6)
    with pytest.raises(MetadataError):
        write_metadata(cut, TYPES[form], Metadata(exif=block()), out)
    assert out.getvalue() == b"before"
    write_metadata(new, TYPES[form], Metadata(exif=block()), out)
    assert image_data(out.getvalue()[6:]) == image_data(Path(new).read_bytes())


def test_what_cannot_be_brought_up_to_date_is_said():
    """Damaged EXIF goes, since it could turn the picture; damaged XMP and what is behind it stays as it is."""
    old = Metadata(exif=b"II*\0\xff\xff\xff\0", xmp=b"<x")
    new = adjusted(old, width=1, height=1, is_upright=True)
    assert (new.exif, new.xmp) == (None, b"<x")
    assert new.troubles == (
        "its EXIF is damaged, and is left out: it ends within a directory",
        "its XMP is carried as it is: its XMP is no XML that can be read",
    )
    assert with_properties(new, {"RequestId": "1"}).xmp == b"<x"
    assert adjusted(Metadata(iptc=RESOURCES), width=1, height=1, is_upright=True).iptc == RESOURCES
