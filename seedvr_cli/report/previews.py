"""A picture on disk becomes a small one of a bounded number of bytes, and a part of it at 1:1."""

import warnings
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING

from seedvr_cli.report.card import Look, Region, Shot

if TYPE_CHECKING:
    from PIL import Image

# Pixels of a picture that is decoded: 8192 x 8192, which takes 270 MB of memory. Others are not shown.
LARGEST_PICTURE = 8192 * 8192
# What is opened. Pillow reads some thirty formats more, not all of them meant for strangers.
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF")
# Pixels of the long side of the whole made small; of a part at 1:1, and how long it may be for its width.
WHOLE_SIDE = 900
DETAIL_PIXELS, DETAIL_RATIO = 720 * 480, 2.0
# Bytes. All four of a job are 104,000 at the most, 139,000 as base64: 200 jobs stay below 30 MB.
AFTER_BUDGET, BEFORE_BUDGET = 30_000, 24_000
AFTER_DETAIL_BUDGET, BEFORE_DETAIL_BUDGET = 34_000, 16_000
# WebP's qualities, the best that fits is taken; below the last one the picture gets smaller.
QUALITIES = (82, 68, 52, 36, 20)
SHRINKING = 0.75
# What WebP's encoder may take: at 4, its default, a picture takes twice the time for 3 % less.
EFFORT = 2
# Rows that are put on a ground at a time.
STRIP = 256
# Pixels of the small picture in which the part with most detail is looked for, and places tried along each side.
SEARCH_SIDE, SEARCH_STEPS = 256, 7
# Two pictures are of one shape where their ratios of sides differ by less.
SAME_SHAPE = 0.02


class Unshown(Exception):
    """The file cannot be shown. The text is for people, and has no path in it."""


def look(path: str, *, like: Look | None = None) -> Look:
    """A result; or its source, where `like` is the look of the result. Raises Unshown.

    A source's part is the same as the result's, enlarged by arithmetic to the same pixels.
    """
    return look_at(decoded(path), like=like)


def look_at(image: "Image.Image", *, like: Look | None = None) -> Look:
    """The same for a decoded picture of mode RGB."""
    is_source = like is not None
    whole = shot(_thumbnail(image), BEFORE_BUDGET if is_source else AFTER_BUDGET)
    region = _region_of(image) if like is None else like.region
    detail = None
    if region and (like is None or is_same_shape(image.size, (like.width, like.height))):
        detail = shot(_part(image, region), BEFORE_DETAIL_BUDGET if is_source else AFTER_DETAIL_BUDGET)
    return Look(*image.size, whole, region if detail else None, detail)


def is_same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes have as good as the same ratio of sides, so that one lies on the other."""
    return abs(one[0] * other[1] / (one[1] * other[0]) - 1) < SAME_SHAPE


def shot(image: "Image.Image", budget: int) -> Shot:
    """The picture as WebP of at most so many bytes: in the best quality that fits, or else made smaller."""
    while True:
        for quality in QUALITIES:
            data = _encoded(image, quality)
            if len(data) <= budget:
                return Shot("image/webp", *image.size, data)
        image = image.resize((max(1, int(image.width * SHRINKING)), max(1, int(image.height * SHRINKING))))


def decoded(path: str, *, ground: str = "white") -> "Image.Image":
    """Upright pixels in sRGB (mode RGB), what is transparent on a ground of that colour. Raises Unshown."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes that Pillow thinks are many; the limit here is ours
            with Image.open(path, formats=FORMATS) as image:
                return _upright(image, ground)
    except Unshown:
        raise
    except UnidentifiedImageError as error:
        raise Unshown("it is no picture that can be read") from error
    except Image.DecompressionBombError as error:
        raise Unshown("it has too many pixels for a preview") from error
    except Exception as error:  # readers of pictures raise whatever they like for damaged files
        raise Unshown("the picture cannot be read") from error


def _upright(image: "Image.Image", ground: str) -> "Image.Image":
    from PIL import ImageOps

    if image.width * image.height > LARGEST_PICTURE:
        raise Unshown(f"{image.width} x {image.height} pixels are too many for a preview")
    image.load()
    with suppress(Exception):  # EXIF that cannot be read turns nothing
        ImageOps.exif_transpose(image, in_place=True)
    return _in_srgb(image, ground)


def _encoded(image: "Image.Image", quality: int) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=EFFORT)
    return buffer.getvalue()


