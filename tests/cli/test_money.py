"""What the ledger promises: the same request is paid for once, and nothing that was paid for is lost."""

import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from fakes.gateway import Reply
from helpers.machine import free_port
from helpers.sources import new_url
from helpers.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow


def path_of(done):
    assert done.rc == 0, done.stderr
    return done.stdout.strip()


# The same request, once


def test_the_same_command_twice_pays_once(run, gateway, url):
    """The second time the file is found whole: its path is printed, and nothing is submitted or fetched."""
    fake = gateway()
    for _ in range(2):
        assert path_of(run("image", url, "-x", "2", to=fake)) == "photo-2x.png"
    assert (len(fake.posts()), len(fake.downloads())) == (1, 1)


def test_a_local_file_is_its_content(run, sandbox, photo, work):
    """The same picture under another path is the same source; another picture under the same path is another."""
    from PIL import Image

    before = sandbox.accepted()
    for name in ("one.jpg", "two.jpg"):
        (work / name).write_bytes(photo.read_bytes())
        assert path_of(run("image", name, to=sandbox)) == f"{name[:3]}-upscaled.png"
    assert sandbox.accepted() - before == 1
    Image.new("RGB", (32, 32), "teal").save(work / "one.jpg")
    assert path_of(run("image", "one.jpg", to=sandbox)) == "one-upscaled-2.png"
    assert sandbox.accepted() - before == 2


def test_another_name_is_a_copy(bench, gateway, url):
    """Asked for under another name the result is put there too, and not paid again; both stay."""
    fake = gateway()
    path_of(bench.run("image", url, "-x", "2", to=fake))
    names = {"other.png": "other.png", "folder/": "folder/photo-2x.png"}
    ends = bench.run_all(*(["image", url, "-x", "2", "-o", name] for name in names), to=fake)
    assert [path_of(done) for done in ends] == list(names.values())
    for name in ("photo-2x.png", *names.values()):
        assert (bench.work / name).read_bytes() == fake.picture
    assert len(fake.posts()) == 1


def test_another_folder_is_another_name(bench, gateway, url):
    """The same command in another folder puts the result there too, and does not pay again."""
    fake = gateway()
    path_of(bench.run("image", url, to=fake))
    (bench.work / "elsewhere").mkdir()
    assert path_of(bench.run("image", url, to=fake, cwd=bench.work / "elsewhere")) == "photo-upscaled.png"
    assert (bench.work / "elsewhere" / "photo-upscaled.png").read_bytes() == fake.picture
    assert len(fake.posts()) == 1


def test_a_numbered_copy_is_not_the_name_that_was_asked_for(run, sandbox, work, url):
    """A result that stands under a number is put under its plain name too, once that is asked for by -o and free."""
    (work / "photo-2x.png").write_text("mine")
    assert path_of(run("image", url, "-x", "2", to=sandbox)) == "photo-2x-2.png"
    (work / "photo-2x.png").unlink()
    assert path_of(run("image", url, "-x", "2", "-o", "photo-2x.png", to=sandbox)) == "photo-2x.png"
    assert sandbox.accepted(url) == 1


def test_a_modified_file_is_the_users(run, gateway, work, url):
    """A delivered file that was changed stays as it is; the result is delivered beside it, and not paid again."""
    fake = gateway()
    path_of(run("image", url, to=fake))
    painted = fake.picture[:-1] + b"!"
    (work / "photo-upscaled.png").write_bytes(painted)
    for _ in range(2):
        assert path_of(run("image", url, to=fake)) == "photo-upscaled-2.png"
    assert (work / "photo-upscaled.png").read_bytes() == painted
    assert (work / "photo-upscaled-2.png").read_bytes() == fake.picture
    assert len(fake.posts()) == 1


def test_a_deleted_file_is_fetched_again(run, gateway, work, url):
    """A delivered file that is gone is fetched again under its name, and not paid again."""
    fake = gateway()
    path_of(run("image", url, to=fake))
    (work / "photo-upscaled.png").unlink()
    assert path_of(run("image", url, to=fake)) == "photo-upscaled.png"
    assert (work / "photo-upscaled.png").read_bytes() == fake.picture
    assert (len(fake.posts()), len(fake.downloads())) == (1, 2)


