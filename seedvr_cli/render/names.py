"""Names in a column of a screen, cut where they do not differ."""

import itertools
import os
from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size

_DIGITS = "0123456789"


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
        self._head, self._tail = head.rstrip(_DIGITS), tail[::-1].lstrip(_DIGITS)

    def fit(self, name: str, cells: int) -> str:
        """The name in exactly this many cells."""
        return fit_between(name, cells, self._head or "", self._tail)


def fit_between(name: str, cells: int, head: str, tail: str) -> str:
    """The name in exactly this many cells, cut in its `head` and its `tail`, which tell nothing, before the rest."""
    if cell_len(name) <= cells:
        return set_cell_size(name, cells)
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


def heads(names: Iterable[str]) -> dict[str, str]:
    """Of each name, the longest beginning that another one has, too. A number is not cut in two."""
    ordered = sorted(set(names))
    same = dict.fromkeys(ordered, "")
    for pair in itertools.pairwise(ordered):
        head = os.path.commonprefix(pair)  # noqa: RUF071 - characters are meant
        for name in pair:
            same[name] = max(same[name], head, key=len)
    return {name: head.rstrip(_DIGITS) for name, head in same.items()}


def tails(names: Iterable[str]) -> dict[str, str]:
    """Of each name, the longest end that another one has, too. A number is not cut in two."""
    return {name[::-1]: head[::-1] for name, head in heads(name[::-1] for name in names).items()}


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
