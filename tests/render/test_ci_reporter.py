"""The talk in a CI job, by a clock that is handed in."""

from itertools import pairwise

import pytest
from helpers.rows import row

from seedvr_cli.render.ci_reporter import MOST_ERRORS, PACE, SILENCE, CiReporter
from seedvr_cli.render.talk import Talk
from seedvr_cli.render.tally import Tally
from seedvr_cli.values.errors import JobFailed, StillRunning
from seedvr_cli.values.events import Changed, Finished, Notice, Started
from seedvr_cli.values.items import Outcome


class Log:
    """A reporter, and what it has said by when; a second passes at each tick."""

    def __init__(self, total, **talk):
        self.now = 0.0
        self.lines = []
        self.talk = Talk(**talk)
        self.talk.write = lambda text: self.lines.append((self.now, text))
        self.tally = Tally()
        self.reporter = CiReporter(self.talk, self.tally, total=total, name="seedvr image", now=lambda: self.now)

    @property
    def texts(self):
        return [text for _, text in self.lines]

    def handle(self, event):
        self.reporter.handle(event)

    def fail(self, index, error=None):
        outcome = Outcome(item=row(index, f"{index}.png"), error=error or JobFailed("it failed"))
        self.tally.add(outcome)
        self.handle(Finished(outcome))

    def wait(self, seconds):
        for _ in range(int(seconds)):
            self.now += 1
            self.reporter.tick()


@pytest.fixture
def github(monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")


@pytest.mark.parametrize("total", [21, 1000, None])
def test_many_jobs_say_one_line_in_ten_seconds(total):
    """Of many jobs, whatever happens, no two lines come within ten seconds, until the end of the run."""
    log = Log(total)
    for index in range(300):
        log.handle(Started(row(index, f"{index}.png")))
        log.fail(index)
        log.handle(Notice(f"notice {index}"))
        log.wait(1)
    times = [at for at, _ in log.lines]
    assert min(after - before for before, after in pairwise(times)) >= PACE
    assert len(times) > 20
    log.reporter.close()


def test_the_first_failures_of_many_are_told_and_the_rest_is_counted():
    """Ten failures are named, soon or at the end, and how many more there were is said once."""
    log = Log(100)
    for index in range(34):
        log.fail(index)
    assert len(log.lines) == 1
    log.reporter.close()
    named = [text for text in log.texts if text.endswith("it failed")]
    assert (len(named), named[0]) == (MOST_ERRORS, "seedvr: 0.png: it failed")
    assert [text for text in log.texts if "24 more failed" in text] == [log.texts[-2]]
    assert "34 failed" in log.texts[-1]


def test_few_failures_of_many_are_not_counted():
    """Where all failures were told there is no line that counts them."""
    log = Log(100)
    log.fail(1)
    log.reporter.close()
    assert not any("more failed" in text for text in log.texts)


def test_the_latest_notices_are_told():
    """Of notices that wait for their turn the latest stay."""
    log = Log(100)
    for number in range(9):
        log.handle(Notice(f"notice {number}"))
    log.wait(60)
    assert [text for text in log.texts if "notice" in text] == [f"seedvr: notice {number}" for number in (0, 6, 7, 8)]


def test_a_few_jobs_that_are_silent_give_a_sign_of_life():
    """After a minute without a line a few jobs say how far they are, and each minute again; not after a change."""
    log = Log(2)
    log.handle(Started(row(1, "a.png")))
    log.wait(SILENCE - 1)
    log.handle(Changed(row(1, "a.png"), "PROCESSING", "id_1"))
    said = len(log.lines)
    log.wait(SILENCE - 1)
    assert len(log.lines) == said
    log.wait(1 + SILENCE)
    assert log.texts[said:] == [
        "seedvr: 0 of 2 ended (0 failed) after 1m 59s",
        "seedvr: 0 of 2 ended (0 failed) after 2m 59s",
    ]


def test_many_silent_jobs_say_a_line_each_thirty_seconds():
    """The summary of many jobs is their sign of life."""
    log = Log(50)
    log.wait(95)
    assert [at for at, _ in log.lines] == [30, 60, 90]


def test_the_group_is_closed_before_what_everybody_should_read(github):
    """On GitHub the talk is in a group; failures that waited and the last line are outside of it."""
    log = Log(50)
    log.handle(Notice("begun"))
    log.fail(1)
    log.fail(2, StillRunning("it still runs"))
    log.reporter.close()
    assert log.texts[:3] == ["::group::seedvr image", "seedvr: begun", "::endgroup::"]
    assert log.texts[3] == "::error title=seedvr::1.png: it failed"
    assert log.texts[4].startswith("::warning title=seedvr::2.png: it still runs")
    assert log.texts[5].startswith("seedvr: 1 still running, 1 failed")


def test_quiet_leaves_the_failures(github):
    """With -q there is no group and no sign of life, and failures are told."""
    log = Log(2, quiet=True)
    log.handle(Notice("begun"))
    log.wait(200)
    log.fail(1)
    log.reporter.close()
    assert log.texts == ["::error title=seedvr::1.png: it failed"]


def test_verbose_says_all():
    """With -v nothing waits and nothing is left out."""
    log = Log(100, verbose=True)
    for index in range(30):
        log.fail(index)
    assert len(log.lines) == 30


def test_results_are_written_at_once():
    """What goes to standard output, and what stays above rows elsewhere, is not held."""
    log, seen = Log(3), []
    log.reporter.result(lambda: seen.append("path"), "a.png")
    log.reporter.above(lambda: seen.append("above"))
    assert seen == ["path", "above"]
