"""The sandbox's upscaling, judged by the pixels, sizes, metadata and streams of what it writes."""

import io
import random
import subprocess
import sys
from array import array
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageStat

from seedvr_cli.sandbox.sample import sample_clip, sample_picture
from seedvr_cli.sandbox.upscale.rendering import UpscaleError, VideoSupportMissing, nearest
from seedvr_cli.sandbox.upscale.upscale import upscale

PHOTO = Path(__file__).parent / "data" / "photo.jpg"
CLIP = Path(__file__).parent / "data" / "clip.mp4"
ORIENTATION = 0x0112
BEEP = b"\x00\x20" * 400 + b"\x00\xe0" * 400


@pytest.fixture
def av():
    return pytest.importorskip("av")


@pytest.fixture
def run(tmp_path):
    """Upscale into a folder of its own each time."""
    folders = (tmp_path / f"out{number}" for number in range(1000))

    def run(endpoint, source, seed=1, **params):
        return upscale(endpoint, source, next(folders), params, seed=seed)

    return run


def saved(image, path, **options):
    image.save(path, **options)
    return path


def difference(one, other):
    """Mean absolute difference a channel, in levels of 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / len(one.getbands())


def is_red(pixel):
    return pixel[0] > 200 and pixel[1] < 60 and pixel[2] < 60


# Pictures: size


@pytest.mark.parametrize(
    ("endpoint", "params", "size"),
    [
        ("7b-image", {}, (960, 640)),
        ("7b-image", {"upscale_factor": 1}, (480, 320)),
        ("7b-image", {"upscale_factor": 1.57}, (754, 502)),
        ("7b-image", {"upscale_factor": 4, "res_w": 720}, (720, 480)),
        ("7b-image", {"upscale_factor": 4, "res_h": 512}, (768, 512)),
        ("7b-image", {"res_w": 600, "res_h": 256}, (600, 256)),
        ("7b-image", {"target_resolution": "720p"}, (960, 640)),
        ("7b-image", {"upscale_factor": None, "res_w": None}, (960, 640)),
        ("3b-image", {}, (960, 640)),
        ("3b-image", {"upscale_factor": 3}, (1440, 960)),
        ("3b-image", {"target_resolution": "720p"}, (1080, 720)),
        ("3b-image", {"upscale_mode": "target"}, (1620, 1080)),
        ("3b-image", {"upscale_mode": "target", "target_resolution": "1440p", "upscale_factor": 1}, (2160, 1440)),
        ("3b-image", {"upscale_mode": "factor", "target_resolution": "2160p"}, (960, 640)),
        ("3b-image", {"res_w": 256}, (960, 640)),
    ],
)
def test_picture_size(run, endpoint, params, size):
    """A picture gets the size that its endpoint's rules give it, and the answer tells that size."""
    rendered = run(endpoint, PHOTO, **params)
    with Image.open(rendered.path) as image:
        assert (rendered.width, rendered.height) == image.size == size


def test_short_side_of_a_portrait(run, tmp_path):
    """The target is the length of the short side, also where that is the width."""
    source = saved(Image.new("RGB", (90, 160)), tmp_path / "tall.png")
    assert run("3b-image", source, target_resolution="720p").width == 720


def test_a_pixel_stays(run, tmp_path):
    """No side is rounded down to nothing."""
    source = saved(Image.new("RGB", (1000, 1)), tmp_path / "line.png")
    assert run("7b-image", source, res_w=256).height == 1


def test_halves_are_rounded_up():
    """Rounding is the one of school, not the one to even numbers."""
    assert [nearest(value) for value in (0.2, 1.4, 2.5, 3.5)] == [1, 1, 3, 4]
    assert [nearest(value, step=2) for value in (0.2, 33, 34.9, 35)] == [2, 34, 34, 36]


@pytest.mark.parametrize("side", [1025, 1010])
def test_too_large_an_output(run, tmp_path, side):
    """More than 8192 pixels a side, or 64 megapixels, is refused with the size in the message."""
    source = saved(Image.new("L", (side, side)), tmp_path / "large.png")
    with pytest.raises(UpscaleError, match=f"{side * 8} x {side * 8}"):
        run("7b-image", source, upscale_factor=8)


