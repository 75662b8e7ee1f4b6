"""A picture on standard error, in the best way that the terminal is known to have."""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from seedvr_cli.render.results import write_all
from seedvr_cli.render.talk import clean
from seedvr_cli.values.system import screen_pixels

if TYPE_CHECKING:
    from PIL import Image
    from rich.console import Console

Way = Literal["kitty", "iterm", "sixel", "blocks"]
# Cells that a preview takes at the most, and lines that are left to what stands around it.
MOST_COLUMNS, MOST_ROWS, SPARE_ROWS = 160, 40, 4
# Pixels of a cell where the terminal does not tell, and of a row that are sent at the most: it enlarges by itself.
USUAL_CELL, MOST_PIXELS = (10, 20), 1600
# The terminals that have graphics, by TERM_PROGRAM and by the beginning of TERM.
_PROGRAMS: Mapping[str, Way] = {
    "ghostty": "kitty", "iTerm.app": "iterm", "WezTerm": "iterm", "mintty": "iterm", "rio": "iterm",
}  # fmt: skip
_TERMS: Mapping[str, Way] = {"xterm-kitty": "kitty", "xterm-ghostty": "kitty", "foot": "sixel", "mlterm": "sixel"}
# Whoever sets one of these has been started from another terminal, whose variables it has inherited.
_OTHERS = ("XTERM_VERSION", "VTE_VERSION", "ALACRITTY_WINDOW_ID", "WT_SESSION")


def way_of(environment: Mapping[str, str]) -> Way:
    """By the environment alone: an answer to a question would come among what the user types.

    What draws another terminal inside this one (tmux, screen) passes no graphics on.
    """
    term = environment.get("TERM", "")
    if environment.get("TMUX") or environment.get("STY") or term.startswith(("tmux", "screen")):
        return "blocks"
    for beginning, way in _TERMS.items():
        if term.startswith(beginning):
            return way
    if any(environment.get(name) for name in _OTHERS):
        return "blocks"
    if program := environment.get("TERM_PROGRAM"):
        return _PROGRAMS.get(program, "blocks")
    if environment.get("KITTY_WINDOW_ID"):
        return "kitty"
    return "iterm" if environment.get("LC_TERMINAL") == "iTerm2" or environment.get("WEZTERM_PANE") else "blocks"


@dataclass(frozen=True, slots=True)
class Screen:
    """A terminal as it is now: its size in cells, a cell's in pixels, and what it can show."""

    way: Way
    columns: int
    rows: int
    cell: tuple[int, int] = USUAL_CELL
    has_colours: bool = True
    is_true_colour: bool = False
    encoding: str = "utf-8"

    @classmethod
    def of_standard_error(cls) -> "Screen | None":
        """None where it is no terminal."""
        if not sys.stderr.isatty():
            return None
        from seedvr_cli.render.console import console

        screen = console(stderr=True)
        has_colours = screen.color_system is not None
        encoding = screen.encoding or "ascii"
        if "utf" not in encoding.lower():
            has_colours = False
        return cls(
            way_of(os.environ) if has_colours else "blocks",
            *_size(screen),
            _cell(),
            has_colours,
            screen.color_system == "truecolor",
            encoding,
        )

    @property
    def line(self) -> int:
        """Pixels of a thin line between two pictures."""
        return 1 if self.way == "blocks" else 2

    @property
    def side(self) -> tuple[int, int]:
        """Pixels that one of two pictures may have."""
        columns, rows = min(self.columns - 1, MOST_COLUMNS), min(self.rows - SPARE_ROWS, MOST_ROWS)
        width, height = (columns, rows * 2) if self.way == "blocks" else (columns * self.cell[0], rows * self.cell[1])
        return max(1, (width - self.line) // 2), max(2, height)

    def text(self, picture: "Image.Image", caption: str) -> str:
        """The picture, and a line below it."""
        return f"{self._drawn(picture)}{self._fit(clean(caption))}\n"

    def _drawn(self, picture: "Image.Image") -> str:
        if self.way == "blocks":
            from seedvr_cli.render.blocks import blocks, shades

            if self.has_colours:
                return blocks(picture, is_true_colour=self.is_true_colour)
            return shades(picture, is_plain="utf" not in self.encoding.lower())
        from seedvr_cli.render import graphics

        if self.way == "sixel":  # which knows pixels, and no cells
            return graphics.sixel(picture) + "\n"
        columns, rows = (-(-pixels // cell) for pixels, cell in zip(picture.size, self.cell, strict=True))
        draw = graphics.kitty if self.way == "kitty" else graphics.iterm
        return draw(_at_most(picture, MOST_PIXELS), columns, rows) + "\n"

    def _fit(self, line: str) -> str:
        """The line in characters and in the width that the terminal has."""
        from rich.cells import set_cell_size

        if "utf" not in self.encoding.lower():
            line = line.replace("→", "->").encode(self.encoding, "replace").decode(self.encoding)
        return set_cell_size(line, self.columns - 1).rstrip()


def write_text(text: str, encoding: str) -> None:
    """All of it to standard error; OSError where it cannot be written."""
    sys.stderr.flush()
    write_all(sys.stderr.fileno(), text.encode(encoding))


def _size(console: "Console") -> tuple[int, int]:
    """In cells. Rich takes 80 columns for a terminal that says that it can do nothing, whatever it has."""
    if console.is_dumb_terminal:
        with suppress(OSError, ValueError):
            size = os.get_terminal_size(sys.stderr.fileno())
            if min(size) > 0:
                return size
    return console.size


def _cell() -> tuple[int, int]:
    """Pixels of a cell, where the terminal tells them."""
    with suppress(OSError, ValueError):
        rows, columns, width, height = screen_pixels(sys.stderr.fileno()) or (0, 0, 0, 0)
        if min(rows, columns) > 0 and width >= columns and height >= rows:
            return width // columns, height // rows
    return USUAL_CELL


def _at_most(picture: "Image.Image", width: int) -> "Image.Image":
    if picture.width <= width:
        return picture
    return picture.resize((width, max(1, round(picture.height * width / picture.width))), reducing_gap=2.0)
