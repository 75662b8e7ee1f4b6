"""The line of the run."""

import pytest
from helpers.rows import row
from rich.cells import cell_len

from seedvr_cli.render.overall import Overall
from seedvr_cli.render.tally import Tally
from seedvr_cli.values.events import Changed
from seedvr_cli.values.money import show_usd


class Run:
    """A run of `total` jobs at $0.001, of which some have ended."""

    def __init__(self, total, *, max_cost=None, free=False):
        self.tally = Tally(free=free)
        self.overall = Overall(self.tally, total=total, max_cost=max_cost, began=0.0)

    def end(self, count, **more):
        self.tally.done += count
        self.tally.price += 1000 * count
        for name, number in more.items():
            setattr(self.tally, name, number)

    def line(self, now, *, rows=0, waiting=0, width=200):
        line = self.overall.line(now, rows=rows, waiting=waiting, width=width)
        return line and line.plain.strip()


def test_all_that_there_is_to_say():
    """Bar, counts, those that wait, rate, time left, cost of the cap, and time, in this order."""
    run = Run(1000, max_cost=2_000_000)
    assert run.line(0.0, rows=16) == f"{'─' * 20}      0 of 1,000 done · 984 wait · $0.00 of $2.00 · 0s"
    run.end(250, failed=3)
    assert run.line(50.0, rows=16) == (
        f"{'━' * 5}{'─' * 15}    250 of 1,000 done, 3 failed · 731 wait · 5.1/s · ~3m left · $0.25 of $2.00 · 50s"
    )


def test_what_was_delivered_before_is_no_speed():
    """Nine hundred that stood there already make no rate, and nothing is said of the time that is left."""
    run = Run(1000)
    run.tally.skip(900)
    assert run.line(30.0) == f"{'━' * 18}──    900 of 1,000 done · 100 wait · 30s"


def test_the_rate_is_that_of_the_last_minute():
    """After a quick beginning and a slow end, the slow rate is told, a minute where it is below one a second."""
    run = Run(2000)
    for second in range(1, 61):
        run.end(10)
        run.line(float(second))
    assert " · 10.0/s · " in run.line(60.0)
    for second in range(61, 181):
        if second % 4 == 0:
            run.end(1)
        run.line(float(second))
    assert " · 15.0/min · " in run.line(180.0)


@pytest.mark.parametrize("width", [10, 20, 40, 60, 80, 120])
def test_it_fits_any_screen(width):
    """Narrow screens get the counts, and of the rest as much as there is room for."""
    run = Run(1000, max_cost=2_000_000)
    run.end(250, failed=3)
    line = run.overall.line(50.0, rows=16, waiting=2, width=width)
    assert cell_len(line.plain) <= width
    assert "250" in line.plain
    assert ("━" in line.plain) == (width >= 120)


def test_nothing_jumps():
    """What stands behind a word that became shorter stays where it was."""
    run = Run(100)
    run.end(50)
    before = run.line(30.0).index("$")
    run.end(49)
    assert run.line(31.0).index("$") == before


def test_a_bar_is_full_only_at_the_end():
    """With one of a thousand to go the bar has a gap; with none it has not."""
    run = Run(1000)
    run.end(999)
    assert run.line(30.0).startswith("━" * 19 + "╸ ")
    run.end(1)
    assert run.line(30.0).startswith("━" * 20 + " ")


def test_one_job_has_no_line_and_free_ones_no_cost():
    """A single job is its row; a run in the sandbox names no price; a list of unknown length no whole."""
    assert Run(1).line(5.0, rows=1) is None
    run = Run(2, free=True)
    run.end(1)
    assert "$" not in run.line(5.0, rows=1)
    unknown = Run(None)
    unknown.end(7)
    assert unknown.line(50.0, rows=3, waiting=1) == "7 done · 1 waits · 8.4/min · $0.007 · 50s"


def test_what_is_under_way_counts_as_cost():
    """A job that this run has submitted is counted at its list price before it has ended; an earlier run's is not."""
    run, item = Run(2), row(0, "a.jpg")
    run.tally.change(Changed(row(1, "b.jpg"), "QUEUED", "id_2"))
    assert run.tally.underway() == (1, 0)
    run.tally.change(Changed(item, "submitting"))
    assert run.tally.underway() == (1, 0)
    run.tally.change(Changed(item, "QUEUED", "id_1"))
    count, price = run.tally.underway()
    assert (count, price) == (2, item.request.price())
    assert f" · {show_usd(price)} · " in run.line(1.0, rows=1)


@pytest.mark.parametrize(("left", "text"), [(1, "~5s"), (58, "~60s"), (61, "~2m"), (3599, "~60m"), (3601, "~1h 10m")])
def test_time_left_is_no_more_exact_than_it_is_known(left, text):
    """Seconds come in fives, minutes whole, hours with tens of minutes; always rounded up."""
    run = Run(10 + left)
    run.end(10)
    assert f" {text} left" in run.line(10.0)
