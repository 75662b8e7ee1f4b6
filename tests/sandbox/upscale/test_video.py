"""Upscaled videos, judged by their frames, sound and streams."""

import sys
from array import array
from fractions import Fraction
from itertools import pairwise

import pytest
from helpers.footage import CLIP, PHOTO, decoded, difference, make_video, peak_of_upscaling, turned
from PIL import Image, ImageDraw

from seedvr_cli.sandbox.upscale.rendering import UpscaleError

pytestmark = pytest.mark.slow


def test_video_frames(av, render):
    """Each frame of a clip comes out twice as large, at its time, in H.264, with the same picture on it."""
    rendered = render("3b-video", CLIP)
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


def test_h265(av, render, capfd):
    """H.265 goes by the name that Apple's players know, and its encoder keeps quiet."""
    with av.open(str(render("3b-video", CLIP, output_format="H265 (.mp4)", upscale_factor=1).path)) as reader:
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
def test_video_size(av, render, tmp_path, params, size):
    """A video's sides are even, and follow the factor or, for the short one, the target."""
    rendered = render("3b-video", make_video(av, tmp_path / "odd.mp4", size=(65, 33), times=[0]), **params)
    assert (rendered.width, rendered.height) == size
    assert decoded(av, rendered.path)[0].width == size[0]


def test_too_large_a_video(av, render, tmp_path):
    """The limit of a side is the same for videos, and a refusal leaves nothing behind."""
    source = make_video(av, tmp_path / "wide.mp4", size=(2050, 16), times=[0])
    with pytest.raises(UpscaleError, match="8200 x 64"):
        render("3b-video", source, upscale_factor=4)
    assert list(tmp_path.rglob("*output*")) == []


def test_copied_sound(av, render):
    """AAC passes through untouched, packet by packet."""
    packets = []
    for path in (CLIP, render("3b-video", CLIP).path):
        with av.open(str(path)) as reader:
            packets.append([(bytes(packet), packet.pts) for packet in reader.demux(audio=0) if packet.size])
    assert packets[0] == packets[1]
    assert len(packets[0]) > 80


@pytest.mark.parametrize(
    ("name", "codec", "sound", "layout"),
    [
        ("pcm.avi", "mpeg4", ("pcm_s16le", "stereo"), "stereo"),
        ("mp3.avi", "mpeg4", ("libmp3lame", "stereo"), "stereo"),
        ("ac3.avi", "mpeg4", ("ac3", "stereo"), "stereo"),
        ("eac3.avi", "mpeg4", ("eac3", "stereo"), "stereo"),
        ("ac3.mp4", "libx264", ("ac3", "stereo"), "stereo"),
        ("mp3.mkv", "libx264", ("libmp3lame", "mono"), "mono"),
        ("pcm.mov", "libx264", ("pcm_s16le", "mono"), "mono"),
        # PyAV cannot even look at the sound of this one without taking the process down.
        ("surround.mov", "libx264", ("pcm_s16le", "7.1"), "5.1"),
        ("opus.webm", "libvpx", ("libopus", "stereo"), "stereo"),
    ],
)
def test_encoded_sound(av, render, tmp_path, *, name, codec, sound, layout):
    """Sound that MP4 has no place for becomes AAC of the same sound, with as many channels as AAC has."""
    source = make_video(av, tmp_path / name, codec=codec, times=range(24), sound=sound)
    rendered = render("3b-video", source)
    with av.open(str(rendered.path)) as reader:
        stream = reader.streams.audio[0]
        assert (stream.codec_context.name, stream.layout.name) == ("aac", layout)
        assert float(stream.start_time * stream.time_base) == pytest.approx(0, abs=0.07)
        assert float(stream.duration * stream.time_base) == pytest.approx(1, abs=0.07)
        blocks = [array("f", bytes(block.planes[0])) for block in reader.decode(audio=0)]
    assert max(map(max, blocks[:3])) > 0.1
    assert max(map(max, blocks[7:])) < 0.01
    assert len(decoded(av, rendered.path)) == 24


