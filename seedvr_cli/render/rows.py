"""The rows of the live display: jobs under way become lines that fit a screen."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from seedvr_cli.render.names import Names
from seedvr_cli.render.overall import Overall
from seedvr_cli.render.talk import clean
from seedvr_cli.values.catalog import COMPLETED
from seedvr_cli.values.items import Item
from seedvr_cli.values.schedule import show_seconds

# Cells of a name below which the bar and then the endpoint give way.
SHORT_NAME = 16
SHORTEST_NAME = 6
BAR_CELLS = 10
# Cells of a state, at least and at most: the gateway may have words that we do not know.
STATE_CELLS = (11, 20)
# Turns of the spinner in a second.
TURNS = 10

# The state of a row before its job is submitted.
WAITING = "waiting"

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PLAIN_SPINNER = "|/-\\"
_STYLES = {"QUEUED": "yellow", "PROCESSING": "cyan", COMPLETED: "green", "downloading": "green"}


@dataclass(slots=True)
class Row:
    """A job under way. Instants of the monotonic clock, sizes in bytes."""

    item: Item
    began: float
    expected: float | None
    state: str = WAITING
    done: int = 0
    total: int | None = None

    def share(self, now: float) -> float | None:
        """How much of it is over, where that can be told; 1 and more is overdue."""
        if self.state == "downloading":
            return self.done / self.total if self.total else None
        return (now - self.began) / self.expected if self.expected else None

    def measure(self, now: float) -> str:
        """`12s`, `12s of ~30s` or `12s, 1.2 of 3.4 MB`."""
        elapsed = show_seconds(now - self.began)
        if self.state == "downloading":
            return f"{elapsed}, {show_bytes(self.done, self.total)}" if self.done else elapsed
        if not self.expected or self.state == COMPLETED:
            return elapsed
        return f"{elapsed} of ~{show_seconds(max(1, round(self.expected)))}"


class Rows:
    """All rows by the index of their item, and the layout, whose columns only grow so that they do not jump.

    At most `most` jobs have a row at once. `is_plain` for a screen that shows nothing but ASCII.
    """

    def __init__(self, overall: Overall, *, most: int, is_plain: bool) -> None:
        self.by_index: dict[int, Row] = {}
        self._overall = overall
        self._most = most
        self._spinner = _PLAIN_SPINNER if is_plain else _SPINNER
        self._names = Names()
        self._has_bars = False
        self._state_cells, self._measure_cells = STATE_CELLS[0], 12

    def lines(self, now: float, *, width: int, height: int) -> list[Text]:
        """Lines of at most `width` cells: one for the run, rows, and one for those beyond; two in any case."""
        rows = [self.by_index[index] for index in sorted(self.by_index)]
        waiting = sum(row.state == WAITING for row in rows)
        run = self._overall.line(now, rows=len(rows), waiting=waiting, width=width)
        lines = [run] if run else []
        room = max(1, height - len(lines))
        most = min(self._most, room if len(rows) <= room else room - 1)
        shown = rows[:most]
        if shown:
            lines += self._row_lines(shown, now, width)
        if len(shown) < len(rows):
            states = Counter(row.state for row in rows[len(shown) :]).most_common()
            words = ", ".join(f"{count} {state}" for state, count in states)
            more = f"… and {len(rows) - len(shown)} more" if shown else f"{len(rows)} under way"
            lines.append(Text(f"  {more}: {words}", style="dim"))
        for line in lines:
            line.truncate(width)
        return lines

    def _row_lines(self, rows: Sequence[Row], now: float, width: int) -> list[Text]:
        names = [clean(row.item.label) for row in rows]
        self._names.see(names)
        longest = self._names.cells
        states = max(self._state_cells, *(cell_len(row.state) for row in rows))
        self._state_cells = min(states, STATE_CELLS[1])
        self._measure_cells = max(self._measure_cells, *(len(row.measure(now)) for row in rows))
        endpoint_cells = max(len(row.item.endpoint or "-") for row in rows)
        shares = [row.share(now) for row in rows]
        # What is left for the name, beside the spinner and the gaps.
        room = width - 2 - 2 - self._state_cells - 2 - self._measure_cells
        has_endpoint = room - endpoint_cells - 2 >= min(SHORT_NAME, longest)
        room -= (endpoint_cells + 2) * has_endpoint
        self._has_bars |= any(share is not None for share in shares)
        has_bar = self._has_bars and room - BAR_CELLS - 2 >= min(SHORT_NAME, longest)
        room -= (BAR_CELLS + 2) * has_bar
        name_cells = max(SHORTEST_NAME, min(longest, room))
        turn = self._spinner[int(now * TURNS) % len(self._spinner)]
        lines = []
        for row, name, share in zip(rows, names, shares, strict=True):
            style = _STYLES.get(row.state, "")
            line = Text.assemble((turn, style), " ", self._names.fit(name, name_cells))
            if has_endpoint:
                line.append("  ").append((row.item.endpoint or "-").ljust(endpoint_cells), "dim")
            line.append("  ").append(set_cell_size(row.state, self._state_cells), style)
            line.append("  ").append(row.measure(now).ljust(self._measure_cells), "dim")
            if has_bar and share is not None:  # behind what it measures, so that nothing jumps when it comes
                full, rest = _bar(share)
                line.append("  ").append(full, style).append(rest, "dim")
            line.rstrip()
            lines.append(line)
        return lines


def _bar(share: float) -> tuple[str, str]:
    """The full and the empty part. What is not over is never shown as full."""
    halves = min(int(share * BAR_CELLS * 2), BAR_CELLS * 2 - 1)
    full = "━" * (halves // 2) + "╸" * (halves % 2)
    return full, "─" * (BAR_CELLS - len(full))


def show_bytes(done: int, total: int | None = None) -> str:
    """`1.2 of 3.4 MB`, in a unit of which there is at least one."""
    largest = max(done, total or 0)
    size, unit = next(
        ((size, unit) for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if largest >= size), (1, "B")
    )
    digits = 0 if unit == "B" or (unit == "kB" and largest >= 10 * size) else 1
    of = f" of {total / size:.{digits}f}" if total else ""
    return f"{done / size:.{digits}f}{of} {unit}"
