"""The live display: a line of the run and rows of jobs, on standard error, redrawn at most ten times a second.

The cursor rests on an empty line, and the rows stand below it. So a line that somebody else writes on this screen (the
reader of a pipe, the echo of a key) comes out whole there, and the next frame is drawn below.

A window that is made narrow may wrap what it has (tmux, GNOME's terminal), and what no longer fits leaves at its top,
where nobody can erase it. So the rows take half of the screen, are no wider than it can wrap, and stand so low that
other lines leave first. Some terminals tell their size late: till then, lines that are too wide are cut there.
"""

import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.control import Control
from rich.segment import ControlCode, ControlType, Segment
from rich.style import Style
from rich.text import Text

from seedvr_cli.render.console import console as make_console
from seedvr_cli.render.endings import Endings
from seedvr_cli.render.human import summary_line
from seedvr_cli.render.overall import Overall
from seedvr_cli.render.reporter import MANY_JOBS
from seedvr_cli.render.results import shown
from seedvr_cli.render.rows import Row, Rows
from seedvr_cli.render.talk import Display, Talk, clean
from seedvr_cli.render.tally import Tally
from seedvr_cli.render.terminal import BELL, END_LINK, RESTORE_TITLE, SAVE_TITLE, begin_link, has_links, title
from seedvr_cli.values.events import Changed, Event, Finished, Notice, Received, Started
from seedvr_cli.values.items import Outcome
from seedvr_cli.values.system import suspension

# Seconds between two frames.
FRAME_SECONDS = 0.1
# The share of the screen's lines that is left to what stands above.
SPARE_SHARE = 2
# Cells of the narrowest window that shall hold all lines that were drawn when it was wider.
NARROWEST = 40
# Lines above the rows in any case: the one of the command, and the cursor's.
LINES_ABOVE = 2

# For terminals that show nothing but ASCII.
_PLAIN = str.maketrans({"✓": "+", "✗": "x", "…": "~", "━": "#", "╸": "-", "─": "-", "·": ","})

_HIDE_CURSOR = Control(ControlType.HIDE_CURSOR)
_SHOW_CURSOR = Control(ControlType.SHOW_CURSOR)
_TO_NEXT_LINE = Control((ControlType.CURSOR_DOWN, 1), ControlType.CARRIAGE_RETURN)  # which does not scroll


def _code(text: str, instead: ControlCode = (ControlType.CARRIAGE_RETURN,)) -> Control:
    """A code that Rich has no name for, and what a console without escape codes does."""
    control = Control()
    control.segment = Segment(text, None, [instead])
    return control


# The cursor's line and all below. In one step tmux would put a whole screen aside, where one can scroll up to it.
_ERASE = _code("\r\x1b[K\x1b7\x1b[B\x1b[J\x1b8", (ControlType.ERASE_IN_LINE, 2))
_SAVE_CURSOR, _RESTORE_CURSOR = _code("\x1b7"), _code("\x1b8")
_CUT_LINES, _WRAP_LINES = _code("\x1b[?7l"), _code("\x1b[?7h")


