"""`seedvr listen` loses no event and tells none twice: what a hunt for such has found."""

import json
import os
import shlex
import signal
import socket
import sys
import threading
from urllib.parse import urlsplit

import pytest
from fakes.gateway import CUT, STATUS_PATH, Reply
from helpers.command import Bench
from helpers.listening import HOOK, call, listen, submit, told
from helpers.sources import new_url, urls, write
from helpers.waiting import PATIENCE, wait_for, wait_for_end

pytestmark = pytest.mark.slow


def appending(work, more=""):
    """A command that appends its input to a file."""
    program = write(work / "program.py", ["import os, sys, time", "open('heard', 'a').write(sys.stdin.read())", more])
    return shlex.join([sys.executable, str(program)])


def lines_of(path):
    return path.read_text().splitlines() if path.exists() else []


def test_a_delivery_that_fails_is_passed_on_once(start, run, gateway, work, url):
    """A result that is not to be had is tried some times, and then its error is what is passed on."""
    gateway = gateway(lambda heard: Reply(404, b"") if heard.path.startswith("/media/") else None)
    listener = listen(start, gateway, "--download", "--exec", appending(work), "--poll-interval", "0.1", "--once", 2)
    submit(run, listener, url, new_url(), to=gateway)
    done = listener.end()
    assert (done.rc, "the rest, and only the rest: 'seedvr download'" in done.stderr) == (1, True), done.stderr
    heard = [json.loads(line)["error"]["code"] for line in lines_of(work / "heard")]
    assert heard == ["delivery", "delivery"]
    assert len(gateway.downloads()) == 6


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_all_of_them_loses_no_event(start, run, gateway, work, url, number):
    """A signal for the whole group is not the program's, and what it was told is told again if it did not end."""
    gateway = gateway()
    quick = "import seedvr_cli.cli.programs as programs\nprograms.GRACE = 0.2\n"
    command = appending(work, "time.sleep(600)")
    listener = listen(start, gateway, "--exec", command, start_new_session=True, inject=quick)
    submit(run, listener, url, to=gateway)
    assert call(gateway.posts()[0].headers[HOOK], told("fake_1")) == 204
    wait_for(lambda: lines_of(work / "heard"))
    os.killpg(listener.process.pid, number)
    assert listener.end().rc == 128 + number
    assert listen(start, gateway, "--json", "--once", 1).end().object["request_id"] == "fake_1"


def test_what_could_not_be_told_is_told_later(start, run, gateway, work, url):
    """A program that is gone, and a standard output that is full, keep the event for the next listener."""
    gateway = gateway()
    program = work / "program"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    listener = listen(start, gateway, "--exec", program, "--poll-interval", "1h")
    program.unlink()
    submit(run, listener, url, to=gateway)
    assert call(gateway.posts()[0].headers[HOOK], told("fake_1")) == 204
    seen = b""
    while b"--exec" not in seen:
        seen += listener.process.stderr.readline()
    listener.end(signal.SIGTERM)
    with open("/dev/full", "wb") as full:
        listener = listen(start, gateway, stdout=full)
        wait_for(lambda: len(gateway.polls()) >= 2)
        listener.process.send_signal(signal.SIGTERM)
        listener.process.wait(PATIENCE)
    assert listen(start, gateway, "--json", "--once", 1).end().object["request_id"] == "fake_1"


def test_once_is_not_more(start, run, gateway):
    """--once N prints and passes on N jobs, however many have ended, and leaves the others."""
    gateway = gateway()
    listener = listen(start, gateway, "--poll-interval", "1h")
    submit(run, listener, *urls(4), to=gateway)
    listener.end(signal.SIGKILL)
    first = listen(start, gateway, "--json", "--once", 1, "-j", 1).end()
    rest = listen(start, gateway, "--json", "--once", 3).end()
    assert (first.rc, rest.rc, len(first.objects), len(rest.objects)) == (0, 0, 1, 3)
    assert len({value["request_id"] for value in first.objects + rest.objects}) == 4