def test_webhooks_and_names_are_no_part_of_the_identity(bench, gateway, url):
    """Another webhook, another name or another spelling of a number is the same request, also all at once."""
    fake = gateway()
    same = [
        ["-x", "2", "-o", "a.png"],
        ["-x", "2.0", "--webhook", "https://a.example.com", "--webhook-mode", "sync", "-o", "c.png"],
        ["-p", "upscale_factor=2", "--body-webhook", "https://b.example.com", "-o", "b.png"],
    ]
    ends = bench.run_all(*(["image", url, "--model", "3b", "--no-wait", *words] for words in same), to=fake)
    assert [done.stdout for done in ends] == ["fake_1\n"] * 3
    assert len(fake.posts()) == 1


def test_gateway_endpoint_and_parameters_are_the_identity(bench, gateway, url):
    """Another gateway, another model, another parameter is another request, and is paid for."""
    fake, other = gateway(), gateway()
    commands = [[{"to": fake}], ["--model", "3b", {"to": fake}], ["--seed", "1", {"to": fake}], [{"to": other}]]
    ends = bench.run_all(*(["image", url, "--no-wait", *words] for words in commands))
    assert sorted(done.stdout for done in ends) == ["fake_1\n", "fake_1\n", "fake_2\n", "fake_3\n"]
    assert (len(fake.posts()), len(other.posts())) == (3, 1)


def test_a_source_that_is_given_twice_is_paid_once(run, sandbox, url):
    """The same source twice in one command is submitted once, and a path is printed for each."""
    done = run("image", url, url, to=sandbox)
    assert (done.rc, len(done.lines), sandbox.accepted(url)) == (0, 2, 1)


def test_new_pays_again(run, gateway, work, url):
    """--new submits again whatever the ledger says, keeps the file of the job before, and is then what counts."""
    fake = gateway()
    assert path_of(run("image", url, to=fake)) == "photo-upscaled.png"
    fresh = path_of(run("image", url, "--new", to=fake))
    assert (fresh, len(fake.posts())) == ("photo-upscaled-2.png", 2)
    assert {(work / name).read_bytes() for name in ("photo-upscaled.png", fresh)} == {fake.picture}
    path_of(run("image", url, to=fake))
    assert len(fake.posts()) == 2


# What did not end well


def ended(fake, status):
    """A script for jobs that end so."""
    return lambda heard: fake.view(heard, status, error="out of memory") if heard in fake.polls() else None


def test_error_is_submitted_again(run, gateway, url):
    """A job that ended ERROR, which is not charged, is submitted again by the same command."""
    fake = gateway()
    fake.script = ended(fake, "ERROR")
    assert run("image", url, to=fake).rc == 1
    fake.script = lambda _: None
    assert path_of(run("image", url, to=fake)) == "photo-upscaled.png"
    assert len(fake.posts()) == 2


def test_failed_is_submitted_again_only_when_told(run, gateway, url):
    """A job that ended FAILED, which may be charged, is submitted again with --retry-failed and not without."""
    fake = gateway()
    fake.script = ended(fake, "FAILED")
    assert run("image", url, to=fake).rc == 1
    fake.script = lambda _: None
    done = run("image", url, to=fake)
    assert (done.rc, done.stdout, len(fake.posts())) == (1, "", 1)
    assert "out of memory" in done.stderr
    assert "--retry-failed" in done.stderr
    assert path_of(run("image", url, "--retry-failed", to=fake)) == "photo-upscaled.png"
    path_of(run("image", url, "--retry-failed", to=fake))
    assert len(fake.posts()) == 2