def test_too_large_a_source(run, tmp_path):
    """A source of more than 64 megapixels is refused before it is decoded."""
    source = saved(Image.new("1", (8100, 8000)), tmp_path / "huge.png")
    with pytest.raises(UpscaleError, match="8100 x 8000"):
        run("7b-image", source, res_w=256)


# Pictures: content


def test_lanczos_pixels(run):
    """Without noise the output is the source under Lanczos, pixel by pixel, on both endpoints."""
    with Image.open(PHOTO) as photo:
        expected = photo.resize((960, 640), Image.Resampling.LANCZOS)
    for endpoint in ("7b-image", "3b-image"):
        with Image.open(run(endpoint, PHOTO, noise_scale=0).path) as image:
            assert difference(image, expected) == 0


@pytest.mark.parametrize(
    ("word", "name", "media_type"),
    [
        (None, "output.png", "image/png"),
        ("png", "output.png", "image/png"),
        ("jpeg", "output.jpg", "image/jpeg"),
        ("jpg", "output.jpg", "image/jpeg"),
        ("webp", "output.webp", "image/webp"),
    ],
)
def test_picture_format(run, word, name, media_type):
    """The format asked for is the format of the bytes, the extension and the media type, with nothing beside it."""
    rendered = run("7b-image", PHOTO, output_format=word)
    with Image.open(rendered.path) as image:
        assert image.get_format_mimetype() == rendered.media_type == media_type
    assert [path.name for path in rendered.path.parent.iterdir()] == [name]


def test_detail_grows_with_the_noise_scale(run):
    """On 7B `noise_scale` adds more the higher it is, and leaves the lightness of the whole as it was."""
    plain, some, much = (Image.open(run("7b-image", PHOTO, noise_scale=scale).path) for scale in (0, 0.3, 1))
    assert 1 < difference(plain, some) < difference(plain, much) / 2
    assert abs(ImageStat.Stat(plain.convert("L")).mean[0] - ImageStat.Stat(much.convert("L")).mean[0]) < 1.5


@pytest.mark.parametrize("word", ["png", "jpeg", "webp"])
def test_seed(run, word):
    """The same seed gives the same bytes, and another seed other bytes where detail is added."""
    first, again, other = (
        run("7b-image", PHOTO, seed=seed, noise_scale=0.5, output_format=word).path.read_bytes() for seed in (5, 5, 6)
    )
    assert first == again
    assert first != other


def test_smoothing_grows_with_the_noise_scale(run, tmp_path):
    """On 3B `noise_scale` takes noise out, more the higher it is, and leaves an edge where it is."""
    chance = random.Random(1)
    noisy = Image.new("L", (64, 64))
    noisy.putdata([chance.randint(-12, 12) + (60 if place % 64 < 32 else 190) for place in range(64 * 64)])
    source = saved(noisy, tmp_path / "noisy.png")
    images = [Image.open(run("3b-image", source, noise_scale=scale).path) for scale in (0, 0.3, 0.6)]
    noise = [ImageStat.Stat(image.crop((4, 4, 50, 124))).stddev[0] for image in images]
    assert noise[0] > 1.5 * noise[1] > 1.8 * noise[2]
    for image in images:
        dark, light = (ImageStat.Stat(image.crop((x, 0, x + 2, 128))).mean[0] for x in (60, 66))
        assert light - dark > 100


# Pictures: what they carry