def test_two_listeners_tell_each_job_once(start, run, gateway, work):
    """Of two listeners on one ledger one passes a job on."""
    gateway = gateway()
    command = appending(work, "time.sleep(0.3)")
    both = [listen(start, gateway, "--exec", command, "--poll-interval", "0.1") for _ in range(2)]
    submit(run, both[0], *urls(6), to=gateway)
    for heard in gateway.posts():
        for listener in both:
            call(heard.headers[HOOK].replace(both[0].url, listener.url), told("x"))
    wait_for(lambda: len(lines_of(work / "heard")) == 6)
    ended = [listener.end(signal.SIGTERM) for listener in both]
    assert len(lines_of(work / "heard")) == sum(len(done.lines) for done in ended) == 6


def lost(gateway, url, answers):
    """A gateway that loses the answer to that submission, and then answers polls of it in turn, the last for ever."""
    left = list(answers)

    def script(heard):
        if heard.method == "POST" and heard.source == url:
            gateway.accept(heard.source)
            return CUT
        if heard.path == f"{STATUS_PATH}fake_1" and left:
            return left.pop(0)
        return None

    gateway.script = script


def test_only_404s_in_a_row_are_disbelieved(start, run, gateway, url):
    """Errors of the gateway's say nothing of an id: after two of them one 404 is one."""
    gateway = gateway()
    lost(gateway, url, [Reply(502, b""), Reply(502, b""), Reply(404, b"")])
    listener = listen(start, gateway, "--poll-interval", "0.1", "--json", "--once", 1)
    assert submit(run, listener, url, to=gateway).rc == 7
    assert call(gateway.posts()[0].headers[HOOK], told("fake_1")) == 204
    assert listener.end().object["status"] == "COMPLETED"


@pytest.mark.parametrize("status", [302, 405])
def test_what_a_portal_says_is_not_about_the_job(start, run, gateway, url, status):
    """Only 404 says that there is no such job; whatever else refuses is asked again."""
    gateway = gateway()
    lost(gateway, url, [Reply(status, b"")] * 15)
    listener = listen(start, gateway, "--poll-interval", "0.05", "--json", "--once", 1)
    assert submit(run, listener, url, to=gateway).rc == 7
    assert call(gateway.posts()[0].headers[HOOK], told("fake_1")) == 204
    assert listener.end().object["status"] == "COMPLETED"


def test_a_true_call_behind_a_false_one_counts(start, run, gateway, url):
    """A true id that comes while a false one is looked into is looked into as well."""
    gateway = gateway()
    lost(gateway, url, [])
    real, listener = gateway.script, None

    def script(heard):
        if heard.path == f"{STATUS_PATH}false" and listener is not None:
            call(gateway.posts()[0].headers[HOOK], told("fake_1"))
            return gateway.view(heard, model_id="another")
        return real(heard)

    gateway.script = script
    listener = listen(start, gateway, "--poll-interval", "1h", "--json", "--once", 1)
    assert submit(run, listener, url, to=gateway).rc == 7
    assert call(gateway.posts()[0].headers[HOOK], told("false")) == 204
    assert listener.end().object["request_id"] == "fake_1"


def test_an_id_that_was_fetched_by_hand_heals_as_well(start, run, gateway, url):
    """After `download` of the very id the callback still settles the submission."""
    gateway = gateway()
    lost(gateway, url, [])
    listener = listen(start, gateway, "--poll-interval", "1h", "--json", "--once", 1)
    assert submit(run, listener, url, to=gateway).rc == 7
    assert run("download", "fake_1", to=gateway).rc == 0
    assert call(gateway.posts()[0].headers[HOOK], told("fake_1")) == 204
    assert listener.end().object["source"] == url
    assert run("image", url, to=gateway).rc == 0
    assert len(gateway.posts()) == 1


