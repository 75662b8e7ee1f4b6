"""The live display: one row a job, on standard error only, redrawn at most ten times a second.

The cursor rests on an empty line, and the rows stand below it. So a line that somebody else writes on this screen (the
reader of a pipe, the echo of a key) comes out whole there, a window that changes its size disturbs nothing, and the
next frame is drawn below.
"""

import os
import signal
import stat
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.control import Control
from rich.segment import ControlType, Segment
from rich.text import Text

from seedvr_cli.catalog import COMPLETED
from seedvr_cli.models import Changed, Event, Finished, Item, Notice, Outcome, Received, Started
from seedvr_cli.render.human import Tally, clean, outcome_line, summary_line
from seedvr_cli.render.reporter import Talk
from seedvr_cli.schedule import show_duration

# Seconds between two frames.
FRAME_SECONDS = 0.1
# Rows of the screen that are left to what stands above; one of them is the cursor's.
SPARE_ROWS = 3
# Cells of a name below which the bar and then the endpoint give way.
SHORT_NAME = 16
BAR_CELLS = 10

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PLAIN_SPINNER = "|/-\\"
# For terminals that show nothing but ASCII.
_PLAIN = str.maketrans({"✓": "+", "✗": "x", "…": "~", "━": "#", "╸": "-", "─": "-", "·": ","})
_STYLES = {"QUEUED": "yellow", "PROCESSING": "cyan", COMPLETED: "green", "downloading": "green"}
_MARKS = {6: ("… ", "yellow"), 7: ("? ", "yellow")}  # by exit code; anything else failed

_TO_EMPTY_LINE = Control(ControlType.HIDE_CURSOR, ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 0))
_END_OF_LINE = Control((ControlType.ERASE_IN_LINE, 0))
_RETURN = Control(ControlType.CARRIAGE_RETURN)
_SHOW_CURSOR = Control(ControlType.SHOW_CURSOR)
# Rich has no name for "erase all below"; a console without escape codes erases the line.
_ERASE_BELOW = Control()
_ERASE_BELOW.segment = Segment("\x1b[J", None, [(ControlType.ERASE_IN_LINE, 0)])


@dataclass(slots=True)
class Row:
    """A job under way. Instants of the monotonic clock, sizes in bytes."""

    item: Item
    began: float
    expected: float | None
    state: str = "waiting"
    done: int = 0
    total: int | None = None

    def share(self, now: float) -> float | None:
        """How much of it is over, 0-1, where that can be told."""
        if self.state == "downloading":
            return self.done / self.total if self.total else None
        return (now - self.began) / self.expected if self.expected else None

    def measure(self, now: float) -> str:
        """`12s`, `12s of ~30s` or `12s, 1.2 of 3.4 MB`."""
        elapsed = _duration(now - self.began)
        if self.state == "downloading":
            return f"{elapsed}, {_bytes(self.done, self.total)}" if self.done else elapsed
        if not self.expected or self.state == COMPLETED:
            return elapsed
        return f"{elapsed} of ~{_duration(max(1, round(self.expected)))}"


