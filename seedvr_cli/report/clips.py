"""A video on disk becomes a short clip of a bounded number of bytes, and a part of one frame at 1:1. Needs PyAV."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING

from seedvr_cli.report.card import Look, Shot
from seedvr_cli.report.previews import Unshown, look_at
from seedvr_cli.values.tolerance import tolerant

if TYPE_CHECKING:
    from av import VideoFrame
    from PIL import Image

# What FFmpeg may open; it would also open playlists, which name other files to read.
FORMATS = "mov,mp4,avi,matroska,webm"
# Seconds of a clip, frames a second, and pixels of its long side: a preview, on which the whole of the scene is seen.
SECONDS, RATE, SIDE = 3.0, 15, 640
# The frame that is shown at 1:1, in seconds from the beginning.
MOMENT = 1.0
# Pixels of a frame; frames that are decoded at most, whatever their times say.
LARGEST_FRAME, MOST_FRAMES = 8192 * 4320, 400
# Bytes of a clip: two of them take no more than the pictures of a job. Rate factors that are tried, the best that fits
# is taken; below the last the clip gets smaller.
BUDGET = 27_000
RATE_FACTORS = (26, 32, 38, 44)
SHRINKING, SMALLEST_SIDE = 0.7, 64


def is_there() -> bool:
    """Whether PyAV is installed (the extra `video`)."""
    from importlib.util import find_spec

    return find_spec("av") is not None


def look_at_clip(path: str, *, like: Look | None = None) -> Look:
    """A result; or its source, where `like` is the look of the result. Raises Unshown.

    Where nothing encodes H.264 here, the whole is a picture of one frame.
    """
    import av

    try:
        frames, still = _taken(path)
        look = look_at(still, like=like)
        with suppress(av.codec.codec.UnknownCodecError):
            return Look(look.width, look.height, _clip(frames), look.region, look.detail)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise Unshown("the video cannot be read") from error
    return look


def _taken(path: str) -> "tuple[Sequence[VideoFrame], Image.Image]":
    """The small frames of the clip, and the frame that is shown at 1:1."""
    import av

    small: list[VideoFrame] = []
    still = last = None
    # Absolute, because FFmpeg takes what stands before a colon in a relative name for a protocol.
    options = {"format_whitelist": FORMATS}
    with av.open(os.path.abspath(path), options=options, **tolerant(av.__version__)) as reader:
        if not reader.streams.video:
            raise Unshown("it has no pictures")
        stream = reader.streams.video[0]
        if stream.codec_context is None:
            raise Unshown("its codec is not known")
        stream.thread_type = "AUTO"
        if stream.width * stream.height > LARGEST_FRAME:
            raise Unshown(f"frames of {stream.width} x {stream.height} pixels are too large for a preview")
        for time, frame in _timed(reader.decode(stream)):
            if time >= SECONDS:
                break
            last = frame
            if time >= len(small) / RATE:
                small.append(_smaller(frame, SIDE))
            if still is None and time >= MOMENT:
                still = _image(frame)
    if last is None:
        raise Unshown("it has no frames")
    return small, still or _image(last)


def _timed(frames: "Iterator[VideoFrame]") -> "Iterator[tuple[float, VideoFrame]]":
    """Each frame with its time from the first one on, in seconds."""
    first = None
    for number, frame in enumerate(frames):
        time = frame.time if frame.time is not None else number / 25
        first = time if first is None else first
        if number == MOST_FRAMES:
            return
        yield time - first, frame


def _image(frame: "VideoFrame") -> "Image.Image":
    """Upright pixels."""
    image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call] # PyAV's own
    return image.rotate(frame.rotation, expand=True) if frame.rotation else image


def _smaller(frame: "VideoFrame", side: int) -> "VideoFrame":
    """Upright, with even sides, the longer of which is no longer than `side`."""
    import av

    upright = av.VideoFrame.from_image(_image(frame)) if frame.rotation else frame  # type: ignore[no-untyped-call]
    ratio = min(1.0, side / max(upright.width, upright.height))
    width, height = (max(2, round(length * ratio / 2) * 2) for length in (upright.width, upright.height))
    return upright.reformat(width, height, "yuv420p", interpolation="AREA")


def _clip(frames: "Sequence[VideoFrame]") -> Shot:
    side = float(max(frames[0].width, frames[0].height))
    while True:
        for factor in RATE_FACTORS:
            data = _encoded(frames, factor)
            if len(data) <= BUDGET or side < SMALLEST_SIDE:
                return Shot("video/mp4", frames[0].width, frames[0].height, data)
        side *= SHRINKING
        frames = [_smaller(frame, int(side)) for frame in frames]


def _encoded(frames: "Sequence[VideoFrame]", factor: int) -> bytes:
    import av

    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4") as writer:
        stream = writer.add_stream("libx264", rate=RATE, options={"crf": str(factor), "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, RATE)
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            frame.pict_type = 0  # or the encoder would copy the source's choice of key frames
            writer.mux(stream.encode(frame))
        writer.mux(stream.encode(None))
    return buffer.getvalue()
