"""EXIF of a new picture: what it says of the picture is true, and all else stands where it stood."""

import struct

import pytest
from helpers.portraits import NOTE, SHORT, TEXT, THUMBNAIL, block
from PIL import ExifTags, Image

from seedvr_cli.metadata.exif import density, is_block, of_density, renewed
from seedvr_cli.metadata.metadata import MetadataError

ORDERS = pytest.mark.parametrize("order", ["<", ">"])


def made(old, **options):
    return renewed(old, **({"width": 640, "height": 480, "is_upright": True, "thumbnail": None} | options))


def read(tiff):
    exif = Image.Exif()
    exif.load(tiff)
    return exif


@ORDERS
def test_sizes_and_orientation_change_where_they_stand(order):
    """Pillow reads the new sizes, in both directories, and an upright picture."""
    exif = read(made(block(order)))
    camera = exif.get_ifd(ExifTags.IFD.Exif)
    assert (exif[ExifTags.Base.ImageWidth], exif[ExifTags.Base.ImageLength]) == (640, 480)
    assert (camera[ExifTags.Base.ExifImageWidth], camera[ExifTags.Base.ExifImageHeight]) == (640, 480)
    assert exif[ExifTags.Base.Orientation] == 1


@ORDERS
def test_all_else_stays_to_the_byte(order):
    """Not more than the values of sizes and orientation, the link to the thumbnail and the thumbnail differ."""
    old = block(order)
    new = made(old)
    assert len(new) == len(old) - len(THUMBNAIL)
    changed = {place for place, byte in enumerate(new) if byte != old[place]}
    assert len(changed) <= 4 * 5 + 4
    assert new.index(NOTE) == old.index(NOTE)


@pytest.mark.parametrize("place", [0x9214, 0xA214], ids=["area", "location"])
def test_places_in_the_old_picture_go(place):
    """Where the subject was, in pixels that are no more; what stands around it in the directory stays."""
    exif = Image.Exif()
    camera = exif.get_ifd(ExifTags.IFD.Exif)
    camera[ExifTags.Base.ExposureTime], camera[place], camera[ExifTags.Base.ImageUniqueID] = 0.5, (100, 60), "one"
    found = read(made(exif.tobytes().removeprefix(b"Exif\0\0"))).get_ifd(ExifTags.IFD.Exif)
    assert dict(found) == {ExifTags.Base.ExposureTime: 0.5, ExifTags.Base.ImageUniqueID: "one"}


def test_the_orientation_of_pixels_that_were_not_turned_stays():
    """A picture that is still on its side keeps its orientation, and only that differs."""
    turned, upright = (made(block(), is_upright=is_upright) for is_upright in (False, True))
    assert read(turned)[ExifTags.Base.Orientation] == 6
    assert sum(a != b for a, b in zip(turned, upright, strict=True)) == 1


@ORDERS
def test_the_old_thumbnail_goes(order):
    """It is cut off where it is the end, and blank where something stands behind it."""
    assert b"small picture" not in made(block(order))
    new = made(block(order, behind=b"behind"))
    assert b"small picture" not in new
    assert new.endswith(bytes(len(THUMBNAIL)) + b"behind")


@ORDERS
def test_a_new_thumbnail_is_put_behind_all_else(order, tmp_path, requires):
    """exiftool takes out the very bytes that were given, and finds nothing to complain of."""
    import subprocess

    from helpers.portraits import put, saved

    thumbnail = saved("JPEG")
    new = put(tmp_path, "new.jpg", saved("JPEG", exif=b"Exif\0\0" + made(block(order), thumbnail=thumbnail)))
    exiftool = requires("exiftool")
    told = subprocess.run([exiftool, "-b", "-ThumbnailImage", new], capture_output=True, check=True)
    assert told.stdout == thumbnail
    told = subprocess.run([exiftool, "-validate", "-warning", "-a", "-IFD1:all", new], capture_output=True, check=True)
    assert b"IFD1" not in told.stdout


def test_a_size_that_its_type_is_too_small_for_becomes_a_long():
    """A SHORT of 70,000 would be 4,464: its type changes, and its place does not."""
    old = block(size_kind=SHORT)
    exif = read(made(old, width=70_000)).get_ifd(ExifTags.IFD.Exif)
    assert exif[ExifTags.Base.ExifImageWidth] == 70_000


