"""Pictures in characters, read back from a screen."""

import pyte
import pytest
from PIL import Image

from seedvr_cli.render.blocks import PLAIN_SHADES, SHADES, blocks, shades


def on_screen(text, columns=40, rows=12):
    screen = pyte.Screen(columns, rows)
    pyte.Stream(screen).feed(text.replace("\n", "\r\n"))
    return screen


def colour(text):
    return tuple(bytes.fromhex(text))


@pytest.mark.parametrize("height", [8, 7])
def test_a_cell_has_the_colours_of_two_pixels(height):
    """The upper pixel is in front and the lower one behind, and below the last of an odd number there is nothing."""
    picture = Image.effect_noise((20, height), 90).convert("RGB")
    picture.putpixel((3, 2), (1, 200, 30))
    screen = on_screen(blocks(picture, is_true_colour=True))
    for y in range((height + 1) // 2):
        for x in range(20):
            cell = screen.buffer[y][x]
            assert cell.data == "▀"
            assert colour(cell.fg) == picture.getpixel((x, 2 * y))
            assert cell.bg == "default" if 2 * y + 1 == height else colour(cell.bg) == picture.getpixel((x, 2 * y + 1))
    assert screen.display[(height + 1) // 2].strip() == ""
    assert (screen.cursor.x, screen.cursor.y) == (0, (height + 1) // 2)


def test_256_colours_are_near():
    """Without true colour each pixel has the terminal's colour next to its own."""
    picture = Image.new("RGB", (3, 2), (255, 0, 0))
    picture.putpixel((1, 0), (0, 95, 215))
    picture.putpixel((2, 1), (130, 130, 130))
    text = blocks(picture, is_true_colour=False)
    assert ";2;" not in text
    screen = on_screen(text)
    assert [colour(screen.buffer[0][x].fg) for x in range(3)] == [(255, 0, 0), (0, 95, 215), (255, 0, 0)]
    assert colour(screen.buffer[0][2].bg) in {(128, 128, 128), (138, 138, 138)}


def test_runs_of_one_colour_are_said_once():
    """A row of one colour is one escape code, its characters, and one more."""
    assert blocks(Image.new("RGB", (30, 2), "red"), is_true_colour=True).count("\x1b[") == 2


@pytest.mark.parametrize(("is_plain", "signs"), [(False, SHADES), (True, PLAIN_SHADES)])
def test_shades_are_as_light_as_the_pixels(is_plain, signs):
    """Without colours light is told by the character, from dark to light, two pixels in one, without escape codes."""
    picture = Image.linear_gradient("L").rotate(90).resize((len(signs), 4)).convert("RGB")
    text = shades(picture, is_plain=is_plain)
    assert text == f"{signs}\n{signs}\n"
    assert text.isascii() is is_plain
    assert shades(Image.new("RGB", (2, 3), "white"), is_plain=True) == "@@\n@@\n"
