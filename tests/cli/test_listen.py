"""`seedvr listen`: the gateway calls back, and what it says is not believed, but looked into."""

import json
import os
import shlex
import signal
import subprocess
import sys

import pytest
from fakes.gateway import CUT, STATUS_PATH, Reply
from helpers.certificates import make_certificate
from helpers.command import Bench
from helpers.listening import HOOK, call, listen, submit, told
from helpers.sources import new_url, urls, write
from helpers.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("mode", ["terminal", "sync"])
@pytest.mark.parametrize("fault", [(), ("--fault", "duplicate-webhook")], ids=["once", "twice"])
def test_the_gateways_own_callbacks(start, run, sandbox_server, work, mode, fault):
    """Whatever the mode, and however often the gateway calls, each job is delivered, printed and passed on once."""
    server = sandbox_server("--instant", "--latency", "0.3s", *fault)
    program = write(work / "program.py", ["import sys", "open('heard', 'a').write(sys.stdin.read())"])
    command = shlex.join([sys.executable, str(program)])
    listener = listen(start, server, "--download", "-o", "out/", "--json", "--exec", command, "--once", 3)
    assert submit(run, listener, *urls(3), "--webhook-mode", mode, to=server).rc == 0
    done = listener.end()
    assert done.rc == 0, done.stderr
    assert sorted(value["files"][0]["path"] for value in done.objects) == [
        f"out/picture-{number}-upscaled.png" for number in range(3)
    ]
    heard = [json.loads(line) for line in (work / "heard").read_text().splitlines()]
    by_id = {value["request_id"]: value for value in heard}
    assert len(heard) == len(by_id) == 3
    assert by_id == {value["request_id"]: value for value in done.objects}


def test_media_urls_are_printed_where_nothing_is_delivered(start, run, sandbox_server, work):
    """Without --download the media URLs go to standard output, and no file is made."""
    server = sandbox_server("--instant")
    listener = listen(start, server, "--once", 1)
    assert submit(run, listener, new_url(), to=server).rc == 0
    done = listener.end()
    (line,) = done.lines
    assert line.startswith(server.url)
    assert list(work.iterdir()) == []


def test_a_callback_is_not_believed(start, run, gateway, url):
    """A callback that says COMPLETED of a job that runs wakes one poll, and nothing is delivered until that says so."""
    is_done = False

    def script(heard):
        return gateway.view(heard, "COMPLETED" if is_done else "PROCESSING") if STATUS_PATH in heard.path else None

    gateway = gateway(script)
    listener = listen(start, gateway, "--poll-interval", "1h", "--once", 1)
    done = submit(run, listener, url, to=gateway)
    (request_id,) = done.lines
    address = gateway.posts()[0].headers[HOOK]
    assert address.startswith(f"{listener.url}/some/where/hook/")
    for number in range(1, 4):
        assert call(address, told(request_id)) == 204
        wait_for(lambda number=number: len(gateway.polls()) == number)
    is_done = True
    assert call(address, b"no JSON at all") == 204
    assert listener.end().rc == 0
    assert len(gateway.polls()) == 4


def test_an_address_that_was_not_made_by_us_is_not_found(start, run, gateway, url):
    """Whatever the address, without its signature it is 404, and no poll is made; with it, only POST is taken."""
    gateway = gateway()
    listener = listen(start, gateway, "--poll-interval", "1h")
    submit(run, listener, url, to=gateway)
    address = gateway.posts()[0].headers[HOOK]
    head, _, signature = address.rpartition("/")
    claim = head.rpartition("/")[2]
    forged = [
        f"{head}/{'0' * 32}",
        f"{head}/{signature[:-1]}{'0' if signature[-1] != '0' else '1'}",
        f"{head}/{signature}0",
        head,
        address.replace(claim, claim[:-1] + ("0" if claim[-1] != "0" else "1")),
        f"{address}/more",
        f"{listener.url}/",
    ]
    assert [call(one, told("fake_1")) for one in forged] == [404] * len(forged)
    assert call(address, b"", method="GET") == 405
    assert call(address, b" " * (2 << 20)) == 413
    assert gateway.polls() == []
    assert listener.end(signal.SIGTERM).rc == 143


