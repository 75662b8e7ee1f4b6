"""The live display, read from the screen of a real terminal."""

import re
import sqlite3
import threading
import time
from contextlib import closing

import pytest
from fakes.gateway import Reply
from fakes.stage import SPINNER, row, sources
from helpers.places import TINY
from helpers.screen import HIDE
from helpers.sources import new_url

pytestmark = pytest.mark.slow

COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:3\d|4\d|9\d|10\d)(?:;\d+)*m")


# What is on the screen.


def test_a_job_has_a_row_and_leaves_a_line(live, stage):
    """A job has one row with name, endpoint, state and elapsed time, and leaves one line, which its path ends."""
    gateway, (url,) = stage(), sources(1)
    screen = live("image", url, to=gateway)
    screen.wait_for(row("photo-00.jpg", "7b-image", "QUEUED"))
    assert len(screen.lines) == 1
    assert not screen.is_cursor_visible
    gateway.status[url] = "PROCESSING"
    screen.wait_for(row("photo-00.jpg", "7b-image", "PROCESSING"))
    gateway.status[url] = "COMPLETED"
    assert screen.end() == 0
    (line,) = screen.lines
    assert re.fullmatch(r"✓ photo-00.jpg  \d+x\d+  \d+ B  \S+s?  \$0.001  photo-00-upscaled.png", line)
    assert not re.search(SPINNER, screen.text)
    assert screen.is_cursor_visible


def test_each_job_has_its_own_state(live, stage):
    """Jobs have a row each, in their order, each with its own state; a word that is not known is shown as it is."""
    gateway, urls = stage(), sources(5)
    states = ["QUEUED", "PROCESSING", "WARMING_UP", "QUEUED", "PROCESSING"]
    gateway.status = dict(zip(urls, states, strict=True))
    screen = live("image", *urls, to=gateway)
    screen.wait_for(
        *(row(f"photo-0{n}.jpg", "7b-image", state) for n, state in enumerate(states)), r"^  ─{20}  0 of 5 done"
    )
    assert [re.search(r"photo-\d\d", line)[0] for line in screen.lines[1:]] == [f"photo-{n:02}" for n in range(5)]
    assert len(screen.lines) == 6
    gateway.status = {"*": "COMPLETED"}
    assert screen.end() == 0
    assert "seedvr: 5 done" in screen.text


@pytest.mark.parametrize(("columns", "rows", "shown"), [(60, 10, 3), (80, 24, 10)])
def test_what_does_not_fit_is_folded(live, stage, columns, rows, shown):
    """Sixty jobs take ten rows and at most half of the screen: a line above counts the run, one below the rest."""
    gateway, urls = stage(), sources(60)
    screen = live("image", *urls, "-j", 60, to=gateway, columns=columns, rows=rows)
    screen.wait_for(rf"^  … and {60 - shown} more: \d+ QUEUED$", r"^  (─{20}  )? *0 of 60 done · ")
    assert len(screen.lines) == shown + 2
    assert all(re.match(SPINNER, line) for line in screen.lines[1:-1])
    assert screen.raw.count(b"\n\n") == 0
    gateway.status = {"*": "COMPLETED"}
    assert screen.end() == 0
    assert screen.lines[-1].startswith("seedvr: 60 done")


SCREENS = {
    40: """\
   0 of 60 done · $0.016 of $1.00
* sum…00…jpg  QUEUED       0s
* sum…01…jpg  QUEUED       0s
  … and 14 more: 14 QUEUED
""",
    80: """\
  ────────────────────   0 of 60 done · 44 wait · $0.016 of $1.00 · 0s
* summer-in-the-hills-with-a…00-edited.jpg  7b-image  QUEUED       0s
* summer-in-the-hills-with-a…01-edited.jpg  7b-image  QUEUED       0s
  … and 14 more: 14 QUEUED
""",
    200: """\
  ────────────────────   0 of 60 done · 44 wait · $0.016 of $1.00 · 0s
* summer-in-the-hills-with-a-name-that-is-long-00-edited.jpg  7b-image  QUEUED       0s
* summer-in-the-hills-with-a-name-that-is-long-01-edited.jpg  7b-image  QUEUED       0s
  … and 14 more: 14 QUEUED
""",
}


