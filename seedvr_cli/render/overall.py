"""The line of the whole run in the live display: how much of it is over, how fast, for how long, for how much."""

from dataclasses import dataclass

from rich.text import Text

from seedvr_cli.render.pace import Pace
from seedvr_cli.render.tally import Tally
from seedvr_cli.values.schedule import show_seconds

BAR_CELLS = 20


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
        self._began = began
        self._pace = Pace(tally, total=total, max_cost=max_cost, began=began)
        self._widths: dict[int, int] = {}

    def line(self, now: float, *, rows: int, waiting: int, width: int) -> Text | None:
        """At most `width` cells; None where there is but one job. `waiting` of the `rows` are not submitted yet."""
        tally, total = self._tally, self._total
        if (total or tally.total + rows) < 2:
            return None
        rate, left = self._pace.speed(now)
        parts = [_Part(0, self._counts())]
        if total:
            waiting += max(0, total - tally.total - rows)
        if waiting:
            parts.append(_Part(5, f"{waiting:,} {'waits' if waiting == 1 else 'wait'}"))
        parts += [_Part(rank, text) for rank, text in ((4, rate), (2, left), (3, self._pace.cost())) if text]
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


def _bar(share: float) -> str:
    """What is not over is never shown as full."""
    halves = BAR_CELLS * 2 if share >= 1 else min(int(share * BAR_CELLS * 2), BAR_CELLS * 2 - 1)
    return ("━" * (halves // 2) + "╸" * (halves % 2)).ljust(BAR_CELLS, "─")
