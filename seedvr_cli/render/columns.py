"""What tables on a terminal are made of: cells that fit, times for people, colour where it is wanted."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.cells import cell_len, set_cell_size

from seedvr_cli.render.colour import wants_colour
from seedvr_cli.render.names import heads

GAP = "  "
# Cells of a line with a name and a number.
STACK_CELLS = 30
# Days after which a time is shown as its date.
LONGEST_AGO = 30

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def has_colour() -> bool:
    """Whether a table may have colours: on a terminal alone, as a pipe's lines are for programs."""
    return sys.stdout.isatty() and wants_colour()


def paint(text: str, style: str) -> str:
    """The text in that style, which is one of the names above, or none."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if style and text else text


def fit(text: str, cells: int, alike: int = 0) -> str:
    """The text in so many cells, cut in its middle: if possible among the first characters, that are `alike` in all."""
    if cell_len(text) <= cells:
        return text
    own = text[alike:]
    mark = cut_mark()
    if alike and cell_len(own) + 1 > cells:
        return mark + fit(own, cells - 1)
    tail = max(cell_len(own), cells // 2) if alike else cells // 2
    end = set_cell_size(text[::-1], tail)[::-1].lstrip()
    return f"{set_cell_size(text, cells - 1 - tail)}{mark}{end}" if cells > 1 else mark[:cells]


def cut_mark() -> str:
    """What stands where something was cut, in one cell."""
    return "…" if "utf" in (sys.stdout.encoding or "").lower() else "~"


def alike(names: Iterable[str]) -> dict[str, int]:
    """Of each name, how many of its first characters, up to a `/`, another name begins with, too.

    Of one that is alone, all folders.
    """
    same = heads(names)
    if len(same) == 1:
        return {name: name.rfind("/") + 1 for name in same}
    return {name: head.rfind("/") + 1 for name, head in same.items()}


def padded(text: str, cells: int) -> str:
    """The text with blanks behind it."""
    return text + " " * (cells - cell_len(text))


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Of a table that is known as a whole. Numbers stand right, points below each other.

    Where there is no room, columns that `may_go` do, those with the largest number first.
    """

    name: str
    cells: Sequence[str]
    total: str
    is_number: bool = False
    may_go: int = 0

    @property
    def lines(self) -> list[str]:
        """All of them, padded: name, cells, total."""
        texts = [*self.cells, self.total]
        if self.is_number:
            most = max(len(text.partition(".")[2]) for text in texts)
            texts = [text + "0" * (most - len(text.partition(".")[2])) if "." in text else text for text in texts]
        texts = [self.name.upper(), *texts]
        width = max(map(cell_len, texts))
        if self.is_number:
            return [" " * (width - cell_len(text)) + text for text in texts]
        return [padded(text, width) for text in texts]


def sheet(columns: Sequence[Column], width: int, *, has_colour: bool) -> Iterator[str]:
    """The lines of a table: its header, its rows, its total; where that is too wide by far, a line for each number."""
    shown = {column: column.lines for column in columns}

    def is_too_wide() -> bool:
        return sum(cell_len(lines[0]) + len(GAP) for lines in shown.values()) - len(GAP) > width

    for column in sorted(columns, key=lambda column: -column.may_go):
        if column.may_go and is_too_wide():
            del shown[column]
    rows = list(zip(*shown.values(), strict=True))
    if not is_too_wide():
        for number, row in enumerate(rows):
            text = GAP.join(row).rstrip()
            yield paint(text, "bold") if has_colour and number in {0, len(rows) - 1} else text
        return
    for row in rows[1:]:
        cells = list(zip(shown, rows[0], row, strict=True))
        text = GAP.join(text for column, _, text in cells if not column.is_number).rstrip()
        yield paint(text, "bold") if has_colour else text
        numbers = [(name.strip(), text.strip()) for column, name, text in cells if column.is_number]
        for name, text in numbers:
            yield f"{GAP}{name}{text.rjust(max(1, min(width, STACK_CELLS) - len(GAP) - len(name)))}"


def ago(instant: datetime, now: datetime) -> str:
    """`just now`, `12 s ago`, `3 min ago`, `2 h ago`, `5 d ago`, and before that the date."""
    age = now - instant
    seconds = int(age.total_seconds())
    if age > timedelta(days=LONGEST_AGO):
        return f"{instant:%Y-%m-%d}"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago" if seconds >= 5 else "just now"
