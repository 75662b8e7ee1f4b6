"""Caps over the real command: what is past them is not submitted, and the reason is said once."""

import subprocess

import pytest
from fakes.gateway import Reply
from helpers.sources import new_url, urls, write
from helpers.waiting import PATIENCE

pytestmark = pytest.mark.slow


def test_the_cap_holds_for_the_run(run, sandbox):
    """--max-cost submits what fits and nothing past it; to the same command, what was paid before is no cost."""
    sources = [new_url(f"{letter}.png") for letter in "abc"]
    done = run("image", *sources, "--max-cost", "0.002", to=sandbox)
    assert (done.rc, len(done.lines)) == (4, 2)
    done = run("image", *sources, "--max-cost", "$0.001", to=sandbox)
    assert (done.rc, len(done.lines)) == (0, 3)
    assert [sandbox.accepted(source) for source in sources] == [1, 1, 1]


def test_a_video_of_unknown_resolution_counts_as_the_dearest(bench, sandbox):
    """--max-cost takes a video without --target for 1.95 dollars, and one with it for its own price."""
    plain, named = new_url("plain.mp4"), new_url("named.mp4")
    caps = [[plain, "1.94"], [named, "0.119", "--target", "720p"], [plain, "1.95"], [named, "0.12", "--target", "720p"]]
    commands = [["video", url, "--no-wait", "--max-cost", *rest] for url, *rest in caps]
    refused = bench.run_all(*commands[:2], to=sandbox)
    assert [(done.rc, done.stdout) for done in refused] == [(4, ""), (4, "")]
    assert [done.rc for done in bench.run_all(*commands[2:], to=sandbox)] == [0, 0]
    assert (sandbox.accepted(plain), sandbox.accepted(named)) == (1, 1)


def test_an_empty_wallet_stops_submissions_and_finishes_what_is_paid(run, work, sandbox_server):
    """After a 402 what was paid for is delivered, nothing else is submitted, and the exit code is 4."""
    server = sandbox_server("--instant", "--latency", "0s", "--balance", "0.005")
    done = run("image", "--from", write(work / "l", urls(30)), "-j", "2", to=server)
    assert done.rc == 4
    assert len(done.lines) == server.accepted() == 5
    assert "not submitted" in done.stderr
    assert "the rest, and only the rest: seedvr image --from" in done.stderr


def test_of_many_beyond_the_cap_the_first_says_why(run, work, sandbox):
    """A list that goes past --max-cost says each reason once, how many were not submitted, and all of them as JSON."""
    rows = [f'{{"source": "{url}", "tag": "t"}}' for url in urls(30)]
    done = run("image", "--from", write(work / "l", rows), "--max-cost", "0.002", "--json", to=sandbox)
    assert (done.rc, len(done.lines)) == (4, 30)
    assert done.stderr.count("could take this run past $0.002") == 1
    assert "2 done, 28 not submitted" in done.stderr


def test_of_few_beyond_the_cap_each_has_a_line(run, work, sandbox):
    """Each source that was not submitted is named, and the reason is said once."""
    many = urls(5)
    done = run("image", *many, "-j", "1", "--max-cost", "0.002", to=sandbox)
    assert (done.rc, len(done.lines)) == (4, 2)
    told = [line for line in done.stderr.splitlines() if line.endswith(": not submitted")]
    assert [line.removeprefix("seedvr: ").removesuffix(": not submitted") for line in told] == many[3:]
    assert done.stderr.count("could take this run past $0.002") == 1


def test_what_was_answered_500_is_unknown(run, work, gateway):
    """What the ledger has as unknown is counted so, and not promised to the same command."""
    fake = gateway(lambda heard: Reply(500, b"") if heard.method == "POST" and b"a.png" in heard.body else None)
    done = run("image", new_url("a.png"), new_url("b.png"), to=fake)
    assert "1 done, 1 unknown;" in done.stderr
    assert "the rest" not in done.stderr
    assert "1 unknown: 'seedvr status --unknown'" in done.stderr


def test_what_the_same_command_would_not_do_is_not_called_the_rest(run, work, gateway):
    """FAILED jobs are left to --retry-failed, and unknown outcomes to forget; neither is promised to the same line."""

    def script(heard):
        if heard.method == "POST":
            return Reply(408, b"") if b"a.png" in heard.body else None
        return Reply(200, {"request_id": heard.path.rsplit("/", 1)[-1], "status": "FAILED"})

    done = run("image", new_url("a.png"), new_url("b.png"), to=gateway(script))
    assert "the rest" not in done.stderr
    assert "1 ended FAILED, and may be charged; --retry-failed" in done.stderr
    assert "1 unknown: 'seedvr status --unknown'" in done.stderr


@pytest.mark.parametrize(
    ("setting", "value"),
    [("max-cost-per-day", "0.010"), ("max-cost-per-month", "0.010"), ("max-cost-per-tag", "t=0.010")],
)
def test_a_lasting_cap_is_shared_by_processes(run, start, work, sandbox, setting, value):
    """Two processes at once stay together below it, jobs in flight included."""
    assert run("config", "set", setting, value).rc == 0
    sources = urls(40)
    halves = [write(work / f"l{half}", sources[half::2]) for half in range(2)]
    processes = [
        start("image", "--from", half, "-q", "--tag", "t", to=sandbox, stderr=subprocess.PIPE) for half in halves
    ]
    assert [(process.communicate(timeout=PATIENCE), process.returncode)[1] for process in processes] == [4, 4]
    assert sum(sandbox.accepted(source) for source in sources) == 10