class LiveReporter:
    """Rows that come and go; what is finished leaves a line above them.

    `total` is the number of jobs, if known, `max_cost` the run's cap in millionths of a dollar, if there is one.
    """

    def __init__(
        self,
        talk: Talk,
        tally: Tally,
        *,
        total: int | None = None,
        max_cost: int | None = None,
        display: Display = Display(),  # noqa: B008 - it is frozen
        console: Console | None = None,
    ) -> None:
        self._talk = talk
        self._tally = tally
        self._total = total
        self._display = display
        self._console = console or make_console(stderr=True)
        self._is_plain = "utf" not in (self._console.encoding or "").lower()
        self._has_links = has_links(os.environ)
        self._began = time.monotonic()
        overall = Overall(tally, total=total, max_cost=max_cost, began=self._began)
        self._rows = Rows(overall, most=display.rows, is_plain=self._is_plain)
        self._endings = Endings(free=tally.free)
        self._lines: list[Text | Callable[[], None]] = []
        self._held: list[Callable[[], None]] = []
        self._held_path: str | None = None
        self._title = ""
        self._last_frame = 0.0
        self._is_drawn = False
        # The most lines that a frame had, and how far below the cursor the last one stands.
        self._most = self._depth = 0
        self._write = talk.write
        talk.write = lambda text: self._lines.append(Text(text))
        self._suspension = suspension()
        if self._suspension is not None:
            signal.signal(self._suspension, self._suspend)

    def handle(self, event: Event) -> None:
        """One event."""
        rows = self._rows.by_index
        match event:
            case Started(item, expected):
                rows[item.index] = Row(item, time.monotonic(), expected)
            case Changed(item, state):
                if row := rows.get(item.index):
                    row.state = clean(state.partition(":")[0])
            case Received(item, done, total):
                if row := rows.get(item.index):
                    row.done, row.total = done, total
            case Notice(text, verbose):
                if not verbose or self._talk.verbose:
                    self._lines.append(Text(clean(f"seedvr: {text}"), style="dim"))
            case Finished(outcome):
                rows.pop(outcome.item.index, None)
                is_told = outcome.error is not None and not self._tally.tells(outcome.error)
                if self._is_worth_a_line(outcome, is_told=is_told):
                    self._end(outcome, is_told=is_told)
                self._lines += self._held
                self._held.clear()

    def result(self, write: Callable[[], None], path: str | None = None) -> None:
        """Write to standard output: at the next frame if it is this screen too, so that the two do not mix."""
        if sys.stdout.isatty():
            self._held.append(write)
            self._held_path = path
            return
        if _is_pipe(sys.stdout.fileno()):  # whoever reads it may well write on this screen
            self._erase()
        write()

    def above(self, write: Callable[[], None]) -> None:
        """At the next frame, while the rows make way."""
        self._lines.append(write)

    def tick(self) -> None:
        """Draw a frame, if it is time."""
        now = time.monotonic()
        if now - self._last_frame < FRAME_SECONDS:
            return
        self._last_frame = now
        self._flush()
        if self._rows.by_index and _is_foreground():
            width, height = self._room()
            self._draw(self._rows.lines(now, width=width, height=height))
        if self._display.title:
            self._name_window()

    def close(self) -> None:
        """Take the rows away, give the cursor back, and sum up."""
        self._talk.write = self._write
        if self._suspension is not None:
            signal.signal(self._suspension, signal.SIG_DFL)
        try:
            self._flush()
        finally:
            self._erase()
        if self._tally.total > 1:
            self._print(Text(summary_line(self._tally, time.monotonic() - self._began)))
        if self._title:
            self._send(RESTORE_TITLE)
        if self._display.bell:
            self._send(BELL)

    def _end(self, outcome: Outcome, *, is_told: bool) -> None:
        """The outcome's line. Its path is the one that goes to standard output, if that is this screen, else ours."""
        line = self._endings.line(outcome, self._console.width - 1, is_told=is_told)
        paths = [file.path for file in outcome.files]
        if outcome.error is not None or len(paths) != 1:
            line.rstrip()
            self._lines.append(line)
        elif self._held and self._held_path == paths[0]:
            write = self._held.pop()

            def write_after() -> None:
                self._console.print(self._fit(line), end="", soft_wrap=True)
                self._send(begin_link(paths[0]) * self._has_links)
                try:
                    write()
                finally:
                    self._send(END_LINK * self._has_links)

            self._lines.append(write_after)
        else:
            link = Style(link=Path(paths[0]).absolute().as_uri()) if self._has_links else Style.null()
            self._lines.append(line.append(clean(shown(paths[0])), link))

    def _name_window(self) -> None:
        """How far it is, where that has changed."""
        tally = self._tally
        of = f" of {self._total}" if self._total else ""
        text = f"seedvr: {tally.total}{of}"
        if text != self._title:
            self._send(title(text) if self._title else SAVE_TITLE + title(text))
            self._title = text

    def _send(self, codes: str) -> None:
        """Codes that draw nothing."""
        if codes:
            self._console.file.write(codes)
            self._console.file.flush()

    def _is_worth_a_line(self, outcome: Outcome, *, is_told: bool) -> bool:
        """Of many jobs those whose path comes here anyway, and what went wrong, but not each that was not submitted."""
        is_many = (self._total or self._tally.total) > MANY_JOBS
        if outcome.error is None:
            return bool(self._held) or not is_many
        return not is_many or not is_told

    def _flush(self) -> None:
        """Lines for good: the rows make way, and are drawn anew below."""
        lines, self._lines, self._held = [*self._lines, *self._held], [], []
        if lines:
            self._erase()
        for line in lines:
            if isinstance(line, Text):
                self._print(line)
            else:
                line()

    def _print(self, line: Text) -> None:
        self._console.print(self._fit(line), soft_wrap=True)

    def _room(self) -> tuple[int, int]:
        """Cells of a line and lines of a frame, at most. As jobs end, it gets no wider: names do not jump."""
        columns, rows = self._console.size
        height = max(1, rows // SPARE_SHARE)
        self._most = max(self._most, 2 + min(len(self._rows.by_index), self._display.rows))
        wraps = max(1, rows // min(self._most, height))
        # Some terminals wrap when the last cell of a line is filled.
        return min(columns - 1, NARROWEST * wraps), height

    def _draw(self, lines: Sequence[Text]) -> None:
        """All in one write; the cursor ends where it began. Where little stands above, a gap makes up for it."""
        self._is_drawn = True
        wrapped = sum(-(-line.cell_len // NARROWEST) for line in lines)
        self._depth = max(self._depth, len(lines), wrapped - LINES_ABOVE)
        up = Control((ControlType.CURSOR_UP, len(lines)))
        down = Control((ControlType.CURSOR_DOWN, self._depth))  # as far as there is a screen
        with self._console as console:
            console.control(_HIDE_CURSOR, _ERASE, _CUT_LINES)
            console.print("\n" * len(lines), end="", soft_wrap=True)
            console.control(up, _SAVE_CURSOR, down, up)
            for line in lines:
                console.control(_TO_NEXT_LINE)
                console.print(self._fit(line), end="", soft_wrap=True)
            console.control(_RESTORE_CURSOR, _WRAP_LINES)

    def _erase(self) -> None:
        if self._is_drawn:
            self._is_drawn = False
            self._console.control(_ERASE, _SHOW_CURSOR)

    def _fit(self, line: Text) -> Text:
        """The line in characters that the terminal has."""
        if self._is_plain:
            encoding = self._console.encoding or "ascii"
            line.plain = line.plain.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
        return line

    def _suspend(self, number: int, _frame: object) -> None:
        """Ctrl-Z: the shell gets a clean screen and its cursor; the next frame comes when the job is taken up again."""
        with suppress(OSError):
            os.write(sys.stderr.fileno(), (_ERASE.segment.text + _SHOW_CURSOR.segment.text).encode())
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, self._suspend)


def _is_pipe(descriptor: int) -> bool:
    return stat.S_ISFIFO(os.fstat(descriptor).st_mode)


def _is_foreground() -> bool:
    """Whether the shell has not put this job into the background, where it would draw over the prompt."""
    try:
        return os.tcgetpgrp(sys.stderr.fileno()) == os.getpgrp()
    except (OSError, AttributeError):
        return True