class LiveReporter:
    """Rows that come and go; what is finished leaves a line above them. `total` is the number of jobs, if known."""

    def __init__(
        self, talk: Talk, tally: Tally, *, total: int | None = None, console: Console | None = None
    ) -> None:  # fmt: skip
        self._talk = talk
        self._tally = tally
        self._total = total
        self._console = console or Console(stderr=True, highlight=False)
        self._is_plain = "utf" not in (self._console.encoding or "").lower()
        self._rows: dict[int, Row] = {}
        self._lines: list[Text | Callable[[], None]] = []
        self._held: list[Callable[[], None]] = []
        self._began = time.monotonic()
        self._last_frame = 0.0
        self._is_drawn = False
        self._label_cells, self._state_cells, self._measure_cells = 0, 11, 12  # they only grow: columns do not jump
        self._write = talk.write
        talk.write = lambda text: self._lines.append(Text(text))
        self._is_suspendable = hasattr(signal, "SIGTSTP") and signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL
        if self._is_suspendable:
            signal.signal(signal.SIGTSTP, self._suspend)

    def handle(self, event: Event) -> None:
        """One event."""
        match event:
            case Started(item, expected):
                self._rows[item.index] = Row(item, time.monotonic(), expected)
            case Changed(item, state):
                if row := self._rows.get(item.index):
                    row.state = clean(state)
            case Received(item, done, total):
                if row := self._rows.get(item.index):
                    row.done, row.total = done, total
            case Notice(text, verbose):
                if not verbose or self._talk.verbose:
                    self._lines.append(Text(clean(f"seedvr: {text}"), style="dim"))
            case Finished(outcome):
                self._rows.pop(outcome.item.index, None)
                self._lines += [_finished_line(outcome), *self._held]
                self._held.clear()

    def result(self, write: Callable[[], None]) -> None:
        """Write to standard output: at the next frame if it is this screen too, so that the two do not mix."""
        if sys.stdout.isatty():
            self._held.append(write)
            return
        if _is_pipe(sys.stdout.fileno()):  # whoever reads it may well write on this screen
            self._erase()
        write()

    def tick(self) -> None:
        """Draw a frame, if it is time."""
        now = time.monotonic()
        if now - self._last_frame < FRAME_SECONDS:
            return
        self._last_frame = now
        self._flush()
        if self._rows and _is_foreground():
            self._draw(self._frame(now))

    def close(self) -> None:
        """Take the rows away, give the cursor back, and sum up."""
        self._talk.write = self._write
        if self._is_suspendable:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        try:
            self._flush()
        finally:
            self._erase()
        if self._tally.total > 1:
            self._print(Text(summary_line(self._tally, time.monotonic() - self._began)))

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
        line.plain = self._fit_for_terminal(line.plain)
        self._console.print(line, soft_wrap=True)

    def _draw(self, lines: Sequence[Text]) -> None:
        """All in one write; the cursor ends where it began."""
        self._is_drawn = True
        with self._console as console:
            console.control(_TO_EMPTY_LINE)
            for line in lines:
                line.plain = self._fit_for_terminal(line.plain)
                console.print(Text("\n").append(line), end="", no_wrap=True, overflow="crop")
                console.control(_END_OF_LINE)
            console.control(_ERASE_BELOW, Control((ControlType.CURSOR_UP, len(lines))), _RETURN)

    def _erase(self) -> None:
        if self._is_drawn:
            self._is_drawn = False
            self._console.control(_RETURN, _ERASE_BELOW, _SHOW_CURSOR)

    def _suspend(self, number: int, _frame: object) -> None:
        """Ctrl-Z: the shell gets a clean screen and its cursor; the next frame comes when the job is taken up again."""
        with suppress(OSError):
            os.write(sys.stderr.fileno(), b"\r\x1b[J\x1b[?25h")
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, self._suspend)

    def _fit_for_terminal(self, text: str) -> str:
        if not self._is_plain:
            return text
        encoding = self._console.encoding or "ascii"
        return text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)

    def _frame(self, now: float) -> list[Text]:
        """The rows as far as the screen reaches, a line for those beyond it, and one for the run."""
        rows = list(self._rows.values())
        run = self._run_line(now)
        room = max(1, self._console.height - SPARE_ROWS - len(run))
        shown = rows if len(rows) <= room else rows[: room - 1]
        lines = self._row_lines(shown, now)
        if len(shown) < len(rows):
            states = Counter(row.state for row in rows[len(shown) :]).most_common()
            words = ", ".join(f"{count} {state}" for state, count in states)
            lines.append(Text(f"  … and {len(rows) - len(shown)} more: {words}", style="dim"))
        return lines + run

    def _row_lines(self, rows: Sequence[Row], now: float) -> list[Text]:
        self._state_cells = max(self._state_cells, *(cell_len(row.state) for row in rows))
        self._measure_cells = max(self._measure_cells, *(len(row.measure(now)) for row in rows))
        longest = self._label_cells = max(self._label_cells, *(cell_len(row.item.label) for row in rows))
        endpoint_cells = max(len(row.item.endpoint or "-") for row in rows)
        # What is left for the name: all but the mark, the gaps, and the last cell, at which some terminals wrap.
        room = self._console.width - 1 - 2 - 2 - self._state_cells - 2 - self._measure_cells
        has_endpoint = room - endpoint_cells - 2 >= min(SHORT_NAME, longest)
        room -= (endpoint_cells + 2) * has_endpoint
        shares = [row.share(now) for row in rows]
        has_bar = any(share is not None for share in shares) and room - BAR_CELLS - 2 >= min(SHORT_NAME, longest)
        room -= (BAR_CELLS + 2) * has_bar
        name_cells = max(6, min(longest, room))
        spinner = _PLAIN_SPINNER if self._is_plain else _SPINNER
        mark = spinner[int(now / FRAME_SECONDS) % len(spinner)]
        lines = []
        for row, share in zip(rows, shares, strict=True):
            style = _STYLES.get(row.state, "")
            line = Text.assemble((mark, style), " ", _middle(clean(row.item.label), name_cells))
            if has_endpoint:
                line.append("  ").append((row.item.endpoint or "-").ljust(endpoint_cells), "dim")
            line.append("  ").append(set_cell_size(row.state, self._state_cells), style)
            if has_bar:
                full, rest = _bar(share)
                line.append("  ").append(full, style).append(rest, "dim")
            lines.append(line.append("  ").append(row.measure(now), "dim"))
        return lines

    def _run_line(self, now: float) -> list[Text]:
        """`12 of 60 done, 1 failed · 43s`, where there is more than one job."""
        tally = self._tally
        if (self._total or tally.total + len(self._rows)) < 2:
            return []
        of = f" of {self._total}" if self._total else ""
        words = [f"{tally.done + tally.skipped}{of} done"]
        counts = ((tally.failed, "failed"), (tally.unknown, "unknown"), (tally.running, "still running"))
        words += [f"{count} {word}" for count, word in counts if count]
        return [Text(f"  {', '.join(words)} · {_duration(now - self._began)}", style="dim")]


