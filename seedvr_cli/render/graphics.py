"""Pictures in the escape codes of terminals that have graphics: Kitty's, iTerm2's, and Sixel."""

import base64
from io import BytesIO
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

# Bytes of base64 in one of Kitty's codes.
KITTY_CHUNK = 4096
# Colours of a Sixel picture, and rows of pixels in one of its bands.
SIXEL_COLOURS, SIXEL_ROWS = 256, 6


def kitty(picture: "Image.Image", columns: int, rows: int) -> str:
    """https://sw.kovidgoyal.net/kitty/graphics-protocol: a PNG in pieces, shown in so many cells, with no answer."""
    data = base64.b64encode(_png(picture)).decode("ascii")
    pieces = [data[begin : begin + KITTY_CHUNK] for begin in range(0, len(data), KITTY_CHUNK)]
    first, last = f"a=T,f=100,q=2,c={columns},r={rows},", len(pieces) - 1
    return "".join(
        f"\x1b_G{'' if number else first}m={int(number < last)};{piece}\x1b\\" for number, piece in enumerate(pieces)
    )


def iterm(picture: "Image.Image", columns: int, rows: int) -> str:
    """https://iterm2.com/documentation-images.html: a PNG, shown in so many cells."""
    data = _png(picture)
    how = f"inline=1;size={len(data)};width={columns};height={rows};preserveAspectRatio=1"
    return f"\x1b]1337;File={how}:{base64.b64encode(data).decode('ascii')}\x07"


def sixel(picture: "Image.Image") -> str:
    """https://vt100.net/docs/vt3xx-gp/chapter14.html: bands of six rows, in each one pass for each colour."""
    from PIL import Image

    few = picture.quantize(SIXEL_COLOURS, Image.Quantize.MEDIANCUT)
    palette, (width, height) = few.getpalette() or [], few.size
    pixels = few.tobytes()
    parts = [f'\x1bP0;1q"1;1;{width};{height}']
    for index in sorted(set(pixels)):
        red, green, blue = (round(level * 100 / 255) for level in palette[3 * index : 3 * index + 3])
        parts.append(f"#{index};2;{red};{green};{blue}")
    for top in range(0, height, SIXEL_ROWS):
        band = [pixels[row * width : (row + 1) * width] for row in range(top, min(top + SIXEL_ROWS, height))]
        passes = [f"#{index}{_sixels(band, index)}" for index in sorted(set().union(*band))]
        parts.append("$".join(passes) + "-")
    return "".join(parts).removesuffix("-") + "\x1b\\"


def _sixels(band: list[bytes], index: int) -> str:
    """Where the colour stands: a character for each column, whose bits are the rows; `!5?` is five times the same."""
    is_there = bytes(index) + b"\x01" + bytes(255 - index)
    bits = 0  # a byte for each column
    for row, line in enumerate(band):
        bits |= int.from_bytes(line.translate(is_there)) << row
    columns = bits.to_bytes(len(band[0]))
    runs = ((chr(63 + value), len(list(same))) for value, same in groupby(columns))
    return "".join(f"!{length}{sign}" if length > 3 else sign * length for sign, length in runs)


def _png(picture: "Image.Image") -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
