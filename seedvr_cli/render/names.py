"""Names in a column of a screen, cut where they do not differ."""

import os
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size


class Names:
    """Names in a column. One that is too long loses what it has in common with all others, at its sides."""

    def __init__(self) -> None:
        self.cells = 0
        self._head: str | None = None
        self._tail = ""

    def see(self, names: Sequence[str]) -> None:
        """These are shown now; the column gets no narrower, and what is in common no more."""
        self.cells = max(self.cells, *map(cell_len, names))
        heads, tails = list(names), [name[::-1] for name in names]
        if self._head is not None:
            heads.append(self._head)
            tails.append(self._tail[::-1])
        head, tail = map(os.path.commonprefix, (heads, tails))
        # A number is not cut in two.
        self._head, self._tail = head.rstrip("0123456789"), tail[::-1].lstrip("0123456789")

    def fit(self, name: str, cells: int) -> str:
        """The name in exactly this many cells."""
        if cell_len(name) <= cells:
            return set_cell_size(name, cells)
        head, tail = self._head or "", self._tail
        own = name[len(head) : len(name) - len(tail)]
        room = cells - cell_len(own) - 2  # beside two of …
        if not own or room < 2:
            return _cut_middle(name if not own else f"…{own}" if head else own, cells)
        if cell_len(tail) <= room // 2 + 1:  # it stays whole, and the other gets its …
            left, right = _cut_end(head, room + 1 - cell_len(tail)), tail
        elif cell_len(head) <= room // 2 + 1:
            left, right = head, _cut_end(tail[::-1], room + 1 - cell_len(head))[::-1]
        else:
            left, right = _cut_end(head, room - room // 2), _cut_end(tail[::-1], room // 2)[::-1]
        return set_cell_size(left + own + right, cells)


def _cut_end(text: str, cells: int) -> str:
    """The text as far as it goes, and a … behind that."""
    return set_cell_size(text, cells).rstrip() + "…"


def _cut_middle(name: str, cells: int) -> str:
    """The name in this many cells; a long one keeps its beginning and its end."""
    if cell_len(name) <= cells:
        return set_cell_size(name, cells)
    tail = (cells - 1) // 2
    end = set_cell_size(name[::-1], tail)[::-1]
    return f"{set_cell_size(name, cells - 1 - tail)}…{end}"
