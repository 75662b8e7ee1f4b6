"""What cannot be upscaled, and what is loaded for it."""

import io
import subprocess
import sys

import pytest
from helpers.footage import CLIP, PHOTO
from PIL import Image

from seedvr_cli.sandbox.sample import sample_clip
from seedvr_cli.sandbox.upscale.rendering import UpscaleError, VideoSupportMissing
from seedvr_cli.sandbox.upscale.upscale import upscale


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
def test_damaged_pictures(render, tmp_path, name):
    """A damaged or foreign file is an UpscaleError of one line, and leaves nothing behind."""
    content, message = damaged_pictures()[name]
    source = tmp_path / "source"
    source.write_bytes(content)
    with pytest.raises(UpscaleError, match=message) as caught:
        render("7b-image", source)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [source]


def test_no_file(render, tmp_path):
    """A source that is not there is an UpscaleError on every endpoint that can tell."""
    with pytest.raises(UpscaleError, match="No such file"):
        render("3b-image", tmp_path / "gone.png")


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


def test_without_pyav(render, tmp_path, monkeypatch):
    """Without PyAV a video fails with the command that installs it."""
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.delitem(sys.modules, "seedvr_cli.sandbox.upscale.video", raising=False)
    monkeypatch.delitem(sys.modules, "seedvr_cli.sandbox.upscale.sound", raising=False)
    with pytest.raises(VideoSupportMissing, match=r"pip install 'seedvr-cli\[video\]'"):
        render("3b-video", CLIP)
    with pytest.raises(VideoSupportMissing):
        sample_clip(tmp_path / "clip.mp4")
