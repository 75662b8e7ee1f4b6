"""What an outcome leaves above the rows: one line each, in columns, with the path at its end."""

from collections.abc import Mapping

from rich.cells import cell_len
from rich.text import Text

from seedvr_cli.render.human import outcome_line, paid, took
from seedvr_cli.render.names import Names
from seedvr_cli.render.results import shown
from seedvr_cli.render.rows import show_bytes
from seedvr_cli.render.talk import clean
from seedvr_cli.values.items import Outcome

# Cells of the column of names, at most.
NAME_CELLS = 40
# What gives way to the path, first things first: its name says most of it.
_DISPENSABLE = ("price", "bytes", "size", "name", "time")
_MARKS = {6: ("… ", "yellow"), 7: ("? ", "yellow")}  # by exit code; anything else failed


class Endings:
    """`free` where list prices are not paid. Columns only grow."""

    def __init__(self, *, free: bool) -> None:
        self._free = free
        self._names = Names()
        self._widths: dict[str, int] = {}

    def line(self, outcome: Outcome, width: int, *, is_told: bool = False) -> Text:
        """Mark, name, size, time and price, then room for a path, within `width` cells; or what went wrong.

        `is_told`: why it was not submitted is told already.
        """
        if outcome.error is not None:
            mark, style = _MARKS.get(outcome.error.exit_code, ("✗ ", "red"))
            return Text.assemble((mark, style), outcome_line(outcome, is_told=is_told).removeprefix("seedvr: "))
        name = clean(outcome.item.label)
        self._names.see([name])
        path = max((cell_len(clean(shown(file.path))) for file in outcome.files), default=0)
        parts = {"name": self._names.fit(name, min(self._names.cells, NAME_CELLS)), **self._cells(outcome)}
        if _cells_of(parts) + path > width:  # then there are no columns to keep
            parts = {part: text.strip() for part, text in parts.items() if text.strip()}
        for part in _DISPENSABLE:
            if _cells_of(parts) + path > width:
                parts.pop(part, None)
        line = Text.assemble(("✓ ", "dim" if outcome.skipped else "green"))
        for part, text in parts.items():
            line.append(text, "" if part == "name" else "dim").append("  ")
        return line

    def _cells(self, outcome: Outcome) -> dict[str, str]:
        """`960x640`, `1.2 MB`, `12s` and `$0.001`, each as wide as the widest before it."""
        first = outcome.files[0] if outcome.files else None
        cells = {
            "size": f"{first.width}x{first.height}" if first and first.width and first.height else "",
            "bytes": show_bytes(first.bytes) if first else "",
            "time": took(outcome),
            "price": paid(outcome, free=self._free),
        }
        self._widths = {part: max(self._widths.get(part, 0), len(text)) for part, text in cells.items()}
        return {part: text.rjust(self._widths[part]) for part, text in cells.items() if self._widths[part]}


def _cells_of(parts: Mapping[str, str]) -> int:
    """Of the mark, and of the parts with the gaps behind them."""
    return 2 + sum(cell_len(text) + 2 for text in parts.values())
