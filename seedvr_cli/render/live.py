"""The live display: one row a job, on standard error only, redrawn at most ten times a second."""

import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from seedvr_cli.catalog import COMPLETED
from seedvr_cli.models import Changed, Event, Finished, Item, Notice, Outcome, Received, Started
from seedvr_cli.render.human import Tally, clean, outcome_line, summary_line
from seedvr_cli.render.reporter import Talk
from seedvr_cli.schedule import show_duration

# Seconds between two frames.
FRAME_SECONDS = 0.1
# Rows of the screen that are left to what stands above.
SPARE_ROWS = 3

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PLAIN_SPINNER = "|/-\\"
_STYLES = {"QUEUED": "yellow", "PROCESSING": "cyan", "downloading": "blue", COMPLETED: "green"}


@dataclass(slots=True)
class Row:
    """A job under way. Instants of the monotonic clock, sizes in bytes."""

    item: Item
    began: float
    expected: float | None
    state: str = "waiting"
    done: int = 0
    total: int | None = None


class LiveReporter:
    """Rows that come and go; what is finished leaves a line above them."""

    def __init__(self, talk: Talk, tally: Tally, console: Console | None = None) -> None:
        self._talk = talk
        self._tally = tally
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=False)
        self._live: Live | None = None
        self._rows: dict[int, Row] = {}
        self._pending: list[Text] = []
        self._writes: list[Callable[[], None]] = []
        self._began = time.monotonic()
        self._last_frame = 0.0
        self._spinner = _SPINNER if "utf" in (self._console.encoding or "").lower() else _PLAIN_SPINNER

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
                    self._pending.append(Text(clean(f"seedvr: {text}"), style="dim"))
            case Finished(outcome):
                self._rows.pop(outcome.item.index, None)
                self._pending.append(_finished_line(outcome))

    def result(self, write: Callable[[], None]) -> None:
        """Write to standard output: at the next frame if it is this screen too, so that the two do not mix."""
        if sys.stdout.isatty():
            self._writes.append(write)
        else:
            write()

    def tick(self) -> None:
        """Draw a frame."""
        now = time.monotonic()
        if now - self._last_frame < FRAME_SECONDS * 0.9:
            return
        self._last_frame = now
        if self._pending or self._writes:
            self._flush()
        if self._rows and self._live is None:
            self._live = Live(
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
                vertical_overflow="crop",
            )
            self._live.start()
        if self._live is not None:
            self._live.update(self._frame(now), refresh=True)

    def close(self) -> None:
        """Take the rows away, give the cursor back, and sum up."""
        self._flush()
        if self._tally.total > 1:
            self._console.print(Text(clean(summary_line(self._tally, time.monotonic() - self._began))), soft_wrap=True)

    def _flush(self) -> None:
        """Lines for good: the rows make way, and are drawn anew below."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        pending, self._pending = self._pending, []
        for text in pending:
            self._console.print(text, soft_wrap=True)
        writes, self._writes = self._writes, []
        for write in writes:
            write()

    def _frame(self, now: float) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for _ in range(3):
            table.add_column(no_wrap=True)
        room = max(1, self._console.height - SPARE_ROWS)
        rows = list(self._rows.values())
        shown = rows if len(rows) <= room else rows[: room - 1]
        glyph = self._spinner[int(now * 10) % len(self._spinner)]
        for row in shown:
            table.add_row(
                Text(f"{glyph} {clean(row.item.label)}"),
                Text(row.item.endpoint or "", style="dim"),
                Text(row.state, style=_STYLES.get(row.state, "")),
                Text(_measure(row, now), style="dim"),
            )
        if len(shown) < len(rows):
            folded = Counter(row.state for row in rows[len(shown) :])
            words = ", ".join(f"{count} {state}" for state, count in folded.most_common())
            table.add_row(Text(f"… and {len(rows) - len(shown)} more: {words}", style="dim"))
        return table


def _measure(row: Row, now: float) -> str:
    elapsed = show_duration(float(int(now - row.began)) if now - row.began >= 1 else 0.0)
    if row.state == "downloading" and row.done:
        of = f" of {_size(row.total)}" if row.total else ""
        return f"{elapsed}  {_size(row.done)}{of}"
    return f"{elapsed} of about {show_duration(row.expected)}" if row.expected else elapsed


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _finished_line(outcome: Outcome) -> Text:
    text = outcome_line(outcome)
    if outcome.error is not None:
        return Text(text, style="red")
    return Text.assemble(("✓ ", "green"), text)
