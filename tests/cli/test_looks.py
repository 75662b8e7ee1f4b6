"""--compare and --preview: before and after of each result, as a picture and in the terminal."""

import os
import re
import threading

import pytest
from fakes.gateway import Reply
from fakes.media import picture
from helpers.waiting import PATIENCE, wait_for
from PIL import Image, ImageDraw

pytestmark = pytest.mark.slow

RED, BLUE = (200, 30, 30), (30, 60, 200)


@pytest.fixture
def halves(work):
    """A picture, red at its left and blue at its right."""
    image = Image.new("RGB", (60, 40), RED)
    ImageDraw.Draw(image).rectangle((30, 0, 60, 40), fill=BLUE)
    image.save(work / "photo.png")
    return "photo.png"


@pytest.fixture(scope="module")
def enlarging(tmp_path_factory):
    """A sandbox that really enlarges, at once."""
    from helpers.sandbox import serve

    with serve(tmp_path_factory.mktemp("enlarging"), "--latency", "0s") as server:
        yield server


def is_like(one, other):
    return all(abs(first - second) < 12 for first, second in zip(one, other, strict=True))


# The picture.


def test_a_comparison_shows_both(run, enlarging, halves, work):
    """The source stands left as large as the result at its right; standard output has the path of the result alone."""
    done = run("image", halves, "-x", "2", "--compare", to=enlarging)
    assert (done.rc, done.lines) == (0, ["photo-2x.png"]), done.stderr
    with Image.open(work / "photo-2x-compare.jpg") as made:
        assert made.size == (2 * 120 + 4, 80)
        assert all(
            is_like(made.getpixel((x, 40)), colour) for x, colour in ((20, RED), (100, BLUE), (144, RED), (230, BLUE))
        )


def test_the_same_command_again_leaves_it(run, enlarging, halves, work):
    """What stands there is not made anew; what is gone is, of a result that was delivered before, from a list too."""
    assert run("image", halves, to=enlarging).rc == 0
    path = work / "photo-upscaled-compare.jpg"
    assert run("image", halves, "--compare", to=enlarging).rc == 0
    written = path.stat()
    assert run("image", halves, "--compare", to=enlarging).rc == 0
    assert path.stat().st_ino == written.st_ino
    path.unlink()
    assert run("image", "--from", "-", "--compare", stdin=f"{halves}\n", to=enlarging).rc == 0
    assert path.exists()
    assert len(os.listdir(work)) == 3


def test_a_file_in_the_way_stays(run, enlarging, halves, work):
    """A file of somebody else's keeps its name, and the comparison is -2, again and again."""
    (work / "photo-upscaled-compare.jpg").write_text("mine")
    for _ in range(2):
        assert run("image", halves, "--compare", to=enlarging).rc == 0
    assert (work / "photo-upscaled-compare.jpg").read_text() == "mine"
    assert [name for name in os.listdir(work) if "compare-" in name] == ["photo-upscaled-compare-2.jpg"]


def test_comparisons_are_no_sources(run, enlarging, halves, work):
    """In a folder of pictures, results and comparisons the pictures alone are sources."""
    assert run("image", ".", "--compare", to=enlarging).rc == 0
    done = run("image", ".", "--compare", to=enlarging)
    assert (done.rc, done.lines) == (0, ["photo-upscaled.png"])
    assert sorted(os.listdir(work)) == ["photo-upscaled-compare.jpg", "photo-upscaled.png", "photo.png"]


def test_a_source_behind_a_url_is_fetched(run, gateway, work):
    """The source comes from where it is, without the key, once."""
    fake = gateway(lambda heard: Reply(200, picture(size=(30, 20))) if heard.path == "/source.png" else None)
    url = f"{fake.url}/source.png"
    done = run("image", url, "--no-check", "--compare", to=fake)
    assert done.rc == 0, done.stderr
    assert (work / "source-upscaled-compare.jpg").exists()
    (heard,) = [heard for heard in fake.heard if heard.path == "/source.png"]
    assert not any("key" in name.lower() for name in heard.headers)


def test_a_source_that_is_gone_costs_nothing_delivered(run, gateway, work):
    """Without its source a result has no comparison: it is delivered, one line says why, and the code is 1."""
    fake = gateway(lambda heard: Reply(404) if heard.path == "/source.png" else None)
    done = run("image", f"{fake.url}/source.png?signature=secret", "--no-check", "--compare", to=fake)
    assert (done.rc, done.lines) == (1, ["source-upscaled.png"])
    assert re.search(r"/source.png: no comparison: the source is not to be had: .*HTTP 404", done.stderr)
    assert "secret" not in done.stderr
    assert os.listdir(work) == ["source-upscaled.png"]


def test_a_bug_in_a_look_is_that_looks_alone(run, enlarging, halves, work):
    """Where making it fails in a way that nobody foresaw, one line says so, and no traceback."""
    broken = "import seedvr_cli.report.pair as pair\npair.Pair.picture = None\n"
    done = run("image", halves, "--compare", to=enlarging, inject=broken)
    assert (done.rc, done.lines) == (1, ["photo-upscaled.png"])
    assert "no comparison: unforeseen error: TypeError" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_gives_comparisons_up(live, gateway, work):
    """A source that does not come holds up the end of a run no longer than until Ctrl-C; its result is delivered."""
    go = threading.Event()
    fake = gateway(lambda heard: go.wait(PATIENCE) and None if heard.path == "/source.png" else None)
    try:
        screen = live("image", f"{fake.url}/source.png", "--no-check", "--compare", to=fake, columns=200)
        wait_for(lambda: screen.read() and [heard for heard in fake.heard if heard.path == "/source.png"])
        screen.press("\x03")
        assert screen.end() == 130
    finally:
        go.set()
    assert os.listdir(work) == ["source-upscaled.png"]
    assert "interrupted; what is paid for is in the ledger; go on with: seedvr image" in screen.text
    assert "no comparison" not in screen.text


