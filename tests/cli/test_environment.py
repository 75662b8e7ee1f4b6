"""Networks and certificates that the environment names: what cannot be used is told before anything is claimed."""

import shutil

import pytest
from fakes.gateway import Reply
from helpers.command import CARRIERS, OVER_HTTPX
from helpers.sources import new_url

# The value of a variable that keeps requests from being sent, and what the line says of it.
WRONG = {
    "a proxy without a scheme that is known": ({"HTTPS_PROXY": "ftp://proxy.example:1"}, "HTTPS_PROXY"),
    "a proxy that is no address": ({"https_proxy": "http://[proxy"}, "https_proxy"),
    "a port that is none": ({"ALL_PROXY": "http://proxy.example:port"}, "ALL_PROXY"),
    "a password with a blank": ({"HTTPS_PROXY": "http://user:PRO XY@127.0.0.1:9"}, "HTTPS_PROXY"),
    "certificates that are not there": ({"SSL_CERT_FILE": "/nowhere/certificates.pem"}, "SSL_CERT_FILE"),
    "certificates that are none": ({"SSL_CERT_FILE": "/dev/null"}, "SSL_CERT_FILE"),
}


@pytest.mark.parametrize("what", WRONG)
def test_nothing_is_claimed_that_could_not_be_sent(run, what):
    """One line names the variable, the exit code is 2, and the ledger has no job, known or unknown."""
    env, name = WRONG[what]
    done = run("image", new_url(), new_url("b.png"), "--base-url", "https://gateway.invalid", env=env)
    assert (done.rc, done.stdout) == (2, ""), done.stderr
    assert done.stderr.count("\n") == 1
    assert name in done.stderr
    assert "Traceback" not in done.stderr
    assert run("status", "--base-url", "https://gateway.invalid").stdout == ""


@pytest.mark.parametrize("what", WRONG)
def test_this_machine_needs_no_proxy(run, gateway, what):
    """A gateway on this machine is reached whatever proxies and certificates the environment names."""
    env, _ = WRONG[what]
    done = run("image", new_url(), to=gateway(), env=env)
    assert (done.rc, done.stdout) == (0, "photo-upscaled.png\n"), done.stderr


def test_the_sandbox_needs_no_proxy(run, photo):
    """--sandbox works behind any proxy."""
    done = run("image", "--sandbox", photo, env={"ALL_PROXY": "socks5://127.0.0.1:1", "NO_PROXY": "[::1]"})
    assert done.rc == 0, done.stderr


def test_a_socks_proxy_without_its_package_says_what_to_install(run):
    """A SOCKS proxy whose package is missing is one line with the command that installs it."""
    hide = OVER_HTTPX + "sys.modules['socksio'] = None\nimport importlib.util as u; f = u.find_spec\n"
    hide += "u.find_spec = lambda name, *a: None if name == 'socksio' else f(name, *a)\n"
    done = run("image", new_url(), "--base-url", "https://gateway.invalid", env={"ALL_PROXY": "socks5://127.0.0.1:1"},
               inject=hide)  # fmt: skip
    assert done.rc == 2
    assert "pip install 'seedvr-cli[socks]'" in done.stderr


@CARRIERS
def test_a_proxys_password_is_told_nowhere(carrier, run):
    """What is said of a proxy that is not there has no part of its password, whatever characters that has."""
    impatient = carrier + "import seedvr_cli.run.post\nseedvr_cli.run.post.SUBMIT_PATIENCE = 0.2\n"
    done = run("image", new_url(), "--base-url", "https://gateway.invalid", "--timeout", "1s", "-v",
               env={"https_proxy": "http://user:SEC\"R'E<T>@127.0.0.1:1"}, inject=impatient)  # fmt: skip
    assert done.rc == 5
    assert "by way of the proxy http://***@127.0.0.1:1" in done.stderr
    assert "SEC" not in done.stderr
    assert "<T>" not in done.stderr


@CARRIERS
def test_a_socks_proxy_is_used(carrier, run):
    """With its package a SOCKS proxy is asked; one that is not there leaves nothing submitted."""
    impatient = carrier + "import seedvr_cli.run.post\nseedvr_cli.run.post.SUBMIT_PATIENCE = 0.2\n"
    done = run("image", new_url(), "--base-url", "https://gateway.invalid", "--timeout", "1s",
               env={"ALL_PROXY": "socks5://127.0.0.1:1"}, inject=impatient)  # fmt: skip
    assert done.rc == 5, done.stderr
    assert run("status", "--base-url", "https://gateway.invalid").stdout == ""


def test_a_ledger_that_is_deleted_under_a_run_is_noticed(bench, gateway, url):
    """A run whose ledger is taken away submits nothing more and names what it has; the next is told."""
    ledger = bench.home / "state" / "ledger.sqlite3"

    def script(heard):
        if heard.method == "POST":
            ledger.unlink(missing_ok=True)

    fake = gateway(script)
    done = bench.run("image", url, new_url("b.png"), "-j", "1", to=fake,
                     inject="import seedvr_cli.run.post\nseedvr_cli.run.post.LEDGER_PATIENCE = 0.1\n")  # fmt: skip
    assert (done.rc, len(fake.posts())) == (1, 1), done.stderr
    assert "fake_1" in done.stderr
    assert "Traceback" not in done.stderr
    again = bench.run("image", url, to=fake)
    assert (again.rc, len(fake.posts())) == (1, 1)
    assert "ledger.sqlite3 is gone" in again.stderr
    (bench.home / "state" / "ledger.sqlite3.exists").unlink()
    assert bench.run("image", url, to=gateway()).rc == 0


def test_the_locks_of_runs_are_missed(bench, gateway):
    """A run whose lock is deleted submits nothing more: others would take it for dead."""

    def script(heard):
        if heard.method == "POST":
            shutil.rmtree(bench.home / "state" / "runs", ignore_errors=True)

    fake = gateway(script)
    done = bench.run("image", new_url("a.png"), new_url("b.png"), "-j", "1", to=fake)
    assert (done.rc, len(fake.posts())) == (1, 1), done.stderr
    assert "lock of this run was deleted" in done.stderr
    assert "a-upscaled.png" in bench.files()


@pytest.mark.parametrize("status", [408, 409, 423, 425, 444, 460, 499, 304, 307, 308])
def test_what_is_no_sure_refusal_is_not_sent_again(bench, gateway, url, status):
    """An answer that does not say for sure that nothing was accepted is 7, now and the next time."""
    fake = gateway(lambda heard: Reply(status, b"") if heard.method == "POST" else None)
    assert [bench.run("image", url, to=fake).rc for _ in range(2)] == [7, 7]
    assert len(fake.posts()) == 1
    assert url in bench.run("status", "--unknown", to=fake).stdout
    assert bench.run("forget", url, "--base-url", fake.url).rc == 0


def test_an_acceptance_without_an_id_can_be_settled(bench, gateway, url):
    """202 without a request id is unknown, is listed, and is settled by forget."""
    fake = gateway(lambda heard: Reply(202, {"status": "QUEUED"}) if heard.method == "POST" else None)
    assert bench.run("image", url, to=fake).rc == 7
    assert bench.run("forget", url, "--base-url", fake.url).rc == 0
    assert bench.run("image", url, to=gateway()).rc == 0
