"""--watch: files that are copied slowly, moved in and renamed, and the limits that it asks for."""

import itertools
import os
import signal
import threading
from contextlib import contextmanager
from io import BytesIO

import pytest
from fakes.gateway import Reply
from helpers.planning import wishes
from helpers.waiting import PATIENCE, wait_for
from PIL import Image

from seedvr_cli.cli.watching import Watch
from seedvr_cli.plan.planner import Planner
from seedvr_cli.values.media import sniff_file

pytestmark = pytest.mark.slow

QUICK = """
import sys
import seedvr_cli.cli.watching as watching
watching.REST_SECONDS = 0.3
watching.SOON = watching.POLL = 0.1
"""
# The system tells nothing: the folder is looked at.
POLLING = QUICK + "sys.modules['watchfiles'] = None\n"


def picture(colour, kind="PNG"):
    """The bytes of a picture."""
    content = BytesIO()
    Image.new("RGB", (16, 16), colour).save(content, kind)
    return content.getvalue()


@contextmanager
def watching(start, folder, *words, to, inject=QUICK, **how):
    """The command at work, and what it prints."""
    process = start("image", folder, "--watch", "-o", "out/", *words, to=to, inject=inject, **how)
    lines, errors = [], []

    def read(stream, kept):
        for line in iter(stream.readline, b""):
            kept.append(line.decode().rstrip("\n"))

    readers = [
        threading.Thread(target=read, args=(process.stdout, lines), daemon=True),
        threading.Thread(target=read, args=(process.stderr, errors), daemon=True),
    ]
    for reader in readers:
        reader.start()
    wait_for(lambda: any("watching" in line for line in errors) or process.poll() is not None)
    try:
        yield process, lines, errors
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
        for reader in readers:
            reader.join(PATIENCE)


@pytest.mark.parametrize("inject", [QUICK, POLLING], ids=["told", "polling"])
def test_files_are_taken_as_they_come(start, sandbox, work, inject):
    """What was there, what is moved in, renamed and written slowly is upscaled once each, when it is whole."""
    folder = work / "in"
    folder.mkdir()
    (folder / "there.png").write_bytes(picture("red"))
    with watching(start, "in/", "--yes", to=sandbox, inject=inject) as (process, lines, errors):
        wait_for(lambda: "out/there-upscaled.png" in lines)
        (work / "moved.png").write_bytes(picture("green"))
        (work / "moved.png").rename(folder / "moved.png")
        (folder / "upload.tmp").write_bytes(picture("blue"))
        (folder / "upload.tmp").rename(folder / "renamed.png")
        content = picture("orange", "JPEG")
        with (folder / "slow.jpg").open("wb") as file:
            for begin in range(0, len(content), 100):
                file.write(content[begin : begin + 100])
                file.flush()
                if begin == 200:
                    wait_for(lambda: any("slow.jpg is not whole" in line for line in errors))
        wait_for(lambda: len(lines) == 4)
    assert process.returncode == 130
    assert sorted(lines) == [f"out/{name}-upscaled.png" for name in ("moved", "renamed", "slow", "there")]
    for name in ("there.png", "moved.png", "renamed.png", "slow.jpg"):
        assert sandbox.accepted((folder / name).as_uri()) == 1
    assert not any("Traceback" in line for line in errors)


def test_a_restart_does_the_rest(start, sandbox, work):
    """What came while nobody watched is done by the next command, and what was done is not done again."""
    folder = work / "in"
    folder.mkdir()
    (folder / "a.png").write_bytes(picture("red"))
    with watching(start, "in/", "--yes", to=sandbox) as (_, lines, _):
        wait_for(lambda: lines)
    (folder / "b.png").write_bytes(picture("blue"))
    with watching(start, "in/", "--yes", to=sandbox) as (_, lines, _):
        wait_for(lambda: len(lines) == 2)
    assert sorted(lines) == ["out/a-upscaled.png", "out/b-upscaled.png"]
    assert [sandbox.accepted((folder / name).as_uri()) for name in ("a.png", "b.png")] == [1, 1]


def test_two_who_watch_pay_once(start, sandbox, work):
    """Two commands that watch one folder submit each file once."""
    folder = work / "in"
    folder.mkdir()
    with watching(start, "in/", "--yes", to=sandbox) as (_, first, _):
        with watching(start, "in/", "--yes", to=sandbox) as (_, second, _):
            for number in range(5):
                (folder / f"{number}.png").write_bytes(picture((number, 9, 9)))
            wait_for(lambda: len(first) == len(second) == 5)
    assert [sandbox.accepted((folder / f"{number}.png").as_uri()) for number in range(5)] == [1] * 5


def test_results_in_the_same_folder_are_no_sources(start, sandbox, work):
    """A folder that gets its own results does not go round in circles."""
    folder = work / "in"
    folder.mkdir()
    (folder / "a.png").write_bytes(picture("red"))
    with watching(start, "in/", "--yes", "-o", "in/", to=sandbox) as (_, lines, _):
        wait_for(lambda: lines)
        (folder / "b.png").write_bytes(picture("blue"))
        wait_for(lambda: len(lines) == 2)
        (folder / "c.png").write_bytes(picture("green"))  # which comes behind whatever came of the results
        wait_for(lambda: "in/c-upscaled.png" in lines)
    assert sorted(os.listdir(folder)) == [
        "a-upscaled.png", "a.png", "b-upscaled.png", "b.png", "c-upscaled.png", "c.png",
    ]  # fmt: skip


