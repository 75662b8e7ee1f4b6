"""A source that has changed at its URL since it was paid for: said in a line, and submitted with --if-changed."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from fakes.media import picture
from helpers.sources import write

pytestmark = pytest.mark.slow

LINE = "has changed since it was paid for; --if-changed submits it"
# Loaded by the interpreter of a run that dies when its submission has been answered, or is about to be.
DYING = """
import os, signal
point = os.environ.get("KILL_AT")
if point:
    from seedvr_cli.gateway.client import Gateway
    from seedvr_cli.ledger.jobs import Ledger
    owner, name = {"claim": (Ledger, "claim"), "answer": (Gateway, "submit"), "record": (Ledger, "record")}[point]
    real = getattr(owner, name)
    async def wrapped(*args, **kwargs):
        result = await real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, wrapped)
"""


SMALL, LARGER = picture(1, (40, 30), "JPEG"), picture(2, (80, 60), "JPEG")


def test_what_has_changed_is_said_and_what_is_paid_for_is_delivered(run, sandbox, origin, bench):
    """A repeat with a look says in one line that the source is another one; the old result is delivered, unpaid."""
    url = origin.put("/a.jpg", SMALL, ETag='"1"')
    assert run("image", url, "--check", to=sandbox).rc == 0
    same = run("image", url, "--check", to=sandbox)
    assert LINE not in same.stderr
    origin.put("/a.jpg", LARGER, ETag='"2"')
    for words in (("--check",), ("--check", "--json"), ("--check", "--dry-run")):
        done = run("image", url, *words, to=sandbox)
        assert done.rc == 0
        assert done.stderr.count(f"{url} {LINE}") == 1, done.stderr
    assert run("image", url, "--check", "-q", to=sandbox).stderr == ""
    assert run("image", url, "--check", to=sandbox, key=None).lines == ["a-upscaled.png"]
    assert sandbox.accepted(url) == 1
    assert bench.files() == ["a-upscaled.png"]


def test_what_has_changed_is_submitted_once(run, sandbox, origin, bench):
    """--if-changed pays for the new one, into a name of its own; the same command again finds it unchanged."""
    url = origin.put("/a.jpg", SMALL, ETag='"1"')
    assert run("image", url, "--if-changed", to=sandbox).rc == 0
    assert run("image", url, "--if-changed", to=sandbox).rc == 0
    assert sandbox.accepted(url) == 1
    origin.put("/a.jpg", LARGER, ETag='"2"')
    seen = run("image", url, "--if-changed", "--dry-run", to=sandbox)
    assert "1 request" in seen.stderr
    paths = [run("image", url, "--if-changed", to=sandbox).lines for _ in range(3)]
    assert sandbox.accepted(url) == 2
    assert paths == [["a-upscaled-2.png"]] * 3
    assert bench.files() == ["a-upscaled-2.png", "a-upscaled.png"]
    assert LINE not in run("image", url, "--check", to=sandbox).stderr


def test_an_explicit_name_is_not_written_over(run, sandbox, origin, work):
    """The result of the earlier source under the same explicit name is in the way before anything is paid."""
    url = origin.put("/a.jpg", SMALL, ETag='"1"')
    command = ("image", url, "--if-changed", "-o", "mine.png")
    assert run(*command, to=sandbox).rc == 0
    before = (work / "mine.png").stat().st_ino
    origin.put("/a.jpg", LARGER, ETag='"2"')
    refused = run(*command, to=sandbox)
    assert (refused.rc, sandbox.accepted(url)) == (2, 1)
    assert "in the way" in refused.stderr
    assert (work / "mine.png").stat().st_ino == before
    assert run(*command, "--overwrite", to=sandbox).rc == 0
    assert run(*command, to=sandbox).rc == 0
    assert (sandbox.accepted(url), (work / "mine.png").stat().st_ino != before) == (2, True)


@pytest.mark.parametrize("point", ["claim", "answer", "record"])
def test_a_killed_run_pays_once(run, sandbox, origin, point):
    """Killed around the second submission and started again it is not sent once more: it is unknown, or goes on."""
    url = origin.put("/a.jpg", SMALL, ETag='"1"')
    assert run("image", url, "--if-changed", to=sandbox).rc == 0
    origin.put("/a.jpg", LARGER, ETag='"2"')
    killed = run("image", url, "--if-changed", to=sandbox, inject=DYING, env={"KILL_AT": point})
    assert killed.rc == -signal.SIGKILL
    accepted = sandbox.accepted(url)
    again = run("image", url, "--if-changed", to=sandbox)
    assert again.rc == (0 if point == "record" else 7), again.stderr
    assert sandbox.accepted(url) == accepted == (1 if point == "claim" else 2)


def test_two_at_once_submit_it_once(run, sandbox, origin):
    """Two commands that find the same change at the same time submit it once."""
    url = origin.put("/a.jpg", SMALL, ETag='"1"')
    assert run("image", url, "--if-changed", to=sandbox).rc == 0
    origin.put("/a.jpg", LARGER, ETag='"2"')
    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(lambda _: run("image", url, "--if-changed", to=sandbox), range(2)))
    assert [done.rc for done in ends] == [0, 0], [done.stderr for done in ends]
    assert sandbox.accepted(url) == 2


def test_a_list_is_looked_at_line_by_line(run, sandbox, origin, work):
    """Of a list that is streamed only what has changed is submitted, whether it is many lines or few."""
    urls = [origin.put(f"/{number}.jpg", SMALL, ETag='"1"') for number in range(5)]
    batch = write(work / "list.txt", urls)
    assert run("image", "--from", batch, "--if-changed", to=sandbox).rc == 0
    origin.put("/3.jpg", LARGER, ETag='"2"')
    done = run("image", "--from", "-", "--if-changed", stdin=batch.read_text(), to=sandbox)
    assert (done.rc, len(done.lines)) == (0, 5), done.stderr
    assert [sandbox.accepted(url) for url in urls] == [1, 1, 1, 2, 1]


def test_a_server_that_fails_stops_nothing(run, sandbox, origin):
    """A source that is paid for is delivered in silence where its server breaks off, or answers otherwise."""
    url = origin.put("/a.jpg", SMALL, ETag='"1"')
    assert run("image", url, "--if-changed", "--no-download", to=sandbox).rc == 0
    origin.files.clear()
    for words in (("--check",), ("--if-changed",), ("--if-changed", "--check")):
        done = run("image", url, *words, to=sandbox)
        assert (done.rc, done.lines) == (0, ["a-upscaled.png"]), done.stderr
        assert "reached" not in done.stderr
    assert sandbox.accepted(url) == 1


def test_without_a_look_nobody_is_asked(run, sandbox, origin):
    """A repeat that looks at nothing asks nobody, and what was paid for unseen is compared from --if-changed on."""
    url = origin.put("/a.jpg", SMALL, ETag='"1"')
    assert run("image", url, to=sandbox).rc == 0
    origin.put("/a.jpg", LARGER, ETag='"2"')
    heard = len(origin.heard)
    assert run("image", url, "--no-check", to=sandbox).rc == 0
    assert len(origin.heard) == heard
    for content, accepted in ((LARGER, 1), (SMALL, 2)):
        origin.put("/a.jpg", content, ETag=f'"{len(content)}"')
        assert run("image", url, "--if-changed", to=sandbox).rc == 0
        assert sandbox.accepted(url) == accepted


def test_what_is_no_picture_any_more_is_not_submitted(run, sandbox, origin):
    """A page that stands where the picture was is refused before it is paid for."""
    url = origin.put("/a.jpg", SMALL, ETag='"1"')
    assert run("image", url, "--if-changed", to=sandbox).rc == 0
    origin.put("/a.jpg", b"<html>log in", ETag='"2"')
    done = run("image", url, "--if-changed", to=sandbox)
    assert (done.rc, sandbox.accepted(url)) == (1, 1)
    assert "it is a page" in done.stderr


def test_a_name_of_the_users_own_stands_for_any_url(run, sandbox, origin):
    """Under --key another URL is the same job, and is not compared; the same URL is."""
    one, two = origin.put("/a.jpg", SMALL, ETag='"1"'), origin.put("/b.jpg", LARGER, ETag='"2"')
    assert run("image", one, "--key", "mine", "--if-changed", to=sandbox).rc == 0
    assert run("image", two, "--key", "mine", "--if-changed", to=sandbox).rc == 0
    assert (sandbox.accepted(one), sandbox.accepted(two)) == (1, 0)
    assert LINE not in run("image", two, "--key", "mine", "--check", to=sandbox).stderr
    origin.put("/a.jpg", LARGER, ETag='"3"')
    assert run("image", one, "--key", "mine", "--if-changed", to=sandbox).rc == 0
    assert sandbox.accepted(one) == 2


def test_other_ways_to_pay_are_as_they_were(run, sandbox, origin, photo):
    """--new pays whatever has changed, and a file of this machine, known by its content, cannot change."""
    url = origin.put("/a.jpg", SMALL, ETag='"1"')
    for _ in range(2):
        assert run("image", url, "--new", "--if-changed", to=sandbox).rc == 0
    assert sandbox.accepted(url) == 2
    for _ in range(2):
        assert run("image", photo, "-x", "1", "--if-changed", to=sandbox).rc == 0
    assert sandbox.accepted(photo.as_uri()) == 1


def test_a_presigned_url_is_the_same_source(run, sandbox, origin):
    """Another signature in the URL is no change of what stands there."""
    url = origin.put("/a.jpg", SMALL, ETag='"1"')
    signed = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k&X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature="  # noqa: E501
    assert run("image", f"{url}{signed}aa", "--if-changed", to=sandbox).rc == 0
    assert run("image", f"{url}{signed}bb", "--if-changed", to=sandbox).rc == 0
    assert sandbox.accepted(f"{url}{signed}aa") + sandbox.accepted(f"{url}{signed}bb") == 1
    origin.put("/a.jpg", LARGER, ETag='"2"')
    done = run("image", f"{url}{signed}cc", "--check", to=sandbox)
    assert f"{url} {LINE}" in done.stderr