@pytest.mark.parametrize("damage", [b"", b"II*\0", b"JUNK" + bytes(40), b"II*\0\xff\xff\xff\xff", block()[:60]])
def test_a_block_without_a_first_directory_is_none(damage):
    """What cannot be read as far as its first directory goes is no block, and is not renewed."""
    assert not is_block(damage)
    with pytest.raises(MetadataError):
        made(damage)


def test_the_camera_s_directory_may_be_damaged():
    """A pointer out of the block leaves that directory alone, and the first one is brought up to date."""
    old = bytearray(block("<"))
    place = old.index(struct.pack("<HHII", ExifTags.IFD.Exif, 4, 1, 200))
    struct.pack_into("<I", old, place + 8, 1 << 30)
    assert read(made(bytes(old)))[ExifTags.Base.ImageWidth] == 640


@ORDERS
def test_the_size_for_other_programs_changes_too(order):
    """RelatedImageWidth and RelatedImageLength, in the directory on interoperability, are those of the new picture."""

    def entry(tag, kind, count, value):
        return struct.pack(f"{order}HHI", tag, kind, count) + value

    def short(value):
        return struct.pack(f"{order}H2x", value)

    def directory(*entries):
        return struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)

    def pointer(tag, place):
        return entry(tag, 4, 1, struct.pack(f"{order}I", place))

    inner = directory(
        entry(1, TEXT, 4, b"R98\0"), entry(0x1001, SHORT, 1, short(24)), entry(0x1002, SHORT, 1, short(16))
    )
    begin = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    old = begin + directory(pointer(ExifTags.IFD.Exif, 26)) + directory(pointer(ExifTags.IFD.Interop, 44)) + inner
    assert dict(read(made(old)).get_ifd(ExifTags.IFD.Interop)) == {1: "R98", 0x1001: 640, 0x1002: 480}


def test_directories_in_a_circle_are_gone_through_once():
    """A camera's directory that is the first one, and a second that is too, end like any other."""
    old = bytearray(block("<"))
    place = old.index(struct.pack("<HHII", ExifTags.IFD.Exif, 4, 1, 200))
    struct.pack_into("<I", old, place + 8, 8)
    link = 10 + 12 * struct.unpack_from("<H", old, 8)[0]
    struct.pack_into("<I", old, link, 8)
    assert len(made(bytes(old))) == len(old)


def test_a_thumbnail_that_would_be_the_first_directory_is_left_alone():
    """An offset that leads into the directory itself, to what looks like a JPEG there, blanks nothing."""
    old = bytearray(block(">"))
    place = old.index(struct.pack(">HH", ExifTags.Base.Make, TEXT))
    old[place : place + 2] = b"\xff\xd8"
    struct.pack_into(">I", old, old.index(struct.pack(">HHII", ExifTags.Base.JpegIFOffset, 4, 1, 500)) + 8, place)
    new = made(bytes(old))
    assert new[place : place + 12] == old[place : place + 12]
    assert new.endswith(THUMBNAIL)


def test_a_directory_without_a_link_ends_the_block():
    """Some writers leave the link out: there is no thumbnail then, and none is added."""
    entry = struct.pack("<HHIHxx", ExifTags.Base.Orientation, SHORT, 1, 6)
    old = b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry
    new = made(old, thumbnail=b"\xff\xd8")
    assert new == old[:-4] + b"\1\0\0\0"


def test_density_in_inches_whatever_the_unit():
    """Centimetres become inches, and a fraction of nothing, or an unknown unit, is no density."""
    inches = block("<")
    unit = inches.index(struct.pack("<HHIH", ExifTags.Base.ResolutionUnit, SHORT, 1, 2)) + 8
    assert density(inches) == (300, 300)
    assert density(inches[:unit] + b"\3" + inches[unit + 1 :]) == (762, 762)
    assert density(inches[:unit] + b"\1" + inches[unit + 1 :]) is None
    assert density(inches.replace(struct.pack("<II", 300, 1), struct.pack("<II", 300, 0))) is None
    assert density(b"") is None


def test_a_block_of_a_density_is_read_by_pillow():
    """Its two fractions are exact, and there is nothing else in it."""
    exif = read(of_density(300, 72.5))
    assert dict(exif) == {
        ExifTags.Base.XResolution: 300,
        ExifTags.Base.YResolution: 72.5,
        ExifTags.Base.ResolutionUnit: 2,
    }
    assert density(of_density(300, 72.5)) == (300, 72.5)