def test_another_gateways_call_is_not_ours(start, run, gateway, url):
    """A listener of one gateway asks nobody about a job of another."""
    ours, theirs = gateway(), gateway()
    listener = listen(start, ours, "--poll-interval", "1h")
    submit(run, listener, url, to=theirs)
    assert call(theirs.posts()[0].headers[HOOK], told("fake_1")) == 204
    assert listener.end(signal.SIGTERM).lines == []
    assert (ours.polls(), theirs.polls()) == ([], [])


def test_a_machine_that_has_attached_is_called_as_well(start, run, tmp_path, postgres_server, gateway, url):
    """A job that a machine knows of another's account is passed on there when its callback comes."""
    board = {"SEEDVR_LEDGER_URL": postgres_server.database()}
    gateway = gateway()
    lost(gateway, url, [])
    (tmp_path / "other").mkdir()
    other = Bench(tmp_path / "other")
    listener = listen(start, gateway, "--json", "--once", 1, env=board)
    assert submit(other.run, listener, url, to=gateway, env=board).rc == 7
    assert run("image", url, to=gateway, env=board).rc == 7
    assert call(gateway.posts()[0].headers[HOOK], told("fake_1")) == 204
    assert listener.end().object["source"] == url
    assert run("image", url, to=gateway, env=board).rc == 0
    assert len(gateway.posts()) == 1


def test_listeners_of_two_machines_tell_each_job_once(start, tmp_path, postgres_server, gateway, work):
    """Whichever machine is called, and though the one that has submitted asks as well, one of them passes a job on."""
    board = {"SEEDVR_LEDGER_URL": postgres_server.database()}
    gateway = gateway()
    (tmp_path / "other").mkdir()
    other = Bench(tmp_path / "other")
    command = appending(work, "")
    words = ("--exec", command, "--poll-interval", "0.1", "--json")
    both = [listen(begin, gateway, *words, env=board) for begin in (start, other.start)]
    submit(other.run, both[0], *urls(6), to=gateway, env=board)
    for heard in gateway.posts():
        for listener in both:
            assert call(heard.headers[HOOK].replace(both[0].url, listener.url), told("x")) == 204
    heard = [folder / "heard" for folder in (work, other.work)]
    wait_for(lambda: sum(len(lines_of(path)) for path in heard) >= 6)
    ended = [listener.end(signal.SIGTERM) for listener in both]
    assert sum(len(lines_of(path)) for path in heard) == sum(len(done.objects) for done in ended) == 6
    other.close()


def test_an_attempt_that_was_replaced_is_told_beside_the_new_one(start, run, tmp_path, postgres_server, gateway, url):
    """Another machine's listener hears of a lost attempt and of the one that replaced it: two jobs, each told once."""
    board = {"SEEDVR_LEDGER_URL": postgres_server.database()}
    gateway = gateway()
    lost(gateway, url, [])
    (tmp_path / "other").mkdir()
    other = Bench(tmp_path / "other")
    listener = listen(start, gateway, "--poll-interval", "0.1", "--json", "--once", 2, env=board)
    assert submit(other.run, listener, url, to=gateway, env=board).rc == 7
    gateway.script = lambda _: None
    words = ("--no-wait", "--callback", "--public-url", listener.url, "--new")
    assert other.run("image", url, *words, to=gateway, env=board).rc == 0
    for number, heard in enumerate(gateway.posts(), start=1):
        assert call(heard.headers[HOOK], told(f"fake_{number}")) == 204
    assert sorted(one["request_id"] for one in listener.end().objects) == ["fake_1", "fake_2"]
    other.close()


