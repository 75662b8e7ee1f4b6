"""Videos as small clips."""

import io
import sys

import av
import pytest
from av.codec.codec import UnknownCodecError
from helpers.footage import make_video, turned
from PIL import Image

from seedvr_cli.report import clips
from seedvr_cli.report.clips import BUDGET, RATE, SECONDS, look_at_clip
from seedvr_cli.report.previews import AFTER_BUDGET, BEFORE_BUDGET, Unshown

pytestmark = pytest.mark.slow


def video(path, *, size=(320, 180), seconds=2, rate=25, noisy=False):
    """An MP4 of so many seconds."""
    with av.open(str(path), "w") as writer:
        stream = writer.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(int(seconds * rate)):
            picture = Image.effect_noise(size, 90) if noisy else Image.new("L", size, number % 255)
            writer.mux(stream.encode(av.VideoFrame.from_image(picture.convert("RGB"))))
        writer.mux(stream.encode(None))
    return str(path)


def facts(shot):
    with av.open(io.BytesIO(shot.data)) as reader:
        stream = reader.streams.video[0]
        return stream.codec_context.name, stream.width, stream.height, len(list(reader.decode(stream)))


def test_a_clip_is_short_and_small(tmp_path):
    """Of a long video of noise the first seconds are kept, as H.264, within the bytes of a clip."""
    found = look_at_clip(video(tmp_path / "long.mp4", size=(960, 540), seconds=5, noisy=True))
    codec, width, height, frames = facts(found.whole)
    assert (found.width, found.height) == (960, 540)
    assert (codec, width, height) == ("h264", found.whole.width, found.whole.height)
    assert frames == SECONDS * RATE
    assert len(found.whole.data) <= BUDGET
    pictures = AFTER_BUDGET + BEFORE_BUDGET
    assert pictures >= 2 * BUDGET, "a job with clips would take more of the page than one with pictures"


def test_both_clips_show_the_same_time(tmp_path):
    """Source and result have as many frames at the same rate, whatever their own, and one part at 1:1."""
    after = look_at_clip(video(tmp_path / "after.mp4", size=(640, 360), rate=30))
    before = look_at_clip(video(tmp_path / "before.mp4", rate=24), like=after)
    assert facts(before.whole)[3] == facts(after.whole)[3] == 2 * RATE
    assert (before.detail.width, before.detail.height) == (after.detail.width, after.detail.height) == (640, 360)


@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_a_turned_video_is_upright(degrees, tmp_path):
    """A clip that was filmed sideways is shown upright, clip and part alike."""
    upright = Image.new("RGB", (120, 80), (255, 0, 0))
    upright.paste((0, 0, 255), (0, 0, 120, 20))  # a blue sky
    plain = make_video(av, tmp_path / "plain.mp4", frame=upright.rotate(-degrees, expand=True), times=[0, 1])
    found = look_at_clip(str(turned(av, plain, tmp_path / "turned.mp4", degrees)))
    with av.open(io.BytesIO(found.whole.data)) as reader:
        first = next(reader.decode(video=0)).to_image()
    assert (found.width, found.height) == (120, 80)
    for shown in (first, Image.open(io.BytesIO(found.detail.data)).convert("RGB")):
        assert shown.size == (120, 80)
        assert shown.getpixel((60, 5))[2] > 180
        assert shown.getpixel((60, 70))[0] > 180


def test_a_clip_that_no_quality_makes_small_is_made_smaller(clip, monkeypatch):
    """Where the lowest quality does not fit, the clip loses pixels, and still plays."""
    monkeypatch.setattr(clips, "BUDGET", 4_000)
    found = look_at_clip(str(clip))
    assert facts(found.whole)[1] < 320
    assert len(found.whole.data) <= 4_000


def test_without_an_encoder_a_frame_is_shown(clip, monkeypatch):
    """Where H.264 cannot be encoded the whole is a picture of one frame."""

    def fail(*_):
        raise UnknownCodecError("libx264")

    monkeypatch.setattr(clips, "_encoded", fail)
    assert look_at_clip(str(clip)).whole.media_type == "image/webp"


def test_frames_that_are_too_large_are_not_decoded(clip, monkeypatch):
    """A video with larger frames than the limit is refused with their size."""
    monkeypatch.setattr(clips, "LARGEST_FRAME", 999)
    with pytest.raises(Unshown, match="320 x 180"):
        look_at_clip(str(clip))


def test_a_name_in_another_encoding_does_no_harm(tmp_path):
    """A video whose own texts are no UTF-8 is shown like any other."""
    path = make_video(av, tmp_path / "a.mp4", container={"movflags": "+faststart"})
    content = path.read_bytes()
    assert b"VideoHandler" in content
    path.write_bytes(content.replace(b"VideoHandler", b"Vid\xe9oHandler"))
    assert look_at_clip(str(path)).whole.media_type == "video/mp4"


def test_a_codec_that_nobody_knows_is_told(tmp_path):
    """A video of a codec that FFmpeg has no name for is not shown."""
    path = make_video(av, tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz9").replace(b"avcC", b"free"))
    with pytest.raises(Unshown, match="codec is not known"):
        look_at_clip(str(path))


@pytest.mark.parametrize("content", [b"", b"#EXTM3U\nhttp://127.0.0.1:9/a.ts\n", b"\0\0\0\x18ftypmp42" + b"\0" * 99])
def test_what_is_no_video(content, tmp_path):
    """A playlist, an empty and a damaged file are told as what cannot be read."""
    (tmp_path / "odd.mp4").write_bytes(content)
    with pytest.raises(Unshown):
        look_at_clip(str(tmp_path / "odd.mp4"))


def test_the_extra_is_seen(monkeypatch):
    """Whether PyAV is there is known without loading it."""
    assert clips.is_there()
    monkeypatch.setitem(sys.modules, "av", None)
    assert not clips.is_there()
