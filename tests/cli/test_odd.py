"""Odd answers of gateways and media servers, as the real command meets them."""

import json
import time

import pytest
from fakes.gateway import Reply
from helpers.command import CARRIERS

pytestmark = pytest.mark.slow


@CARRIERS
@pytest.mark.parametrize("status", [408, 307, 499])
def test_an_ambiguous_answer_is_paid_for_once(status, carrier, run, sandbox_server, url):
    """A gateway that accepts and answers what says nothing gets the submission once, whatever is run after that."""
    server = sandbox_server("--instant", "--latency", "0s", "--fault", f"ambiguous={status}")
    for _ in range(2):
        done = run("image", url, to=server, inject=carrier)
        assert (done.rc, done.stdout) == (7, "")
        assert f"HTTP {status}" in done.stderr
    assert server.accepted(url) == 1


def test_an_expired_url_is_paid_for(run, sandbox_server, url):
    """A result that is no longer to be had says that it is paid for and how another is got, and is not paid again."""
    server = sandbox_server("--instant", "--latency", "0s", "--fault", "expired-url")
    for _ in range(2):
        done = run("image", url, to=server)
        assert done.rc == 1
        assert "it is paid for" in done.stderr
        assert "--new" in done.stderr
    assert server.accepted(url) == 1


@CARRIERS
def test_a_rest_from_another_byte_is_begun_again(carrier, run, sandbox_server, work, url):
    """A download that breaks, and whose rest is answered from the file's beginning, is delivered whole."""
    server = sandbox_server("--latency", "0s", "--fault", "cut-media", "--fault", "moved-range")
    done = run("image", url, to=server, inject=carrier)
    assert done.rc == 0, done.stderr
    (work / "photo-upscaled.png").rename(work / "first.png")
    assert run("image", url, to=server).rc == 0
    assert (work / "first.png").read_bytes() == (work / "photo-upscaled.png").read_bytes()


def test_envelopes_are_polled_again(run, sandbox_server, url):
    """A proxy's 200 that names no job ends none: the job is waited for and delivered."""
    server = sandbox_server("--instant", "--latency", "0s", "--fault", "envelope=0.6", "--seed", "4")
    done = run("image", url, to=server)
    assert (done.rc, done.stdout) == (0, "photo-upscaled.png\n")


@CARRIERS
def test_an_answer_that_drips_keeps_the_timeout(carrier, run, sandbox_server, url):
    """A poll that would take half a minute does not keep the command longer than --timeout and two seconds."""
    server = sandbox_server("--instant", "--latency", "0s", "--fault", "slow-poll")
    began = time.monotonic()
    done = run("image", url, "--timeout", "1s", "--json", to=server, inject=carrier)
    assert done.rc in {5, 6}
    assert done.object["charge"] == "maybe"
    assert time.monotonic() - began < 20  # of the thirty that a poll may take


@pytest.mark.parametrize("jobs", ["1", "64"])
def test_what_is_wrapped_packed_or_deep_is_an_answer(run, gateway, url, jobs):
    """An accepted job is known, and its media are delivered, though all is said to be packed and nothing is."""
    fake = gateway()

    def odd(heard):
        packed = {"Content-Encoding": "gzip"}
        if heard.method == "POST":
            body = json.dumps(fake.accept(heard.source).body)[:-1] + ', "deep": ' + "[" * 600 + "]" * 600 + "}"
            return Reply(202, body.encode(), packed)
        if heard.path.startswith("/media/"):
            return Reply(200, fake.picture, packed)
        return Reply(200, fake.view(heard).body, packed)

    fake.script = odd
    done = run("image", url, "-j", jobs, to=fake)
    assert (done.rc, done.stdout) == (0, "photo-upscaled.png\n"), done.stderr
    assert len(fake.posts()) == 1


def test_an_answer_that_is_too_deep_is_unknown(run, gateway, url):
    """An answer that no reader of JSON gets through leaves the submission unknown, and is not paid for again."""
    fake = gateway(lambda heard: Reply(202, b"[" * 100_000) if heard.method == "POST" else None)
    for _ in range(2):
        done = run("image", url, "--json", to=fake)
        assert (done.rc, done.object["charge"]) == (7, "unknown")
    assert len(fake.posts()) == 1


def test_a_result_that_is_too_large_is_refused(run, gateway, url):
    """--max-filesize refuses a larger result, keeps nothing of it, and the same command without it delivers."""
    fake = gateway()
    done = run("image", url, "--max-filesize", "20", to=fake)
    assert done.rc == 1
    assert "more than 20 bytes" in done.stderr
    assert run("image", url, to=fake).rc == 0
    assert len(fake.posts()) == 1