def test_a_lost_submission_is_healed(start, run, sandbox_server, url):
    """A submission without an answer (7) is settled by its callback, and the same command pays nothing again."""
    server = sandbox_server("--instant", "--latency", "0.2s", "--fault", "lost-submit")
    listener = listen(start, server, "--json", "--once", 1)
    assert submit(run, listener, url, to=server).rc == 7
    done = listener.end()
    assert (done.rc, done.object["source"], done.object["status"]) == (0, url, "COMPLETED")
    assert "its submission was accepted as" in done.stderr
    assert run("status", "--unknown", "--base-url", server.url).lines == []
    assert run("image", url, to=server).rc == 0
    assert server.accepted(url) == 1


@pytest.mark.parametrize("told_id", ["another", "nobody", "wrong-model"])
def test_an_id_that_is_not_borne_out_heals_nothing(start, run, gateway, url, told_id):
    """An id that is another job's, that the gateway does not know, or of another model, leaves the outcome unknown."""
    other = new_url()

    def script(heard):
        if heard.method == "POST":
            return CUT if heard.source == url else None
        if heard.path == f"{STATUS_PATH}wrong-model":
            return gateway.view(heard, model_id="seedvr-upscale")
        return None

    gateway = gateway(script)
    listener = listen(start, gateway, "--poll-interval", "0.2")
    assert submit(run, listener, other, to=gateway).rc == 0
    assert submit(run, listener, url, to=gateway).rc == 7
    address = gateway.posts(url)[0].headers[HOOK]
    assert call(address, told({"another": "fake_1"}.get(told_id, told_id))) == 204
    seen = b""
    while b"a callback named" not in seen:
        seen += listener.process.stderr.readline()
    listener.end(signal.SIGTERM)
    assert url in run("status", "--unknown", "--base-url", gateway.url).stdout


def test_a_listener_that_was_killed_goes_on(start, run, gateway, work, url):
    """What was called about and not passed on when the listener was killed is passed on by the next one, once."""
    gateway = gateway()
    hold = write(
        work / "hold.py",
        ["import os, time", "print(os.getpid(), file=open('held', 'w'), flush=True)", "time.sleep(600)"],
    )
    listener = listen(start, gateway, "--exec", shlex.join([sys.executable, str(hold)]))
    submit(run, listener, url, to=gateway)
    address = gateway.posts()[0].headers[HOOK]
    assert call(address, told("fake_1")) == 204
    wait_for(lambda: (work / "held").exists() and (work / "held").read_text().strip())
    listener.process.kill()
    os.kill(int((work / "held").read_text()), signal.SIGKILL)
    listener.end()
    for once in (1, 0):
        again = listen(start, gateway, "--json", *(["--once", 1] if once else []))
        if once:
            assert again.end().object["request_id"] == "fake_1"
        else:
            assert again.end(signal.SIGTERM).lines == []


def test_a_told_id_survives_a_killed_listener(start, run, gateway, url):
    """Of a lost submission the id is kept before the callback is answered, and looked into by the next listener."""
    is_away = True

    def script(heard):
        if heard.method == "POST":
            gateway.accept(heard.source)
            return CUT
        return Reply(502, b"") if is_away else None

    gateway = gateway(script)
    listener = listen(start, gateway)
    assert submit(run, listener, url, to=gateway).rc == 7
    assert call(gateway.posts()[0].headers[HOOK], told("fake_1")) == 204
    listener.end(signal.SIGKILL)
    is_away = False
    done = listen(start, gateway, "--json", "--once", 1).end()
    assert (done.object["source"], done.object["request_id"]) == (url, "fake_1")


def test_what_nobody_called_about_is_asked_after(start, run, gateway, url):
    """A job whose callback never came is polled after --poll-interval, and passed on."""
    gateway = gateway()
    listener = listen(start, gateway, "--poll-interval", "0.3", "--json", "--once", 1)
    assert submit(run, listener, url, to=gateway).rc == 0
    assert listener.end().object["request_id"] == "fake_1"


