"""The EXIF block of a result: what it says of the picture is true, and all else is the source's."""

import struct

import pytest
from helpers.footage import saved
from PIL import ExifTags, Image, PngImagePlugin

from seedvr_cli.sandbox.upscale.exif import renewed

NOTE = b"MAKER\0" + bytes(range(58))
THUMBNAIL = b"\xff\xd8 an old small picture \xff\xd9"
SHORT, LONG, TEXT, UNDEFINED, SIGNED = 3, 4, 2, 7, 10


def block(order, *, orientation=6, behind=b""):
    """A block as cameras write it, with a note, a signed fraction, sizes and a thumbnail, and what follows that."""

    def number(value, kind=LONG):
        return kind, 1, struct.pack(f"{order}{'Hxx' if kind == SHORT else 'I'}", value)

    def directory(at, entries, following=0):
        head, content = struct.pack(f"{order}H", len(entries)), b""
        behind = at + 2 + 12 * len(entries) + 4
        for tag, (kind, count, value) in entries.items():
            is_long = len(value) > 4
            here = struct.pack(f"{order}I", behind + len(content)) if is_long else value
            head += struct.pack(f"{order}HHI4s", tag, kind, count, here)
            content += value if is_long else b""
        return head + struct.pack(f"{order}I", following) + content

    base, own, small = ExifTags.Base, 100, 300
    main = {
        base.ImageWidth: number(24),
        base.ImageLength: number(16, SHORT),
        base.Make: (TEXT, 6, b"maker\0"),
        base.Orientation: number(orientation, SHORT),
        ExifTags.IFD.Exif: number(own),
    }
    camera = {
        base.ExposureBiasValue: (SIGNED, 1, struct.pack(f"{order}ii", -1, 3)),
        base.MakerNote: (UNDEFINED, len(NOTE), NOTE),
        base.UserComment: (UNDEFINED, 13, b"ASCII\0\0\0hello"),
        base.ExifImageWidth: number(24, SHORT),
        base.ExifImageHeight: number(16),
        base.SceneType: (UNDEFINED, 1, b"\1\0\0\0"),
    }
    thumbnail = {base.JpegIFOffset: number(400), base.JpegIFByteCount: number(len(THUMBNAIL))}
    tiff = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    for place, content in (
        (8, directory(8, main, small)),
        (own, directory(own, camera)),
        (small, directory(small, thumbnail)),
        (400, THUMBNAIL + behind),
    ):
        tiff = tiff.ljust(place, b"\0") + content
    return b"Exif\0\0" + tiff


@pytest.mark.parametrize("source_format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("word", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_what_exif_says(render, tmp_path, order, word, source_format):
    """Sizes are the upright result's, the note and signed fractions are the source's, and the thumbnail is gone."""
    source = saved(Image.new("RGB", (24, 16)), tmp_path / "turned", format=source_format, exif=block(order))
    with Image.open(render("7b-image", source, output_format=word).path) as image:
        exif = image.getexif()
        own = exif.get_ifd(ExifTags.IFD.Exif)
        assert image.size == (32, 48)
        assert (exif[ExifTags.Base.ImageWidth], exif[ExifTags.Base.ImageLength]) == (32, 48)
        assert (own[ExifTags.Base.ExifImageWidth], own[ExifTags.Base.ExifImageHeight]) == (32, 48)
        assert (exif[ExifTags.Base.Orientation], exif[ExifTags.Base.Make]) == (1, "maker")
        assert own[ExifTags.Base.ExposureBiasValue] == pytest.approx(-1 / 3)
        assert not exif.get_ifd(ExifTags.IFD.IFD1)
        assert THUMBNAIL not in image.info["exif"]


@pytest.mark.parametrize("order", ["<", ">"])
def test_all_else_stays_where_it_was(order):
    """Of a block that has nothing to change but sizes, no other byte changes; so the maker's note keeps its offsets."""
    before = block(order, orientation=1, behind=b"more of the maker's")
    after = renewed(before, (48, 32))
    changed = {place for place, (old, new) in enumerate(zip(before, after, strict=True)) if old != new}
    assert before.index(NOTE) == after.index(NOTE)
    assert after.endswith(bytes(len(THUMBNAIL)) + b"more of the maker's")
    thumbnail = set(range(before.index(THUMBNAIL), before.index(THUMBNAIL) + len(THUMBNAIL)))
    assert len(changed - thumbnail) <= 4 + 4 * 1  # the link to the second directory, and a byte for each size


def test_any_cut_of_a_block_is_readable_or_nothing():
    """A block that is cut anywhere gives a block or none, and never an error."""
    whole = block("<")
    results = [renewed(whole[:length], (48, 32)) for length in range(len(whole))]
    assert results[:20] == [b""] * 20
    assert results[-1]


def test_a_damaged_second_directory(render, tmp_path):
    """Where only the thumbnail's directory is damaged, the rest of the block stays."""
    cut = block("<")[: 6 + 300 + 4]
    source = saved(Image.new("RGB", (24, 16)), tmp_path / "cut.jpg", exif=cut)
    with Image.open(render("7b-image", source).path) as image:
        assert image.getexif()[ExifTags.Base.Make] == "maker"
        assert not image.getexif().get_ifd(ExifTags.IFD.IFD1)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
@pytest.mark.parametrize("word", ["png", "jpeg", "webp"])
def test_no_xmp(render, tmp_path, name, word):
    """XMP, which also has the old size and turn, does not go with the result; the turn that it says is made."""
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><d tiff:Orientation="6" exif:PixelXDimension="24"/></x:xmpmeta>'
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    options = {"pnginfo": text} if name.endswith("png") else {"xmp": xmp}
    source = saved(Image.new("RGB", (24, 16)), tmp_path / name, **options)
    rendered = render("7b-image", source, upscale_factor=1, output_format=word)
    assert (rendered.width, rendered.height) == (16, 24)
    assert b"PixelXDimension" not in rendered.path.read_bytes()