@pytest.mark.parametrize("source_format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("word", ["png", "jpeg", "webp"])
def test_metadata(run, tmp_path, source_format, word):
    """EXIF and the colour profile go from any format to any format without the loss of a byte."""
    with Image.open(PHOTO) as photo:
        exif, profile = photo.info["exif"], photo.info["icc_profile"]
        source = saved(photo, tmp_path / "source", format=source_format, exif=exif, icc_profile=profile)
    with Image.open(run("3b-image", source, upscale_factor=1, output_format=word).path) as image:
        assert image.info["exif"].removeprefix(b"Exif\0\0") == exif.removeprefix(b"Exif\0\0")
        assert image.getexif()[0x010F] == "seedvr tests"
        assert image.info["icc_profile"] == profile


def test_exif_too_long_for_jpeg(run, tmp_path):
    """An EXIF block that JPEG cannot hold is left out, and the picture still comes."""
    exif = Image.Exif()
    exif[0x010E] = "long " * 20_000
    source = saved(Image.new("RGB", (8, 8)), tmp_path / "long.png", exif=exif)
    with Image.open(run("7b-image", source, output_format="jpeg").path) as image:
        assert "exif" not in image.info


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(run, tmp_path, orientation):
    """A picture that lies on its side or is mirrored comes out upright, and nothing turns it a second time."""
    upright = Image.new("RGB", (60, 40), "blue")
    ImageDraw.Draw(upright).rectangle((0, 0, 29, 9), fill="red")
    stored = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x010F] = orientation, "camera"
    image = upright if stored is None else upright.transpose(stored)
    rendered = run("7b-image", saved(image, tmp_path / "turned.png", exif=exif))
    with Image.open(rendered.path) as image:
        assert (rendered.width, rendered.height) == image.size == (120, 80)
        assert image.getexif().get(ORIENTATION, 1) == 1
        assert image.getexif()[0x010F] == "camera"
        assert is_red(image.getpixel((10, 5)))
        assert not any(is_red(image.getpixel(corner)) for corner in ((110, 5), (10, 70), (110, 70)))


@pytest.mark.parametrize("params", [{}, {"noise_scale": 0.8}, {"output_format": "webp"}])
@pytest.mark.parametrize("endpoint", ["7b-image", "3b-image"])
def test_no_fringe(run, tmp_path, endpoint, params):
    """The colour of invisible pixels does not bleed into the visible edge, and the alpha channel stays."""
    disc = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    ImageDraw.Draw(disc).ellipse((8, 8, 31, 31), fill=(255, 200, 40, 255))
    rendered = run(endpoint, saved(disc, tmp_path / "disc.png"), **params)
    with Image.open(rendered.path) as image:
        assert image.mode == "RGBA"
        pixels = [image.getpixel((x, y)) for x in range(80) for y in range(80)]
    # The disc is as red as can be; only grain and WebP may take a little off.
    lowest = 250 if endpoint == "3b-image" and "output_format" not in params else 230
    assert min(red for red, _, _, alpha in pixels if alpha > 100) > lowest
    assert {0, 255} <= {alpha for *_, alpha in pixels}


@pytest.mark.parametrize(("mode", "colour"), [("RGBA", (255, 0, 0, 0)), ("LA", (0, 0))])
def test_jpeg_has_a_white_ground(run, tmp_path, mode, colour):
    """Where JPEG has no transparency there is white."""
    source = saved(Image.new(mode, (8, 8), colour), tmp_path / "clear.png")
    with Image.open(run("3b-image", source, output_format="jpg").path) as image:
        assert min(image.convert("RGB").getpixel((8, 8))) > 250


def palette_picture():
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    return image


@pytest.mark.parametrize(
    ("image", "options", "mode", "pixel"),
    [
        (Image.new("1", (8, 8), 1), {}, "L", 255),
        (Image.new("L", (8, 8), 90), {}, "L", 90),
        (Image.new("LA", (8, 8), (255, 120)), {}, "LA", (255, 120)),
        (Image.new("I;16", (8, 8), 90 * 256 + 255), {}, "L", 90),
        (palette_picture(), {}, "RGB", (255, 0, 0)),
        (palette_picture(), {"transparency": b"\xff\x64"}, "RGBA", (255, 0, 0, 100)),
        (Image.new("RGB", (8, 8), (1, 2, 3)), {"transparency": (1, 2, 3)}, "RGBA", (0, 0, 0, 0)),
    ],
)
def test_modes(run, tmp_path, *, image, options, mode, pixel):
    """Every way in which a PNG stores its pixels comes out with the same colours."""
    with Image.open(run("7b-image", saved(image, tmp_path / "mode.png", **options)).path) as output:
        assert (output.mode, output.getpixel((7, 7))) == (mode, pixel)