def _finished_line(outcome: Outcome) -> Text:
    mark, style = ("✓ ", "dim" if outcome.skipped else "green")
    if outcome.error is not None:
        mark, style = _MARKS.get(outcome.error.exit_code, ("✗ ", "red"))
    return Text.assemble((mark, style), outcome_line(outcome).removeprefix("seedvr: "))


def _middle(name: str, cells: int) -> str:
    """The name in this many cells; a long one keeps its beginning and its end, which tell names apart."""
    if cell_len(name) <= cells:
        return set_cell_size(name, cells)
    tail = (cells - 1) // 2
    end = set_cell_size(name[::-1], tail)[::-1]
    return f"{set_cell_size(name, cells - 1 - tail)}…{end}"


def _bar(share: float | None) -> tuple[str, str]:
    """The full and the empty part. What is not over is never shown as full."""
    if share is None:
        return "", " " * BAR_CELLS
    halves = min(int(share * BAR_CELLS * 2), BAR_CELLS * 2 - 1)
    full = "━" * (halves // 2) + "╸" * (halves % 2)
    return full, "─" * (BAR_CELLS - len(full))


def _duration(seconds: float) -> str:
    """Whole seconds: tenths would flicker."""
    return f"{int(seconds)}s" if seconds < 10 else show_duration(int(seconds))


def _bytes(done: int, total: int | None) -> str:
    """`1.2 of 3.4 MB`."""
    size, unit, digits = (1e6, "MB", 1) if max(done, total or 0) >= 1e6 else (1e3, "kB", 0)
    of = f" of {total / size:.{digits}f}" if total else ""
    return f"{done / size:.{digits}f}{of} {unit}"


def _is_pipe(descriptor: int) -> bool:
    return stat.S_ISFIFO(os.fstat(descriptor).st_mode)


def _is_foreground() -> bool:
    """Whether the shell has not put this job into the background, where it would draw over the prompt."""
    try:
        return os.tcgetpgrp(sys.stderr.fileno()) == os.getpgrp()
    except (OSError, AttributeError):
        return True