def test_sound_whose_first_block_is_lost(av, render, tmp_path):
    """WMA gives nothing for its first block: what is left keeps its place, and does not begin too early."""
    source = make_video(av, tmp_path / "wma.avi", codec="mpeg4", times=range(24), sound=("wmav2", "stereo"))
    with av.open(str(render("3b-video", source).path)) as reader:
        stream = reader.streams.audio[0]
        assert float(stream.start_time * stream.time_base) == pytest.approx(0.064, abs=0.03)
        assert float((stream.start_time + stream.duration) * stream.time_base) == pytest.approx(1, abs=0.07)


def test_text_in_another_encoding(av, render, tmp_path):
    """A video whose own texts are no UTF-8 is upscaled like any other."""
    source = make_video(av, tmp_path / "latin.mp4")
    content = source.read_bytes()
    assert b"VideoHandler" in content
    source.write_bytes(content.replace(b"VideoHandler", b"Vid\xe9oHandler"))
    assert render("3b-video", source).width == 128


def test_no_sound(av, render, tmp_path):
    """A silent video stays one."""
    with av.open(str(render("3b-video", make_video(av, tmp_path / "silent.mp4")).path)) as reader:
        assert [stream.type for stream in reader.streams] == ["video"]


def test_quality_and_write_mode(render):
    """A better quality takes more bytes, and each write mode encodes in its own way."""
    low, medium, high, default = (
        render("3b-video", CLIP, upscale_factor=1, output_quality=word).path.read_bytes()
        for word in ("low", "medium", "high", None)
    )
    assert len(low) * 1.2 < len(medium) < len(high) / 1.2
    assert high == default
    assert len({
        render("3b-video", CLIP, upscale_factor=1, output_write_mode=word).path.read_bytes()
        for word in ("fast", "balanced", "quality")
    }) == 3  # fmt: skip


@pytest.mark.parametrize("word", ["X264 (.mp4)", "H265 (.mp4)"])
def test_same_video_bytes(av, render, word):
    """The same clip and params give the same bytes."""
    first, second = (render("3b-video", CLIP, output_format=word, noise_scale=0.1).path.read_bytes() for _ in "ab")
    assert first == second


def test_index_in_front(av, render):
    """A player finds the index before the pictures."""
    content = render("3b-video", CLIP).path.read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_key_frames(av, render, tmp_path):
    """The output chooses its own key frames, also for a source that has nothing else."""
    source = make_video(av, tmp_path / "keys.mp4", g="1")
    counts = [sum(frame.key_frame for frame in decoded(av, path)) for path in (source, render("3b-video", source).path)]
    assert counts == [12, 1]


@pytest.mark.parametrize("name", ["variable.mp4", "variable.webm"])
def test_variable_rate(av, render, tmp_path, name):
    """Frames at uneven distances keep their times, the first one's and the end included."""
    times = [3, 4, 5, 12, 13, 20, 36, 37]
    source = make_video(av, tmp_path / name, codec="libvpx" if name.endswith("webm") else "libx264", times=times)
    rendered = render("3b-video", source)
    with av.open(str(rendered.path)) as reader:
        frames = list(reader.decode(video=0))
        stream = reader.streams.video[0]
        end = (stream.start_time + stream.duration) * stream.time_base
    assert [frame.time for frame in frames] == [frame.time for frame in decoded(av, source)]
    assert float(end) == pytest.approx(38 / 24, abs=0.002)


def test_avi_with_reordered_frames(av, render, tmp_path):
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
    frames = decoded(av, render("3b-video", source).path)
    assert len(frames) == 48
    assert all(later.time - frame.time == pytest.approx(1 / 24, abs=0.001) for frame, later in pairwise(frames))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation(av, render, tmp_path, degrees, mirrored):
    """A clip filmed sideways or mirrored comes out upright, in the size a viewer sees, and is not turned again."""
    upright = Image.new("RGB", (96, 64), "blue")
    ImageDraw.Draw(upright).rectangle((0, 0, 47, 15), fill="red")
    # The file holds the opposite of what a player does, in the opposite order.
    unmirrored = upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else upright
    plain = make_video(av, tmp_path / "plain.mp4", frame=unmirrored.rotate(-degrees, expand=True), times=[0, 1])
    source = turned(av, plain, tmp_path / "turned.mp4", degrees, hflip=mirrored)
    rendered = render("3b-video", source)
    frame = decoded(av, rendered.path)[0]
    assert (rendered.width, rendered.height) == (frame.width, frame.height) == (192, 128)
    assert frame.rotation == 0
    corners = [frame.to_image().getpixel(corner) for corner in ((30, 10), (160, 10), (30, 110), (160, 110))]
    assert [red > 150 > blue for red, _, blue in corners] == [True, False, False, False]


