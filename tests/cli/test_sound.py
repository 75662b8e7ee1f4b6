"""Faithful videos: what the gateway dropped of a source is in its result, over the real command."""

import hashlib
import json
import os
import select
import signal
import subprocess

import pytest
from fakes.gateway import Reply
from helpers.waiting import wait_for

pytestmark = pytest.mark.slow

WITHOUT_PYAV = "import sys\nsys.modules['av'] = None\n"


@pytest.fixture
def film(requires, work):
    """Makes films with FFmpeg's command, in the user's folder."""

    def make(name, *words, sound=True, size="96x64"):
        tone = ("-f", "lavfi", "-i", "sine=d=1:r=48000", "-c:a", "aac") if sound else ()
        pictures = ("-f", "lavfi", "-i", f"testsrc=s={size}:r=25:d=1")
        how = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
        command = [requires("ffmpeg"), "-v", "error", "-y", *pictures, *tone, *how, *words, name]
        subprocess.run(command, check=True, cwd=work)
        return work / name

    return make


@pytest.fixture
def streams(requires, work):
    """Gives the codecs and the rotation that ffprobe finds."""

    def look(name):
        words = [requires("ffprobe"), "-v", "error", "-of", "json", "-show_streams", name]
        seen = json.loads(subprocess.run(words, check=True, capture_output=True, cwd=work).stdout)["streams"]
        sides = [side.get("rotation") for one in seen for side in one.get("side_data_list", [])]
        return [one["codec_name"] for one in seen], next(iter(filter(None, sides)), 0)

    return look


@pytest.fixture
def bare_gateway(gateway, film):
    """A gateway whose results have pictures alone; `source` is the path that it serves a source under."""
    made = gateway()
    made.picture = film("pictures.mp4", sound=False, size="192x128").read_bytes()
    source = film("source.mp4").read_bytes()
    made.script = lambda heard: Reply(200, source) if heard.path == "/source.mp4" else None
    return made


def test_a_bare_result_gets_its_sound_and_its_rotation(run, sandbox_server, film, streams, requires, work):
    """The sandbox drops both, and both are in the file, which is recorded as it stands; again, it is there."""
    server = sandbox_server("--latency", "0s", "--fault", "bare-video")
    copy = (requires("ffmpeg"), "-v", "error", "-i", film("plain.mp4"), "-c", "copy")
    subprocess.run([*copy, "-metadata:s:v:0", "rotate=90", "clip.mp4"], check=True, cwd=work)
    words = ("video", "clip.mp4", "-x", "2", "--write-mode", "fast")
    done = run(*words, "--no-keep-sound", "-o", "bare.mp4", to=server)
    assert (done.rc, streams("bare.mp4")) == (0, (["h264"], 0)), done.stderr
    done = run(*words, "--json", "--new", to=server)
    (file,) = done.object["files"]
    content = (work / file["path"]).read_bytes()
    assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    codecs, rotation = streams(file["path"])
    assert codecs == ["h264", "aac"]
    assert rotation == streams("clip.mp4")[1] != 0
    assert (file["width"], file["height"]) == (128, 192)  # as players show it
    again = run(*words, to=server)
    assert (again.rc, again.lines) == (0, [file["path"]])
    assert [name for name in os.listdir(work) if "part" in name] == []


def test_the_setting_and_the_switch(bench, bare_gateway, film, streams):
    """A stored keep-sound = false leaves the result byte for byte as it came, and the switch is stronger."""
    film("clip.mp4")
    assert bench.run("config", "set", "keep-sound", "false").rc == 0
    done = bench.run("video", "clip.mp4", "-o", "bare.mp4", to=bare_gateway)
    assert done.rc == 0, done.stderr
    assert (bench.work / "bare.mp4").read_bytes() == bare_gateway.picture
    done = bench.run("video", "clip.mp4", "-o", "whole.mp4", "--keep-sound", to=bare_gateway)
    assert (done.rc, streams("whole.mp4")[0]) == (0, ["h264", "aac"])
    assert len(bare_gateway.posts()) == 1


