"""`status` and `spend` on a real terminal: the screens are kept as text in `tests/data/screens`.

To make them anew: SCREENS=write pytest tests/cli/test_tables.py, and look at what has changed.
"""

import json
import os
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest
from helpers.jobs import nothing, run
from helpers.places import DATA

pytestmark = pytest.mark.slow

GATEWAY = "https://gateway.pixazo.ai"
SCREENS = DATA / "screens"
LONG_AGO = datetime(2026, 1, 2, tzinfo=UTC).timestamp()
ALBUM = "https://photos.example.com/2026/an-album-of-the-summer"
# Endpoint, beginning of the id's last part, state, word, source, price, tags, file, and hours ago (None: long ago).
JOBS = [
    ("3b-video", "0c0c0c0c", "completed", "COMPLETED", "https://example.com/clip.mp4?X-Amz-Signature=5", 45_000, (),
     "clip-1080p.mp4", None),
    ("7b-image", "1d1d1d1d", "error", "ERROR", f"{ALBUM}/IMG_0001.jpg", 1_000, ("album",), None, None),
    ("7b-image", None, "unknown", None, f"{ALBUM}/IMG_0002.jpg", 1_000, ("album",), None, 170.5),
    ("7b-image", "2e2e2e2e", "failed", "FAILED", f"{ALBUM}/IMG_0003.jpg", 1_000, ("album", "nightly"), None, 30.5),
    ("3b-image", "2e2e2e2f", "completed", "COMPLETED", "写真/休暇.jpg", 1_500, (), "big/休暇-upscaled.png", 5.5),
    ("7b-image", "3f3f3f3f", "completed", "COMPLETED", f"{ALBUM}/IMG_0004.jpg", 1_000, ("album",),
     "big/IMG_0004-4x.png", 3.5),
    ("7b-image", "4a4a4a4a", "running", "PROCESSING", f"{ALBUM}/IMG_0005.jpg", 1_000, ("album",), None, 2.5),
]  # fmt: skip


@pytest.fixture
def ledger(bench):
    """A function that fills the user's ledger with JOBS; `at` is when all of them were submitted."""

    def fill(at=None):
        folder = bench.home / "state"
        folder.mkdir(exist_ok=True)
        run(folder, nothing)
        with closing(sqlite3.connect(folder / "ledger.sqlite3")) as connection, connection:
            for number, (endpoint, tail, state, word, source, price, tags, file, hours) in enumerate(JOBS):
                begun = at or (LONG_AGO if hours is None else time.time() - hours * 3600)
                model = endpoint.partition("-")[0]
                request_id = f"seedvr2-{model}-upscale_{tail}-9c1d-4e55-8a00-00000000000{number}" if tail else None
                cursor = connection.execute(
                    "INSERT INTO jobs (key, gateway, endpoint, source, name, params, price, profile, state, status,"
                    " request_id, media_url, extra, submitted_at, tags, run)"
                    " VALUES (?, ?, ?, ?, 'name', '{}', ?, 'default', ?, ?, ?, '[\"https://cdn/a\"]', '{}', ?, ?,"
                    " 'run')",
                    (f"key-{number}", GATEWAY, endpoint, source, price, state, word, request_id, begun,
                     json.dumps(tags) if tags else None),
                )  # fmt: skip
                if file:
                    values = (cursor.lastrowid, str(bench.work / file), begun)
                    connection.execute(
                        "INSERT INTO deliveries (job, position, path, run, replaces, bytes, sha256, mtime_ns,"
                        " media_type, done_at) VALUES (?, 0, ?, 'run', 0, 1, 'x', 1, 'image/png', ?)", values,
                    )  # fmt: skip

    return fill


def compare(name, text):
    """The screen is the one that is kept."""
    path = SCREENS / f"{name}.txt"
    if os.environ.get("SCREENS") == "write":
        path.write_text(text + "\n", encoding="utf-8")
    assert text + "\n" == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_the_screen_of_status(live, ledger, columns):
    """At any width the newest come first below a header, in columns that fit, with what is old marked as such."""
    ledger()
    screen = live("status", columns=columns)
    assert screen.end() == 0
    compare(f"status-{columns}", screen.text)
    assert all(len(line) <= columns for line in screen.lines)


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_the_screens_of_spend(live, ledger, columns):
    """At any width amounts stand below each other with their sum, or below their group where it is too narrow."""
    ledger(LONG_AGO)
    shown = []
    for words in ((), ("--by", "tag"), ("--by", "month")):
        screen = live("spend", "--since", "2026-01-01", *words, columns=columns, rows=60)
        assert screen.end() == 0
        shown.append(f"$ seedvr spend {' '.join(words)}".strip() + "\n" + screen.text)
    compare(f"spend-{columns}", "\n\n".join(shown))


def test_a_screenful_and_no_more(live, ledger):
    """A terminal has the latest twenty, and says how many more there are; --limit says how many it shall have."""
    for _ in range(3):
        ledger()
    screen = live("status", rows=40)
    screen.end()
    assert sum("ago" in line or "2026-01-02" in line for line in screen.lines) == 20
    assert "seedvr: 1 more: --limit N" in screen.lines
    screen = live("status", "--limit", 21, rows=40)
    screen.end()
    assert "more" not in screen.text


def test_colours_are_a_terminals(live, bench, ledger):
    """Words have colours on a terminal; with NO_COLOR, CLICOLOR=0, a dumb terminal or in a pipe they have none."""
    ledger()
    for env, is_coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"CLICOLOR": "0"}, False),
                             ({"TERM": "dumb"}, False), ({"TERM": "dumb", "FORCE_COLOR": "1"}, True)):  # fmt: skip
        screen = live("status", env=env)
        screen.end()
        assert (b"\x1b[" in screen.raw) is is_coloured, env
    done = bench.run("status", env={"FORCE_COLOR": "1"})
    assert b"\x1b" not in done.raw


