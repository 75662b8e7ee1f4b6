"""Under --json a command that fails as a whole prints an object: once, beside its line, and nothing else."""

import pytest
from fakes.gateway import Reply

from seedvr_cli.render.machine import KEYS

pytestmark = pytest.mark.slow

IN_PLANNING = """
import seedvr_cli.plan.planner
def plan(*_, **__):
    raise ValueError("boom https://u:passw0rd@example.com/")
seedvr_cli.plan.planner.plan = plan
"""
URL = "https://example.com/a.png"


def check(done, rc, code):
    """One line and one object, which says the same; returns what it says of the error."""
    value = done.object
    assert done.rc == rc, done.stderr
    assert list(value) == list(KEYS)
    assert {key for key in value if value[key] is not None} == {"v", "error"}
    error = value["error"]
    assert (value["v"], set(error), error["code"]) == (1, {"code", "message", "hint"}, code)
    last = done.stderr.splitlines()[-1]
    assert last == f"seedvr: {error['message']}" + (f"; {error['hint']}" if error["hint"] else "")
    return error


@pytest.mark.parametrize(
    "words",
    [
        ["image", "--json"],
        ["image", URL, "--frob", "--json"],
        ["image", "--json", URL, "--scale"],
        ["image", "--scale", "99", URL, "--json"],
        ["image", URL, "--scale", "--json"],
        ["--json", "image", URL],
        ["video", URL, "--json", "--target", "9p"],
        ["status", "--json", "--frob"],
        ["download", "x", "--json", "--jobs", "0"],
        ["spend", "--since", "never", "--json"],
        ["forget", "--json"],
        ["report", "--json", "--limit", "0"],
        ["listen", "--json", "--sandbox"],
        ["doctor", "--json", "--frob"],
        ["ledger", "status", "--json", "--frob"],
        ["config", "get", "scael", "--json"],
        ["config", "list", "--json", "--profile", "none"],
        ["sandbox", "--json", "--fault", "frob"],
        ["frob", "--json"],
    ],
    ids=" ".join,
)
def test_a_usage_error_is_an_object(run, words):
    """Bad usage of any command that has --json is an object, wherever the flag stands, and whoever refuses."""
    check(run(*words), 2, "usage")


def test_what_is_not_stored_is_an_object(run):
    """`config get --json` of what is not set prints an object, with code 1."""
    check(run("config", "get", "scale", "--json"), 1, "not_set")


def test_a_failure_as_a_whole_is_an_object(bench):
    """No key, no ledger, nothing that anybody foresaw: each is one object, with its own code."""
    check(bench.run("status", "some-id", "--json", key=None), 3, "no_key")
    (bench.home / "state").mkdir()
    (bench.home / "state" / "ledger.sqlite3").write_text("this is no ledger at all, and never was one\n" * 100)
    check(bench.run("status", "--json"), 1, "ledger")
    error = check(bench.run("image", URL, "--json", "--dry-run", inject=IN_PLANNING), 1, "unforeseen")
    assert error["message"] == "unforeseen error: ValueError: boom https://***@example.com/"
    assert "errors.log" in error["hint"]


def test_the_profile_asks_for_objects(bench):
    """`json = true` of the profile that is asked for counts where the words were not understood, and --no-json goes."""
    bench.configure("[default]\njson = true\n[other]\nquiet = true\n")
    check(bench.run("image", URL, "--frob"), 2, "usage")
    check(bench.run("image", URL, "--frob", "--profile", "default"), 2, "usage")
    for words in (
        ["--no-json"],
        ["--json", "--no-json"],
        ["--profile", "other"],
        ["--profile=other"],
        ["--print", "{status}"],
    ):
        done = bench.run("image", URL, "--frob", *words)
        assert (done.rc, done.stdout) == (2, ""), words
    # Commands that print no objects, or do not go by the profile, do not begin to where they fail.
    for words in (["config", "get", "scael"], ["ledger", "push", "--frob"], ["completion", "tcsh"], ["frob"], []):
        assert bench.run(*words).stdout == "", words
    bench.configure("[default]\njson = maybe\n")
    assert bench.run("image", URL, "--frob").stdout == ""
    check(bench.run("image", URL, "--json"), 2, "usage")


def test_behind_two_dashes_there_are_no_flags(run):
    """What stands behind -- is a source, whatever it looks like."""
    assert run("image", "--frob", "--", "--json").stdout == ""


def test_where_items_were_the_answer_there_is_no_other_object(run, gateway):
    """A job's failure is that job's object alone, also where it is why others were not submitted."""
    fake = gateway(lambda heard: Reply(402, {"error": "no money"}) if heard.method == "POST" else None)
    sources = [f"https://example.com/{number}.png" for number in range(3)]
    done = run("image", *sources, "--json", "-j", "1", to=fake)
    assert (done.rc, sorted(value["source"] for value in done.objects)) == (4, sources)
    done = run("status", "fake_404", "--json", to=fake)
    assert (done.rc, done.object["request_id"]) == (1, "fake_404")


def test_an_output_that_is_lost_is_no_second_error(run):
    """Where standard output is full or closed, the line and the code are the same."""
    with open("/dev/full", "w") as full:
        done = run("image", "--json", stdout=full)
    assert (done.rc, done.stderr.count("\n")) == (2, 1)
