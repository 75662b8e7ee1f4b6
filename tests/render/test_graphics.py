"""Pictures in escape codes, read back by decoders that are not ours to use."""

import base64
import io
import re

import pytest
from PIL import Image, ImageChops, ImageDraw

from seedvr_cli.render.graphics import iterm, kitty, sixel


def picture(size=(50, 20)):
    image = Image.new("RGB", size, (255, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rectangle((10, 3, 30, 15), fill=(0, 255, 0))
    draw.line((0, size[1] - 1, size[0], 0), fill=(0, 0, 255))
    return image


def from_sixel(text):
    """The picture that a terminal would draw (DEC, VT330/VT340 Programmer Reference, chapter 14)."""
    head, body = re.fullmatch(r'\x1bP0;1q("1;1;\d+;\d+)(.*)\x1b\\', text).groups()
    width, height = map(int, head.split(";")[2:])
    image, palette = Image.new("RGB", (width, height), (1, 2, 3)), {}
    x, top, colour, drawn = 0, 0, None, set()
    for number, levels, times, sign in re.findall(r"#(\d+)(?:;2;(\d+;\d+;\d+))?|(?:!(\d+))?([?-~$\-])", body):
        if number and levels:
            palette[number] = tuple(round(int(level) * 255 / 100) for level in levels.split(";"))
        elif number:
            colour = palette[number]
        elif sign == "$":
            x = 0
        elif sign == "-":
            x, top = 0, top + 6
        else:
            columns = range(x, x + int(times or 1))
            for place in ((column, top + bit) for column in columns for bit in range(6) if (ord(sign) - 63) >> bit & 1):
                assert place not in drawn
                drawn.add(place)
                image.putpixel(place, colour)
            x = columns.stop
    assert len(drawn) == width * height
    return image


@pytest.mark.parametrize("size", [(50, 20), (7, 6), (1, 1), (300, 13)])
def test_sixel_shows_every_pixel(size):
    """What is read back has each pixel once, in its colour but for the rounding to hundredths."""
    wanted = picture(size)
    difference = ImageChops.difference(from_sixel(sixel(wanted)), wanted)
    assert max(high for _, high in difference.getextrema()) <= 2


def test_sixel_has_256_colours_of_many():
    """A picture of more colours than Sixel has is like itself, and runs of a colour are short."""
    wanted = Image.linear_gradient("L").convert("RGB").resize((64, 64))
    wanted.paste(Image.radial_gradient("L").resize((32, 64)), (32, 0))
    text = sixel(Image.merge("RGB", (wanted.getchannel(0), wanted.getchannel(1).rotate(90), wanted.getchannel(2))))
    assert len(set(re.findall(r"#(\d+);2;", text))) <= 256
    assert from_sixel(text).size == (64, 64)
    assert len(sixel(Image.new("RGB", (1000, 600)))) < 2000


def test_kittys_pieces_are_the_png():
    """The pieces are no longer than 4096 bytes, the last one says that it is, and together they are the picture."""
    wanted = Image.effect_noise((120, 90), 50).convert("RGB")
    text = kitty(wanted, 12, 5)
    codes = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert "".join(f"\x1b_G{keys};{data}\x1b\\" for keys, data in codes) == text
    assert codes[0][0] == "a=T,f=100,q=2,c=12,r=5,m=1"
    assert [keys for keys, _ in codes[1:]] == ["m=1"] * (len(codes) - 2) + ["m=0"]
    assert all(len(data) == 4096 for _, data in codes[:-1])
    with Image.open(io.BytesIO(base64.b64decode("".join(data for _, data in codes)))) as shown:
        assert (shown.format, shown.tobytes()) == ("PNG", wanted.tobytes())


def test_a_small_picture_is_one_piece():
    """What fits into one code of Kitty's is one, which says so."""
    assert kitty(picture((2, 2)), 1, 1).startswith("\x1b_Ga=T,f=100,q=2,c=1,r=1,m=0;")


def test_iterms_code_is_the_png():
    """It has the bytes of the file and their number, and the cells it is to take."""
    match = re.fullmatch(
        r"\x1b\]1337;File=inline=1;size=(\d+);width=12;height=5;preserveAspectRatio=1:([^\x07]*)\x07",
        iterm(picture(), 12, 5),
    )
    data = base64.b64decode(match[2])
    assert int(match[1]) == len(data)
    with Image.open(io.BytesIO(data)) as shown:
        assert (shown.format, shown.tobytes()) == ("PNG", picture().tobytes())
