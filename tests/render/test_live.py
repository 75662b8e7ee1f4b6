"""The live display without a command: frames on a screen."""

import io
import signal

import pyte
import pytest
from helpers.rows import row
from helpers.screen import Wrapping
from rich.console import Console

from seedvr_cli.render import live
from seedvr_cli.render.live import LiveReporter
from seedvr_cli.render.talk import Talk
from seedvr_cli.render.tally import Tally
from seedvr_cli.values.events import Started


def test_a_tall_frame_never_scrolls():
    """What is drawn on a screen of four lines leaves its first line where it was."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=40, height=4)
    before = signal.getsignal(signal.SIGTSTP)
    reporter = LiveReporter(Talk(), Tally(), console=console)
    for index in range(30):
        reporter.handle(Started(row(index, "photo.jpg")))
    reporter.tick()
    screen = pyte.Screen(40, 4)
    stream = pyte.Stream(screen)
    stream.feed("what stands above\r\n" + written.getvalue().replace("\n", "\r\n"))
    assert screen.display[0].rstrip() == "what stands above"
    assert screen.cursor.y == 1
    assert screen.cursor.hidden
    reporter.close()
    stream.feed(written.getvalue().replace("\n", "\r\n"))
    assert not screen.cursor.hidden
    assert signal.getsignal(signal.SIGTSTP) == before


def test_what_goes_above_waits_for_the_rows_to_make_way():
    """A write that stays happens at the next frame, where the rows were, and they are drawn anew below it."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=40, height=10)
    reporter = LiveReporter(Talk(), Tally(), console=console)
    reporter.handle(Started(row(0, "photo.jpg")))
    reporter.tick()
    before = written.getvalue()
    reporter.above(lambda: written.write("PICTURE\n"))
    assert written.getvalue() == before
    reporter.close()
    screen = pyte.Screen(40, 10)
    pyte.Stream(screen).feed(written.getvalue().replace("\n", "\r\n"))
    assert [line.rstrip() for line in screen.display if line.strip()] == ["PICTURE"]


@pytest.mark.parametrize(("columns", "narrow"), [(120, 60), (160, 80), (200, 45), (120, 50), (80, 40)])
@pytest.mark.parametrize("above", [1, 30])
@pytest.mark.parametrize("count", [2, 12])
def test_a_window_made_narrow_has_one_copy(monkeypatch, columns, narrow, above, count):
    """Where lines are wrapped anew, and the size is told late, no frame is left behind and nothing above is lost."""
    monkeypatch.setattr(live, "FRAME_SECONDS", 0)
    screen = Wrapping(columns, 24)
    stream = pyte.Stream(screen)
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=columns, height=24)
    reporter = LiveReporter(Talk(), Tally(), total=30, console=console)

    def frame():
        reporter.tick()
        stream.feed(written.getvalue().replace("\n", "\r\n"))
        written.truncate(written.seek(0))

    stream.feed("what stands above\r\n" * above)
    for index in range(count):
        reporter.handle(Started(row(index, f"{'a-long-name-' * 10}{index:04}.jpg")))
    frame()
    screen.narrow(narrow)
    frame()
    console.width = narrow
    frame()
    rows = [line for line in screen.everything if "waiting  " in line]
    assert len(rows) == min(count, 10)
    assert all(f"{index:04}" in line for index, line in enumerate(rows))
    assert sum("0 of 30 done" in line for line in screen.everything) == 1
    assert sum("more: " in line for line in screen.everything) == (count > 10)
    reporter.close()
    stream.feed(written.getvalue().replace("\n", "\r\n"))
    assert [line for line in screen.everything if line] == ["what stands above"] * above