def test_printing_inks(run, tmp_path):
    """A CMYK picture becomes RGB, and a profile that is not for RGB does not go with it."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    inks = profile[:16] + b"CMYK" + profile[20:]
    source = saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), tmp_path / "inks.jpg", icc_profile=inks)
    for word in ("png", "jpeg", "webp"):
        with Image.open(run("3b-image", source, output_format=word).path) as image:
            assert image.mode == "RGB"
            assert is_red(image.getpixel((8, 8)))
            assert "icc_profile" not in image.info


# Failures and loading


def damaged_pictures():
    photo = PHOTO.read_bytes()
    with Image.open(PHOTO) as image:
        png, webp, gif = io.BytesIO(), io.BytesIO(), io.BytesIO()
        image.save(png, "PNG")
        image.save(webp, "WEBP")
        image.save(gif, "GIF")
    foreign = "is not a PNG, JPEG or WebP picture"
    return {
        "half a JPEG": (photo[: len(photo) // 2], "cannot be read"),
        "half a PNG": (png.getvalue()[:50_000], "cannot be read"),
        "a broken PNG": (png.getvalue()[:200] + bytes(1000), "the source"),
        "half a WebP": (webp.getvalue()[:5_000], "the source"),
        "a GIF": (gif.getvalue(), foreign),
        "a text": (b"<html>404</html>", foreign),
        "nothing": (b"", foreign),
        "a video": (CLIP.read_bytes(), foreign),
    }


@pytest.mark.parametrize("name", damaged_pictures())
def test_damaged_pictures(run, tmp_path, name):
    """A damaged or foreign file is an UpscaleError of one line, and leaves nothing behind."""
    content, message = damaged_pictures()[name]
    source = tmp_path / "source"
    source.write_bytes(content)
    with pytest.raises(UpscaleError, match=message) as caught:
        run("7b-image", source)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [source]


def test_no_file(run, tmp_path):
    """A source that is not there is an UpscaleError on every endpoint that can tell."""
    with pytest.raises(UpscaleError, match="No such file"):
        run("3b-image", tmp_path / "gone.png")


def test_failed_write(tmp_path, monkeypatch):
    """A write that fails half way leaves the earlier output as it was and no part of the new one."""
    earlier = upscale("7b-image", PHOTO, tmp_path, {}, seed=1).path.read_bytes()

    def fail(image, path, *rest, **options):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        upscale("7b-image", PHOTO, tmp_path, {"upscale_factor": 3}, seed=1)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"output.png": earlier}


def test_late_imports():
    """Importing the module loads neither Pillow nor PyAV."""
    modules = "seedvr_cli.sandbox.upscale.upscale, seedvr_cli.sandbox.sample"
    code = f"import sys, {modules}; assert not {{'PIL', 'av'}} & {{*sys.modules}}"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_pyav(run, tmp_path, monkeypatch):
    """Without PyAV a video fails with the command that installs it."""
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.delitem(sys.modules, "seedvr_cli.sandbox.upscale.video", raising=False)
    monkeypatch.delitem(sys.modules, "seedvr_cli.sandbox.upscale.sound", raising=False)
    with pytest.raises(VideoSupportMissing, match=r"pip install 'seedvr-cli\[video\]'"):
        run("3b-video", CLIP)
    with pytest.raises(VideoSupportMissing):
        sample_clip(tmp_path / "clip.mp4")


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


def test_video_frames(av, run):
    """Each frame of a clip comes out twice as large, at its time, in H.264, with the same picture on it."""
    rendered = run("3b-video", CLIP)
    before, after = decoded(av, CLIP), decoded(av, rendered.path)
    assert (rendered.path.name, rendered.media_type) == ("output.mp4", "video/mp4")
    assert (rendered.width, rendered.height) == (after[0].width, after[0].height) == (640, 360)
    assert [frame.time for frame in before] == [frame.time for frame in after]
    for number in (0, 20, 47):
        expected = before[number].to_image().resize((640, 360), Image.Resampling.LANCZOS)
        assert difference(after[number].to_image(), expected) < 3
    with av.open(str(rendered.path)) as reader:
        stream = reader.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.codec_tag) == ("h264", "avc1")
        assert (stream.average_rate, stream.codec_context.pix_fmt) == (24, "yuv420p")
        assert reader.duration == pytest.approx(2_000_000, abs=50_000)


def test_h265(av, run, capfd):
    """H.265 goes by the name that Apple's players know, and its encoder keeps quiet."""
    with av.open(str(run("3b-video", CLIP, output_format="H265 (.mp4)", upscale_factor=1).path)) as reader:
        codec = reader.streams.video[0].codec_context
        assert (codec.name, codec.codec_tag) == ("hevc", "hvc1")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("params", "size"),
    [
        ({"upscale_factor": 1}, (66, 34)),
        ({"upscale_factor": 1.7}, (110, 56)),
        ({"upscale_factor": 4}, (260, 132)),
        ({"target_resolution": "720p"}, (1418, 720)),
        ({"upscale_mode": "factor", "target_resolution": "720p"}, (130, 66)),
    ],
)
def test_video_size(av, run, tmp_path, params, size):
    """A video's sides are even, and follow the factor or, for the short one, the target."""
    rendered = run("3b-video", make_video(av, tmp_path / "odd.mp4", size=(65, 33), times=[0]), **params)
    assert (rendered.width, rendered.height) == size
    assert decoded(av, rendered.path)[0].width == size[0]