def test_the_limit_ends_it(start, sandbox, work):
    """When --max-cost is reached the command ends with its code."""
    folder = work / "in"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.png").write_bytes(picture((9, number, 9)))
    with watching(start, "in/", "--max-cost", "0.002", to=sandbox) as (process, lines, _):
        process.wait(PATIENCE)
    assert (process.returncode, len(lines)) == (4, 2)


def test_it_ends_where_nothing_more_can_be_submitted(start, gateway, work):
    """Where the money is gone, say: whoever starts it again goes on, and nobody takes it for alive."""
    folder = work / "in"
    folder.mkdir()
    (folder / "a.png").write_bytes(picture("red"))
    poor = gateway(lambda heard: Reply(402, {"error": "no balance"}) if heard.method == "POST" else None)
    with watching(start, "in/", "--yes", to=poor) as (process, lines, _):
        process.wait(PATIENCE)
    assert (process.returncode, lines, len(poor.posts())) == (4, [], 1)
    with watching(start, "in/", "--yes", to=gateway()) as (process, lines, _):
        wait_for(lambda: lines or process.poll() is not None)
    assert (process.returncode, lines) == (130, ["out/a-upscaled.png"])


def test_the_sandbox_asks_for_no_limit(start, work):
    """In the sandbox nothing is paid: --watch goes on without a limit until it is stopped."""
    folder = work / "in"
    folder.mkdir()
    (folder / "a.png").write_bytes(picture("red"))
    with watching(start, "in/", "--sandbox", to=None, key=None) as (process, lines, _):
        wait_for(lambda: lines or process.poll() is not None)
    assert (process.returncode, lines) == (130, ["out/a-upscaled.png"])


def test_what_it_asks_for(run, sandbox, work):
    """Without a limit, with a list, without a folder: one line and code 2."""
    (work / "in").mkdir()
    for words in (
        ("in/", "--watch"), ("--watch", "--yes"), ("in/", "--watch", "--yes", "-o", "x.png"),
        ("https://example.com/a.png", "--watch", "--yes"), ("in/", "--watch", "--yes", "--from", "-"),
    ):  # fmt: skip
        done = run("image", *words, to=sandbox)
        assert (done.rc, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), (words, done.stderr)


def test_results_behind_a_link_are_no_sources(start, sandbox, work):
    """A tree that is watched by way of a link, and whose results go into it by its own name, is done once."""
    folder = work / "real" / "in"
    folder.mkdir(parents=True)
    (work / "link").symlink_to("real")
    (folder / "a.png").write_bytes(picture("red"))
    words = ("--recursive", "--yes", "-o", "real/in/out/")
    with watching(start, "link/in", *words, to=sandbox) as (_, lines, _):
        wait_for(lambda: lines)
        (folder / "b.png").write_bytes(picture("blue"))  # which comes behind whatever came of the result
        wait_for(lambda: "real/in/out/b-upscaled.png" in lines)
    assert sorted(lines) == ["real/in/out/a-upscaled.png", "real/in/out/b-upscaled.png"]


def test_names_of_any_bytes_are_taken(start, sandbox, work):
    """A file whose name is not UTF-8 is done as it comes, and what comes behind it."""
    folder = work / "in"
    folder.mkdir()
    with watching(start, "in/", "--yes", "-o", "out/{index}{ext}", to=sandbox) as (process, lines, errors):
        try:
            with open(os.path.join(os.fsencode(folder), b"caf\xe9.png"), "wb") as file:
                file.write(picture("olive"))
        except OSError:
            pytest.skip("this file system takes only Unicode names")
        wait_for(lambda: len(lines) == 1)
        (folder / "b.png").write_bytes(picture("blue"))
        wait_for(lambda: len(lines) == 2)
    assert process.returncode == 130
    assert not any("unforeseen" in line for line in errors)


def test_what_cannot_be_read_is_told_as_that(monkeypatch, tmp_path):
    """A file that may not be read is told once with the reason, and is taken when it may be; a pipe is never opened."""
    folder, told, refused = tmp_path / "in", [], set()
    folder.mkdir()
    (folder / "a.png").write_bytes(picture("red"))
    os.utime(folder / "a.png", (1, 1))
    os.mkfifo(folder / "b.png")
    os.utime(folder / "b.png", (1, 1))

    def sniffed(path):
        if path in refused:
            raise PermissionError(13, "Permission denied", path)
        return sniff_file(path)

    monkeypatch.setattr("seedvr_cli.cli.watching.sniff_file", sniffed)
    refused.add(str(folder / "a.png"))
    clock = itertools.count(0.0, 10.0)
    watch = Watch([str(folder)], Planner(wishes()), say=told.append, now=lambda: next(clock))
    assert [watch.look() for _ in range(3)] == [[], [], []]
    assert sorted(told) == [
        f"{folder}/a.png cannot be read: Permission denied; it is waited for",
        f"{folder}/b.png cannot be read: no regular file; it is waited for",
    ]
    refused.clear()
    assert [prospect.source.name for prospect in watch.look()] == ["a.png"]
