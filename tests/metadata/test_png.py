"""PNG: what goes into its chunks, where, what older programs wrote, and what is not believed."""

import io
import zlib

import pytest
from helpers.portraits import (
    GREY_PROFILE,
    IPTC,
    PROFILE,
    RESOURCES,
    XMP,
    block,
    image_data,
    pixels,
    png_chunks,
    put,
    resource,
    saved,
)
from PIL import Image, PngImagePlugin

from seedvr_cli.metadata.carry import read_metadata
from seedvr_cli.metadata.metadata import LARGEST, Metadata

EVERYTHING = Metadata(block(), PROFILE, XMP, RESOURCES, (300.0, 300.0))


def chunk(kind, content):
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def inserted(content, *made):
    """A PNG with more chunks behind its header."""
    return content[:33] + b"".join(made) + content[33:]


def read(tmp_path, content):
    return read_metadata(put(tmp_path, "read.png", content), "image/png")


def animation():
    frames = [pixels() for _ in range(3)]
    return saved("PNG", frames[0], save_all=True, append_images=frames[1:])


def texts():
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "a title")
    info.add_text("Comment", "a comment", zip=True)
    info.add_itxt("Description", "Größe")
    return saved("PNG", pnginfo=info)


# Adam7 of one row and column has a single pass (section 8.1), so that it is the same data with another header.
ONE = saved("PNG", pixels((1, 1)))
INTERLACED = ONE[:8] + chunk(b"IHDR", ONE[16:28] + b"\1") + ONE[33:]


@pytest.mark.parametrize(
    "new",
    [
        texts(),
        INTERLACED,
        animation(),
        saved("PNG", pixels().convert("P")),
        saved("PNG", pixels(mode="RGBA")),
        saved("PNG", pixels(mode="RGBA").quantize()),
        saved("PNG") + b"behind its end",
    ],
    ids=["texts", "interlaced", "animation", "palette", "alpha", "transparency", "behind"],
)
def test_every_kind_of_png_keeps_its_chunks_and_pixels(given, new):
    """All chunks of the result are there to the byte, in their order, and Pillow decodes the same pixels."""
    made, troubles = given(new, "PNG", EVERYTHING)
    assert troubles == ()
    assert image_data(made) == image_data(new)
    kept = [each for each in png_chunks(made) if each in png_chunks(new)]
    assert kept == png_chunks(new)
    assert made[made.index(b"IEND") :] == new[new.index(b"IEND") :]
    with Image.open(io.BytesIO(made)) as after, Image.open(io.BytesIO(new)) as before:
        assert after.tobytes() == before.tobytes()
        for frame in range(getattr(before, "n_frames", 1)):
            after.seek(frame)
            before.seek(frame)
            assert after.tobytes() == before.tobytes()


def test_new_chunks_stand_where_the_standard_wants_them(given):
    """Profile and density stand in front of palette and image data (table 7), and each kind is there once."""
    new = saved("PNG", pixels().convert("P"), icc_profile=None, dpi=(72, 72))
    kinds = [kind for kind, _ in png_chunks(given(new, "PNG", EVERYTHING)[0])]
    assert kinds == [b"IHDR", b"iCCP", b"pHYs", b"eXIf", b"iTXt", b"zTXt", b"PLTE", b"IDAT", b"IEND"]


@pytest.mark.parametrize("kind", [b"sRGB", b"cICP", b"cHRM"])
def test_a_result_may_say_what_its_colours_are_in_other_ways(given, kind):
    """Beside any of the chunks for colours the source's profile is not carried."""
    new = inserted(saved("PNG"), chunk(kind, b"\1\1\1\1" * 8 if kind == b"cHRM" else b"\1"))
    assert given(new, "PNG", Metadata(icc=PROFILE)) == (new, ())


def test_a_grey_profile_is_carried_to_a_grey_png(given, tmp_path):
    """It is the same bytes when it is read again."""
    made, _ = given(saved("PNG", pixels(mode="L")), "PNG", Metadata(icc=GREY_PROFILE))
    assert read(tmp_path, made).icc == GREY_PROFILE


def raw(kind, content, *, name=b"zTXt"):
    """A raw profile as ImageMagick writes it: the digits in lines."""
    digits = content.hex()
    lines = "\n".join(digits[start : start + 72] for start in range(0, len(digits), 72))
    text = f"\n{kind}\n{len(content):8}\n{lines}\n".encode()
    keyword = f"Raw profile type {kind}".encode()
    return (
        chunk(b"zTXt", keyword + b"\0\0" + zlib.compress(text))
        if name == b"zTXt"
        else chunk(name, keyword + b"\0" + text)
    )


@pytest.mark.parametrize("name", [b"zTXt", b"tEXt"])
def test_raw_profiles_of_older_programs_are_read(tmp_path, name):
    """EXIF under both names, XMP and IPTC, with and without a frame of Photoshop's."""
    assert read(tmp_path, inserted(saved("PNG"), raw("exif", b"Exif\0\0" + block(), name=name))).exif == block()
    assert read(tmp_path, inserted(saved("PNG"), raw("APP1", b"Exif\0\0" + block(), name=name))).exif == block()
    assert read(tmp_path, inserted(saved("PNG"), raw("xmp", XMP, name=name))).xmp == XMP
    framed = b"http://ns.adobe.com/xap/1.0/\0" + XMP
    assert read(tmp_path, inserted(saved("PNG"), raw("APP1", framed, name=name))).xmp == XMP
    assert read(tmp_path, inserted(saved("PNG"), raw("iptc", IPTC, name=name))).iptc == resource(0x0404, IPTC)
    named = chunk(b"tEXt", b"Raw profile type iptc\0\nIPTC profile\n 99\n" + IPTC.ljust(99, b"\0").hex().encode())
    assert IPTC in read(tmp_path, inserted(saved("PNG"), named)).iptc
    assert read(tmp_path, inserted(saved("PNG"), raw("8bim", RESOURCES, name=name))).iptc == RESOURCES


