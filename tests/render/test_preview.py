"""What a terminal is known to show, and how much of it."""

import fcntl
import io
import os
import struct
import sys
import termios

import pytest
from PIL import Image

from seedvr_cli.render import preview
from seedvr_cli.render.preview import MOST_PIXELS, USUAL_CELL, Screen, way_of, write_text


@pytest.mark.parametrize(
    ("way", "environment"),
    [
        ("blocks", {}),
        ("blocks", {"TERM": "xterm-256color"}),
        ("kitty", {"TERM": "xterm-kitty"}),
        ("kitty", {"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}),
        ("kitty", {"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty"}),
        ("iterm", {"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}),
        ("iterm", {"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}),
        ("iterm", {"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}),
        ("iterm", {"TERM": "xterm-256color", "WEZTERM_PANE": "0"}),
        ("sixel", {"TERM": "foot"}),
        ("sixel", {"TERM": "mlterm-256color"}),
        ("blocks", {"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}),
        ("blocks", {"TERM": "xterm-256color", "TERM_PROGRAM": "vscode", "KITTY_WINDOW_ID": "1"}),
        ("blocks", {"TERM": "xterm-256color", "VTE_VERSION": "7600", "KITTY_WINDOW_ID": "1"}),
        ("blocks", {"TERM": "xterm", "XTERM_VERSION": "XTerm(390)", "LC_TERMINAL": "iTerm2"}),
        ("blocks", {"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}),
        ("blocks", {"TERM": "xterm-kitty", "TMUX": "/tmp/tmux-0/default,1,0"}),
        ("blocks", {"TERM": "foot", "STY": "1.pts-0"}),
        ("blocks", {"TERM": "screen.xterm-256color", "TERM_PROGRAM": "iTerm.app"}),
    ],
)
def test_the_way_by_the_environment(way, environment):
    """Graphics are for terminals that are known to have them, and for none inside another."""
    assert way_of(environment) == way


@pytest.mark.parametrize(
    ("way", "columns", "rows", "side"),
    [
        ("blocks", 80, 24, (39, 40)),
        ("blocks", 500, 200, (79, 80)),
        ("blocks", 2, 2, (1, 2)),
        ("kitty", 81, 24, (399, 400)),
        ("sixel", 500, 200, (799, 800)),
    ],
)
def test_two_sides_and_their_line_fit_into_the_width(way, columns, rows, side):
    """A side has less than half of the columns, bounded, and leaves lines to what stands around it."""
    screen = Screen(way, columns, rows)
    assert screen.side == side
    width = 2 * side[0] + screen.line
    assert width <= max(columns * (1 if way == "blocks" else USUAL_CELL[0]), 3)


def test_the_ways_draw_in_their_own_codes():
    """Each way has its code, and a line of its own below for the caption, cut to the width."""
    picture = Image.new("RGB", (45, 30), "red")
    caption = "a\x1b[31m" + "b" * 100
    drawn = {way: Screen(way, 30, 24).text(picture, caption) for way in ("kitty", "iterm", "sixel", "blocks")}
    assert drawn["kitty"].startswith("\x1b_Ga=T,f=100,q=2,c=5,r=2,")
    assert ";width=5;height=2;" in drawn["iterm"]
    assert drawn["sixel"].startswith('\x1bP0;1q"1;1;45;30')
    assert drawn["blocks"].count("▀") == 45 * 15
    assert all(text.endswith("\na[31m" + "b" * 24 + "\n") for text in drawn.values())


def test_wide_pictures_are_sent_smaller():
    """A terminal enlarges by itself: it gets so many pixels at the most, and the cells of all."""
    text = Screen("iterm", 300, 50).text(Image.new("RGB", (3200, 200), "red"), "")
    assert ";width=320;height=10;" in text
    data = preview._at_most(Image.new("RGB", (3200, 200)), MOST_PIXELS)
    assert data.size == (1600, 100)


def test_without_colours_there_are_shades():
    """With NO_COLOR there is no escape code, and in a terminal of ASCII nothing but ASCII."""
    picture = Image.new("RGB", (4, 4), "white")
    assert Screen("blocks", 40, 24, has_colours=False).text(picture, "a → b") == "████\n████\na → b\n"
    plain = Screen("blocks", 40, 24, has_colours=False, encoding="ascii")
    assert plain.text(picture, "ä → b") == "@@@@\n@@@@\n? -> b\n"


class _Terminal(io.StringIO):
    """Standard error on a pseudo-terminal."""

    def __init__(self, descriptor, encoding="utf-8"):
        super().__init__()
        self._descriptor = descriptor
        self._encoding = encoding

    encoding = property(lambda self: self._encoding)

    def fileno(self):
        return self._descriptor

    def isatty(self):
        return os.isatty(self._descriptor)


@pytest.fixture
def terminal(monkeypatch):
    """Makes standard error a terminal of this size in cells and pixels, in this environment; gives its other end."""
    opened = []

    def make(size=(24, 80, 800, 480), encoding="utf-8", **environment):
        for name in ("TMUX", "STY", "TERM_PROGRAM", "KITTY_WINDOW_ID", "LC_TERMINAL", "WEZTERM_PANE", "NO_COLOR",
                     "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES", *preview._OTHERS):  # fmt: skip
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        outer, inner = os.openpty()
        opened.extend((outer, inner))
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", *size))
        monkeypatch.setattr(sys, "stderr", _Terminal(inner, encoding))
        return outer

    yield make
    for descriptor in opened:
        os.close(descriptor)


def test_a_dumb_terminal_has_its_own_size(terminal):
    """Where TERM is dumb the size is the terminal's own, and the usual one only where it does not tell."""
    for size, cells in (((12, 50, 0, 0), (50, 12)), ((0, 0, 0, 0), (80, 25))):
        terminal(size, TERM="dumb")
        screen = Screen.of_standard_error()
        assert (screen.columns, screen.rows) == cells


def test_a_terminal_tells_its_cells(terminal):
    """The size of a cell is the terminal's own, or the usual one where it does not tell."""
    terminal(TERM="xterm-kitty")
    screen = Screen.of_standard_error()
    assert (screen.way, screen.cell, screen.has_colours) == ("kitty", (10, 20), True)
    terminal((24, 80, 640, 24 * 17), TERM="xterm-kitty")
    assert Screen.of_standard_error().cell == (8, 17)
    terminal((24, 80, 0, 0), TERM="xterm-kitty")
    assert Screen.of_standard_error().cell == USUAL_CELL


def test_colours_are_what_the_environment_says(terminal):
    """True colour needs COLORTERM; NO_COLOR, a terminal without colours and one of ASCII have none, and no graphics."""
    terminal(TERM="xterm-256color", COLORTERM="truecolor")
    assert Screen.of_standard_error().is_true_colour
    terminal(TERM="xterm-256color")
    assert not Screen.of_standard_error().is_true_colour
    for more in ({"NO_COLOR": "1"}, {"encoding": "ascii"}):
        terminal(TERM="xterm-kitty", **more)
        screen = Screen.of_standard_error()
        assert (screen.has_colours, screen.way) == (False, "blocks")
    terminal(TERM="dumb")
    assert not Screen.of_standard_error().has_colours


def test_what_is_no_terminal_is_none(monkeypatch, tmp_path):
    """A file is no screen, even with FORCE_COLOR."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    with open(tmp_path / "err.txt", "w") as file:
        monkeypatch.setattr(sys, "stderr", file)
        assert Screen.of_standard_error() is None


def test_all_of_a_text_is_written(terminal):
    """What is written comes out at the other end."""
    outer = terminal(TERM="xterm")
    write_text("ä\n", "utf-8")
    assert os.read(outer, 100) == "ä\r\n".encode()
