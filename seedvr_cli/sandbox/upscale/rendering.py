"""What pictures and videos share: the result, its errors, its size, and a write that is whole or not there."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seedvr_cli.values.system import replace

MAX_SIDE = 8192
"""Pixels. 4096, the longest side that may be asked for by number, doubled."""

MAX_PIXELS = 64_000_000
"""Pixels of one picture: 256 MB of memory a copy, which every developer's machine has."""

DEFAULT_FACTOR = 2.0
DEFAULT_TARGET = "1080p"


class UpscaleError(Exception):
    """The source cannot be upscaled as asked. The text is one line, meant for the job's `error` field."""


class VideoSupportMissing(UpscaleError):
    """PyAV, which only videos need, is not installed."""

    def __init__(self) -> None:
        super().__init__("upscaling a video needs PyAV: pip install 'seedvr-cli[video]'")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished output file. `width` and `height` are its pixels as a viewer shows them."""

    path: Path
    media_type: str
    width: int
    height: int


def size_by_sides(width: int, height: int, params: Mapping[str, object]) -> tuple[int, int]:
    """The output size in pixels by the rules of 7B: `res_w` and `res_h` over `upscale_factor`.

    A side given alone takes the other along, so that the aspect ratio stays.
    Raises UpscaleError for a size past the limits.
    """
    wanted_width, wanted_height = number(params, "res_w", 0), number(params, "res_h", 0)
    if wanted_width or wanted_height:
        factor_x = wanted_width / width if wanted_width else wanted_height / height
        factor_y = wanted_height / height if wanted_height else wanted_width / width
    else:
        factor_x = factor_y = number(params, "upscale_factor", DEFAULT_FACTOR)
    return _within_limits(nearest(width * factor_x), nearest(height * factor_y))


def size_by_target(
    width: int, height: int, params: Mapping[str, object], *, step: int = 1, most: int = MAX_PIXELS
) -> tuple[int, int]:
    """The output size in pixels by the rules of 3B: a factor, or a target for the short side.

    Sides are multiples of `step` pixels. Raises UpscaleError for a size past the limits, `most` pixels in all.
    """
    target = params.get("target_resolution")
    mode = params.get("upscale_mode") or ("target" if target else "factor")
    if mode == "target":
        factor = int(str(target or DEFAULT_TARGET).removesuffix("p")) / min(width, height)
    else:
        factor = number(params, "upscale_factor", DEFAULT_FACTOR)
    return _within_limits(nearest(width * factor, step=step), nearest(height * factor, step=step), most)


def number(params: Mapping[str, object], name: str, default: float) -> float:
    """A numeric parameter, or `default` where it is absent or null."""
    value = params.get(name)
    return value if isinstance(value, int | float) else default


def nearest(value: float, *, step: int = 1) -> int:
    """Round to the nearest multiple of `step`, halves up, never to nothing."""
    return max(step, int(value / step + 0.5) * step)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; it takes the target's place if the block succeeds, and goes if not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        yield part
        replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _within_limits(width: int, height: int, most: int = MAX_PIXELS) -> tuple[int, int]:
    if max(width, height) > MAX_SIDE or width * height > most:
        raise UpscaleError(
            f"the output would be {width} x {height} pixels; the sandbox's limit is {MAX_SIDE} a side "
            f"and {most / 1e6:.3g} megapixels"
        )
    return width, height
