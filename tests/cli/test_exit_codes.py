"""The exit code of every ending, and which one counts where several hold."""

import signal
import threading

import pytest
from fakes.gateway import CUT, Reply
from helpers.machine import free_port
from helpers.sources import new_url
from helpers.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow

# Nobody waits ten seconds here for a gateway that is not there.
IMPATIENT = "import seedvr_cli.run.post\nseedvr_cli.run.post.SUBMIT_PATIENCE = 0.2\n"

# The sandbox answers 401 to the first and 403 to the second.
REFUSED_KEYS = ("invalid-key", "forbidden-key")


def posts_answered(status, body=b"", **headers):
    """A script that answers every submission so."""
    return lambda heard: Reply(status, body, headers) if heard.method == "POST" else None


# 0 and 1


@pytest.mark.parametrize("word", ["FAILED", "ERROR"])
def test_a_job_that_failed_is_1(run, gateway, url, word):
    """A job that ends FAILED or ERROR gives 1, and the line says so."""
    fake = gateway(lambda heard: fake.view(heard, word) if heard in fake.polls() else None)
    done = run("image", url, to=fake)
    assert (done.rc, done.stdout) == (1, "")
    assert word in done.stderr


def test_a_request_that_is_refused_is_a_failed_job(run, gateway):
    """400 and 404 to a submission give 1 with the gateway's own words, are not sent again, and the others go on."""
    refused = {new_url(): 400, new_url(): 404}
    body = {"error": "Model not found", "message": "Model 'x' not found or is disabled"}
    fake = gateway(lambda heard: Reply(refused[heard.source], body) if heard.source in refused else None)
    done = run("image", *refused, new_url("good.png"), to=fake)
    assert (done.rc, done.stdout) == (1, "good-upscaled.png\n")
    assert "HTTP 400: Model not found" in done.stderr
    assert "HTTP 404: Model not found" in done.stderr
    assert [len(fake.posts(source)) for source in refused] == [1, 1]


# 3


def test_no_key_is_3_and_says_what_to_do(bench, gateway, url):
    """Without a key the command ends with 3 before anything is sent, and says how to set one and what needs none."""
    fake = gateway()
    for done in bench.run_all(["image", url], ["status", "some-id"], ["download"], to=fake, key=None):
        assert (done.rc, done.stdout) == (3, "")
        for word in ("config set api-key", "SEEDVR_API_KEY", "--sandbox"):
            assert word in done.stderr
    assert fake.heard == []


def test_a_refused_key_is_3(bench, sandbox, url):
    """401 and 403 give 3, for image and for status, and name where keys are made; the key is not shown."""
    commands = [[*words, {"key": key}] for words in (["image", url], ["status", "some-id"]) for key in REFUSED_KEYS]
    for done in bench.run_all(*commands, to=sandbox):
        assert (done.rc, done.stdout) == (3, "")
        assert "https://api-console.pixazo.ai/api_keys" in done.stderr
        assert [key for key in REFUSED_KEYS if key in done.stderr] == []
    assert sandbox.accepted(url) == 0


def test_a_refused_key_stops_the_submissions(run, gateway):
    """After a 401 nothing more is submitted, and every source is told of."""
    fake = gateway(posts_answered(401, {"error": "Unauthorized"}))
    sources = [new_url() for _ in range(6)]
    done = run("image", *sources, "-j", "1", "--json", to=fake)
    assert (done.rc, len(fake.posts()), len(done.objects)) == (3, 1, 6)
    assert {one["charge"] for one in done.objects} == {"none"}


# 4


def test_an_empty_wallet_is_4(run, sandbox_server):
    """402 gives 4 and names where money is added; what was paid before it is delivered."""
    server = sandbox_server("--latency", "0s", "--instant", "--balance", "0.001")
    done = run("image", new_url("a.png"), new_url("b.png"), "-j", "1", to=server)
    assert (done.rc, done.stdout, server.accepted()) == (4, "a-upscaled.png\n", 1)
    assert "https://api-console.pixazo.ai/dashboard" in done.stderr