def test_a_run_and_a_listener_make_one_delivery(start, run, gateway, work, url):
    """Where a run waits for the job that the listener is called about, both name one file."""
    is_done = False

    def script(heard):
        return gateway.view(heard, "COMPLETED" if is_done else "PROCESSING") if STATUS_PATH in heard.path else None

    gateway = gateway(script)
    listener = listen(start, gateway, "--download", "--poll-interval", "1h", "--json", "--once", 1)
    waiting = start("image", url, "--callback", "--public-url", listener.url, to=gateway)
    wait_for(gateway.polls)
    is_done = True
    assert call(gateway.posts()[0].headers[HOOK], told("fake_1")) == 204
    done = listener.end()
    out, _ = waiting.communicate(timeout=PATIENCE)
    assert (done.rc, waiting.returncode) == (0, 0)
    assert out.decode().split() == [value["path"] for value in done.object["files"]]
    assert len(list(work.iterdir())) == 1


def test_programs_that_fail(start, run, gateway, work):
    """A program that fails is told, and is exit code 1, in the totals too; one that is not there is a usage error."""
    gateway = gateway()
    failing = shlex.join([sys.executable, "-c", "raise SystemExit(3)"])
    words = ("--exec", failing, "--poll-interval", "0.2", "--once", 1, "--summary", "totals.json")
    listener = listen(start, gateway, *words)
    submit(run, listener, new_url(), to=gateway)
    done = listener.end()
    assert (done.rc, json.loads((work / "totals.json").read_text())["exit_code"]) == (1, 1)
    assert "for fake_1: it ended with 3" in done.stderr
    for command in ("no-such-program --at all", "'", ""):
        assert run("listen", "--exec", command, to=gateway).rc == 2


def test_failed_jobs_are_passed_on_too(start, run, gateway, url):
    """A job that ended FAILED is passed on with its error, and is not asked after again."""
    gateway = gateway(lambda heard: gateway.view(heard, "FAILED", error="no") if STATUS_PATH in heard.path else None)
    listener = listen(start, gateway, "--poll-interval", "1h", "--json", "--once", 1)
    submit(run, listener, url, to=gateway)
    assert call(gateway.posts()[0].headers[HOOK], told("fake_1", "FAILED")) == 204
    done = listener.end()
    assert (done.rc, done.object["error"]["code"]) == (1, "job_failed")


def test_curl_calls_over_tls(start, run, gateway, requires, tmp_path, url):
    """An independent client posts the documented payload to --tls-cert and --tls-key, by a private authority."""
    pem, key = make_certificate(requires("openssl"), tmp_path)
    gateway = gateway()
    listener = listen(
        start, gateway, "--tls-cert", pem, "--tls-key", key, "--poll-interval", "1h", "--json", "--once", 1
    )
    assert listener.url.startswith("https://")
    submit(run, listener, url, to=gateway)
    address = gateway.posts()[0].headers[HOOK]
    words = [requires("curl"), "-sS", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code}", "--json",
             json.dumps(told("fake_1"))]  # fmt: skip
    refused = subprocess.run([*words, address], capture_output=True, check=False)
    assert refused.returncode == 60  # the authority is not known
    called = subprocess.run([*words, "--cacert", pem, address], capture_output=True, check=True)
    assert called.stdout == b"204"
    assert listener.end().object["request_id"] == "fake_1"


def test_a_name_that_fits_not_every_job_ends_no_listener(start, run, gateway, work, url):
    """Where -o asks for what a job does not have, its result goes where its command meant it to, and the rest go on."""
    gateway = gateway()
    listener = listen(start, gateway, "-o", "big/{stem}-{scale}x{ext}", "--once", 2, "--poll-interval", "0.1")
    submit(run, listener, url, to=gateway)
    assert call(gateway.posts()[0].headers[HOOK], told("fake_1")) == 204
    other = new_url()
    words = ("--no-wait", "--callback", "--public-url", listener.url, "-q", "-x", "2")
    assert run("image", other, *words, to=gateway).rc == 0
    assert call(gateway.posts()[1].headers[HOOK], told("fake_2")) == 204
    done = listener.end()
    assert done.rc == 0, done.stderr
    assert "{scale} is empty" in done.stderr
    assert sorted(os.path.dirname(line) for line in done.lines) == ["", "big"]


