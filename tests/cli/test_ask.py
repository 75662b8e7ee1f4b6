"""Before a run that costs more than a dollar, a terminal is asked."""

import sys

import pexpect
import pytest
from helpers.sources import new_url

pytestmark = pytest.mark.slow


@pytest.fixture
def ask(bench, sandbox):
    """Starts the command on a terminal, against the sandbox server."""

    def begin(*words: str) -> pexpect.spawn:
        command = ["-m", "seedvr_cli", *words, "--base-url", sandbox.url, "--poll-interval", "0.1"]
        return pexpect.spawn(
            sys.executable, command, env=bench.environment(), cwd=str(bench.work), timeout=60, encoding="utf-8"
        )

    return begin


@pytest.fixture
def film():
    """A video that no other test has."""
    return new_url("clip.mp4")


@pytest.mark.parametrize("answer", ["n", "", "maybe"])
def test_nothing_is_submitted_without_a_yes(ask, sandbox, film, answer):
    """Any answer but yes ends the command with code 2, and nothing is submitted."""
    child = ask("video", film, "-x", "2")
    child.expect_exact("this may cost $1.95 by the list. Go on? [y/N]")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, sandbox.accepted(film)) == (2, 0)


def test_a_yes_goes_on_and_is_not_asked_for_again(ask, sandbox, film):
    """After a yes the job runs, and what is paid for raises no question."""
    child = ask("video", film, "-x", "2", "--no-wait")
    child.expect_exact("Go on?")
    child.sendline("y")
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, sandbox.accepted(film)) == (0, 1)
    child = ask("video", film, "-x", "2", "--no-wait")
    child.expect(pexpect.EOF)
    assert "Go on?" not in child.before


def test_yes_and_small_sums_are_not_asked_about(ask, url, film):
    """--yes answers beforehand, and up to a dollar nothing is asked."""
    for words in (("video", film, "-x", "2", "--no-wait", "--yes"), ("image", url, "--no-wait")):
        child = ask(*words)
        child.expect(pexpect.EOF)
        child.close()
        assert (child.exitstatus, "Go on?" in child.before) == (0, False)


@pytest.mark.parametrize("is_list", [False, True])
def test_ctrl_c_is_an_answer(ask, sandbox, bench, film, is_list):
    """One Ctrl-C at the question ends the command with code 130, and nothing is submitted."""
    (bench.work / "list").write_text(film)
    child = ask("video", *(["--from", "list"] if is_list else [film]), "-x", "2")
    child.expect_exact("Go on? [y/N]")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, sandbox.accepted(film)) == (130, 0)


def test_a_cap_is_what_it_may_cost(ask, sandbox):
    """The sum in the question is no more than --max-cost, and a cap of a dollar asks nothing."""
    films = [new_url(f"{number}.mp4") for number in range(2)]
    child = ask("video", *films, "-x", "2", "--max-cost", "2")
    child.expect_exact("this may cost $2.00 by the list. Go on? [y/N]")
    child.sendline("n")
    child.expect(pexpect.EOF)
    child = ask("video", *films, "-x", "2", "--max-cost", "1")
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, "Go on?" in child.before) == (4, False)
    assert [sandbox.accepted(one) for one in films] == [0, 0]


def test_a_pipe_is_not_asked(run, sandbox, film):
    """Where standard input is no terminal the command goes on."""
    assert run("video", film, "-x", "2", "--no-wait", to=sandbox, stdin="").rc == 0
    assert sandbox.accepted(film) == 1


def test_what_new_would_pay_again_is_asked_about(ask, sandbox, film):
    """--new pays again whatever the ledger has, and so is asked about as the first time was."""
    child = ask("video", film, "-x", "2", "--no-wait", "--yes")
    child.expect(pexpect.EOF)
    child = ask("video", film, "-x", "2", "--no-wait", "--new")
    child.expect_exact("this may cost $1.95 by the list. Go on? [y/N]")
    child.sendline("n")
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, sandbox.accepted(film)) == (2, 1)
