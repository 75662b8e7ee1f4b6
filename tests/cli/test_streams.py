"""Standard output carries results and nothing else, standard error carries talk, standard input is left alone."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
from fakes.gateway import Reply
from helpers.sources import new_url
from helpers.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow

# What a hostile or broken gateway may send: colours, a bell, a cursor up, a reversal of direction, a line of its own.
EVIL = "\x1b[31mred\x07\x1b[1Aup\u202eback\x9b2J\nseedvr: forged line"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def streams(done):
    return done.stdout + done.stderr


def test_results_on_one_stream_and_talk_on_the_other(run, sandbox, url):
    """Standard output has the path alone; standard error has a plain line for each change of state."""
    done = run("image", url, to=sandbox)
    assert done.stdout == "photo-upscaled.png\n"
    assert done.stderr.count("\n") >= 3
    assert all(line.startswith("seedvr: ") and url in line for line in done.stderr.splitlines())
    assert [word for word in ("QUEUED", "COMPLETED", "done") if word not in done.stderr] == []


def test_quiet_leaves_only_errors(run, gateway, url):
    """-q says nothing of what went well, and one line of what did not."""
    bad = new_url("bad.png")
    fake = gateway(lambda heard: Reply(400, {"error": "no"}) if heard.source == bad else None)
    done = run("image", url, "-q", to=fake)
    assert (done.rc, done.stdout, done.stderr) == (0, "photo-upscaled.png\n", "")
    done = run("image", bad, "-q", to=fake)
    assert (done.rc, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert bad in done.stderr


def test_verbose_says_more_and_never_the_key(run, sandbox, url):
    """-v tells of every request and where the key comes from, and does not show it."""
    done = run("image", url, "-v", to=sandbox, key="sk-very-secret-key")
    assert "POST" in done.stderr
    assert "SEEDVR_API_KEY" in done.stderr
    assert "sk-very-secret-key" not in streams(done)


def test_progress_does_not_touch_the_results(bench, sandbox):
    """--progress changes what standard error says: none says nothing, and live is plain where there is no terminal."""
    forms = ("none", "plain", "live")
    sources = {form: new_url(f"{form}.png") for form in forms}
    ends = bench.run_all(*(["image", sources[form], "--progress", form] for form in forms), to=sandbox)
    assert [done.stdout for done in ends] == [f"{form}-upscaled.png\n" for form in forms]
    assert [bool(done.stderr) for done in ends] == [False, True, True]
    assert ends[1].stderr.count("\n") == ends[2].stderr.count("\n")
    assert "\x1b" not in "".join(done.stderr for done in ends)


def test_many_jobs_get_no_line_each(run, sandbox):
    """Above twenty jobs standard error has a summary in place of a line for each change of state."""
    sources = [new_url(f"{number}.png") for number in range(21)]
    done = run("image", *sources, to=sandbox)
    assert (done.rc, len(done.lines)) == (0, 21)
    assert done.stderr.count("\n") == 1
    assert "21 done" in done.stderr
    done = run("image", *sources[:20], to=sandbox)
    assert all(source in done.stderr for source in sources[:20])


@pytest.mark.parametrize("env", [{}, {"FORCE_COLOR": "1"}], ids=["plain", "forced"])
def test_no_escape_code_reaches_a_pipe(bench, gateway, env):
    """Results, talk, errors and help have no escape code where they are no terminal, FORCE_COLOR or not."""
    good, bad = new_url(), new_url()
    fake = gateway(lambda heard: Reply(400, {"error": "no"}) if heard.source == bad else None)
    commands = [
        ["image", good, bad, {"to": fake}],
        ["image", "--help"],
        ["image", good, "-x", "99"],
        ["no-such-command"],
    ]
    ends = bench.run_all(*commands, env=env)
    assert [done.rc for done in ends] == [1, 0, 2, 2]
    assert "\x1b" not in "".join(map(streams, ends))


def test_text_of_the_gateway_is_stripped(run, gateway, bench):
    """Control characters in an error, a status, an id or a media URL reach neither stream, and forge no line."""
    refused, failed, named, completed = (new_url(f"{word}.png") for word in ("refused", "failed", "named", "completed"))

    def script(heard):
        if heard.method == "POST":
            if heard.source == refused:
                return Reply(400, {"error": EVIL, "message": EVIL})
            return Reply(202, {"request_id": f"{heard.source}{EVIL}", "status": "QUEUED"})
        if "failed" in heard.path:
            return Reply(200, {"request_id": heard.request_id, "status": "FAILED", "error": EVIL})
        if "named" in heard.path:
            return Reply(200, {"request_id": heard.request_id, "status": EVIL})
        output = {"media_url": [f"{fake.url}/media/{EVIL}.png"]}
        return Reply(200, {"request_id": heard.request_id, "status": "COMPLETED", "output": output})

    fake = gateway(script)
    sources = [refused, failed, named, completed]
    text = streams(run("image", *sources, "--timeout", "0.5s", "--no-download", to=fake))
    text += streams(run("image", completed, to=fake))
    text += streams(run("status", to=fake)) + streams(run("image", new_url("more.png"), "--no-wait", to=fake))
    text += streams(run("image", *sources, "--timeout", "0s", "--json", to=fake))
    assert CONTROL.findall(text) == []
    assert "red" in text
    assert [line for line in text.splitlines() if line.startswith("seedvr: forged")] == []
    assert [name for name in bench.files() if CONTROL.search(name)] == []


def test_a_result_is_printed_as_soon_as_it_is_there(start, gateway):
    """The path of a job that is done stands on standard output while another one still runs."""
    quick, slow = new_url("quick.png"), new_url("slow.png")
    seen = []

    def script(heard):
        waits = heard in fake.polls() and heard.source == slow and not seen
        return fake.view(heard, "PROCESSING") if waits else None

    fake = gateway(script)
    process = start("image", slow, quick, to=fake, stderr=subprocess.DEVNULL)
    first = process.stdout.readline()
    seen.append(first)
    assert first == b"quick-upscaled.png\n"
    assert process.stdout.read() == b"slow-upscaled.png\n"
    assert process.wait(PATIENCE) == 0


def test_a_closed_pipe_ends_a_command_quietly(start, bench):
    """Where nobody reads standard output any more, the command ends without a word about it."""
    bench.configure("[default]\nscale = 2\nquiet = true\n")
    commands = ["--version", "--help", "image --help", "config path", "config list --json", "status"]
    commands += ["image https://example.com/a.png --dry-run", "image https://example.com/a.png --dry-run --json"]
    assert {words: closed(start(*words.split())) for words in commands} == dict.fromkeys(commands, "")


def test_a_closed_pipe_ends_a_run_quietly(run, start, sandbox, url):
    """A run whose reader has gone ends without a word about it, and the same command goes on, unpaid."""
    assert not closed(start("image", url, "-q", to=sandbox))
    assert not closed(start("status", to=sandbox))
    assert run("image", url, to=sandbox).stdout == "photo-upscaled.png\n"
    assert sandbox.accepted(url) == 1


def test_a_closed_pipe_hides_no_job_that_runs(start, gateway):
    """What was submitted when nobody read any more may cost something, and is told."""
    one, other = new_url("a.png"), new_url("b.png")

    def script(heard):
        is_over = heard.source == one and fake.accepted()[other]
        return None if heard.method == "POST" or "status" not in heard.path or is_over else fake.view(heard, "QUEUED")

    fake = gateway(script)
    process = start("image", one, other, to=fake)
    process.stdout.close()
    process.wait(PATIENCE)
    assert process.returncode == 141
    assert "1 of its jobs still runs and may cost $0.001" in process.stderr.read().decode()


def closed(process):
    """What the command says on standard error when nobody reads its standard output."""
    process.stdout.close()
    process.wait(PATIENCE)
    return process.stderr.read().decode()


def test_standard_input_is_left_to_a_loop(bench, gateway):
    """`while read url; do seedvr image "$url"; done` does every line, for a run does not touch standard input."""
    fake = gateway()
    urls = [new_url(f"{letter}.png") for letter in "abc"]
    bench.configure(f'[default]\nbase-url = "{fake.url}"\npoll-interval = 0.1\napi-key-command = "cat >&2; echo key"\n')
    command = shlex.join([sys.executable, "-m", "seedvr_cli", "image"])
    done = subprocess.run(
        ["sh", "-c", f'while read -r url; do {command} "$url" || exit; done'],
        input="".join(f"{url}\n" for url in urls).encode(),
        cwd=bench.work,
        env=bench.environment(key=None),
        capture_output=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout.decode()) == (0, "a-upscaled.png\nb-upscaled.png\nc-upscaled.png\n"), (
        done.stderr
    )
    assert [post.source for post in fake.posts()] == urls


@pytest.mark.parametrize("stream", ["0<&-", "2>&-"])
def test_a_stream_may_be_closed(bench, sandbox, url, stream):
    """A run without standard input, or without standard error, does its work all the same."""
    words = [sys.executable, "-m", "seedvr_cli", "image", url, "--base-url", sandbox.url, "--poll-interval", "0.1"]
    done = subprocess.run(
        ["sh", "-c", f"exec {shlex.join(words)} {stream}"],
        cwd=bench.work,
        env=bench.environment(),
        capture_output=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout) == (0, b"photo-upscaled.png\n"), done.stderr


def test_a_run_with_a_full_disk_behind_its_output(start, run, sandbox, url):
    """Where standard output cannot be written, the command fails in one line, and the same command goes on, unpaid."""
    with open("/dev/full", "wb") as full:
        process = start("image", url, "-q", to=sandbox, stdout=full)
        assert process.wait(PATIENCE) == 1
    assert process.stderr.read().count(b"\n") == 1
    wait_for(lambda: sandbox.accepted(url) == 1)
    assert run("image", url, to=sandbox).stdout == "photo-upscaled.png\n"
    assert sandbox.accepted(url) == 1


FULL = "/dev/full"


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_full_standard_output_loses_nothing(bench, sandbox, form):
    """Where standard output takes nothing the exit code is 1, one line says so, and every result is on disk."""
    with open(FULL, "wb") as full:
        done = bench.run("image", new_url("a.png"), new_url("b.png"), *form, to=sandbox, stdout=full)
    assert (done.rc, bench.files()) == (1, ["a-upscaled.png", "b-upscaled.png"]), done.stderr
    assert done.stderr.count("cannot write to standard output") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["--help"], ["status"], ["--version"], ["completion", "bash"]])
def test_no_command_hides_that_its_output_is_lost(bench, words):
    """Each command whose output cannot be written ends with 1."""
    with open(FULL, "wb") as full:
        done = bench.run(*words, stdout=full)
    assert done.rc in ({0, 1} if words == ["status"] else {1})
    assert "Traceback" not in done.stderr


def test_a_full_standard_error_stops_nothing(bench, sandbox):
    """A standard error that takes nothing is dropped: the run goes on, and ends with its own code."""
    with open(FULL, "wb") as full:
        done = bench.run("image", new_url("a.png"), to=sandbox, stderr=full)
    assert (done.rc, done.stdout, bench.files()) == (0, "a-upscaled.png\n", ["a-upscaled.png"])


def test_a_pipe_that_takes_it_bit_by_bit_gets_it_all(bench, sandbox):
    """A full pipe that does not block is waited for, and nothing of the results is lost."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    os.write(writing, b"x" * 65_536)  # full from the start
    process = bench.start("image", new_url("a.png"), "--json", to=sandbox, stdout=writing)
    os.close(writing)
    wait_for(lambda: "a-upscaled.png" in bench.files())
    with open(reading, "rb") as pipe:
        text = pipe.read().lstrip(b"x")
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert json.loads(text)["files"][0]["path"] == "a-upscaled.png"


def test_closed_streams(bench, sandbox):
    """A closed standard output is one that cannot be written to; a closed standard error swallows all."""
    words = ["image", new_url("a.png"), "--base-url", sandbox.url]
    command = shlex.join([sys.executable, "-m", "seedvr_cli", *words])
    for redirect, code in ((">&-", 1), ("2>&-", 0), ("2>&- <&-", 0)):
        shell = ["sh", "-c", f"{command} {redirect}"]
        done = subprocess.run(shell, cwd=bench.work, env=bench.environment(), timeout=PATIENCE, capture_output=True)
        assert done.returncode == code, done.stderr
        assert bench.files() == ["a-upscaled.png"]


def test_results_that_begin_with_a_dash_are_words(bench, sandbox):
    """A path that a command would take for an option is printed so that it does not."""
    done = bench.run("image", new_url("-rf.png"), to=sandbox)
    assert done.stdout == "./-rf-upscaled.png\n"