def test_a_dry_run_counts_what_the_ledger_has(run, gateway, url):
    """--dry-run prints and prices what would be sent: each source once, and nothing that is paid for or unknown."""
    fake = gateway()
    lost, failing = new_url("lost.png"), new_url("failing.png")
    assert run("image", url, to=fake).rc == 0
    fake.script = lambda heard: Reply(504, b"") if heard.method == "POST" else None
    assert run("image", lost, to=fake).rc == 7
    fake.script = ended(fake, "FAILED")
    assert run("image", failing, to=fake).rc == 1
    words, posts = ("image", url, lost, failing, *[new_url("fresh.png")] * 2, "--dry-run"), len(fake.posts())
    for more, sent, price, settled in (
        ((), 1, "$0.001", 3),
        (("--retry-failed",), 2, "$0.002", 2),
        (("--new",), 4, "$0.004", 0),
    ):
        done = run(*words, *more, to=fake, key=None)
        assert (done.rc, len(done.lines)) == (0, sent)
        assert f"list price {price};" in done.stderr
        assert ("in the ledger" in done.stderr) == (settled > 0)
        objects = run(*words, *more, "--json", to=fake, key=None).objects
        assert len(objects) == 5
        assert [one["request"] is not None for one in objects].count(True) == sent
        assert [one["charge"] for one in objects if one["resumed"]] == ["listed", "unknown", "maybe"][:settled]
    assert len(fake.posts()) == posts


def test_a_dry_run_says_that_the_ledger_is_gone(run, sandbox, home, url):
    """Where there was a ledger and is none, a --dry-run does not promise that nothing was paid."""
    assert run("image", url, "--no-wait", to=sandbox).rc == 0
    (home / "state" / "ledger.sqlite3").unlink()
    done = run("image", url, "--dry-run", to=sandbox)
    assert (done.rc, done.stdout) == (1, "")
    assert "is gone" in done.stderr


def test_a_lost_submission_is_paid_at_most_once(run, sandbox_server, url):
    """A submission that was accepted without an answer gives 7 each time, and is the only one; it is no FAILED."""
    server = sandbox_server("--latency", "0s", "--fault", "lost-submit")
    for flags in ([], ["--retry-failed"]):
        done = run("image", url, *flags, to=server)
        assert (done.rc, done.stdout, server.accepted(url)) == (7, "", 1)
    assert run("download", to=server).rc == 0
    assert server.accepted(url) == 1


# At the same time


@pytest.mark.parametrize("output", [[], ["-o", "one.png"]], ids=["default", "named"])
def test_processes_at_once_submit_once(start, sandbox_server, bench, output):
    """Three processes that ask for the same at once submit it once, make one file, and each prints its path."""
    server, url = sandbox_server("--latency", "0.5s", "--instant"), new_url()
    processes = [start("image", url, *output, to=server) for _ in range(3)]
    ends = [process.communicate(timeout=PATIENCE) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], ends
    name = "one.png" if output else "photo-upscaled.png"
    assert [out.decode() for out, _ in ends] == [f"{name}\n"] * 3
    assert (bench.files(), server.accepted(url)) == ([name], 1)


def test_a_run_waits_for_the_submission_of_another(start, gateway, url):
    """While one process's submission is in the air, or waits to be sent again, another sends none of its own."""
    answer = threading.Event()

    def script(heard):
        if heard.method == "POST" and len(fake.posts()) == 1:
            answer.wait(PATIENCE)
            return Reply(429, b"", {"Retry-After": "1"})
        return None

    fake = gateway(script)
    first = start("image", url, to=fake)
    wait_for(fake.posts)
    second = start("image", url, "-v", to=fake)
    assert second.stderr.readline()  # it has opened the ledger
    answer.set()
    assert [process.wait(PATIENCE) for process in (first, second)] == [0, 0]
    assert first.stdout.read() == second.stdout.read() == b"photo-upscaled.png\n"
    assert len(fake.posts()) == 2


# The first process places its file once the second means to place one too; the second goes on when that file is there.
IN_STEP = """
import asyncio, os
from seedvr_cli.ledger.files import Deliveries
real = Deliveries.place
async def place(self, *args, **more):
    first = os.environ["TURN"] == "first"
    if not first:
        open("second-is-here", "w").close()
    while not os.path.exists("second-is-here" if first else "one.png"):
        await asyncio.sleep(0.01)
    return await real(self, *args, **more)
Deliveries.place = place
"""


