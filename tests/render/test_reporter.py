"""Plain lines."""

from helpers.rows import row

from seedvr_cli.render.reporter import PlainReporter
from seedvr_cli.render.talk import Talk
from seedvr_cli.render.tally import Tally
from seedvr_cli.values.events import Started


def test_a_summary_says_how_far_it_is_how_fast_and_for_how_much():
    """Of many jobs a line every half minute has counts, rate, time left and cost of the cap, as a terminal has."""
    lines, clock = [], [0.0]
    talk, tally = Talk(), Tally()
    talk.write = lines.append
    reporter = PlainReporter(talk, tally, total=100, max_cost=2_000_000, now=lambda: clock[0])
    reporter.handle(Started(row(0, "a.jpg")))
    reporter.tick()
    assert lines == []
    tally.done, tally.price, clock[0] = 60, 60_000, 30.0
    reporter.tick()
    reporter.tick()
    assert lines == ["seedvr: 60 of 100 ended (0 failed), 1 under way; 2.0/s, ~20s left, $0.06 of $2.00"]


def test_what_is_not_known_is_not_said():
    """Before there is a rate, and where nothing is paid, the line ends with the counts."""
    lines, clock = [], [0.0]
    talk = Talk()
    talk.write = lines.append
    reporter = PlainReporter(talk, Tally(free=True), total=None, now=lambda: clock[0])
    clock[0] = 30.0
    reporter.tick()
    assert lines == ["seedvr: 0 ended (0 failed), 0 under way"]