def test_too_large_a_video(av, run, tmp_path):
    """The limit of a side is the same for videos, and a refusal leaves nothing behind."""
    source = make_video(av, tmp_path / "wide.mp4", size=(2050, 16), times=[0])
    with pytest.raises(UpscaleError, match="8200 x 64"):
        run("3b-video", source, upscale_factor=4)
    assert list(tmp_path.rglob("*output*")) == []


def test_copied_sound(av, run):
    """AAC passes through untouched, packet by packet."""
    packets = []
    for path in (CLIP, run("3b-video", CLIP).path):
        with av.open(str(path)) as reader:
            packets.append([(bytes(packet), packet.pts) for packet in reader.demux(audio=0) if packet.size])
    assert packets[0] == packets[1]
    assert len(packets[0]) > 80


@pytest.mark.parametrize(
    ("name", "codec", "sound", "layout"),
    [
        ("pcm.avi", "mpeg4", ("pcm_s16le", "stereo"), "stereo"),
        ("pcm.mov", "libx264", ("pcm_s16le", "mono"), "mono"),
        # PyAV cannot even look at the sound of this one without taking the process down.
        ("surround.mov", "libx264", ("pcm_s16le", "7.1"), "5.1"),
        ("opus.webm", "libvpx", ("libopus", "stereo"), "stereo"),
    ],
)
def test_encoded_sound(av, run, tmp_path, *, name, codec, sound, layout):
    """Sound that MP4 has no place for becomes AAC of the same sound, with as many channels as AAC has."""
    source = make_video(av, tmp_path / name, codec=codec, times=range(24), sound=sound)
    rendered = run("3b-video", source)
    with av.open(str(rendered.path)) as reader:
        stream = reader.streams.audio[0]
        assert (stream.codec_context.name, stream.layout.name) == ("aac", layout)
        assert float(stream.start_time * stream.time_base) == pytest.approx(0, abs=0.01)
        assert float(stream.duration * stream.time_base) == pytest.approx(1, abs=0.05)
        blocks = [array("f", bytes(block.planes[0])) for block in reader.decode(audio=0)]
    assert max(blocks[0]) > 0.1
    assert max(blocks[4]) < 0.01
    assert len(decoded(av, rendered.path)) == 24


def test_no_sound(av, run, tmp_path):
    """A silent video stays one."""
    with av.open(str(run("3b-video", make_video(av, tmp_path / "silent.mp4")).path)) as reader:
        assert [stream.type for stream in reader.streams] == ["video"]


def test_quality_and_write_mode(run):
    """A better quality takes more bytes, and each write mode encodes in its own way."""
    low, medium, high, default = (
        run("3b-video", CLIP, upscale_factor=1, output_quality=word).path.read_bytes()
        for word in ("low", "medium", "high", None)
    )
    assert len(low) * 1.2 < len(medium) < len(high) / 1.2
    assert high == default
    assert len({
        run("3b-video", CLIP, upscale_factor=1, output_write_mode=word).path.read_bytes()
        for word in ("fast", "balanced", "quality")
    }) == 3  # fmt: skip


@pytest.mark.parametrize("word", ["X264 (.mp4)", "H265 (.mp4)"])
def test_same_video_bytes(av, run, word):
    """The same clip and params give the same bytes."""
    first, second = (run("3b-video", CLIP, output_format=word, noise_scale=0.1).path.read_bytes() for _ in "ab")
    assert first == second


