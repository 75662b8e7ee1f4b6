"""Upscales side by side, and the memory that they share."""

import sys
import threading
from time import sleep

import pytest
from helpers.footage import make_video, peak_of_upscaling, saved
from PIL import Image

from seedvr_cli.sandbox.upscale.memory import ROOM, taken

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory as Linux tells it")


def side_by_side(sizes, work):
    threads = [threading.Thread(target=work, args=(size,), daemon=True) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return not any(thread.is_alive() for thread in threads)


def test_what_fits_runs_side_by_side():
    """Two that fit into memory together run at the same time."""
    meeting = threading.Barrier(2, timeout=20)

    def work(size):
        with taken(size):
            meeting.wait()

    assert side_by_side([ROOM // 2, ROOM // 2], work)
    assert not meeting.broken


def test_what_does_not_fit_waits():
    """However many there are, no more memory is taken at a time than there is; and what is too large runs alone."""
    inside, seen, lock = [], [], threading.Lock()

    def work(size):
        for _ in range(20):
            with taken(size):
                with lock:
                    inside.append(size)
                    seen.append((sum(inside), len(inside)))
                sleep(0.001)  # so that the others come as far as they are let
                with lock:
                    inside.remove(size)

    sizes = [ROOM * 2, ROOM * 2, ROOM, ROOM * 2 // 3, ROOM // 2, ROOM // 3]
    assert side_by_side(sizes, work)
    assert len(seen) == 20 * len(sizes)
    assert all(taken_now <= ROOM or count == 1 for taken_now, count in seen)


def test_a_failure_gives_its_memory_back():
    """What an upscale that failed had taken is free again."""
    with pytest.raises(ValueError), taken(ROOM):
        raise ValueError

    def work(size):
        with taken(size):
            pass

    assert side_by_side([ROOM], work)


@pytest.mark.slow
@on_linux
def test_two_large_pictures_fit_into_a_gigabyte(tmp_path):
    """Two upscales that each take most of a gigabyte take no more when they are asked for at the same time."""
    image = Image.effect_noise((1000, 1000), 80).resize((8000, 8000))
    source = saved(Image.merge("RGBA", [image] * 4), tmp_path / "a.png", compress_level=1)
    assert peak_of_upscaling("7b-image", source, tmp_path / "out", {"res_w": 256}, times=2) < 1 << 30


@pytest.mark.slow
@on_linux
@pytest.mark.parametrize(
    "params",
    [
        {"output_format": "H265 (.mp4)", "output_write_mode": "quality"},
        {"noise_scale": 0.5, "output_write_mode": "quality"},
    ],
)
def test_a_source_of_many_references_fits_into_a_gigabyte(av, tmp_path, params):
    """A source whose decoder has to keep as many frames as there may be is upscaled within a gigabyte."""
    noise = Image.effect_noise((512, 270), 60).resize((4096, 2160)).convert("RGB")
    options = {"preset": "ultrafast", "refs": "16"}
    source = make_video(av, tmp_path / "a.mp4", frame=noise, times=range(24), **options)
    params = {"upscale_factor": 1, **params}
    assert peak_of_upscaling("3b-video", source, tmp_path / "out", params) < 1 << 30