def test_programs_get_their_time_though_the_run_is_full(start, run, gateway, work):
    """A signal lets the program under way end, also where more jobs have ended than a run takes in."""
    held = threading.Event()

    def script(heard):
        is_held = heard.path.startswith("/media/") and "/fake_1/" not in heard.path
        return Reply(200, gateway.picture, held=held) if is_held else None

    gateway = gateway(script)
    more = "open('begun', 'w')\nwhile not os.path.exists('go'): time.sleep(0.01)\nopen('ended', 'w')"
    listener = listen(start, gateway, "--download", "--exec", appending(work, more), "-j", 1, "--poll-interval", "0.1")
    submit(run, listener, *urls(24), to=gateway)
    wait_for(lambda: (work / "begun").exists() and len(gateway.downloads()) > 8 and len(gateway.polls()) >= 24)
    listener.process.send_signal(signal.SIGTERM)
    wait_for(lambda: is_deaf(listener))
    (work / "go").touch()
    assert listener.end().rc == 143
    held.set()
    assert (work / "ended").exists()
    listen(start, gateway, "--exec", appending(work, "print(file=open('heard', 'a'))"), "--once", 23).end()
    told_ids = [json.loads(line)["request_id"] for line in lines_of(work / "heard") if line]
    assert len(told_ids) == len(set(told_ids)) == 24


def is_deaf(listener):
    address = urlsplit(listener.url)
    try:
        socket.create_connection((address.hostname, address.port)).close()
    except ConnectionRefusedError:
        return True
    return False


def test_an_event_is_told_once_however_often_it_is_tried(start, run, gateway, url):
    """A delivery that is tried again is no event until it has failed for good."""
    gateway = gateway(lambda heard: Reply(404) if heard.path.startswith("/media/") else None)
    listener = listen(start, gateway, "--download", "--json", "--once", 1, "--poll-interval", "0.1")
    submit(run, listener, url, to=gateway)
    assert call(gateway.posts()[0].headers[HOOK], told("fake_1")) == 204
    done = listener.end()
    assert (done.rc, len(done.objects)) == (1, 1), done.stderr
    assert "trying again" in done.stderr


def test_an_unwritable_folder_ends_no_listener(start, run, gateway, work):
    """What has no place fails, and what comes after it is delivered once the place is there."""
    gateway = gateway()
    (work / "out").touch()
    listener = listen(start, gateway, "-o", "out/{request_id}{ext}", "--json", "--once", 2, "--poll-interval", "0.1")
    submit(run, listener, *urls(2), to=gateway)
    assert call(gateway.posts()[0].headers[HOOK], told("fake_1")) == 204
    seen = b""
    while b"trying again" not in seen:
        seen += listener.process.stderr.readline()
    (work / "out").unlink()
    assert call(gateway.posts()[1].headers[HOOK], told("fake_2")) == 204
    done = listener.end()
    assert len(done.objects) == 2
    assert "unforeseen" not in done.stderr


def test_a_full_standard_output_ends_it(start, run, gateway, url):
    """Where no event can be told any more the listener ends with 1, and the next one has them all."""
    gateway = gateway()
    with open("/dev/full", "wb") as full:
        listener = listen(start, gateway, "--once", 1, "--poll-interval", "0.1", stdout=full)
        submit(run, listener, url, to=gateway)
        assert listener.process.wait(PATIENCE) == 1
    assert listen(start, gateway, "--json", "--once", 1).end().object["request_id"] == "fake_1"


def test_the_second_signal_ends_programs_too(start, run, gateway, work, url):
    """Who does not wait for programs leaves none behind."""
    gateway = gateway()
    command = appending(work, "open('pid', 'w').write(str(os.getpid())); time.sleep(600)")
    listener = listen(start, gateway, "--exec", command)
    submit(run, listener, url, to=gateway)
    assert call(gateway.posts()[0].headers[HOOK], told("fake_1")) == 204
    wait_for(lambda: (work / "pid").exists() and (work / "pid").read_text())
    listener.process.send_signal(signal.SIGTERM)
    seen = b""
    while b"once more ends it" not in seen:
        seen += listener.process.stderr.readline()
    assert listener.end(signal.SIGTERM).rc == 143
    wait_for_end(int((work / "pid").read_text()))