def _in_srgb(image: "Image.Image", ground: str) -> "Image.Image":
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):  # Pillow's own way from 16 bits to 8 cuts off instead of scaling
        return image.convert("I").point(lambda level: level * (1 / 256)).convert("RGB")
    if image.has_transparency_data:
        image = _on_ground(image, ground)
    elif image.mode == "P":  # a profile is of colours, not of places in a palette
        image = image.convert("RGB")
    if profile and image.mode in {"RGB", "CMYK", "L"}:
        with suppress(ImageCms.PyCMSError, OSError, ValueError):
            found = ImageCms.ImageCmsProfile(BytesIO(profile))
            if "sRGB" in ImageCms.getProfileDescription(found) and image.mode == "RGB":  # most are: spare the copy
                return image
            converted = ImageCms.profileToProfile(image, found, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
    return image if image.mode == "RGB" else image.convert("RGB")


def _on_ground(image: "Image.Image", ground: str) -> "Image.Image":
    """Some rows at a time: of the whole, four copies would be in memory."""
    from PIL import Image

    flat = Image.new("RGB", image.size)
    for top in range(0, image.height, STRIP):
        part = image.crop((0, top, image.width, min(top + STRIP, image.height))).convert("RGBA")
        flat.paste(Image.alpha_composite(Image.new("RGBA", part.size, ground), part).convert("RGB"), (0, top))
    return flat


def _thumbnail(image: "Image.Image") -> "Image.Image":
    from PIL import Image

    ratio = min(1.0, WHOLE_SIDE / max(image.size))
    size = max(1, round(image.width * ratio)), max(1, round(image.height * ratio))
    return image if ratio == 1 else image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _region_of(image: "Image.Image") -> Region:
    """The part of the size of a detail in which there is most to see: with the strongest edges, near the middle."""
    from PIL import Image, ImageFilter, ImageStat

    width, height = image.size
    pixels = detail_size(width, height)
    ratio = min(1.0, SEARCH_SIDE / max(width, height))
    small = max(3, round(width * ratio)), max(3, round(height * ratio))
    edges = image.resize(small, Image.Resampling.BILINEAR, reducing_gap=2.0).convert("L").filter(ImageFilter.FIND_EDGES)
    window = max(1, round(pixels[0] * ratio)), max(1, round(pixels[1] * ratio))

    def worth(left: int, top: int) -> float:
        box = (left, top, left + window[0], top + window[1])
        off_centre = (
            abs(left + window[0] / 2 - small[0] / 2) / small[0] + abs(top + window[1] / 2 - small[1] / 2) / small[1]
        )
        return float(ImageStat.Stat(edges.crop(box)).mean[0]) * (1 - off_centre / 2)

    places = [(x, y) for y in _steps(small[1] - window[1]) for x in _steps(small[0] - window[0])]
    left, top = max(places, key=lambda place: worth(*place))
    x = min(round(left / ratio), width - pixels[0])
    y = min(round(top / ratio), height - pixels[1])
    return Region(x / width, y / height, pixels[0] / width, pixels[1] / height, pixels)


def detail_size(width: int, height: int) -> tuple[int, int]:
    """The pixels of a part of such a picture: of its own shape, so that it fills the same frame."""
    shape = min(max(width / height, 1 / DETAIL_RATIO), DETAIL_RATIO)
    return min(width, round((DETAIL_PIXELS * shape) ** 0.5)), min(height, round((DETAIL_PIXELS / shape) ** 0.5))


def _steps(room: int) -> list[int]:
    """Places for something along a side that has so much room; the middle one first, which wins among equals."""
    if room <= 0:
        return [0]
    steps = [round(room * step / (SEARCH_STEPS - 1)) for step in range(SEARCH_STEPS)]
    return sorted(set(steps), key=lambda step: abs(step - room / 2))


def _part(image: "Image.Image", region: Region) -> "Image.Image":
    """The region of the picture in the pixels that it has in the result."""
    from PIL import Image

    box = (
        region.left * image.width,
        region.top * image.height,
        (region.left + region.width) * image.width,
        (region.top + region.height) * image.height,
    )
    whole_box = tuple(round(side) for side in box)
    if (whole_box[2] - whole_box[0], whole_box[3] - whole_box[1]) == region.pixels:
        return image.crop(whole_box)  # type: ignore[arg-type]
    return image.resize(region.pixels, Image.Resampling.BICUBIC, box=box)
