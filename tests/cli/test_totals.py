"""--summary: a run's totals as one object, however the run ends."""

import json
import os
import signal
import threading

import pytest
from fakes.gateway import CUT, Reply
from helpers.sources import new_url
from helpers.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow

KEYS = [
    "v", "version", "command", "exit_code", "done", "delivered_before", "failed", "unknown", "running",
    "not_submitted", "price_usd", "seconds", "error",
]  # fmt: skip


def totals(work, name="totals.json"):
    """What the file says, without nothing and without what no test can know."""
    text = (work / name).read_text()
    assert text.endswith("}\n")
    value = json.loads(text)
    assert list(value) == KEYS
    assert (value["v"], value["seconds"] >= 0) == (1, True)
    return {key: one for key, one in value.items() if one and key not in {"v", "version", "seconds"}}


def test_each_outcome_is_counted(run, gateway, work):
    """What was done, stood there, failed, runs and is unknown is counted, with the list price and the code."""
    done, before, failed, runs, lost = (new_url(f"{word}.png") for word in ("done", "before", "failed", "runs", "lost"))

    def script(heard):
        if heard.source == failed and heard.method == "POST":
            return Reply(400, {"error": "no"})
        if heard.source == lost and heard.method == "POST":
            return CUT
        return fake.view(heard, "PROCESSING") if heard.source == runs and heard in fake.polls() else None

    fake = gateway(script)
    assert run("image", before, to=fake).rc == 0
    words = [done, before, failed, runs, lost, "--timeout", "3s", "--summary", "totals.json"]
    assert run("image", *words, to=fake).rc == 7
    expected = {
        "command": "image", "exit_code": 7, "done": 1, "delivered_before": 1, "failed": 1, "running": 1,
        "unknown": 1, "price_usd": 0.003,
    }  # fmt: skip
    assert totals(work) == expected
    assert run("download", "--summary", "totals.json", "--timeout", "0s", to=fake).rc == 6
    assert totals(work) == {"command": "download", "exit_code": 6, "running": 1}


def test_a_plan_that_is_applied_is_summed_up(run, sandbox, url, work):
    """`apply` writes its totals, too, and never over its plan."""
    assert run("image", url, "--plan", "plan.jsonl", to=sandbox).rc == 0
    assert run("apply", "plan.jsonl", "--summary", "plan.jsonl", to=sandbox).rc == 2
    assert run("apply", "plan.jsonl", "--summary", "totals.json", to=sandbox).rc == 0
    assert totals(work) == {"command": "apply", "done": 1, "price_usd": 0.001}


def test_what_stands_there_already_is_counted_too(run, sandbox, url, work):
    """Where there is nothing to do, the file says so."""
    assert run("image", url, to=sandbox).rc == 0
    assert run("image", url, "--summary", "totals.json", to=sandbox).stdout == "photo-upscaled.png\n"
    assert totals(work) == {"command": "image", "delivered_before": 1}
    assert run("image", "--from", "-", "--summary", "totals.json", stdin=f"{url}\n{url}\n", to=sandbox).rc == 0
    assert totals(work) == {"command": "image", "delivered_before": 2}


def test_an_interrupted_run_is_summed_up(start, gateway, work):
    """After Ctrl-C what the gateway has is running, with what it may cost, and the rest was not submitted."""
    fake = gateway(lambda heard: fake.view(heard, "PROCESSING") if heard in fake.polls() else None)
    sources = [new_url(f"{number}.png") for number in range(5)]
    process = start("image", *sources, "-j", "2", "--summary", "totals.json", to=fake)
    wait_for(lambda: len({one.source for one in fake.polls()}) == 2)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130
    assert totals(work) == {
        "command": "image", "exit_code": 130, "running": 2, "not_submitted": 3, "price_usd": 0.002,
    }  # fmt: skip