def test_a_bare_video(av, render, tmp_path):
    """Bare, a clip has pictures alone, as they are stored, and nothing that says how they are to be turned."""
    plain = make_video(av, tmp_path / "plain.mp4", sound=("aac", "mono"))
    rendered = render("3b-video", turned(av, plain, tmp_path / "turned.mp4", 90), bare=True)
    assert (rendered.width, rendered.height) == (128, 96)
    assert decoded(av, rendered.path)[0].rotation == 0
    with av.open(str(render("3b-video", plain, bare=True).path)) as reader:
        assert [stream.type for stream in reader.streams] == ["video"]


@pytest.mark.parametrize("degrees", [0, 90])
def test_pixel_shape(av, render, tmp_path, degrees):
    """Pixels that are not square stay so, and turn with the picture."""
    plain = make_video(av, tmp_path / "plain.mp4", aspect="2:1")
    rendered = render("3b-video", turned(av, plain, tmp_path / "turned.mp4", degrees))
    with av.open(str(rendered.path)) as reader:
        shape = reader.streams.video[0].sample_aspect_ratio
    assert shape == (Fraction(1, 2) if degrees else 2)


def test_unmarked_colours(av, render, tmp_path):
    """Unmarked colours of a small source are marked as BT.601: players would take a large output's for BT.709."""
    rendered = render("3b-video", make_video(av, tmp_path / "plain.mp4"), target_resolution="720p")
    with av.open(str(rendered.path)) as reader:
        assert reader.streams.video[0].codec_context.colorspace == 6


def test_marked_colours(av, render, tmp_path):
    """The colours that a source marks are the output's, and full range becomes the range that players expect."""
    marks = {"colorspace": "bt2020nc", "color_primaries": "bt2020", "color_trc": "smpte2084", "color_range": "pc"}
    source = make_video(av, tmp_path / "marked.mp4", **marks)
    rendered = render("3b-video", source, upscale_factor=1)
    before, after = decoded(av, source)[0], decoded(av, rendered.path)[0]
    assert (before.colorspace, before.color_primaries, before.color_trc, before.color_range) == (9, 9, 16, 2)
    assert (after.colorspace, after.color_primaries, after.color_trc, after.color_range) == (9, 9, 16, 1)
    assert difference(before.to_image(), after.to_image()) < 3


def test_video_noise(av, render):
    """On video `noise_scale` smooths, more the higher it is."""
    sizes = [render("3b-video", CLIP, noise_scale=scale).path.stat().st_size for scale in (0, 0.1, 1)]
    assert sizes[0] > sizes[1] > sizes[2]


