"""The rows of the live display: jobs under way become lines that fit a screen."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from seedvr_cli.render.talk import clean
from seedvr_cli.render.tally import Tally
from seedvr_cli.values.catalog import COMPLETED
from seedvr_cli.values.items import Item
from seedvr_cli.values.schedule import show_duration

# Cells of a name below which the bar and then the endpoint give way.
SHORT_NAME = 16
SHORTEST_NAME = 6
BAR_CELLS = 10
# Cells of a state, at least and at most: the gateway may have words that we do not know.
STATE_CELLS = (11, 20)
# Turns of the spinner in a second.
TURNS = 10

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PLAIN_SPINNER = "|/-\\"
_STYLES = {"QUEUED": "yellow", "PROCESSING": "cyan", COMPLETED: "green", "downloading": "green"}


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
        """How much of it is over, where that can be told; 1 and more is overdue."""
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


class Rows:
    """All rows by the index of their item, and the layout, whose columns only grow so that they do not jump.

    `total` is the number of jobs, if known; `is_plain` for a screen that shows nothing but ASCII.
    """

    def __init__(self, tally: Tally, *, total: int | None, is_plain: bool) -> None:
        self.by_index: dict[int, Row] = {}
        self._tally = tally
        self._total = total
        self._spinner = _PLAIN_SPINNER if is_plain else _SPINNER
        self._began = time.monotonic()
        self._label_cells, self._state_cells, self._measure_cells = 0, STATE_CELLS[0], 12

    def lines(self, now: float, *, width: int, height: int) -> list[Text]:
        """Lines of at most `width` cells: rows, one for those beyond `height`, and one for the run; two in any case."""
        rows = [self.by_index[index] for index in sorted(self.by_index)]
        run = self._run_line(now)
        room = max(1, height - len(run))
        shown = rows if len(rows) <= room else rows[: room - 1]
        lines = self._row_lines(shown, now, width) if shown else []
        if len(shown) < len(rows):
            states = Counter(row.state for row in rows[len(shown) :]).most_common()
            words = ", ".join(f"{count} {state}" for state, count in states)
            lines.append(Text(f"  … and {len(rows) - len(shown)} more: {words}", style="dim"))
        for line in lines + run:
            line.truncate(width)
        return lines + run

    def _row_lines(self, rows: Sequence[Row], now: float, width: int) -> list[Text]:
        longest = self._label_cells = max(self._label_cells, *(cell_len(row.item.label) for row in rows))
        states = max(self._state_cells, *(cell_len(row.state) for row in rows))
        self._state_cells = min(states, STATE_CELLS[1])
        self._measure_cells = max(self._measure_cells, *(len(row.measure(now)) for row in rows))
        endpoint_cells = max(len(row.item.endpoint or "-") for row in rows)
        shares = [row.share(now) for row in rows]
        # What is left for the name, beside the spinner and the gaps.
        room = width - 2 - 2 - self._state_cells - 2 - self._measure_cells
        has_endpoint = room - endpoint_cells - 2 >= min(SHORT_NAME, longest)
        room -= (endpoint_cells + 2) * has_endpoint
        has_bar = any(share is not None for share in shares) and room - BAR_CELLS - 2 >= min(SHORT_NAME, longest)
        room -= (BAR_CELLS + 2) * has_bar
        name_cells = max(SHORTEST_NAME, min(longest, room))
        turn = self._spinner[int(now * TURNS) % len(self._spinner)]
        lines = []
        for row, share in zip(rows, shares, strict=True):
            style = _STYLES.get(row.state, "")
            line = Text.assemble((turn, style), " ", _fit(clean(row.item.label), name_cells))
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
        if (self._total or tally.total + len(self.by_index)) < 2:
            return []
        of = f" of {self._total}" if self._total else ""
        words = [f"{tally.done + tally.skipped}{of} done"]
        counts = (
            (tally.failed, "failed"),
            (tally.unknown, "unknown"),
            (tally.running, "still running"),
            (tally.held, "not submitted"),
        )
        words += [f"{count} {word}" for count, word in counts if count]
        return [Text(f"  {', '.join(words)} · {_duration(now - self._began)}", style="dim")]


def _fit(name: str, cells: int) -> str:
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
