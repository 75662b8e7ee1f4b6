"""Before and after, side by side in one picture."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seedvr_cli.report.previews import decoded, is_same_shape

if TYPE_CHECKING:
    from PIL import Image

Size = tuple[int, int]

# Pixels of one side, and of its long edge: two are 72 MB, and a JPEG has no more than 65,535 in a row. What is larger
# is scaled down.
SIDE_PIXELS, LONGEST_EDGE = 4000 * 3000, 16_000
# What is transparent stands on it, and what is of another shape: a grey that neither black nor white is lost on.
GROUND = "#808080"
LINE_COLOUR = "#c0c0c0"


@dataclass(frozen=True, slots=True)
class Pair:
    """A source and its result, upright and in sRGB; the sizes are those of the files, in pixels."""

    before: "Image.Image"
    after: "Image.Image"
    before_size: Size
    after_size: Size

    @classmethod
    def read(cls, before: str, after: str) -> "Pair":
        """From two files; Unshown where one cannot be shown. One at a time is in memory whole."""
        first, first_size = _bounded(before)
        second, second_size = _bounded(after)
        return cls(first, second, first_size, second_size)

    def picture(self, *, line: int, largest: Size | None = None) -> "Image.Image":
        """Before, a line of so many pixels, after: both in the size of the result, or as much as goes into `largest`.

        A source is enlarged by arithmetic. One of another shape than its result keeps its own.
        """
        from PIL import Image

        size = _fitted(self.after.size, largest) if largest else self.after.size
        picture = Image.new("RGB", (2 * size[0] + line, size[1]), LINE_COLOUR)
        is_alike = is_same_shape(self.before.size, self.after.size)
        picture.paste(_scaled(self.before, size) if is_alike else _framed(self.before, size), (0, 0))
        picture.paste(_scaled(self.after, size), (size[0] + line, 0))
        return picture


def _bounded(path: str) -> tuple["Image.Image", Size]:
    image = decoded(path, ground=GROUND)
    width, height = size = image.size
    ratio = min(1.0, LONGEST_EDGE / max(size), math.sqrt(SIDE_PIXELS / (width * height)))
    return (image if ratio == 1 else _scaled(image, _by(size, ratio))), size


def _framed(image: "Image.Image", size: Size) -> "Image.Image":
    from PIL import Image

    inner = _scaled(image, _by(image.size, min(size[0] / image.width, size[1] / image.height)))
    side = Image.new("RGB", size, GROUND)
    side.paste(inner, ((size[0] - inner.width) // 2, (size[1] - inner.height) // 2))
    return side


def _scaled(image: "Image.Image", size: Size) -> "Image.Image":
    from PIL import Image

    if image.size == size:
        return image
    way = Image.Resampling.LANCZOS if size[0] < image.width else Image.Resampling.BICUBIC
    return image.resize(size, way, reducing_gap=3.0)


def _fitted(size: Size, largest: Size) -> Size:
    return _by(size, min(1.0, largest[0] / size[0], largest[1] / size[1]))


def _by(size: Size, ratio: float) -> Size:
    return max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))