def test_not_a_video(av, render, tmp_path):
    """Sound alone, a picture, a text, nothing, or a playlist that names another file is an UpscaleError."""
    sound = tmp_path / "sound.mp4"
    with av.open(str(CLIP)) as reader, av.open(str(sound), "w") as writer:
        stream = writer.add_stream_from_template(reader.streams.audio[0])
        for packet in reader.demux(audio=0):
            if packet.size:
                packet.stream = stream
                writer.mux(packet)
    with pytest.raises(UpscaleError, match="no video stream"):
        render("3b-video", sound)
    for content in (PHOTO.read_bytes(), b"<html>404</html>", b"", f"#EXTM3U\n#EXTINF:2,\n{CLIP}\n".encode()):
        other = tmp_path / "other.mp4"
        other.write_bytes(content)
        with pytest.raises(UpscaleError, match="is not an MP4, MOV, AVI or WebM video"):
            render("3b-video", other)
    with pytest.raises(UpscaleError, match="No such file"):
        render("3b-video", tmp_path / "gone.mp4")
    assert list(tmp_path.rglob("*output*")) == []


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("front.mp4", "libx264", {"movflags": "+faststart"}),
        ("fragments.mp4", "libx264", {"movflags": "+frag_keyframe+empty_moov"}),
        ("clip.mov", "libx264", {"movflags": "+faststart"}),
        ("clip.avi", "mpeg4", {}),
        ("clip.mkv", "libx264", {}),
        ("clip.webm", "libvpx", {}),
        ("live.webm", "libvpx", {"live": "1"}),
    ],
)
def test_a_cut_video(av, render, tmp_path, name, codec, options):
    """A video that was cut anywhere is an UpscaleError and no shorter video; bytes behind its end do no harm."""
    source = make_video(av, tmp_path / name, codec=codec, container=options)
    content = source.read_bytes()
    for length in (len(content) * 6 // 10, len(content) * 9 // 10):
        source.write_bytes(content[:length])
        with pytest.raises(UpscaleError, match="is cut"):
            render("3b-video", source)
    source.write_bytes(content + b"\0" * 100)
    assert len(decoded(av, render("3b-video", source).path)) == 12


def test_a_video_that_does_not_say_its_length(av, render, tmp_path):
    """A WebM that was written as it came names no length, and is taken as it is."""
    source = make_video(av, tmp_path / "live.webm", codec="libvpx", container={"live": "1"})
    assert len(decoded(av, render("3b-video", source).path)) == 12


def test_too_large_frames(av, render, tmp_path):
    """Outputs of more than 4096 x 2160 pixels are refused, and source frames that fill a gigabyte in decoding."""
    source = make_video(av, tmp_path / "hd.mp4", size=(1920, 1080), times=[0])
    with pytest.raises(UpscaleError, match=r"7680 x 4320 pixels; .* 8192 a side and 8\.85 mega"):
        render("3b-video", source, upscale_factor=4)
    source = make_video(av, tmp_path / "huge.mp4", size=(8192, 4320), times=[0], preset="ultrafast")
    with pytest.raises(UpscaleError, match=r"frames of 8192 x 4320 pixels, made to 1366 x 720, take 1097 MB"):
        render("3b-video", source, target_resolution="720p")


def test_what_a_source_and_its_output_take_together(av, render, tmp_path):
    """A source that is refused with smoothing and the larger encoder is upscaled without these."""
    source = make_video(av, tmp_path / "large.mp4", size=(4096, 2160), times=[0], preset="ultrafast")
    with pytest.raises(UpscaleError, match="4096 x 2160 pixels, made to 4096 x 2160, take 1009 MB"):
        render("3b-video", source, upscale_factor=1, noise_scale=0.5, output_format="H265 (.mp4)")
    assert render("3b-video", source, upscale_factor=1, output_write_mode="fast").width == 4096


def test_music_with_a_cover(av, render, tmp_path):
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
        render("3b-video", source)


def test_odd_file_names(av, render, tmp_path):
    """A file's name means nothing to FFmpeg, whatever signs are in it."""
    source = make_video(av, tmp_path / "it's 10%03d [a:b];c,d=e.avi", codec="mpeg4", sound=("pcm_s16le", "mono"))
    with av.open(str(render("3b-video", source).path)) as reader:
        assert len(reader.streams.audio) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory as Linux tells it")
@pytest.mark.parametrize("word", ["X264 (.mp4)", "H265 (.mp4)"])
def test_the_largest_frames_fit_into_a_gigabyte(av, tmp_path, word):
    """Whatever the limits let in is made with less than a gigabyte."""
    noise = Image.effect_noise((512, 270), 60).resize((4096, 2160)).convert("RGB")
    source = make_video(av, tmp_path / "a.mp4", frame=noise, times=range(16), preset="ultrafast")
    params = {"upscale_factor": 1, "output_format": word, "output_write_mode": "quality"}
    assert peak_of_upscaling("3b-video", source, tmp_path / "out", params) < 1 << 30
