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

pytestmark = pytest.mark.slow

COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:3\d|4\d|9\d|10\d)(?:;\d+)*m")


# What is on the screen.


def test_a_job_has_a_row_and_leaves_a_line(live, stage):
    """A job has one row with name, endpoint, state and elapsed time, and leaves its outcome and its path."""
    gateway, (url,) = stage(), sources(1)
    screen = live("image", url, to=gateway)
    screen.wait_for(row("photo-00.jpg", "7b-image", "QUEUED"))
    assert len(screen.lines) == 1
    assert not screen.is_cursor_visible
    gateway.status[url] = "PROCESSING"
    screen.wait_for(row("photo-00.jpg", "7b-image", "PROCESSING"))
    gateway.status[url] = "COMPLETED"
    assert screen.end() == 0
    assert screen.lines[-1] == "photo-00-upscaled.png"
    assert "".join(screen.lines[:-1]).startswith(f"✓ {url}: done in ")
    assert not re.search(SPINNER, screen.text)
    assert screen.is_cursor_visible


def test_each_job_has_its_own_state(live, stage):
    """Jobs have a row each, in their order, each with its own state; a word that is not known is shown as it is."""
    gateway, urls = stage(), sources(5)
    states = ["QUEUED", "PROCESSING", "WARMING_UP", "QUEUED", "PROCESSING"]
    gateway.status = dict(zip(urls, states, strict=True))
    screen = live("image", *urls, to=gateway)
    screen.wait_for(
        *(row(f"photo-0{n}.jpg", "7b-image", state) for n, state in enumerate(states)), r"^  0 (of 5 )?done"
    )
    assert [re.search(r"photo-\d\d", line)[0] for line in screen.lines[:5]] == [f"photo-{n:02}" for n in range(5)]
    assert len(screen.lines) == 6
    gateway.status = {"*": "COMPLETED"}
    assert screen.end() == 0
    assert "seedvr: 5 done" in screen.text


@pytest.mark.parametrize(("columns", "rows"), [(60, 10), (80, 24)])
def test_what_does_not_fit_is_folded(live, stage, columns, rows):
    """Sixty jobs take no more than the screen's height: a line counts the rest by state, and the last one the run."""
    gateway, urls = stage(), sources(60)
    screen = live("image", *urls, "-j", 60, to=gateway, columns=columns, rows=rows)
    screen.wait_for(r"^  … and \d+ more: \d+ QUEUED$", r"^  0 (of 60 )?done · ")
    assert len(screen.lines) == rows - 3
    shown = [line for line in screen.lines if re.match(SPINNER, line)]
    folded = int(re.search(r"and (\d+) more", screen.text)[1])
    assert len(shown) + folded == 60
    assert len(shown) == rows - 5
    assert screen.raw.count(b"\n\n") == 0
    gateway.status = {"*": "COMPLETED"}
    assert screen.end() == 0
    assert screen.lines[-1].startswith("seedvr: 60 done")


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
    assert len(re.findall(r"[━╸─]{10}  \d+s of ~30s$", screen.text, re.MULTILINE)) == 3


def test_a_download_shows_its_bytes(live, stage):
    """While a result is fetched, its row shows the bytes that came, those there are, and a bar that is as full."""
    rest = threading.Event()
    picture = (TINY / "picture.png").read_bytes()
    media = Reply(200, picture + bytes(400_000 - len(picture)), held=rest)
    gateway, (url,) = stage(media=media), sources(1)
    gateway.status[url] = "COMPLETED"
    try:
        screen = live("image", url, to=gateway, columns=100)
        screen.wait_for(row("photo-00.jpg", "7b-image", "downloading", rest=r"  \d+s, \d+ of 400 kB$"))
        bar, done = re.search(r"([━╸─]{10})  \d+s, (\d+) of", screen.text).groups()
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
    screen.wait_for(r"^  0 (of 2 )?done, 1 failed · ")
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
    screen.wait_for(r"^\+ .*photo-00.jpg: done", r"^[-|/\\] photo-01.jpg +7b-image  QUEUED", r"^  ~ and \d+ more: ")
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
