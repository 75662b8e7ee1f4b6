"""The table of `status` on a terminal: as wide as that is, with a header, short ids and times for people."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len

from seedvr_cli.render.columns import GAP, ago, alike, cut_mark, fit, padded, paint
from seedvr_cli.render.human import shown_status, shown_time
from seedvr_cli.render.names import fit_between, heads, tails
from seedvr_cli.render.talk import clean
from seedvr_cli.values.items import Outcome

# Cells of a source or a file below which other columns give way.
SHORT_NAME = 24
# What marks knowledge that is old.
OLD = "?"

_STYLES = {
    "COMPLETED": "green",
    "FAILED": "red",
    "ERROR": "red",
    "unknown": "red",
    "PROCESSING": "cyan",
    "QUEUED": "yellow",
}
# Which columns there are, the widest first; `name` is the file, or for want of one the source.
_LAYOUTS = (
    ("id", "status", "endpoint", "when", "source", "file"),
    ("id", "status", "endpoint", "when", "name"),
    ("id", "status", "when", "name"),
    ("id", "status", "name"),
)
_NAMES = frozenset({"source", "file", "name"})
# Cells that columns have from the start, so that later rows stand below earlier ones.
_CELLS = {"id": 8, "status": 11, "endpoint": 8, "when": 10}


@dataclass(frozen=True, slots=True)
class Entry:
    """A job as it is shown: its id cut short, and whether what is said of it `is_old`."""

    outcome: Outcome
    request_id: str
    is_old: bool = False


class Screen:
    """The table, whose rows may come some at a time. `width` in cells; `ids` are those that will come, if known."""

    def __init__(self, width: int, now: datetime, *, has_colour: bool, ids: Sequence[str] = ()) -> None:
        self._width = width
        self._now = now
        self._has_colour = has_colour
        self._cells = dict(_CELLS)
        # An id of another machine is whole, and may be wider than the terminal.
        self._widest = {"id": max(_CELLS["id"], width // 2)}
        self._cells["id"] = min(max([_CELLS["id"], *map(len, ids)]), self._widest["id"])
        # Of rows that come one by one the first does not tell what the others need.
        self._is_known = not ids
        self._layout: tuple[str, ...] | None = None
        self._name_cells: dict[str, int] = {}

    def lines(self, entries: Sequence[Entry]) -> Iterator[str]:
        """The next lines, the header before the first of them."""
        rows = [self._row(entry) for entry in entries]
        if not rows:
            return
        for name in self._cells:
            widest = max(self._cells[name], *(cell_len(row[name]) for row in rows))
            self._cells[name] = min(widest, self._widest.get(name, widest))
        if self._layout is None:
            self._layout = self._choose(rows)
            header = {name: name.upper() for name in self._layout}
            header["name"] = "NAME" if not self._is_known or any(row["file"] for row in rows) else "SOURCE"
            yield self._line(header, dict.fromkeys(self._layout, "bold"), {})
        columns = {name: _Column([row[name] for row in rows]) for name in self._layout if name in _NAMES}
        for row in rows:
            word = row["status"].removesuffix(OLD)
            style = "dim" if row["status"] != word else _STYLES.get(word, "")
            yield self._line(row, {"status": style, "endpoint": "dim", "when": "dim"}, columns)

    def _row(self, entry: Entry) -> dict[str, str]:
        outcome = entry.outcome
        source = clean(_near((outcome.item.source or "-").partition("?")[0]))  # a signature says nothing
        files = [clean(_near(file.path)) for file in outcome.files]
        file = "".join(files[:1]) + (f" +{len(files) - 1}" if len(files) > 1 else "")
        when = shown_time(outcome)
        return {
            "id": clean(entry.request_id or "-"),
            "status": clean(shown_status(outcome)) + OLD * entry.is_old,
            "endpoint": outcome.item.endpoint or "-",
            "when": ago(when, self._now) if when else "-",
            "source": source,
            "file": file,
            "name": file or source,
        }

    def _choose(self, rows: Sequence[dict[str, str]]) -> tuple[str, ...]:
        """The widest layout in which names have room."""
        has_files = not self._is_known or any(row["file"] for row in rows)
        for layout in _LAYOUTS if has_files else _LAYOUTS[1:]:
            names = [name for name in layout if name in _NAMES]
            longest = {name: max(len(name), *(cell_len(row[name]) for row in rows)) for name in names}
            if not self._is_known:
                longest = dict.fromkeys(names, 2 * SHORT_NAME)
            room = self._room(layout)
            if room >= sum(min(SHORT_NAME, cells) for cells in longest.values()) or layout is _LAYOUTS[-1]:
                break
        self._name_cells = {names[-1]: max(1, room)}
        if len(names) > 1:
            source = min(longest["source"], max(room - longest["file"], room // 2))
            self._name_cells = {"source": source, "file": room - source}
        return layout

    def _room(self, layout: Sequence[str]) -> int:
        """Cells that are left for all names together."""
        return self._width - sum(self._cells.get(name, 0) for name in layout) - len(GAP) * (len(layout) - 1)

    def _line(self, row: dict[str, str], styles: dict[str, str], columns: "dict[str, _Column]") -> str:
        cells = []
        assert self._layout is not None
        for name in self._layout:
            width = self._name_cells.get(name) or self._cells[name]
            text = columns[name].fit(row[name], width) if name in columns else fit(row[name], width)
            blanks = padded(text, width)[len(text) :]
            cells.append((paint(text, styles.get(name, "")) if self._has_colour else text) + blanks)
        return GAP.join(cells).rstrip()


class _Column:
    """Names below each other. One that is too long loses folders that others have too, then what it is like them in."""

    def __init__(self, names: Sequence[str]) -> None:
        self._folders = alike(names)
        own = [name[self._folders[name] :] for name in names]
        self._heads, self._tails = heads(own), tails(own)

    def fit(self, name: str, cells: int) -> str:
        """The name in so many cells at the most."""
        folders = self._folders[name]
        own = name[folders:]
        if cell_len(own) + bool(folders) <= cells or cell_len(name) <= cells:
            return fit(name, cells, folders)
        mark = "…" * bool(folders)
        text = fit_between(mark + own, cells, mark + self._heads[own], self._tails[own])
        return text.rstrip().replace("…", cut_mark())


def _near(path: str) -> str:
    """A path as short as it leads there from the current folder, or from home."""
    for folder, shown in ((os.getcwd(), ""), (os.path.expanduser("~"), "~/")):
        if path.startswith(f"{folder}{os.sep}"):
            return shown + path[len(folder) + 1 :]
    return path