def test_what_was_paid_for_before_is_not_priced_again(start, run, gateway, work, url):
    """A job that an earlier run submitted is running when this one is interrupted, and costs this one nothing."""
    goes_on = threading.Event()
    fake = gateway(lambda heard: fake.view(heard, "PROCESSING") if heard in fake.polls() else None)
    assert run("image", url, "--no-wait", "--summary", "totals.json", to=fake).rc == 0
    assert totals(work)["price_usd"] == 0.001
    asked = len(fake.polls())
    process = start("image", url, "--summary", "totals.json", to=fake)
    wait_for(lambda: len(fake.polls()) > asked + 1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 143
    goes_on.set()
    assert totals(work) == {"command": "image", "exit_code": 143, "running": 1}


def test_a_run_that_fails_as_a_whole_is_summed_up(run, url, work):
    """Where no run came about, for want of a key, the file says why."""
    assert run("image", url, "--summary", "totals.json", key=None).rc == 3
    value = totals(work)
    assert (value["exit_code"], value["error"]["code"]) == (3, "no_key")


@pytest.mark.parametrize(
    "wrong", [["nope.jpg"], ["-x", "99"], ["--no-such-flag"], ["--from", "none"], ["--fields", "x"]]
)
def test_a_usage_error_is_summed_up_too(run, sandbox, work, url, wrong):
    """What an earlier run has written is not left for the success of a command that was refused."""
    assert run("image", url, "--summary", "totals.json", to=sandbox).rc == 0
    assert run("image", *wrong, "--summary=totals.json", to=sandbox).rc == 2
    value = totals(work)
    assert (value["exit_code"], value["error"]["code"], "done" in value) == (2, "usage", False)


def test_a_summary_is_of_the_run_where_there_was_one(run, sandbox, work, url):
    """A failure that ends a run leaves the run's counts as they were written."""
    inject = "import seedvr_cli.cli.work as work\nwork._Run._sum_up = lambda *_: 1 / 0\n"
    assert run("image", url, "--summary", "totals.json", to=sandbox, inject=inject).rc == 1
    assert (totals(work)["done"], totals(work)["exit_code"]) == (1, 1)


def test_nothing_is_paid_where_it_cannot_be_written(run, gateway, work, url):
    """Standard output, a folder, a file of somebody's, another option's file: refused before anything is sent."""
    fake = gateway()
    (work / "mine.json").write_text('{"a": 1}')
    (work / "list.txt").write_text(f"{url}\n")
    os.mkfifo(work / "pipe")
    for words in (
        ["--summary", "-"],
        ["--summary", ""],
        ["--summary", "."],
        ["--summary", "none/totals.json"],
        ["--summary", "pipe"],
        ["--summary", "/dev/null"],
        ["--summary", "mine.json"],
        ["--summary", "x.png", "-o", "./x.png"],
        ["--summary", "bad.txt", "--failed-file", "bad.txt"],
        ["--summary", "list.txt", "--from", "list.txt", "--overwrite"],
    ):
        done = run("image", url, *words, to=fake)
        assert (done.rc, "--summary" in done.stderr) == (2, True), done.stderr
    assert fake.heard == []
    assert (work / "mine.json").read_text() == '{"a": 1}'


def test_what_is_replaced(run, sandbox, work, url):
    """An earlier summary, an empty file, and with --overwrite any other file makes way, through a link."""
    (work / "empty.json").touch()
    (work / "link.json").symlink_to("mine.json")
    for name in ("empty.json", "empty.json"):
        assert run("image", url, "--summary", name, to=sandbox).rc == 0
    (work / "mine.json").write_text("[]")
    assert run("image", url, "--summary", "link.json", to=sandbox).rc == 2
    assert run("image", url, "--summary", "link.json", "--overwrite", to=sandbox).rc == 0
    assert (work / "link.json").is_symlink()
    assert totals(work, "mine.json") == {"command": "image", "delivered_before": 1}
    assert not [name for name in os.listdir(work) if name.endswith(".part")]


def test_a_folder_that_goes_away_is_an_error(start, gateway, work, url):
    """Where the file cannot be written any more at the end, a line says so, the code is 1, and the result is there."""
    holds = threading.Event()

    def script(heard):
        return fake.view(heard, "PROCESSING") if heard in fake.polls() and not holds.is_set() else None

    fake = gateway(script)
    (work / "folder").mkdir()
    process = start("image", url, "--summary", "folder/totals.json", to=fake)
    wait_for(fake.polls)
    (work / "folder").rmdir()
    holds.set()
    out, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, b"photo-upscaled.png\n")
    assert b"--summary: cannot write folder/totals.json" in said
