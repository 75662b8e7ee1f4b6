"""How fast a run is, how long it takes yet, and what it has cost: the same words for a terminal and for a log."""

import math
from collections import deque

from seedvr_cli.render.tally import Tally
from seedvr_cli.values.money import show_usd
from seedvr_cli.values.schedule import show_duration

# Seconds over which the rate is taken, and before which none is told.
WINDOW, FIRST_RATE = 60.0, 5.0
# Jobs that have to end before it is told how long the rest takes.
FIRST_ENDS = 3


class Pace:
    """`total` is the number of jobs, if known; `max_cost` the run's cap in millionths of a dollar, if there is one.

    `began` is an instant of the monotonic clock. It is asked once in a while, and remembers what it saw then.
    """

    def __init__(self, tally: Tally, *, total: int | None, max_cost: int | None, began: float) -> None:
        self._tally = tally
        self._total = total
        self._max_cost = max_cost
        self._began = began
        # How many had ended by when, a second apart.
        self._ends = deque([(began, 0)])

    def speed(self, now: float) -> tuple[str, str]:
        """`5.1/s` and `~3m left`, each nothing where it is not known."""
        rate = self._rate(now)
        if rate is None:
            return "", ""
        missing = self._total - self._tally.total if self._total else 0
        return _show_rate(rate), f"{_show_left(missing / rate)} left" if rate and missing > 0 else ""

    def cost(self) -> str:
        """`$0.41 of $2.00`: the list price of what has ended and of what is under way, of the cap if there is one."""
        if self._tally.free:
            return ""
        price = self._tally.price + self._tally.underway()[1]
        if self._max_cost is None:
            return show_usd(price) if price else ""
        return f"{show_usd(price)} of {show_usd(self._max_cost)}"

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
