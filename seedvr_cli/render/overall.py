"""The line of the whole run in the live display: how much of it is over, how fast, for how long, for how much."""

import math
from collections import deque
from dataclasses import dataclass

from rich.text import Text

from seedvr_cli.render.tally import Tally
from seedvr_cli.values.money import show_usd
from seedvr_cli.values.schedule import show_duration, show_seconds

BAR_CELLS = 20
# Seconds over which the rate is taken, and before which none is told.
WINDOW, FIRST_RATE = 60.0, 5.0
# Jobs that have to end before it is told how long the rest takes.
FIRST_ENDS = 3


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of the line. Where there is no room, the one of the highest `rank` goes first."""

    rank: int
    text: str


class Overall:
    """`total` is the number of jobs, if known; `max_cost` the run's cap in millionths of a dollar, if there is one.

    `began` is an instant of the monotonic clock.
    """

    def __init__(self, tally: Tally, *, total: int | None, max_cost: int | None, began: float) -> None:
        self._tally = tally
        self._total = total
        self._max_cost = max_cost
        self._began = began
        # How many had ended by when, a second apart.
        self._ends = deque([(began, 0)])
        self._widths: dict[int, int] = {}

    def line(self, now: float, *, rows: int, waiting: int, width: int) -> Text | None:
        """At most `width` cells; None where there is but one job. `waiting` of the `rows` are not submitted yet."""
        tally, total = self._tally, self._total
        if (total or tally.total + rows) < 2:
            return None
        rate = self._rate(now)
        parts = [_Part(0, self._counts())]
        if total:
            waiting += max(0, total - tally.total - rows)
        if waiting:
            parts.append(_Part(5, f"{waiting:,} {'waits' if waiting == 1 else 'wait'}"))
        if rate is not None:
            parts.append(_Part(4, _show_rate(rate)))
            if total and rate and total > tally.total:
                parts.append(_Part(2, f"{_show_left((total - tally.total) / rate)} left"))
        if not tally.free:
            parts += self._cost()
        parts.append(_Part(6, show_seconds(now - self._began)))
        bar = _bar(tally.total / total) if total else ""
        return self._assemble(parts, bar, width)

    def _assemble(self, parts: list[_Part], bar: str, width: int) -> Text:
        """As many parts as there is room for, each as wide as it ever was, so that what stands behind does not jump."""
        texts = {part.rank: part.text.ljust(self._widths.get(part.rank, 0)) for part in parts}
        self._widths |= {rank: len(text) for rank, text in texts.items()}

        def made() -> str:
            return " · ".join(texts.values()).rstrip()

        has_bar = bool(bar) and 2 + len(bar) + 2 + len(made()) <= width
        while len(texts) > 1 and 2 + len(made()) > width:
            del texts[max(texts)]
        line = Text("  ", style="dim")
        if has_bar:
            full = bar.rstrip("─")
            line.append(full, "green").append(bar[len(full) :]).append("  ")
        line.append(made())
        line.truncate(width)
        return line

    def _counts(self) -> str:
        """`412 of 1,000 done, 3 failed`."""
        tally = self._tally
        of = f" of {self._total:,}" if self._total else ""
        done = f"{tally.done + tally.skipped:,}".rjust(len(f"{self._total:,}") if self._total else 0)
        counts = (
            (tally.failed, "failed"),
            (tally.unknown, "unknown"),
            (tally.running, "still running"),
            (tally.held, "not submitted"),
        )
        return ", ".join([f"{done}{of} done", *(f"{count:,} {word}" for count, word in counts if count)])

    def _cost(self) -> list[_Part]:
        """`$0.41 of $2.00`: the list price of what has ended and of what is under way, of the cap if there is one."""
        price = self._tally.price + self._tally.underway()[1]
        if self._max_cost is None:
            return [_Part(3, show_usd(price))] if price else []
        return [_Part(3, f"{show_usd(price)} of {show_usd(self._max_cost)}")]

    def _rate(self, now: float) -> float | None:
        """Jobs a second lately; what was delivered before is none. None before there is enough to tell."""
        ended = self._tally.total - self._tally.skipped
        if now - self._ends[-1][0] >= 1:
            self._ends.append((now, ended))
        while len(self._ends) > 2 and now - self._ends[1][0] >= WINDOW:
            self._ends.popleft()
        began, before = self._ends[0]
        if now - self._began < FIRST_RATE or ended < FIRST_ENDS or now <= began:
            return None
        return (ended - before) / (now - began)


def _bar(share: float) -> str:
    """What is not over is never shown as full."""
    halves = BAR_CELLS * 2 if share >= 1 else min(int(share * BAR_CELLS * 2), BAR_CELLS * 2 - 1)
    return ("━" * (halves // 2) + "╸" * (halves % 2)).ljust(BAR_CELLS, "─")


def _show_rate(rate: float) -> str:
    """Jobs a second, or a minute where they are slow."""
    if rate >= 1:
        return f"{rate:.1f}/s" if rate < 100 else f"{rate:.0f}/s"
    return f"{rate * 60:.1f}/min"


def _show_left(seconds: float) -> str:
    """`~40s`, `~12m`, `~2h 10m`: no more exact than it is known."""
    if seconds < 60:
        return f"~{max(5, math.ceil(seconds / 5) * 5)}s"
    if seconds < 3600:
        return f"~{math.ceil(seconds / 60)}m"
    return f"~{show_duration(math.ceil(seconds / 600) * 600)}"