def test_the_cap_is_4(run, sandbox, url):
    """--max-cost that is reached gives 4, and nothing is submitted past it."""
    done = run("image", url, "--max-cost", "0.0009", to=sandbox)
    assert (done.rc, sandbox.accepted(url)) == (4, 0)
    assert "--max-cost" in done.stderr


# 5


def test_a_500_is_5_and_never_followed_by_another_submission(run, sandbox_server, gateway, url):
    """A 500 to a submission gives 5 and is not sent again, neither in this run nor by the same command."""
    server = sandbox_server("--fault", "server-error")
    assert run("image", url, to=server).rc == 5
    fake = gateway(posts_answered(500, {"error": "Internal Server Error"}))
    done = run("image", url, "--json", to=fake)
    assert (done.rc, done.object["charge"]) == (5, "unknown")
    assert run("image", url, to=fake).rc in {5, 7}
    assert len(fake.posts()) == 1


def test_a_gateway_that_is_not_there_is_5(run, url):
    """A connection that cannot be made gives 5, for a submission and for a poll, and nothing counts as charged."""
    nobody = ["--base-url", f"http://127.0.0.1:{free_port()}"]
    done = run("image", url, "--json", *nobody, inject=IMPATIENT)
    assert (done.rc, done.object["charge"]) == (5, "none")
    assert run("status", *nobody).stdout == ""
    assert run("status", "some-id", *nobody).rc == 5


def test_a_gateway_that_stays_busy_is_5(run, gateway):
    """429, or 503 with Retry-After, for longer than --timeout gives 5, and nothing counts as charged."""
    busy = {new_url(): 429, new_url(): 503}
    fake = gateway(
        lambda heard: Reply(busy[heard.source], b"", {"Retry-After": "1"}) if heard.method == "POST" else None
    )
    done = run("image", *busy, "--timeout", "0.5s", "--json", to=fake)
    assert (done.rc, [one["charge"] for one in done.objects]) == (5, ["none", "none"])
    fake.script = lambda _: None
    assert run("image", *busy, to=fake).rc == 0


# 6


def test_the_end_of_waiting_is_6_and_the_same_command_goes_on(run, sandbox_server, url):
    """--timeout ends the waiting with 6, and the same command attaches to the job and delivers it, paid once."""
    server = sandbox_server("--latency", "1s", "--instant")
    done = run("image", url, "--timeout", "0.2s", to=server)
    assert (done.rc, done.stdout) == (6, "")
    done = run("image", url, to=server)
    assert (done.rc, done.stdout, server.accepted()) == (0, "photo-upscaled.png\n", 1)


def test_a_job_that_is_done_in_time_is_not_called_running(run, gateway, url):
    """A job that is done before --timeout is delivered, however long its kind usually takes."""
    fake = gateway(lambda heard: fake.view(heard, created_at="2026-05-22T13:00:00Z") if heard in fake.polls() else None)
    assert run("image", new_url("slow.png"), to=fake).rc == 0  # by its own account, it took months
    done = run("image", url, "--timeout", "1s", to=fake)
    assert (done.rc, done.stdout) == (0, "photo-upscaled.png\n"), done.stderr


# 7


LOST = {
    "cut": CUT,
    "garbled": Reply(202, b'{"request_id": "fake'),
    "a page": Reply(200, b"<html>"),
    "a proxy's page": Reply(502, b"<html>Bad Gateway"),
    "503 without Retry-After": Reply(503),
}


def test_a_lost_answer_is_7_until_new(run, gateway):
    """Where the answer to a submission is lost, the command ends with 7 now and again, until --new pays anew."""
    answers = {new_url(): answer for answer in LOST.values()}
    fake = gateway(lambda heard: answers[heard.source] if heard.method == "POST" else None)
    done = run("image", *answers, "--json", to=fake)
    assert done.rc == 7
    assert {one["source"]: one["charge"] for one in done.objects} == dict.fromkeys(answers, "unknown")
    again = run("image", *answers, to=fake)
    assert again.rc == 7
    assert again.stderr.count("--new") >= len(answers)
    assert len(fake.posts()) == len(answers)
    fake.script = lambda _: None
    assert run("image", *answers, "--new", to=fake).rc == 0
    assert len(fake.posts()) == 2 * len(answers)