def test_index_in_front(av, run):
    """A player finds the index before the pictures."""
    content = run("3b-video", CLIP).path.read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_key_frames(av, run, tmp_path):
    """The output chooses its own key frames, also for a source that has nothing else."""
    source = make_video(av, tmp_path / "keys.mp4", g="1")
    counts = [sum(frame.key_frame for frame in decoded(av, path)) for path in (source, run("3b-video", source).path)]
    assert counts == [12, 1]


@pytest.mark.parametrize("name", ["variable.mp4", "variable.webm"])
def test_variable_rate(av, run, tmp_path, name):
    """Frames at uneven distances keep their times, the first one's and the end included."""
    times = [3, 4, 5, 12, 13, 20, 36, 37]
    source = make_video(av, tmp_path / name, codec="libvpx" if name.endswith("webm") else "libx264", times=times)
    rendered = run("3b-video", source)
    with av.open(str(rendered.path)) as reader:
        frames = list(reader.decode(video=0))
        stream = reader.streams.video[0]
        end = (stream.start_time + stream.duration) * stream.time_base
    assert [frame.time for frame in frames] == [frame.time for frame in decoded(av, source)]
    assert float(end) == pytest.approx(38 / 24, abs=0.002)


def test_avi_with_reordered_frames(av, run, tmp_path):
    """No frame of an AVI file is lost, though H.264 in it gives times that jump back and forth."""
    source = tmp_path / "reordered.avi"
    with av.open(str(CLIP)) as reader, av.open(str(source), "w") as writer:
        stream = writer.add_stream("libx264", rate=24, options={"bf": "3"})
        stream.width, stream.height = 320, 180
        for frame in reader.decode(video=0):
            frame.pict_type = 0
            writer.mux(stream.encode(frame))
        writer.mux(stream.encode(None))
    assert [frame.pts for frame in decoded(av, source)] != sorted(frame.pts for frame in decoded(av, source))
    frames = decoded(av, run("3b-video", source).path)
    assert len(frames) == 48
    assert all(later.time - frame.time == pytest.approx(1 / 24, abs=0.001) for frame, later in pairwise(frames))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation(av, run, tmp_path, degrees, mirrored):
    """A clip filmed sideways or mirrored comes out upright, in the size a viewer sees, and is not turned again."""
    upright = Image.new("RGB", (96, 64), "blue")
    ImageDraw.Draw(upright).rectangle((0, 0, 47, 15), fill="red")
    # The file holds the opposite of what a player does, in the opposite order.
    unmirrored = upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else upright
    plain = make_video(av, tmp_path / "plain.mp4", frame=unmirrored.rotate(-degrees, expand=True), times=[0, 1])
    source = turned(av, plain, tmp_path / "turned.mp4", degrees, hflip=mirrored)
    rendered = run("3b-video", source)
    frame = decoded(av, rendered.path)[0]
    assert (rendered.width, rendered.height) == (frame.width, frame.height) == (192, 128)
    assert frame.rotation == 0
    corners = [frame.to_image().getpixel(corner) for corner in ((30, 10), (160, 10), (30, 110), (160, 110))]
    assert [red > 150 > blue for red, _, blue in corners] == [True, False, False, False]


@pytest.mark.parametrize("degrees", [0, 90])
def test_pixel_shape(av, run, tmp_path, degrees):
    """Pixels that are not square stay so, and turn with the picture."""
    plain = make_video(av, tmp_path / "plain.mp4", aspect="2:1")
    rendered = run("3b-video", turned(av, plain, tmp_path / "turned.mp4", degrees))
    with av.open(str(rendered.path)) as reader:
        shape = reader.streams.video[0].sample_aspect_ratio
    assert shape == (Fraction(1, 2) if degrees else 2)


def test_unmarked_colours(av, run, tmp_path):
    """Unmarked colours of a small source are marked as BT.601: players would take a large output's for BT.709."""
    rendered = run("3b-video", make_video(av, tmp_path / "plain.mp4"), target_resolution="720p")
    with av.open(str(rendered.path)) as reader:
        assert reader.streams.video[0].codec_context.colorspace == 6


