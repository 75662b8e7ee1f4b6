"""The samples that stand behind the vendor's example URLs."""

import pytest
from helpers.footage import decoded, difference
from PIL import Image, ImageStat

from seedvr_cli.sandbox.sample import sample_clip, sample_picture


def test_sample_picture(render, tmp_path):
    """The sample picture is a JPEG of 480 x 320 pixels that is the same each time, and can be upscaled."""
    sample_picture(tmp_path / "one.jpg")
    sample_picture(tmp_path / "two.jpg")
    assert (tmp_path / "one.jpg").read_bytes() == (tmp_path / "two.jpg").read_bytes()
    with Image.open(tmp_path / "one.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (480, 320))
        assert ImageStat.Stat(image.convert("L")).stddev[0] > 30
    assert render("3b-image", tmp_path / "one.jpg").width == 960


def test_sample_clip(av, render, tmp_path):
    """The sample clip has two seconds of moving pictures and of sound that is not silence."""
    sample_clip(tmp_path / "clip.mp4")
    frames, sound = decoded(av, tmp_path / "clip.mp4"), decoded(av, tmp_path / "clip.mp4", "audio")
    assert (len(frames), frames[0].width, frames[0].height) == (48, 320, 180)
    assert difference(frames[0].to_image(), frames[47].to_image()) > 5
    assert sum(frame.samples for frame in sound) / 44_100 == pytest.approx(2, abs=0.05)
    assert any(bytes(frame.planes[0]).strip(b"\0") for frame in sound)
    assert render("3b-video", tmp_path / "clip.mp4").height == 360