def test_a_terminal_without_unicode_gets_what_it_can_show(live, bench, ledger):
    """In a locale of ASCII names are cut with a `~` and other scripts become `?`; a pipe has them exactly."""
    ledger()
    env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    screen = live("status", env=env)
    assert screen.end() == 0
    assert "https://photos.ex~mmer/IMG_0005.jpg" in screen.text
    assert "big/??-upscaled.png" in screen.text
    assert JOBS[4][4] in bench.run("status", env=env).stdout


def test_a_pipe_has_all_of_them_in_full(bench, ledger):
    """Without a terminal there are all jobs with whole ids, exact times and sources, and no header."""
    ledger()
    rows = [line.split("\t") for line in bench.run("status").lines]
    assert [row[4] for row in rows] == [job[4] for job in reversed(JOBS)]
    assert rows[-1] == [
        "seedvr2-3b-upscale_0c0c0c0c-9c1d-4e55-8a00-000000000000", "COMPLETED", "3b-video", "2026-01-02 00:00:00Z",
        JOBS[0][4],
    ]  # fmt: skip
    assert len(bench.run("status", "--limit", "2").lines) == 2


def test_what_is_listed_can_be_narrowed(bench, ledger):
    """--state, --tag and --since are each narrower, and together; a wrong word names the right ones."""
    ledger()

    def sources(*words):
        done = bench.run("status", *words)
        assert done.rc == 0, done.stderr
        return [line.split("\t")[4] for line in done.lines]

    assert sources("--state", "delivered") == [JOBS[number][4] for number in (5, 4, 0)]
    assert sources("--state", "FAILED", "--state", "error") == [JOBS[3][4], JOBS[1][4]]
    assert sources("--tag", "nightly") == [JOBS[3][4]]
    assert sources("--since", "2d", "--tag", "album") == [JOBS[number][4] for number in (6, 5, 3)]
    assert sources("--since", "2026-01-02", "--limit", "1") == [JOBS[6][4]]
    assert sources("--unknown") == [JOBS[2][4]]
    assert "no such job" in bench.run("status", "--tag", "none").stderr
    for words, said in (
        (("--state", "done"), "completed, delivered"), (("--since", "soon"), "--since"), (("--tag", ","), "--tag"),
        (("--limit", "0"), "--limit"), (("0c0c0c0c", "--limit", "2"), "one of the two"),
    ):  # fmt: skip
        done = bench.run("status", *words)
        assert (done.rc, done.stdout) == (2, "")
        assert said in done.stderr


def test_an_id_that_several_begin_with_is_refused(bench, ledger):
    """The candidates are named, and nobody is asked."""
    ledger()
    for command in ("status", "download", "report"):
        done = bench.run(command, "2e2e2e2")
        assert (done.rc, done.stdout) == (2, "")
        assert "upscale_2e2e2e2e-" in done.stderr
        assert "upscale_2e2e2e2f-" in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_submission_whose_id_a_callback_told_is_settled_by_it(bench, ledger):
    """forget takes the beginning of such an id, or of its last part; of several it names the candidates."""
    ledger()
    with closing(sqlite3.connect(bench.home / "state" / "ledger.sqlite3")) as connection, connection:
        told = "UPDATE jobs SET told = 'seedvr2-7b-upscale_5b5b' || id, state = 'unknown', request_id = NULL"
        connection.execute(f"{told} WHERE id IN (2, 3)")
    done = bench.run("forget", "5b5b")
    assert (done.rc, done.stdout) == (2, "")
    assert "seedvr2-7b-upscale_5b5b2, seedvr2-7b-upscale_5b5b3" in done.stderr
    assert bench.run("forget", "6c6c").rc == 2
    assert bench.run("forget", "5b5b3").lines == [JOBS[2][4]]
    assert [line.split("\t")[4] for line in bench.run("status", "--unknown").lines] == [JOBS[1][4]]


def test_spend_for_machines(bench, ledger):
    """--csv has a header and amounts in dollars, --json an object a group; a pipe has its sum on standard error."""
    ledger(LONG_AGO)
    since = ("--since", "2026-01")
    done = bench.run("spend", *since, "--by", "tag", "--csv")
    assert done.lines == [
        "tag,jobs,listed_usd,not_charged_usd,maybe_usd,unknown_usd",
        "-,2,0.0465,0.00,0.00,0.00",
        "album,5,0.001,0.001,0.002,0.001",
        "nightly,1,0.00,0.00,0.001,0.00",
    ]
    assert "7 jobs: $0.0475 listed" in done.stderr
    values = bench.run("spend", *since, "--by", "endpoint", "--json").objects
    assert [(value["endpoint"], value["jobs"]) for value in values] == [
        ("3b-image", 1),
        ("3b-video", 1),
        ("7b-image", 5),
    ]
    rows = [line.split("\t") for line in bench.run("spend", *since).lines]
    assert [row[:4] for row in rows] == [
        ["2026-01-02", "3b-image", "default", "1"], ["2026-01-02", "3b-video", "default", "1"],
        ["2026-01-02", "7b-image", "default", "5"],
    ]  # fmt: skip
    assert bench.run("spend", "--by", "month").lines[0].startswith("2026-01\t7\t")
    assert bench.run("spend", "--since", "today").lines == []
    for words in (("--by", "week"), ("--csv", "--json"), ("--since", "2026-13")):
        assert bench.run("spend", *words).rc == 2