def test_marked_colours(av, run, tmp_path):
    """The colours that a source marks are the output's, and full range becomes the range that players expect."""
    marks = {"colorspace": "bt2020nc", "color_primaries": "bt2020", "color_trc": "smpte2084", "color_range": "pc"}
    source = make_video(av, tmp_path / "marked.mp4", **marks)
    rendered = run("3b-video", source, upscale_factor=1)
    before, after = decoded(av, source)[0], decoded(av, rendered.path)[0]
    assert (before.colorspace, before.color_primaries, before.color_trc, before.color_range) == (9, 9, 16, 2)
    assert (after.colorspace, after.color_primaries, after.color_trc, after.color_range) == (9, 9, 16, 1)
    assert difference(before.to_image(), after.to_image()) < 3


def test_video_noise(av, run):
    """On video `noise_scale` smooths, more the higher it is."""
    sizes = [run("3b-video", CLIP, noise_scale=scale).path.stat().st_size for scale in (0, 0.1, 1)]
    assert sizes[0] > sizes[1] > sizes[2]


def test_not_a_video(av, run, tmp_path):
    """Sound alone, a picture, a text, nothing, or a playlist that names another file is an UpscaleError."""
    sound = tmp_path / "sound.mp4"
    with av.open(str(CLIP)) as reader, av.open(str(sound), "w") as writer:
        stream = writer.add_stream_from_template(reader.streams.audio[0])
        for packet in reader.demux(audio=0):
            if packet.size:
                packet.stream = stream
                writer.mux(packet)
    with pytest.raises(UpscaleError, match="no video stream"):
        run("3b-video", sound)
    for content in (PHOTO.read_bytes(), b"<html>404</html>", b"", f"#EXTM3U\n#EXTINF:2,\n{CLIP}\n".encode()):
        other = tmp_path / "other.mp4"
        other.write_bytes(content)
        with pytest.raises(UpscaleError, match="is not an MP4, MOV, AVI or WebM video"):
            run("3b-video", other)
    with pytest.raises(UpscaleError, match="No such file"):
        run("3b-video", tmp_path / "gone.mp4")
    assert list(tmp_path.rglob("*output*")) == []


def test_music_with_a_cover(av, run, tmp_path):
    """The cover of a piece of music does not make it a video."""
    source = tmp_path / "music.m4a"
    with av.open(str(CLIP)) as reader, av.open(str(source), "w", format="mp4") as writer:
        music = writer.add_stream_from_template(reader.streams.audio[0])
        cover = writer.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        writer.mux(cover.encode(av.VideoFrame.from_image(Image.new("RGB", (64, 64))).reformat(format="yuvj420p")))
        writer.mux(cover.encode(None))
        for packet in reader.demux(audio=0):
            if packet.size:
                packet.stream = music
                writer.mux(packet)
    with pytest.raises(UpscaleError, match="no video stream"):
        run("3b-video", source)


def test_odd_file_names(av, run, tmp_path):
    """A file's name means nothing to FFmpeg, whatever signs are in it."""
    source = make_video(av, tmp_path / "it's 10%03d [a:b];c,d=e.avi", codec="mpeg4", sound=("pcm_s16le", "mono"))
    with av.open(str(run("3b-video", source).path)) as reader:
        assert len(reader.streams.audio) == 1


# The samples


def test_sample_picture(run, tmp_path):
    """The sample picture is a JPEG of 480 x 320 pixels that is the same each time, and can be upscaled."""
    sample_picture(tmp_path / "one.jpg")
    sample_picture(tmp_path / "two.jpg")
    assert (tmp_path / "one.jpg").read_bytes() == (tmp_path / "two.jpg").read_bytes()
    with Image.open(tmp_path / "one.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (480, 320))
        assert ImageStat.Stat(image.convert("L")).stddev[0] > 30
    assert run("3b-image", tmp_path / "one.jpg").width == 960


def test_sample_clip(av, run, tmp_path):
    """The sample clip has two seconds of moving pictures and of sound that is not silence."""
    sample_clip(tmp_path / "clip.mp4")
    frames, sound = decoded(av, tmp_path / "clip.mp4"), decoded(av, tmp_path / "clip.mp4", "audio")
    assert (len(frames), frames[0].width, frames[0].height) == (48, 320, 180)
    assert difference(frames[0].to_image(), frames[47].to_image()) > 5
    assert sum(frame.samples for frame in sound) / 44_100 == pytest.approx(2, abs=0.05)
    assert any(bytes(frame.planes[0]).strip(b"\0") for frame in sound)
    assert run("3b-video", tmp_path / "clip.mp4").height == 360
