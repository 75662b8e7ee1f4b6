"""A large result, by the real command: pieces side by side, and after an end of any kind only what is missing."""

import re
import signal
import sqlite3
import struct
import threading
from random import Random

import pytest
from fakes.gateway import STATUS_PATH, Reply
from helpers.command import CARRIERS
from helpers.waiting import PATIENCE, wait_for

from seedvr_cli.download.partial import RECORD_STEP
from seedvr_cli.download.pieces import Pieces
from seedvr_cli.download.streams import BESIDE, LARGE_BODY

pytestmark = pytest.mark.slow

BYTES = LARGE_BODY * 2


@pytest.fixture(scope="module")
def film():
    """An MP4 by its boxes, with as many bytes as make it large."""
    head = struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 512, b"isom") + struct.pack(">I4s", 8, b"moov")
    body = Random(1).randbytes(BYTES - len(head) - 8)
    return head + struct.pack(">I4s", BYTES - len(head), b"mdat") + body


class Site:
    """Serves the film by ranges; until `going` is set, half of each answer."""

    def __init__(self, film):
        self.film = film
        self.going = threading.Event()
        self.spans = []

    def __call__(self, heard):
        if not heard.path.startswith("/media/"):
            return None
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", heard.headers.get("range", ""))
        begin, end = (int(asked[1]), int(asked[2] or BYTES - 1) + 1) if asked else (0, BYTES)
        self.spans.append((begin, end))
        headers = {"ETag": '"film"', "Accept-Ranges": "bytes"}
        if asked:
            assert heard.headers["if-range"] == '"film"'
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{BYTES}"
        held = None if self.going.is_set() else self.going
        return Reply(206 if asked else 200, self.film[begin:end], headers, held=held)


def recorded(bench):
    """What the ledger has of the pieces."""
    with sqlite3.connect(bench.home / "state" / "ledger.sqlite3", timeout=PATIENCE) as connection:
        row = connection.execute("SELECT pieces FROM deliveries").fetchone()
    connection.close()
    return row and row[0]


@CARRIERS
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "Ctrl-C"])
def test_only_what_is_missing_is_fetched_again(start, run, bench, work, gateway, film, carrier, end):
    """After SIGKILL or Ctrl-C in the midst of it the same command asks for no byte that was recorded, and pays once."""
    site = Site(film)
    fake = gateway(site)
    command = ("video", "https://example.com/film.mov", "-o", "film.mp4", "--yes")
    process = start(*command, to=fake, inject=carrier)
    wait_for(lambda: len(site.spans) > BESIDE)
    wait_for(
        lambda: (work / "film.mp4.part").exists() and (text := recorded(bench)) and Pieces.read(text).done > RECORD_STEP
    )
    process.send_signal(end)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == (-signal.SIGKILL if end == signal.SIGKILL else 130)
    known = [tuple(map(int, span.split("-"))) for span in recorded(bench).partition("/")[0].split(",")]
    site.spans.clear()
    site.going.set()
    again = run(*command, to=fake, inject=carrier)
    assert (again.rc, again.stdout) == (0, "film.mp4\n"), again.stderr
    assert (work / "film.mp4").read_bytes() == film
    assert bench.files() == ["film.mp4"]
    assert len(fake.posts()) == 1
    assert not [asked for asked in site.spans for span in known if asked[0] < span[1] and span[0] < asked[1]]
    assert recorded(bench) is None


@CARRIERS
def test_a_url_that_expires_meanwhile_is_renewed(run, bench, work, gateway, film, carrier):
    """Where the media URL is refused in the midst of it, the gateway is asked for another, and the rest comes."""
    site = Site(film)
    site.going.set()

    def script(heard):
        is_expired = len(site.spans) > BESIDE
        if heard.path.startswith("/media/") and is_expired and "signed=2" not in heard.path:
            return Reply(403)
        if heard.path.startswith(STATUS_PATH):
            url = f"{fake.url}/media/film.mp4?signed={1 + is_expired}"
            return fake.view(heard, output={"media_url": [url], "media_type": "video/mp4"})
        return site(heard)

    fake = gateway(script)
    done = run("video", "https://example.com/film.mov", "-o", "film.mp4", "--yes", to=fake, inject=carrier)
    assert (done.rc, done.stdout) == (0, "film.mp4\n"), done.stderr
    assert (work / "film.mp4").read_bytes() == film
    assert {one.path.rpartition("=")[2] for one in fake.downloads()} == {"1", "2"}
    assert (site.spans.count((0, BYTES)), len(fake.posts()), bench.files()) == (1, 1, ["film.mp4"])


def test_a_large_result_goes_to_standard_output(run, bench, gateway, film):
    """What goes to standard output comes by the same pieces, and nothing of it stays."""
    site = Site(film)
    site.going.set()
    done = run("video", "https://example.com/film.mov", "-o", "-", "--yes", to=gateway(site))
    assert (done.rc, done.raw == film) == (0, True), done.stderr
    assert len(site.spans) > BESIDE
    assert bench.files() == []


def test_two_commands_deliver_a_large_result_once(start, bench, work, gateway, film):
    """Two commands at one result: one of them brings it, and both print its name."""
    site = Site(film)
    fake = gateway(site)
    command = ("video", "https://example.com/film.mov", "-o", "film.mp4", "--yes", "-q")
    processes = [start(*command, to=fake) for _ in range(2)]
    wait_for(lambda: len(site.spans) > BESIDE)
    site.going.set()
    told = [process.communicate(timeout=PATIENCE) for process in processes]
    assert [(process.returncode, out) for process, (out, _) in zip(processes, told, strict=True)] == [
        (0, b"film.mp4\n")
    ] * 2, told
    assert (work / "film.mp4").read_bytes() == film
    assert bench.files() == ["film.mp4"]
    parts = [span for span in site.spans if span != (0, BYTES)]
    assert (len(fake.posts()), len(parts)) == (1, len(set(parts)))


def test_a_result_beyond_the_largest_is_given_up(run, bench, gateway, film):
    """--max-filesize holds for a large result as for any, before a second stream is opened."""
    site = Site(film)
    site.going.set()
    done = run("video", "https://example.com/film.mov", "--max-filesize", "100M", "--yes", to=gateway(site))
    assert done.rc == 1
    assert "more than 100 MiB" in done.stderr, done.stderr
    assert len(site.spans) == 1
    assert bench.files() == []