# The terminal.


def test_half_blocks_have_the_colours_of_both(live, enlarging, halves):
    """The cells are red, blue, red, blue; below them stand the names with their sizes, and the path stands alone."""
    screen = live("image", halves, "-x", "2", "--preview", to=enlarging, env={"COLORTERM": "truecolor"}, columns=100)
    assert screen.end() == 0
    assert "photo.png 60x40 → photo-2x.png 120x80" in screen.lines
    assert "photo-2x.png\n" in screen.text
    rows = [number for number, line in enumerate(screen.buffer.display) if "▀" in line]
    assert len(rows) > 10
    for row in rows[1:-1]:
        cells = screen.buffer.buffer[row]
        for x, colour in ((5, RED), (35, BLUE), (55, RED), (85, BLUE)):
            for half in (cells[x].fg, cells[x].bg):
                assert is_like(bytes.fromhex(half), colour)


def test_a_preview_of_what_was_delivered(live, enlarging, halves, run):
    """The same command again, with --preview, shows what stands there."""
    assert run("image", halves, to=enlarging).rc == 0
    screen = live("image", halves, "--preview", to=enlarging)
    assert screen.end() == 0
    assert "▀" in screen.text
    assert b"\x1b[38;5;" in screen.raw
    assert b"38;2;" not in screen.raw


def test_previews_leave_the_rows_whole(live, stage, work):
    """While another job runs, the preview stands above its row, and the row below it, once."""
    for name in ("a.png", "b.png"):
        (work / name).write_bytes(picture(name))
    gateway = stage()
    screen = live("image", "a.png", "b.png", "--preview", to=gateway, rows=60)
    screen.wait_for("a.png +7b-image +QUEUED", "b.png +7b-image +QUEUED")
    gateway.status[(work / "a.png").resolve().as_uri()] = "COMPLETED"
    text = screen.wait_for("▀", "^a.png .* → a-upscaled.png", "b.png +7b-image +QUEUED")
    lines = text.splitlines()
    assert sum("QUEUED" in line for line in lines) == 1
    assert "QUEUED" in lines[-1]
    gateway.status = {"*": "COMPLETED"}
    assert screen.end() == 0
    assert sum(" → " in line for line in screen.lines) == 2
    assert screen.is_cursor_visible


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({"TERM": "xterm-kitty"}, b"\x1b_Ga=T,f=100,q=2,"),
        ({"TERM_PROGRAM": "iTerm.app"}, b"\x1b]1337;File=inline=1;"),
        ({"TERM": "foot"}, b"\x1bP0;1q"),
    ],
)
def test_terminals_with_graphics_get_them(live, enlarging, halves, environment, code):
    """Where the environment names such a terminal the picture comes in its code, and no half blocks do."""
    foreign = dict.fromkeys(("TMUX", "STY", "VTE_VERSION", "XTERM_VERSION"))
    screen = live("image", halves, "--preview", to=enlarging, env={**foreign, **environment})
    assert screen.end() == 0
    assert screen.raw.count(code) == 1
    assert "▀".encode() not in screen.raw


def test_no_color_has_shades(live, enlarging, halves):
    """With NO_COLOR no colour is drawn."""
    screen = live("image", halves, "--preview", to=enlarging, env={"NO_COLOR": "1"})
    assert screen.end() == 0
    assert re.search("[░▒▓█]{8}", screen.text)
    assert not re.search(rb"\x1b\[[0-9;]*[34]8;", screen.raw)


def test_nothing_of_it_reaches_a_pipe(run, gateway):
    """A standard error that is no terminal gets no picture and no escape code, and no source is fetched for it."""
    fake, environment = gateway(), {"TERM": "xterm-kitty", "FORCE_COLOR": "1"}
    plain = run("image", f"{fake.url}/source.png", "--no-check", "--preview", to=fake, env=environment)
    assert (plain.rc, plain.lines) == (0, ["source-upscaled.png"])
    assert "\x1b" not in plain.stderr
    assert "→" not in plain.stderr
    assert "preview" not in plain.stderr
    assert not any(heard.path == "/source.png" for heard in fake.heard)


def test_quiet_means_quiet(live, enlarging, halves):
    """With -q there is no preview: what stands on the screen is the path."""
    screen = live("image", halves, "--preview", "-q", to=enlarging)
    assert screen.end() == 0
    assert screen.lines == ["photo-upscaled.png"]


def test_a_preview_that_cannot_be_is_a_line(live, gateway, work):
    """Without its source a result has no preview, and the code is 0: the file is there."""
    fake = gateway(lambda heard: Reply(404) if heard.path == "/source.png" else None)
    screen = live("image", f"{fake.url}/source.png", "--no-check", "--preview", to=fake, columns=200)
    assert screen.end() == 0
    assert "source.png: no preview: the source is not to be had" in screen.text


@pytest.mark.parametrize("flag", ["--compare", "--preview"])
def test_what_leaves_no_file_is_a_usage_error(run, enlarging, halves, flag):
    """Nothing is submitted where there would be nothing to look at, and `video` does not have the flags."""
    for words in (["--no-wait"], ["--no-download"], ["-o", "-"], ["-o", "s3://bucket/x/"]):
        done = run("image", halves, flag, *words, to=enlarging)
        assert done.rc == 2
        assert f"{flag}: " in done.stderr
    assert run("video", "clip.mp4", flag, to=enlarging).rc == 2
