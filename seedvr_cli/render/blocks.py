"""Pictures in characters: two pixels in each, one above the other, or shades where there are no colours."""

from itertools import groupby, zip_longest
from typing import TYPE_CHECKING

from rich.color import Color, ColorSystem
from rich.style import Style

if TYPE_CHECKING:
    from PIL import Image

# From dark to light, as on a dark terminal.
SHADES, PLAIN_SHADES = " ░▒▓█", " .:-=+*#%@"

Pixel = tuple[int, int, int]
# The upper one and the lower one.
Cell = tuple[Pixel, Pixel | None]


def blocks(picture: "Image.Image", *, is_true_colour: bool) -> str:
    """Lines of half blocks with the colours of the pixels, or the nearest of the terminal's 256."""
    system = ColorSystem.TRUECOLOR if is_true_colour else ColorSystem.EIGHT_BIT
    return "".join(
        "".join(_style(cell).render("▀" * len(list(same)), color_system=system) for cell, same in groupby(line)) + "\n"
        for line in _cells(picture)
    )


def shades(picture: "Image.Image", *, is_plain: bool) -> str:
    """Lines of characters that are as light as the pixels; `is_plain`: of ASCII."""
    signs = PLAIN_SHADES if is_plain else SHADES
    grey = picture.convert("L").resize((picture.width, (picture.height + 1) // 2)).tobytes()
    text = "".join(signs[level * len(signs) // 256] for level in grey)
    return "".join(text[begin : begin + picture.width] + "\n" for begin in range(0, len(text), picture.width))


def _cells(picture: "Image.Image") -> list[list[Cell]]:
    """Rows of pairs of pixels; below the last row of an odd number there is none."""
    levels, width = picture.tobytes(), picture.width
    pixels: list[Pixel] = list(zip(levels[0::3], levels[1::3], levels[2::3], strict=True))
    rows = [pixels[begin : begin + width] for begin in range(0, len(pixels), width)]
    nothing: list[Pixel] = []
    return [list(zip_longest(*pair)) for pair in zip_longest(rows[0::2], rows[1::2], fillvalue=nothing)]


def _style(cell: Cell) -> Style:
    upper, lower = cell
    return Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower) if lower else None)