def test_a_chunk_of_its_own_counts_more_than_a_raw_profile(tmp_path, given):
    """Of two EXIF blocks the one in eXIf is read, whatever the order, and both are replaced."""
    own, other = chunk(b"eXIf", block()), raw("exif", block("<"))
    for chunks in ((own, other), (other, own)):
        new = inserted(saved("PNG"), *chunks)
        assert read(tmp_path, new).exif == block()
        made, _ = given(new, "PNG", Metadata(exif=block(">", orientation=3)))
        assert [kind for kind, _ in png_chunks(made)] == [b"IHDR", b"eXIf", b"IDAT", b"IEND"]


def test_compressed_xmp_is_read(tmp_path):
    """iTXt may be compressed (section 11.3.3.4)."""
    text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP))
    assert read(tmp_path, inserted(saved("PNG"), text)).xmp == XMP


def test_much_iptc_is_not_compressed(given, tmp_path):
    """Pillow refuses a picture with a compressed text of more than a megabyte: it opens this one."""
    large = resource(0x07D0, bytes(700_000))
    made, _ = given(saved("PNG"), "PNG", Metadata(iptc=large))
    with Image.open(io.BytesIO(made)) as picture:
        picture.load()
    assert read(tmp_path, made).iptc == large


def test_a_profile_that_pillow_would_refuse_the_picture_for_is_left_out(given):
    """One of a byte less than a megabyte is carried, and Pillow opens it; a larger one is said to be too large."""

    def profile(size):
        return size.to_bytes(4, "big") + PROFILE[4:] + bytes(size - len(PROFILE))

    made, troubles = given(saved("PNG"), "PNG", Metadata(icc=profile((1 << 20) - 1)))
    with Image.open(io.BytesIO(made)) as picture:
        assert len(picture.info["icc_profile"]) == (1 << 20) - 1
    assert troubles == ()
    made, troubles = given(saved("PNG"), "PNG", Metadata(icc=profile(1 << 20)))
    assert b"iCCP" not in made
    assert troubles == ("a colour profile of 1048576 bytes would keep programs from opening a PNG, and is left out",)


BOMB = zlib.compress(bytes(LARGEST + 1))


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (chunk(b"iCCP", b"a\0\0" + BOMB), "a chunk iCCP cannot be read: it is cut, or decompresses to more"),
        (
            chunk(b"zTXt", b"Raw profile type exif\0\0" + BOMB),
            "a chunk zTXt cannot be read: it is cut, or decompresses",
        ),
        (chunk(b"iCCP", b"a\0\0no zlib"), "a chunk iCCP cannot be read: it cannot be decompressed"),
        (chunk(b"iCCP", b"a\0\0" + zlib.compress(b"short")), "its colour profile is damaged, and is left out"),
        (
            chunk(b"iCCP", b"a\0\0" + zlib.compress(PROFILE))[:-1] + b"?",
            "a chunk iCCP cannot be read: its checksum is wrong",
        ),
        (
            chunk(b"iCCP", b"a\0\0" + zlib.compress(PROFILE.replace(b"acsp", b"ascp"))),
            "its colour profile is damaged, and is left out",
        ),
        (chunk(b"eXIf", b"no tiff"), "its EXIF is damaged, and is left out"),
        (chunk(b"iTXt", b"XML:com.adobe.xmp\0\0"), "a chunk iTXt cannot be read: it ends before its text"),
        (chunk(b"tEXt", b"Raw profile type exif\0\nexif\n9\nzz"), "a chunk tEXt cannot be read: it is no raw profile"),
        (
            chunk(b"tEXt", b"Raw profile type exif\0\nexif\n9\n00"),
            "a chunk tEXt cannot be read: its raw profile is cut",
        ),
        (chunk(b"tEXt", b"Raw profile type iptc\0\niptc\n1\n00"), "it has no resource of Photoshop"),
        (b"\x7f\xff\xff\xffeXIf", "its chunks cannot all be read: it ends within a chunk"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, made, reason):
    """A sentence for each damage, and what stood in front of it is read."""
    found = read(tmp_path, inserted(saved("PNG"), chunk(b"pHYs", b"\0\0\x2e\x23" * 2 + b"\1"), made))
    assert len(found.troubles) == 1
    assert found.troubles[0].startswith(reason)
    assert found.density == pytest.approx((300, 300), rel=1e-4)
    assert (found.exif, found.icc, found.xmp, found.iptc) == (None,) * 4


def test_density_without_a_unit_is_none(tmp_path):
    """A ratio of pixels is no density, and neither is nothing."""
    assert read(tmp_path, inserted(saved("PNG"), chunk(b"pHYs", b"\0\0\0\1\0\0\0\2\0"))).density is None
    assert read(tmp_path, inserted(saved("PNG"), chunk(b"pHYs", bytes(8) + b"\1"))).density is None
