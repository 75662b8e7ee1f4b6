"""Pictures and videos: made, taken apart and compared."""

import json
import subprocess
import sys
from fractions import Fraction

from PIL import Image, ImageChops, ImageStat

from helpers.places import DATA

PHOTO = DATA / "photo.jpg"
CLIP = DATA / "clip.mp4"
BEEP = b"\x00\x20" * 400 + b"\x00\xe0" * 400


def saved(image, path, **options):
    image.save(path, **options)
    return path


def difference(one, other):
    """Mean absolute difference a channel, in levels of 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / len(one.getbands())


def is_red(pixel):
    return pixel[0] > 200 and pixel[1] < 60 and pixel[2] < 60


def peak_of_upscaling(endpoint, source, folder, params, *, times=1):
    """Bytes of memory that a process takes at most which upscales this, so many times at once, and nothing else."""
    code = """
import json, re, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from seedvr_cli.sandbox.upscale.upscale import upscale
endpoint, source, folder, params, times = json.loads(sys.argv[1])
with ThreadPoolExecutor(times) as pool:
    list(pool.map(lambda turn: upscale(endpoint, Path(source), Path(folder, str(turn)), params, seed=1), range(times)))
# Not getrusage, whose peak begins with what the process took that started this one.
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024)
"""
    given = json.dumps([endpoint, str(source), str(folder), params, times])
    return int(subprocess.run([sys.executable, "-c", code, given], check=True, capture_output=True).stdout)


# Videos


def make_video(av, path, *, codec="libx264", size=(64, 48), times=range(12), sound=None, frame=None, **options):
    """Write a video of 24 frames a second, with frames at `times`, and a second of `sound`: a beep and then silence."""
    picture = frame or Image.linear_gradient("L").resize(size).convert("RGB")
    with av.open(str(path), "w", options=options.pop("container", {})) as writer:
        video = writer.add_stream(codec, rate=24, options=options)
        video.width, video.height = picture.size
        video.pix_fmt = "yuv444p" if picture.width % 2 else "yuv420p"
        video.codec_context.max_b_frames = 0
        samples = writer.add_stream(sound[0], rate=48_000, layout=sound[1]) if sound else None
        if samples:
            samples.bit_rate = 128_000  # some encoders have no default of their own
        for time in times:
            shown = av.VideoFrame.from_image(picture)
            shown.pts, shown.time_base, shown.duration = time, Fraction(1, 24), 1
            writer.mux(video.encode(shown))
        writer.mux(video.encode(None))
        for first in range(0, 48_000 if sound else 0, 1000):
            block = av.AudioFrame(format="s16", layout=sound[1], samples=1000)
            size = block.planes[0].buffer_size
            block.planes[0].update((BEEP * size)[:size] if first == 0 else bytes(size))
            block.sample_rate, block.pts, block.time_base = 48_000, first, Fraction(1, 48_000)
            writer.mux(samples.encode(block))
        if sound:
            writer.mux(samples.encode(None))
    return path


def turned(av, source, path, degrees, *, hflip=False):
    """Copy the pictures of a video and have players turn them counterclockwise, and then mirror them."""
    with av.open(str(source)) as reader, av.open(str(path), "w") as writer:
        stream = writer.add_stream_from_template(reader.streams.video[0])
        stream.set_display_rotation(degrees, hflip=hflip)
        for packet in reader.demux(video=0):
            if packet.size:
                packet.stream = stream
                writer.mux(packet)
    return path


def decoded(av, path, kind="video"):
    with av.open(str(path)) as reader:
        return list(reader.decode(**{kind: 0}))