def test_without_pyav_one_line_says_what_is_missing(run, bare_gateway, film, work):
    """Results are delivered as they came, and how to have the sound is said once in a run."""
    names = [film(f"clip-{number}.mp4", size=f"{96 + 2 * number}x64").name for number in range(2)]
    done = run("video", *names, "-o", "out/", to=bare_gateway, inject=WITHOUT_PYAV)
    assert (done.rc, len(done.lines)) == (0, 2), done.stderr
    assert done.stderr.count("pip install 'seedvr-cli[video]'") == 1
    assert [(work / line).read_bytes() == bare_gateway.picture for line in done.lines] == [True, True]


def test_trouble_with_the_source_costs_one_line(run, bare_gateway, film, work):
    """A source that is cut leaves the result as it came."""
    path = film("clip.mp4", "-movflags", "+faststart")
    path.write_bytes(path.read_bytes()[:-3000])
    done = run("video", "clip.mp4", "-o", "made.mp4", "--no-check", to=bare_gateway)
    assert done.rc == 0, done.stderr
    assert sum("clip.mp4: what it lost" in line for line in done.stderr.splitlines()) == 1
    assert (work / "made.mp4").read_bytes() == bare_gateway.picture


def sources_asked(gateway):
    return sum(heard.path == "/source.mp4" for heard in gateway.heard)


def test_a_url_is_fetched_where_that_is_asked_for(bench, bare_gateway, streams):
    """Only --keep-sound itself fetches a URL, once, and nothing of it stays; a stored setting does not."""
    url = f"{bare_gateway.url}/source.mp4"
    assert bench.run("config", "set", "keep-sound", "true").rc == 0
    done = bench.run("video", url, "--no-check", "-o", "bare.mp4", to=bare_gateway)
    assert (done.rc, sources_asked(bare_gateway)) == (0, 0), done.stderr
    done = bench.run("video", url, "--no-check", "--keep-sound", "--new", "-o", "out/made.mp4", to=bare_gateway)
    assert (done.rc, sources_asked(bare_gateway)) == (0, 1), done.stderr
    assert streams("out/made.mp4")[0] == ["h264", "aac"]
    assert os.listdir(bench.work / "out") == ["made.mp4"]


def test_a_source_that_cannot_be_fetched_costs_one_line(run, bare_gateway, work):
    """One that is gone, or larger than --max-filesize, leaves the result as it came."""
    url = f"{bare_gateway.url}/source.mp4"
    served = bare_gateway.script
    bare_gateway.script = lambda heard: Reply(404) if heard.path == "/source.mp4" else None
    done = run("video", url, "--no-check", "--keep-sound", "-o", "gone.mp4", to=bare_gateway)
    assert (done.rc, done.stderr.count("cannot be fetched")) == (0, 1), done.stderr
    large = len(bare_gateway.picture) + 200
    bare_gateway.script = lambda heard: Reply(200, bytes(large + 1)) if heard.path == "/source.mp4" else served(heard)
    limit = ("--max-filesize", f"{large}")
    done = run("video", url, "--no-check", "--keep-sound", *limit, "--new", "-o", "large.mp4", to=bare_gateway)
    assert (done.rc, done.stderr.count("it is larger than")) == (0, 1), done.stderr
    for name in ("gone.mp4", "large.mp4"):
        assert (work / name).read_bytes() == bare_gateway.picture
    assert sorted(name for name in os.listdir(work) if ".part" in name) == []


def test_a_source_that_is_gone_costs_nothing(bench, bare_gateway, film):
    """A file that was taken away meanwhile, or is no video any more, leaves the result as it came."""
    for name, content in (("gone.mp4", None), ("text.mp4", b"text")):
        path = film(name, size="98x64" if content else "96x64")
        assert bench.run("video", name, "--no-wait", to=bare_gateway).rc == 0
        path.unlink()
        if content is not None:
            path.write_bytes(content)
            os.utime(path, (0, 0))
    done = bench.run("download", "-o", "out/", to=bare_gateway)
    assert (done.rc, len(done.lines)) == (0, 2), done.stderr
    assert [(bench.work / line).read_bytes() == bare_gateway.picture for line in done.lines] == [True, True]


