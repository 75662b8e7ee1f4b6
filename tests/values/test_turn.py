"""How a picture is to be turned, wherever in its file that is said."""

import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from seedvr_cli.values.media import measure, measure_unturned, orientation
from seedvr_cli.values.structure import Size

PACKET = '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" {}/>'
TURNED = PACKET.format('tiff:Orientation="6"').encode()
TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


def exif(turn, order=">", kind=3):
    """EXIF with an orientation alone, as a number of that type (TIFF 6.0, section 2)."""
    value = struct.pack(f"{order}{ {1: 'B3x', 3: 'H2x', 4: 'I'}[kind] }", turn)
    begin = b"II*\0" if order == "<" else b"MM\0*"
    return begin + struct.pack(f"{order}IHHHI", 8, 1, 0x0112, kind, 1) + value + bytes(4)


def picture(form, **options):
    """A picture of 30x20 pixels."""
    file = io.BytesIO()
    Image.new("RGB", (30, 20), "teal").save(file, form, **options)
    return file.getvalue()


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(kind, content, *, is_late=False):
    """A PNG with this chunk behind its header, or behind its pixels."""
    plain = picture("PNG")
    place = len(plain) - 12 if is_late else 33
    return plain[:place] + chunk(kind, content) + plain[place:]


def raw(name, content):
    """A raw profile as ImageMagick writes it."""
    digits = content.hex()
    lines = [digits[start : start + 72] for start in range(0, len(digits), 72)]
    return "\n".join(["", name, f"{len(content):8}", *lines, ""]).encode()


XMP_TEXT = b"XML:com.adobe.xmp\0"
BLOCK = b"Exif\0\0" + exif(6)
SIDEWAYS = {
    "EXIF of a PNG": png(b"eXIf", exif(6)),
    "EXIF behind the pixels": png(b"eXIf", exif(6), is_late=True),
    "EXIF in a text": png(b"tEXt", b"Raw profile type exif\0" + raw("exif", BLOCK)),
    "EXIF in a compressed text": png(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw("exif", BLOCK))),
    "EXIF in a text of the segment's name": png(b"tEXt", b"Raw profile type APP1\0" + raw("generic", BLOCK)),
    "EXIF in a text behind the pixels": png(b"tEXt", b"Raw profile type exif\0" + raw("exif", BLOCK), is_late=True),
    "XMP of a PNG": png(b"iTXt", XMP_TEXT + bytes(4) + TURNED),
    "XMP behind the pixels": png(b"iTXt", XMP_TEXT + bytes(4) + TURNED, is_late=True),
    "XMP, compressed": png(b"iTXt", XMP_TEXT + b"\1\0\0\0" + zlib.compress(TURNED)),
    "XMP in a text": png(b"tEXt", b"Raw profile type xmp\0" + raw("xmp", TURNED)),
    "EXIF of a JPEG": picture("JPEG", exif=BLOCK),
    "XMP of a JPEG": picture("JPEG", xmp=TURNED),
    "EXIF of a WebP": picture("WEBP", exif=BLOCK),
    "XMP of a WebP": picture("WEBP", xmp=TURNED),
    "XMP beside EXIF that says nothing of it": picture("JPEG", xmp=TURNED, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"),
    "EXIF that counts more than XMP": picture("JPEG", xmp=TURNED.replace(b"6", b"3"), exif=BLOCK),
}


def kind_of(content):
    return TYPES[Image.open(io.BytesIO(content)).format]


@pytest.mark.parametrize("content", SIDEWAYS.values(), ids=SIDEWAYS)
def test_wherever_it_is_said_the_picture_is_turned(content):
    """A picture that stands on its side has the size that is shown, and the size that is stored, by one rule."""
    media_type = kind_of(content)
    assert orientation(io.BytesIO(content), media_type) == 6
    assert measure(io.BytesIO(content), media_type) == Size(20, 30)
    assert measure_unturned(io.BytesIO(content), media_type) == Size(30, 20)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [1, 3, 4])
def test_numbers_of_any_width_and_order(order, kind):
    """Whatever type and byte order the number has, it is read."""
    assert orientation(io.BytesIO(png(b"eXIf", exif(8, order, kind))), "image/png") == 8


@pytest.mark.parametrize(
    ("written", "turn"),
    [
        ("tiff:Orientation='8'", 8),
        ('tiff:Orientation = "3"', 3),
        ("><tiff:Orientation>5</tiff:Orientation></rdf:Description><x", 5),
        ('tiff:Orientation="9"', 1),
        ('tiff:Orientation="66"', 1),
        ('dc:title="Orientation 6"', 1),
    ],
)
def test_xmp_says_it_as_an_attribute_or_an_element(written, turn):
    """Either is read, and what is no orientation is none."""
    assert orientation(io.BytesIO(picture("JPEG", xmp=PACKET.format(written).encode())), "image/jpeg") == turn


@pytest.mark.parametrize(
    "content",
    [
        png(b"eXIf", exif(6)[:12]),
        png(b"eXIf", exif(9)),
        png(b"eXIf", exif(0)),
        png(b"eXIf", b"JUNK"),
        png(b"zTXt", b"Raw profile type exif\0\0no zlib"),
        png(b"tEXt", b"Raw profile type exif\0\nexif\n 3\nno digits"),
        png(b"tEXt", b"Comment\0" + raw("exif", BLOCK)),
        png(b"iTXt", XMP_TEXT),
        picture("JPEG"),
        picture("WEBP"),
    ],
)
def test_what_cannot_be_read_turns_nothing(content):
    """Damaged EXIF, text that is no profile, and no word of it leave a picture as it is."""
    assert orientation(io.BytesIO(content), kind_of(content)) == 1


def test_an_exif_chunk_counts_more_than_a_text():
    """A chunk of its own says how it is turned, though a text in front of it says something else."""
    content = png(b"eXIf", exif(6), is_late=True)
    text = chunk(b"tEXt", b"Raw profile type exif\0" + raw("exif", b"Exif\0\0" + exif(3)))
    assert orientation(io.BytesIO(content[:33] + text + content[33:]), "image/png") == 6


@settings(deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("name", SIDEWAYS)
def test_no_bytes_break_the_look(name, data):
    """Whatever bytes a damaged file has, it has one of the eight orientations."""
    content = bytearray(SIDEWAYS[name])
    media_type = kind_of(bytes(content))
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[position] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    assert orientation(io.BytesIO(content[:cut]), media_type) in range(1, 9)
