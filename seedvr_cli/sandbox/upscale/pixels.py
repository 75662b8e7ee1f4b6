"""Pixels: enlarged, grained, smoothed, put on white; large pictures in bands, so that memory stays small."""

import math
import random
from collections.abc import Callable

from PIL import Image, ImageChops, ImageFilter

GRAIN = 24
"""Levels of 255 by which detail at full strength moves a pixel up or down at most."""

SMOOTHING_RADIUS = 1.5
"""Pixels of the source: about the size of camera noise."""

SMOOTHING_REACH = 64
"""Levels of 255: at full strength a pixel that differs more from its surroundings is an edge, and stays."""

BAND_PIXELS = 4_000_000
"""Pixels that are worked on at a time: what is made on the way takes some ten times their 16 MB."""

LANCZOS_REACH = 3
"""Rows of the source, or of the output where that is smaller, that a row of the output is made of on each side."""

BLUR_REACH = 16
"""Rows on each side that a blurred one depends on, and some more."""

PREMULTIPLIED = {"LA": "La", "RGBA": "RGBa"}


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Lanczos; of large pictures in bands, from those rows of the source that each band needs."""
    if image.size == size:
        return image
    scale = image.height / size[1]
    reach = math.ceil(LANCZOS_REACH * max(scale, 1)) + 1

    def make(top: int, bottom: int) -> Image.Image:
        first, last = top * scale, bottom * scale
        above, below = max(0, int(first) - reach), min(image.height, math.ceil(last) + reach)
        # Alpha is premultiplied, so that the colour of invisible pixels does not bleed into edges.
        rows = _premultiplied(image.crop((0, above, image.width, below)))
        # First to the sides, then up and down, as Pillow does with a whole picture, and not always with a part of one.
        rows = rows.resize((size[0], rows.height), Image.Resampling.LANCZOS)
        box = (0.0, first - above, float(size[0]), last - above)
        return rows.resize((size[0], bottom - top), Image.Resampling.LANCZOS, box=box).convert(image.mode)

    return _in_bands(size, image.mode, make)


def with_detail(image: Image.Image, strength: float, seed: int) -> Image.Image:
    """Add film grain: the same for all colours, so that it changes lightness and not hue."""
    grain = random.Random(seed)  # noqa: S311  # no secret
    reach = GRAIN * strength
    levels = [round(128 + reach * (level - 127.5) / 127.5) for level in range(256)]

    def make(top: int, bottom: int) -> Image.Image:
        rows = image.crop((0, top, image.width, bottom))
        # Bands of whole words of the generator: the grain is that of the whole picture.
        noise = Image.frombytes("L", rows.size, grain.randbytes(rows.width * rows.height)).point(levels)
        colours = rows.convert("L" if rows.mode in {"L", "LA"} else "RGB")
        return _with_alpha_of(rows, ImageChops.add(colours, noise.convert(colours.mode), offset=-128))

    return _in_bands(image.size, image.mode, make)


def smoothed(image: Image.Image, strength: float) -> Image.Image:
    """Blur what differs little from its surroundings, which is noise, and leave edges as they are."""
    reach = SMOOTHING_REACH * strength
    levels = [min(255, round(255 * level / reach)) for level in range(256)]

    def make(top: int, bottom: int) -> Image.Image:
        above, below = max(0, top - BLUR_REACH), min(image.height, bottom + BLUR_REACH)
        rows = image.crop((0, above, image.width, below))
        blurred = _premultiplied(rows).filter(ImageFilter.GaussianBlur(SMOOTHING_RADIUS)).convert(rows.mode)
        edges = ImageChops.difference(rows, blurred).convert("L").point(levels)
        smooth = _with_alpha_of(rows, Image.composite(rows, blurred, edges))
        return smooth.crop((0, top - above, image.width, bottom - above))

    return _in_bands(image.size, image.mode, make)


def on_white(image: Image.Image) -> Image.Image:
    """Without transparency."""
    if image.mode not in PREMULTIPLIED:
        return image
    mode = "L" if image.mode == "LA" else "RGB"

    def make(top: int, bottom: int) -> Image.Image:
        rows = image.crop((0, top, image.width, bottom))
        white = Image.new("RGBA", rows.size, "white")
        white.alpha_composite(rows.convert("RGBA"))
        return white.convert(mode)

    return _in_bands(image.size, mode, make)


def _in_bands(size: tuple[int, int], mode: str, make: Callable[[int, int], Image.Image]) -> Image.Image:
    """A picture put together of bands, each made by itself, so that what it takes on the way is not that of the whole.

    `make(top, bottom)` gives the rows between. Bands begin at multiples of 4, and a small picture is one band.
    """
    width, height = size
    rows = max(4, BAND_PIXELS // width // 4 * 4)
    if rows >= height:
        return make(0, height)
    whole = Image.new(mode, size)
    for top in range(0, height, rows):
        whole.paste(make(top, min(top + rows, height)), (0, top))
    return whole


def _premultiplied(image: Image.Image) -> Image.Image:
    return image.convert(PREMULTIPLIED[image.mode]) if image.mode in PREMULTIPLIED else image


def _with_alpha_of(image: Image.Image, colours: Image.Image) -> Image.Image:
    if image.mode in PREMULTIPLIED:
        colours.putalpha(image.getchannel("A"))
    return colours
