"""Pictures: Lanczos, with what a picture carries besides its pixels kept."""

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

from seedvr_cli.sandbox.upscale.exif import renewed
from seedvr_cli.sandbox.upscale.memory import taken
from seedvr_cli.sandbox.upscale.pixels import PREMULTIPLIED, on_white, resized, smoothed, with_detail
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

MAX_WEBP_PIXELS = 25_000_000
"""Pixels: WebP's library takes up to 35 bytes each on the way, others 5."""

MAX_SOURCE_SIDE = 65_535
"""Pixels: JPEG's own limit. For each pixel of a side a resize takes 48 bytes."""

MEMORY, WEBP_MEMORY, MEMORY_OF_BANDS = 16, 36, 100_000_000
"""Bytes for each pixel of the larger one of source and output, by the format of it, and for the work in bands."""

JPEG_EXIF_LIMIT = 65_533
"""Bytes: a JPEG segment is 65,535 long and counts its own length. PNG and WebP hold more."""


def upscale_picture(
    endpoint: Endpoint, source: Path, folder: Path, params: Mapping[str, object], *, seed: int
) -> Rendered:
    """Upscale a PNG, JPEG or WebP picture; of an animation, the first frame.

    The output is upright, has 8 bits a channel, and keeps EXIF, the ICC profile and (but in JPEG) transparency.
    Printing inks become sRGB. Raises UpscaleError.
    """
    encoding = _ENCODINGS[str(params.get("output_format") or "png")]
    target = folder / f"output.{encoding.extension}"
    by_sides = endpoint.by_wire("res_w") is not None
    with taken(_memory(source, encoding, params, by_sides=by_sides)):
        pixels, carried = _read(source)
        pixels = _enlarged(pixels, encoding, params, seed, by_sides=by_sides)
        with replacing(target) as part:
            _write(pixels, carried, encoding, part)
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
class _Carried:
    """What goes with the pixels: the EXIF block, and the ICC profile."""

    exif: bytes
    profile: bytes


def _memory(source: Path, encoding: _Encoding, params: Mapping[str, object], *, by_sides: bool) -> int:
    """Bytes that the picture takes at most on its way, told by its header."""
    with _opened(source) as image:
        width, height, source_format = image.width, image.height, image.format
    # EXIF, which turns a picture, may stand behind the pixels.
    turns = ((width, height), (height, width))
    most = max(_output_pixels(turn, params, by_sides=by_sides) for turn in turns)
    return MEMORY_OF_BANDS + max(
        width * height * (WEBP_MEMORY if source_format == "WEBP" else MEMORY),
        most * (WEBP_MEMORY if encoding.name == "WEBP" else MEMORY),
    )


def _output_pixels(size: tuple[int, int], params: Mapping[str, object], *, by_sides: bool) -> int:
    try:
        width, height = _output_size(size, params, by_sides=by_sides)
    except UpscaleError:  # if that is how it is shown, it will be refused
        return 0
    return width * height


def _output_size(size: tuple[int, int], params: Mapping[str, object], *, by_sides: bool) -> tuple[int, int]:
    return (size_by_sides if by_sides else size_by_target)(*size, params)


@contextmanager
def _opened(source: Path) -> Iterator[ImageFile.ImageFile]:
    """The picture with its header read, within the limits. Whatever goes wrong with it is an UpscaleError."""
    try:
        with Image.open(source, formats=SOURCE_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SOURCE_SIDE:
                raise UpscaleError(f"the source has {image.width} x {image.height} pixels, too many for the sandbox")
            if image.format == "WEBP":
                _check_webp("the source is", image.size)
            yield image
    except UnidentifiedImageError as error:
        raise UpscaleError("the source is not a PNG, JPEG or WebP picture") from error
    # What Pillow's readers raise for damaged files; SyntaxError is their word for a broken PNG.
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError) as error:
        raise UpscaleError(f"the source picture cannot be read: {error}") from error


def _read(source: Path) -> tuple[Image.Image, _Carried]:
    """Upright pixels of mode L, LA, RGB or RGBA, and what belongs to them."""
    with _opened(source) as image:
        image.load()
        carried = _Carried(image.info.get("exif", b""), image.info.get("icc_profile") or b"")
        with suppress(Exception):  # an EXIF block that cannot be read turns nothing
            ImageOps.exif_transpose(image, in_place=True)
    return _in_working_mode(image), carried


def _in_working_mode(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16-bit grey. Pillow's own conversion to 8 bits cuts everything above 255 off instead of scaling it.
        return image.convert("I").point(lambda level: level * (1 / 256)).convert("L")
    if image.mode == "CMYK":
        return _as_light(image)
    if image.mode != "LA" and image.has_transparency_data:
        return _as_mode(image, "RGBA")
    return _as_mode(image, {"1": "L", "L": "L", "LA": "LA"}.get(image.mode, "RGB"))


def _check_webp(what: str, size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_WEBP_PIXELS:
        limit = MAX_WEBP_PIXELS // 1_000_000
        raise UpscaleError(f"{what} {width} x {height} pixels of WebP; the sandbox's limit is {limit} megapixels")


def _as_mode(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)


def _as_light(image: Image.Image) -> Image.Image:
    """Printing inks as sRGB: by their own profile, or, for want of one that can be used, by arithmetic."""
    profile = image.info.get("icc_profile")
    if profile:
        with suppress(ImageCms.PyCMSError, OSError):
            inks, light = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, inks, light, outputMode="RGB")
            if converted is not None:
                return converted
    return image.convert("RGB")


def _enlarged(
    pixels: Image.Image, encoding: _Encoding, params: Mapping[str, object], seed: int, *, by_sides: bool
) -> Image.Image:
    size = _output_size(pixels.size, params, by_sides=by_sides)
    if encoding.name == "WEBP":
        _check_webp("the output would be", size)
    noise = number(params, "noise_scale", 0)
    # What is sized by its sides is 7B, and there `noise_scale` means the opposite: it adds detail to the output, where
    # 3B takes noise out of the source.
    if noise and not by_sides:
        pixels = smoothed(pixels, noise)
    pixels = resized(pixels, size)
    return with_detail(pixels, noise, seed) if noise and by_sides else pixels


def _write(pixels: Image.Image, carried: _Carried, encoding: _Encoding, part: Path) -> None:
    if encoding is _JPEG:
        pixels = on_white(pixels)
    elif encoding.name == "WEBP":
        pixels = _as_mode(pixels, "RGBA" if pixels.mode in PREMULTIPLIED else "RGB")
    exif = renewed(carried.exif, pixels.size)
    if encoding is _JPEG and len(exif) > JPEG_EXIF_LIMIT:
        exif = b""
    profile = carried.profile if _describes(carried.profile, pixels) else None
    pixels.save(part, encoding.name, exif=exif, icc_profile=profile, **encoding.options)


def _describes(profile: bytes, pixels: Image.Image) -> bool:
    """Tell whether a profile fits the pixels: one for printing inks, say, would turn RGB into wrong colours."""
    colour_space = profile[16:20]  # ICC.1:2022, 7.2.6
    return colour_space == b"RGB " or (colour_space == b"GRAY" and pixels.mode in {"L", "LA"})