def test_standard_output_as_the_usual_place_loses_no_result(start, run, gateway, url):
    """With `output = "-"` in the config nothing can be delivered here, which is said; the events alone can be had."""
    gateway = gateway()
    assert run("config", "set", "output", "-").rc == 0
    done = run("listen", "--download", to=gateway)
    assert (done.rc, "results go into files here" in done.stderr) == (2, True)
    listener = listen(start, gateway, "--json", "--once", 1, "--poll-interval", "0.1")
    submit(run, listener, url, to=gateway)
    assert listener.end().object["files"] == []


def test_what_was_paid_for_without_a_callback_is_said(start, run, gateway, url):
    """A job that there was already calls nobody for this command: it says so, and what brings the result."""
    gateway = gateway(lambda heard: gateway.view(heard, "PROCESSING") if STATUS_PATH in heard.path else None)
    listener = listen(start, gateway)
    assert run("image", url, "--no-wait", to=gateway).rc == 0
    words = ("--no-wait", "--callback", "--public-url", listener.url)
    assert "without this callback: 'seedvr download fake_1' waits" in run("image", url, *words, to=gateway).stderr
    listener.end(signal.SIGTERM)


def test_another_machine_heals_a_lost_submission(start, run, tmp_path, postgres_server, sandbox_server, url):
    """Where machines share a ledger, one may listen for what another has submitted, and all know of it then."""
    board = {"SEEDVR_LEDGER_URL": postgres_server.database()}
    server = sandbox_server("--instant", "--latency", "0.3s", "--fault", "lost-submit")
    (tmp_path / "other").mkdir()
    other = Bench(tmp_path / "other")
    listener = listen(start, server, "--json", "--once", 1, env=board)
    assert submit(other.run, listener, url, to=server, env=board).rc == 7
    assert listener.end().object["source"] == url
    assert '"completed"' in run("ledger", "export", env=board).stdout
    assert other.run("status", "--unknown", "--base-url", server.url).lines != []
    assert other.run("image", url, to=server, env=board).rc == 0
    assert other.run("status", "--unknown", "--base-url", server.url).lines == []
    assert server.accepted(url) == 1


def test_wrong_words(run, gateway, tmp_path):
    """What cannot be listened on, or called, is one line and code 2."""
    gateway = gateway()
    taken = gateway.url.removeprefix("http://")
    for words, part in [
        (("listen", "--bind", "8788"), "--bind: 8788 is not HOST:PORT"),
        (("listen", "--bind", "[::1"), "--bind: [::1 is not HOST:PORT"),
        (("listen", "--bind", "[]:1"), "--bind: []:1 is not HOST:PORT"),
        (("listen", "--bind", "[::1]x:1"), "--bind: [::1]x:1 is not HOST:PORT"),
        (("listen", "--bind", "a:b@c:1"), "is not HOST:PORT"),
        (("listen", "--bind", "127.0.0.1:65536"), "is not HOST:PORT"),
        (("listen", "--bind", taken), f"cannot listen on {taken}"),
        (("listen", "-o", "{nope}.png"), "{nope} is not a field of a template"),
        (("listen", "--tls-key", "x"), "--tls-key needs --tls-cert"),
        (("listen", "--tls-cert", tmp_path / "none"), "--tls-cert"),
        (("listen", "--public-url", "http://example.com"), "is not an https URL"),
        (("listen", "-o", "-"), "-o -"),
        (("image", new_url(), "--callback"), "config set public-url"),
        (("image", new_url(), "--callback", "--public-url", "https://a.example", "--webhook", "https://b.example"),
         "--webhook and --callback"),
    ]:  # fmt: skip
        done = run(*words, to=gateway)
        assert (done.rc, done.stdout) == (2, ""), words
        assert part in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert gateway.posts() == []