@pytest.mark.parametrize("output", [["-o", "one.png"], ["-o", "one{ext}"]], ids=["file", "template"])
def test_a_file_that_another_run_has_just_delivered_is_enough(start, sandbox, bench, url, output):
    """Where another process delivers the same job at the same instant, its file is the result: no second, no error."""
    first, second = (
        start("image", url, *output, to=sandbox, inject=IN_STEP, env={"TURN": turn}) for turn in ("first", "second")
    )
    ends = [process.communicate(timeout=PATIENCE) for process in (first, second)]
    assert [process.returncode for process in (first, second)] == [0, 0], ends
    assert [out for out, _ in ends] == [b"one.png\n"] * 2
    assert bench.files() == ["one.png", "second-is-here"]
    assert sandbox.accepted(url) == 1


# Sent again only where it was provably not accepted


def in_two_seconds():
    return format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)


def test_a_busy_gateway_is_asked_again_when_it_says(bench, gateway):
    """After 429, or 503 with Retry-After, the submission is sent again, not before its time, and is paid once."""
    # The status, Retry-After, and the seconds that it means at least.
    busy = [(429, lambda: "1", 1.0), (503, lambda: "1", 1.0), (429, in_two_seconds, 0.5), (429, None, 0.2)]

    def refusing_once(status, after):
        def script(heard):
            if heard.method == "POST" and len(fake.posts()) == 1:
                return Reply(status, {"error": "later"}, {"Retry-After": after()} if after else {})
            return None

        fake = gateway(script)
        return fake

    fakes = [refusing_once(status, after) for status, after, _ in busy]
    ends = bench.run_all(*(["image", new_url(), "--no-wait", {"to": fake}] for fake in fakes))
    assert [(done.rc, done.stdout) for done in ends] == [(0, "fake_1\n")] * len(busy)
    for fake, (_, _, least) in zip(fakes, busy, strict=True):
        first, second = fake.posts()
        assert second.at - first.at >= least


def test_a_refused_connection_is_tried_again(start, sandbox_server, url):
    """A submission whose connection was refused is sent once the gateway is there, and is paid once."""
    port = free_port()
    process = start("image", url, "-v", "--base-url", f"http://127.0.0.1:{port}", "--poll-interval", "0.1")
    said = []
    while "waiting to submit" not in (line := process.stderr.readline().decode()):
        assert line, said
        said.append(line)
    server = sandbox_server("--latency", "0s", "--instant", "--port", port)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, b"photo-upscaled.png\n"), err
    assert server.accepted(url) == 1


def test_a_poll_that_fails_is_asked_again(run, sandbox_server, url):
    """Cut connections and error pages between the polls of a paid job do not end the waiting."""
    server = sandbox_server(
        "--latency", "0s", "--instant", "--seed", "5", "--fault", "drop-poll=0.5", "--fault", "html=0.3"
    )
    assert path_of(run("image", url, to=server)) == "photo-upscaled.png"
    assert server.accepted(url) == 1


# The ledger itself


def test_a_damaged_ledger_submits_nothing(run, sandbox, home, url):
    """Where the ledger cannot be read nothing is submitted, it is set aside and not replaced, and the line says so."""
    (home / "state").mkdir()
    ledger = home / "state" / "ledger.sqlite3"
    ledger.write_bytes(b"this is no database" * 100)
    for _ in range(2):
        done = run("image", url, to=sandbox)
        assert (done.rc, done.stdout, sandbox.accepted(url)) == (1, "", 0)
        assert "damaged" in done.stderr
        assert done.stderr.count("\n") == 1


def test_the_ledger_is_the_users_alone_and_has_no_key(run, sandbox, home, url):
    """The ledger is readable by its user alone, is a whole database, and holds no key."""
    path_of(run("image", url, to=sandbox, key="sk-not-in-the-ledger"))
    ledger = home / "state" / "ledger.sqlite3"
    assert ledger.stat().st_mode & 0o777 == 0o600
    assert b"sk-not-in-the-ledger" not in ledger.read_bytes()
    with sqlite3.connect(ledger) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
