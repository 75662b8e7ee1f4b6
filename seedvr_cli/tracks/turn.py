"""Whether a result still has to be turned as its source was. Importing this needs PyAV."""

import struct
from collections.abc import Mapping

import av
from av.video.frame import VideoFrame
from PIL import Image, ImageChops, ImageStat

from seedvr_cli.tracks.lost import picture_stream
from seedvr_cli.tracks.reading import open_video

# Pixels a side of what is compared where sizes do not tell whether a picture was turned.
PATCH = 16
# By the signs of the display matrix's first two rows, where it sends "right" and "down": what stands a frame upright.
TURNS: Mapping[tuple[int, ...], Image.Transpose] = {
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}


def lost_turn(source: str, result: str) -> tuple[int, ...] | None:
    """The first four numbers of the source's display matrix, where the result was not turned and has none of its own.

    Sizes tell it of a quarter turn, and a look at both, small, where they do not. Frames that cannot be read tell of
    no turn.
    """
    before = _first_frame(source)
    matrix = _matrix(before) if before is not None else None
    if before is None or matrix is None:
        return None
    after = _first_frame(result)
    if after is None or _matrix(after) is not None:
        return None
    signs = _signs(matrix)
    if signs[0] == 0 and before.width != before.height:
        was_wide, is_wide = before.width > before.height, after.width > after.height
        return matrix if was_wide == is_wide else None
    plain, made = _patch(before), _patch(after)
    unlike = [_difference(made, one) for one in (plain.transpose(TURNS[signs]), plain)]
    return matrix if unlike[1] < unlike[0] else None


def _first_frame(path: str) -> VideoFrame | None:
    with open_video(path) as reader:
        try:
            return next(reader.decode(picture_stream(reader)), None)
        except av.FFmpegError:
            return None


def _matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """None where it is not there, or turns nothing, or by an angle that is no quarter turn."""
    try:
        # PyAV's stubs name a single kind of side data, and not this one.
        a, b, _, c, d, *_ = struct.unpack("=9i", bytes(frame.side_data["DISPLAYMATRIX"]))  # type: ignore[typeddict-item]
    # No matrix; or side data next to it that PyAV has no name for, which is so in 18.1 for the EXIF of a JPEG frame.
    except (KeyError, ValueError):
        return None
    return (a, b, c, d) if _signs((a, b, c, d)) in TURNS else None


def _signs(matrix: tuple[int, ...]) -> tuple[int, ...]:
    return tuple((number > 0) - (number < 0) for number in matrix)


def _patch(frame: VideoFrame) -> Image.Image:
    small = frame.reformat(PATCH, PATCH, "rgb24")
    image: Image.Image = small.to_image()  # type: ignore[no-untyped-call] # PyAV's own
    return image


def _difference(one: Image.Image, other: Image.Image) -> float:
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).sum)
