"""Pictures: Lanczos, with what a picture carries besides its pixels kept."""

import random
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageFilter, ImageOps, UnidentifiedImageError

from seedvr_cli.sandbox.upscale.rendering import (
    MAX_PIXELS,
    Rendered,
    UpscaleError,
    number,
    replacing,
    size_by_sides,
    size_by_target,
)
from seedvr_cli.values.catalog import Endpoint

SOURCE_FORMATS = ("PNG", "JPEG", "WEBP")
"""What the reference allows as `image_url`. Pillow would open some thirty more, not all of them meant for strangers."""

GRAIN = 24
"""Levels of 255 by which detail at full strength moves a pixel up or down at most."""

SMOOTHING_RADIUS = 1.5
"""Pixels of the source: about the size of camera noise."""

SMOOTHING_REACH = 64
"""Levels of 255: at full strength a pixel that differs more from its surroundings is an edge, and stays."""

JPEG_EXIF_LIMIT = 65_533
"""Bytes: a JPEG segment is 65,535 long and counts its own length. PNG and WebP hold more."""

EXIF_PREFIX = b"Exif\0\0"
PREMULTIPLIED = {"LA": "La", "RGBA": "RGBa"}


def upscale_picture(
    endpoint: Endpoint, source: Path, folder: Path, params: Mapping[str, object], *, seed: int
) -> Rendered:
    """Upscale a PNG, JPEG or WebP picture; of an animation, the first frame.

    The output is upright, has 8 bits a channel, and keeps EXIF, the ICC profile and (but in JPEG) transparency.
    Raises UpscaleError.
    """
    encoding = _ENCODINGS[str(params.get("output_format") or "png")]
    noise = number(params, "noise_scale", 0)
    original = _read(source)
    # What is sized by its sides is 7B, and there `noise_scale` means the opposite: it adds detail to the output, where
    # 3B takes noise out of the source.
    if endpoint.by_wire("res_w"):
        pixels = _resized(original.pixels, size_by_sides(*original.pixels.size, params))
        pixels = _with_detail(pixels, noise, seed) if noise else pixels
    else:
        size = size_by_target(*original.pixels.size, params)
        pixels = _resized(_smoothed(original.pixels, noise) if noise else original.pixels, size)

    target = folder / f"output.{encoding.extension}"
    with replacing(target) as part:
        _write(_Picture(pixels, original.exif, original.profile), encoding, part)
    return Rendered(target, f"image/{encoding.name.lower()}", *pixels.size)


@dataclass(frozen=True, slots=True)
class _Encoding:
    name: str
    extension: str
    options: Mapping[str, object]


_JPEG = _Encoding("JPEG", "jpg", {"quality": 95})
_ENCODINGS = {
    "png": _Encoding("PNG", "png", {"compress_level": 3}),  # 6, the default, takes three times as long for 3 % less
    "jpeg": _JPEG,  # 7B's word
    "jpg": _JPEG,  # 3B's word
    "webp": _Encoding("WEBP", "webp", {"quality": 90}),
}


@dataclass(frozen=True, slots=True)
class _Picture:
    """Upright pixels of mode L, LA, RGB or RGBA, with the EXIF block and the ICC profile that belong to them."""

    pixels: Image.Image
    exif: bytes
    profile: bytes


def _read(source: Path) -> _Picture:
    try:
        with Image.open(source, formats=SOURCE_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UpscaleError(f"the source has {image.width} x {image.height} pixels, too many for the sandbox")
            # Turns the pixels and removes the tag, so that no viewer turns them again. The EXIF block of a picture
            # that is upright already stays as it is, to the byte.
            upright = ImageOps.exif_transpose(image)
    except UnidentifiedImageError as error:
        raise UpscaleError("the source is not a PNG, JPEG or WebP picture") from error
    # What Pillow's readers raise for damaged files; SyntaxError is their word for a broken PNG.
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError) as error:
        raise UpscaleError(f"the source picture cannot be read: {error}") from error
    exif = upright.info.get("exif", b"")
    if exif and not exif.startswith(EXIF_PREFIX):
        exif = EXIF_PREFIX + exif  # WebP stores it bare, and JPEG would write it bare
    return _Picture(_in_working_mode(upright), exif, upright.info.get("icc_profile") or b"")


def _in_working_mode(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16-bit grey. Pillow's own conversion to 8 bits cuts everything above 255 off instead of scaling it.
        return image.convert("I").point(lambda level: level * (1 / 256)).convert("L")
    if image.mode == "LA" or not image.has_transparency_data:
        return image.convert({"1": "L", "L": "L", "LA": "LA"}.get(image.mode, "RGB"))
    return image.convert("RGBA")


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    # Pillow premultiplies alpha around a resize, so the colour of invisible pixels does not bleed into edges.
    return image.resize(size, Image.Resampling.LANCZOS)


def _with_detail(image: Image.Image, strength: float, seed: int) -> Image.Image:
    """Add film grain: the same for all colours, so that it changes lightness and not hue."""
    width, height = image.size
    reach = GRAIN * strength
    noise = Image.frombytes("L", image.size, random.Random(seed).randbytes(width * height))  # noqa: S311  # grain, no secret
    grain = noise.point([round(128 + reach * (level - 127.5) / 127.5) for level in range(256)])
    colours = image.convert("L" if image.mode in {"L", "LA"} else "RGB")
    detailed = ImageChops.add(colours, grain.convert(colours.mode), offset=-128)
    return _with_alpha_of(image, detailed)


def _smoothed(image: Image.Image, strength: float) -> Image.Image:
    """Blur what differs little from its surroundings, which is noise, and leave edges as they are."""
    premultiplied = image.convert(PREMULTIPLIED.get(image.mode, image.mode))
    blurred = premultiplied.filter(ImageFilter.GaussianBlur(SMOOTHING_RADIUS)).convert(image.mode)
    reach = SMOOTHING_REACH * strength
    difference = ImageChops.difference(image, blurred).convert("L")
    edges = difference.point([min(255, round(255 * level / reach)) for level in range(256)])
    return _with_alpha_of(image, Image.composite(image, blurred, edges))


def _with_alpha_of(image: Image.Image, colours: Image.Image) -> Image.Image:
    if image.mode in PREMULTIPLIED:
        colours.putalpha(image.getchannel("A"))
    return colours


def _write(picture: _Picture, encoding: _Encoding, part: Path) -> None:
    pixels, exif = picture.pixels, picture.exif
    if encoding is _JPEG:
        pixels = _on_white(pixels)
        exif = exif if len(exif) <= JPEG_EXIF_LIMIT else b""
    elif encoding.name == "WEBP":
        pixels = pixels.convert("RGBA" if pixels.mode in PREMULTIPLIED else "RGB")
    profile = picture.profile if _describes(picture.profile, pixels) else None
    pixels.save(part, encoding.name, exif=exif, icc_profile=profile, **encoding.options)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode not in PREMULTIPLIED:
        return image
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    return white.convert("L" if image.mode == "LA" else "RGB")


def _describes(profile: bytes, pixels: Image.Image) -> bool:
    """Tell whether a profile fits the pixels: one for printing inks, say, would turn RGB into wrong colours."""
    colour_space = profile[16:20]  # ICC.1:2022, 7.2.6
    return colour_space == b"RGB " or (colour_space == b"GRAY" and pixels.mode in {"L", "LA"})
