"""A picture and a clip made here, in place of the vendor's example URLs, which a sandbox does not reach."""

import math
import random
from array import array
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from seedvr_cli.sandbox.upscale.rendering import VideoSupportMissing, replacing

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from PIL import Image

PICTURE_SIZE = (480, 320)
CLIP_SIZE = (320, 180)
"""Pixels."""

SKY = ((92, 148, 214), (252, 222, 178))
SUN = (255, 246, 214)
HILLS = ((142, 158, 172), (96, 128, 118), (58, 92, 66))
"""Colours from top to bottom, and from far to near."""

SEED = 7
CLIP_FRAMES = 48
FRAMES_A_SECOND = 24
SAMPLES_A_SECOND = 44_100
TONE = 440
"""Hertz: the note that orchestras tune to."""

LOUDNESS = 4_000
"""Of the 32,767 that 16 bits hold: soft."""


def sample_picture(path: Path) -> None:
    """Draw a landscape of 480 x 320 pixels, the same each time, into a JPEG file at `path`."""
    with replacing(path) as part:
        _landscape().save(part, "JPEG", quality=88)


def sample_clip(path: Path) -> None:
    """Make a pan of two seconds over that landscape, with a tone, 320 x 180 pixels, into an MP4 file at `path`.

    Raises VideoSupportMissing where PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise VideoSupportMissing from error
    landscape = _landscape()
    with replacing(path) as part, av.open(str(part.absolute()), "w", format="mp4") as writer:
        pictures = writer.add_stream("libx264", rate=FRAMES_A_SECOND, options={"crf": "20"})
        pictures.width, pictures.height = CLIP_SIZE
        pictures.pix_fmt = "yuv420p"
        sound = writer.add_stream("aac", rate=SAMPLES_A_SECOND, layout="mono")
        for number in range(CLIP_FRAMES):
            left, top = number * 3, 140 - number
            view = landscape.crop((left, top, left + CLIP_SIZE[0], top + CLIP_SIZE[1]))
            frame = av.VideoFrame.from_image(view)  # type: ignore[no-untyped-call]  # PyAV forgot to type it
            writer.mux(pictures.encode(frame))
            writer.mux(sound.encode(_tone(number)))
        writer.mux(pictures.encode(None))
        writer.mux(sound.encode(None))


def _landscape() -> "Image.Image":
    from PIL import Image, ImageDraw, ImageFilter, ImageFont

    width, height = PICTURE_SIZE
    picture = Image.merge("RGB", [_gradient(top, bottom) for top, bottom in zip(*SKY, strict=True)])
    draw = ImageDraw.Draw(picture)
    draw.ellipse((330, 60, 386, 116), fill=SUN)
    picture = picture.filter(ImageFilter.GaussianBlur(1))
    draw = ImageDraw.Draw(picture)
    chance = random.Random(SEED)  # noqa: S311  # grass, no secret
    for distance, colour in enumerate(HILLS):
        ridge = [_ridge(x, distance) for x in range(width)]
        draw.polygon([(0, height), *enumerate(ridge), (width, height)], fill=colour)
        for _ in range(600 * distance):
            x = chance.randrange(width)
            y = chance.uniform(ridge[x], height)
            shade = chance.uniform(0.8, 1.25)
            draw.line((x, y, x + chance.uniform(-2, 2), y - 5), fill=tuple(round(level * shade) for level in colour))
    draw.text((24, 20), "SAMPLE", fill="white", font=ImageFont.load_default(40))
    return picture


def _gradient(top: int, bottom: int) -> "Image.Image":
    from PIL import Image

    column = Image.new("L", (1, PICTURE_SIZE[1]))
    column.putdata([round(top + (bottom - top) * y / PICTURE_SIZE[1]) for y in range(PICTURE_SIZE[1])])
    return column.resize(PICTURE_SIZE)


def _ridge(x: int, distance: int) -> float:
    """The height in pixels from the top at which a row of hills ends; 0 is the farthest row."""
    wave = math.sin(x / (60 - 10 * distance) + 2 * distance) + 0.3 * math.sin(x / 17 + distance)
    return 180 + 45 * distance - 16 * wave


def _tone(number: int) -> "AudioFrame":
    """The sound that goes with one frame of the clip."""
    import av

    first, last = (SAMPLES_A_SECOND * frame // FRAMES_A_SECOND for frame in (number, number + 1))
    wave = (math.sin(2 * math.pi * TONE * sample / SAMPLES_A_SECOND) for sample in range(first, last))
    levels = array("h", (round(LOUDNESS * level) for level in wave))
    frame = av.AudioFrame(format="s16", layout="mono", samples=len(levels))
    frame.planes[0].update(levels.tobytes())
    frame.sample_rate = SAMPLES_A_SECOND
    frame.pts, frame.time_base = first, Fraction(1, SAMPLES_A_SECOND)
    return frame