# 130 and 143


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_run_goes_on_with_the_command_it_prints(start, run, gateway, url, number, code):
    """Ctrl-C gives 130 and SIGTERM 143, with the command that continues; that delivers, and pays nothing."""
    waits = threading.Event()

    def script(heard):
        if heard in fake.polls() and not waits.is_set():
            return fake.view(heard, "PROCESSING")
        return None

    fake = gateway(script)
    process = start("image", url, "-x", "2", "-o", "my picture.png", to=fake)
    wait_for(fake.polls)
    process.send_signal(number)
    assert process.wait(PATIENCE) == code
    said = process.stderr.read().decode()
    expected = f"seedvr image {url} -x 2 -o 'my picture.png' --base-url {fake.url} --poll-interval 0.05"
    assert expected in said
    assert "Traceback" not in said
    waits.set()
    done = run("image", url, "-x", "2", "-o", "my picture.png", to=fake)
    assert (done.rc, done.stdout, len(fake.posts())) == (0, "my picture.png\n", 1)


def test_an_interrupt_before_anything_was_accepted(start, run, gateway):
    """Ctrl-C while the gateway refuses for now submits nothing more, and leaves nothing that counts as unknown."""
    sources = [new_url() for _ in range(3)]
    fake = gateway(posts_answered(429, **{"Retry-After": "1"}))
    process = start("image", *sources, "-j", "1", to=fake)
    wait_for(fake.posts)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130
    heard = len(fake.posts())
    fake.script = lambda _: None
    done = run("image", *sources, to=fake)
    assert (done.rc, len(done.lines), len(fake.posts()) - heard) == (0, 3, 3)


def test_an_interrupt_while_a_submission_is_in_the_air(start, run, gateway, url):
    """Ctrl-C during a submission waits for its answer, and the same command does not submit again."""
    answer = threading.Event()

    def script(heard):
        if heard.method == "POST":
            answer.wait(PATIENCE)

    fake = gateway(script)
    process = start("image", url, to=fake)
    wait_for(fake.posts)
    process.send_signal(signal.SIGINT)
    answer.set()
    assert process.wait(PATIENCE) == 130
    done = run("image", url, to=fake)
    assert (done.rc, done.stdout, len(fake.posts())) == (0, "photo-upscaled.png\n", 1)


def refuse(status):
    return lambda heard: Reply(status, {"error": "no"}) if heard.method == "POST" else None


WAYS = {
    7: lambda heard: CUT if heard.method == "POST" else None,
    3: refuse(401),
    4: refuse(402),
    5: refuse(500),
    6: None,
    1: refuse(400),
    0: lambda _: None,
}


@pytest.mark.parametrize(
    ("first", "second"), [(7, 3), (3, 4), (4, 5), (5, 6), (6, 1), (1, 0)], ids=lambda code: f"{code}"
)
def test_the_graver_code_counts(run, gateway, first, second):
    """Where one source ends with each of two codes, the exit code is the one that stands first in the contract."""
    both = threading.Barrier(2)
    sources = {new_url(): first, new_url(): second}

    def script(heard):
        if heard.source is None:
            return None
        if heard.method == "POST":
            both.wait(PATIENCE)
        way = WAYS[sources[heard.source]]
        if way is None:
            return fake.view(heard, "PROCESSING") if heard.method == "GET" else None
        return way(heard)

    fake = gateway(script)
    patience = "0.2s" if 6 in {first, second} else "1m"
    done = run("image", *reversed(sources), "--timeout", patience, "--json", to=fake)
    assert (done.rc, len(done.objects)) == (first, 2), done.stderr