@pytest.mark.parametrize("columns", SCREENS)
def test_the_screen_as_text(live, stage, columns):
    """Sixty jobs on a screen of 40, 80 and 200 columns, with two rows as --rows asks."""
    gateway = stage()
    urls = [new_url(f"summer-in-the-hills-with-a-name-that-is-long-{number:02}-edited.jpg") for number in range(60)]
    screen = live("image", *urls, "--rows", 2, "--max-cost", 1, to=gateway, columns=columns)
    screen.wait_for("^  … and 14 more: 14 QUEUED$", r" · \$0.016 of \$1.00")
    text = re.sub(r"\b\d+s$", "0s", re.sub(SPINNER, "*", screen.text), flags=re.MULTILINE)
    assert text + "\n" == SCREENS[columns]


def test_title_and_bell_only_where_they_are_asked_for(live, stage):
    """With --title and --bell the window is named after how far it is and named back, and rings once; else neither."""
    for flags, is_asked in ([], False), (["--title", "--bell"], True):
        gateway, urls = stage(), sources(2)
        screen = live("image", *urls, *flags, to=gateway)
        screen.wait_for(row("photo-01.jpg", "7b-image", "QUEUED"))
        gateway.status[urls[0]] = "COMPLETED"
        screen.wait_for(r"  photo-00-upscaled(-2)?\.png$")
        gateway.status[urls[1]] = "COMPLETED"
        assert screen.end() == 0
        assert (b"\x1b[22;2t\x1b]2;seedvr: 0 of 2\x1b\\" in screen.raw) == is_asked
        assert (b"\x1b]2;seedvr: 1 of 2\x1b\\" in screen.raw) == is_asked
        assert (b"\x1b[23;2t" in screen.raw) == is_asked
        assert screen.raw.endswith(b"\a") == is_asked


@pytest.mark.parametrize("shell", [None, "$SEEDVR > out.txt"])
def test_a_path_leads_to_its_file(live, stage, bench, shell):
    """On a terminal that has links the path is one, also where standard output, with the path alone, is elsewhere."""
    gateway, (url,) = stage(), sources(1)
    gateway.status[url] = "COMPLETED"
    screen = live("image", url, to=gateway, shell=shell, env={"VTE_VERSION": "7000"})
    assert screen.end() == 0
    address = (bench.work / "photo-00-upscaled.png").as_uri().encode()
    assert re.search(rb"\x1b\]8;[^;]*;" + re.escape(address) + rb"\x1b\\photo-00-upscaled.png", bytes(screen.raw))
    assert screen.raw.count(b"\x1b]8;;\x1b\\") == 1
    if shell:
        assert (bench.work / "out.txt").read_text() == "photo-00-upscaled.png\n"


def test_the_expected_time_comes_from_the_ledger(run, live, stage, home):
    """After a job took 30 seconds by both clocks, the rows of the next ones say so, each with a bar."""
    took = {"created_at": "2026-05-22T13:19:00.000Z", "completed_at": "2026-05-22T13:19:30.100Z"}
    gateway, (first, *others) = stage(**took), sources(4)
    gateway.status[first] = "COMPLETED"
    assert run("image", first, to=gateway).rc == 0
    with closing(sqlite3.connect(home / "state" / "ledger.sqlite3")) as ledger, ledger:
        ledger.execute("UPDATE jobs SET submitted_at = ended_at - 30.1")
    screen = live("image", *others, to=gateway, columns=100)
    screen.wait_for(*(row(f"photo-0{number}.jpg", "7b-image", "QUEUED") for number in (1, 2, 3)))
    assert len(re.findall(r"  \d+s of ~30s +[━╸─]{10}$", screen.text, re.MULTILINE)) == 3


def test_a_download_shows_its_bytes(live, stage):
    """While a result is fetched, its row shows the bytes that came, those there are, and a bar that is as full."""
    rest = threading.Event()
    picture = (TINY / "picture.png").read_bytes()
    media = Reply(200, picture + bytes(400_000 - len(picture)), held=rest)
    gateway, (url,) = stage(media=media), sources(1)
    gateway.status[url] = "COMPLETED"
    try:
        screen = live("image", url, to=gateway, columns=100)
        screen.wait_for(row("photo-00.jpg", "7b-image", "downloading", rest=r"\d+s, \d+ of 400 kB +"))
        done, bar = re.search(r"  \d+s, (\d+) of 400 kB +([━╸─]{10})$", screen.text, re.MULTILINE).groups()
        assert 0 < int(done) <= 200
        assert bar.count("━") * 2 + bar.count("╸") == int(done) * 20 // 400
    finally:
        rest.set()
    assert screen.end() == 0