def test_a_kill_while_the_source_is_fetched(bench, bare_gateway, streams, requires):
    """The next run fetches again, delivers what was paid once, and leaves nothing else."""
    import threading

    url, source = f"{bare_gateway.url}/source.mp4", (bench.work / "source.mp4").read_bytes()
    held = threading.Event()
    bare_gateway.script = lambda heard: Reply(200, source, held=held) if heard.path == "/source.mp4" else None
    words = ("video", url, "--no-check", "--keep-sound", "-o", "out/")
    process = bench.start(*words, to=bare_gateway)
    folder = bench.work / "out"
    wait_for(lambda: folder.is_dir() and any(name.endswith(".part.source") for name in os.listdir(folder)))
    process.kill()
    process.wait()
    held.set()
    done = bench.run(*words, to=bare_gateway)
    assert done.rc == 0, done.stderr
    assert streams(done.lines[0])[0] == ["h264", "aac"]
    assert [f"out/{name}" for name in os.listdir(folder)] == done.lines
    assert len(bare_gateway.posts()) == 1


def test_metadata_of_a_url(bench, gateway, requires):
    """--keep-metadata fetches a picture's URL as well, and carries what it says."""
    from io import BytesIO

    from PIL import Image
    from PIL.ExifTags import Base

    exif = Image.Exif()
    exif[Base.Make] = "Camera"
    content = BytesIO()
    Image.new("RGB", (8, 8)).save(content, "JPEG", exif=exif)
    made = gateway(lambda heard: Reply(200, content.getvalue()) if heard.path == "/photo.jpg" else None)
    url = f"{made.url}/photo.jpg"
    for words, make in ((("-o", "plain.png"), None), (("-o", "told.png", "--keep-metadata"), "Camera")):
        done = bench.run("image", url, "--no-check", "--new", *words, to=made)
        assert done.rc == 0, done.stderr
        with Image.open(bench.work / words[1]) as picture:
            assert picture.getexif().get(Base.Make) == make
    assert sum(heard.path == "/photo.jpg" for heard in made.heard) == 1


@pytest.mark.parametrize(("name", "code"), [("INT", 130), ("TERM", 143), ("KILL", -9)])
def test_an_end_while_ffmpeg_works(bench, bare_gateway, film, streams, name, code):
    """Interrupted or killed, nothing stands under the final name; again, what was paid once has its sound."""
    film("clip.mp4")
    alive = bench.work / "alive"
    os.mkfifo(alive)
    hang = f"""
import time
from seedvr_cli.tracks import process
def hang(*_):
    with open({str(alive)!r}, "wb", buffering=0) as file:
        file.write(b"!")
        time.sleep(600)
process._compared = hang
main()
"""
    inject = f"""
import seedvr_cli.tracks.carry as carry
carry._CODE = carry._CODE.replace("main()", {hang!r})
"""
    words = ("video", "clip.mp4", "-o", "made.mp4")
    process = bench.start(*words, to=bare_gateway, inject=inject)
    with alive.open("rb", buffering=0) as ffmpeg:
        assert ffmpeg.read(1) == b"!"
        for _ in range(2):  # the second one is of somebody who does not want to wait
            process.send_signal(getattr(signal, f"SIG{name}"))
        process.communicate()
        assert process.returncode == code
        assert select.select([ffmpeg], [], [], 60)[0], "it goes on by itself"
        assert ffmpeg.read(1) == b""
    assert not (bench.work / "made.mp4").exists()
    done = bench.run(*words, to=bare_gateway)
    assert (done.rc, streams("made.mp4")[0]) == (0, ["h264", "aac"]), done.stderr
    assert len(bare_gateway.posts()) == 1
    assert [left for left in os.listdir(bench.work) if ".part" in left] == []