def test_a_failure_leaves_its_reason(live, stage):
    """A job that fails leaves a line with the gateway's reason, and is counted while the others go on."""
    gateway, (bad, good) = stage(error="out of luck"), sources(2)
    gateway.status[bad] = "FAILED"
    screen = live("image", bad, good, to=gateway, columns=200)
    screen.wait_for(rf"^✗ {re.escape(bad)}: .*FAILED: out of luck", row("photo-01.jpg", "7b-image", "QUEUED"))
    screen.wait_for(r"  0 of 2 done, 1 failed · ")
    gateway.status[good] = "COMPLETED"
    assert screen.end() == 1
    assert "seedvr: 1 done, 1 failed" in screen.text


def test_what_the_gateway_says_cannot_draw(live, stage):
    """Escape codes in the gateway's words reach the screen without the character that makes them act."""
    gateway, (url,) = stage(error="\x1b[31mred\x07"), sources(1)
    gateway.status[url] = "WARM\x1b[2JUP"
    screen = live("image", url, to=gateway)
    screen.wait_for(r"WARM\[2JUP")
    gateway.status[url] = "FAILED"
    assert screen.end() == 1
    assert b"\x1b[2J" not in screen.raw
    assert b"\x07" not in screen.raw
    assert "[31mred" in screen.text


# When there is no live display, and how it behaves.


@pytest.mark.parametrize(
    ("env", "flags"),
    [
        ({"TERM": "dumb"}, []),
        ({"TERM": "dumb"}, ["--progress", "live"]),
        ({}, ["--progress", "plain"]),
        ({}, ["--progress", "none"]),
        ({}, ["--quiet"]),
    ],
    ids=str,
)
def test_plain_lines_where_rows_are_not_wanted(live, stage, env, flags):
    """On a dumb terminal, and with --progress plain or none or -q, no escape code is sent."""
    gateway, (url,) = stage(), sources(1)
    gateway.status[url] = "COMPLETED"
    screen = live("image", url, *flags, to=gateway, env=env, columns=200)
    assert screen.end() == 0
    assert b"\x1b" not in screen.raw
    silent = bool({"none", "--quiet"} & set(flags))
    assert len(screen.lines) == 1 if silent else f"seedvr: {url}: COMPLETED" in screen.text
    assert "photo-00-upscaled.png" in screen.lines


def test_no_color_means_none(live, stage):
    """With NO_COLOR set the rows have no colour; without it they do."""
    gateway = stage()
    for env, is_coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        screen = live("image", *sources(1), to=gateway, env=env)
        screen.wait_for(row("photo-00.jpg", "7b-image", "QUEUED"))
        screen.press("\x03")
        screen.end()
        assert bool(COLOUR.search(screen.raw)) == is_coloured


def test_a_terminal_without_unicode_gets_ascii(live, stage):
    """On a terminal that has nothing but ASCII, every byte of rows and lines is ASCII."""
    gateway, urls = stage(), sources(20)
    gateway.status[urls[0]] = "COMPLETED"
    screen = live("image", *urls, "-j", 20, to=gateway, env={"PYTHONIOENCODING": "ascii"}, columns=200, rows=12)
    screen.wait_for(
        r"^\+ photo-00.jpg  .*  photo-00-upscaled.png$",
        r"^[-|/\\] photo-01.jpg +7b-image  QUEUED",
        r"^  ~ and \d+ more: ",
    )
    assert screen.raw.isascii()


def test_at_most_ten_frames_a_second(live, stage):
    """The number of frames is no more than ten for each second that the run took, however much happens."""
    gateway, urls = stage(), sources(40)
    states = ("QUEUED", "PROCESSING")
    screen = live("image", *urls, "-j", 40, to=gateway, rows=60)
    turn = 0
    while screen.raw.count(HIDE) < 10:
        turn += 1
        gateway.status = {url: states[(turn + number) % 2] for number, url in enumerate(urls)}
        screen.read()
    gateway.status = {"*": "COMPLETED"}
    assert screen.end() == 0
    elapsed = time.monotonic() - screen.began
    assert screen.raw.count(HIDE) <= 10 * elapsed + 5
