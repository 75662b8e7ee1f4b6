"""A terminal to look at: a command behind a pseudo-terminal (pexpect), and the screen it makes (pyte)."""

import re
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import pexpect
import pyte

from helpers.waiting import PATIENCE

SEEDVR = (sys.executable, "-m", "seedvr_cli")
# What hides the cursor, once for each frame of the live display.
HIDE = b"\x1b[?25l"


class Wrapping(pyte.Screen):
    """A screen as tmux has it, which wraps what does not fit a narrower window. `gone` is what left it at its top."""

    def __init__(self, columns: int, rows: int) -> None:
        self.gone: list[str] = []
        super().__init__(columns, rows)

    @property
    def everything(self) -> list[str]:
        """What one sees who scrolls up."""
        return self.gone + [line.rstrip() for line in self.display]

    def index(self) -> None:
        if self.cursor.y == self.lines - 1:
            self.gone.append(self.display[0].rstrip())
        super().index()

    def erase_in_display(self, how: int = 0, *args: int, **keywords: bool) -> None:
        """A whole screen that is erased from its top is put aside."""
        if how == 0 and (self.cursor.y, self.cursor.x) == (0, 0):
            self.gone += [line.rstrip() for line in self.display if line.strip()]
        super().erase_in_display(how, *args, **keywords)

    def narrow(self, columns: int) -> None:
        """A window that has so few columns now."""
        wrapped: list[str] = []
        for number, line in enumerate(map(str.rstrip, self.display)):
            if number == self.cursor.y:
                above = len(wrapped)
            wrapped += [line[start : start + columns] for start in range(0, max(1, len(line)), columns)]
        left = len(wrapped) - self.lines
        self.gone += wrapped[:left]
        self.resize(self.lines, columns)
        for number, line in enumerate(wrapped[left:], 1):
            self.cursor_position(number, 1)
            self.erase_in_line(2)
            self.draw(line)
        self.cursor_position(max(0, above - left) + 1, 1)


class Screen:
    """A running command's screen. `raw` has every byte that reached it, `began` when the command did."""

    def __init__(
        self, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, columns: int = 80, rows: int = 24
    ) -> None:
        # The size is the terminal's to tell; variables that claim another one would win.
        env = {name: value for name, value in env.items() if name not in {"COLUMNS", "LINES"}}
        self.raw = bytearray()
        self.began = time.monotonic()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._child = pexpect.spawn(
            command[0], list(command[1:]), env=env, cwd=str(cwd), dimensions=(rows, columns), timeout=PATIENCE
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close(force=True)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def is_cursor_visible(self) -> bool:
        return not self._screen.cursor.hidden

    @property
    def lines(self) -> list[str]:
        """What stands on the screen now, without empty lines."""
        return [text for line in self._screen.display if (text := line.rstrip())]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def buffer(self) -> pyte.Screen:
        """The screen itself, with its colours."""
        return self._screen

    def read(self) -> bool:
        """Take in what has come; False when the command has ended."""
        try:
            chunk = self._child.read_nonblocking(65536, timeout=0.02)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += chunk
        self._stream.feed(chunk)
        return True

    def wait_for(self, *patterns: str) -> str:
        """Read until each of the patterns (regular expressions) is on the screen at once; returns its text."""
        deadline = time.monotonic() + PATIENCE
        while not all(re.search(pattern, self.text, re.MULTILINE) for pattern in patterns):
            is_running = self.read()
            found = all(re.search(pattern, self.text, re.MULTILINE) for pattern in patterns)
            assert is_running or found, f"it ended without {patterns}:\n{self.text}"
            assert time.monotonic() < deadline, f"waited {PATIENCE} seconds for {patterns}:\n{self.text}"
        return self.text

    def press(self, keys: str) -> None:
        """What a user types; `\\x03` is Ctrl-C."""
        self._child.send(keys)

    def resize(self, columns: int, rows: int) -> None:
        """Another size of the window."""
        self._screen.resize(rows, columns)
        self._child.setwinsize(rows, columns)

    def kill(self, number: signal.Signals) -> None:
        self._child.kill(number)

    def end(self) -> int:
        """Read to the end; the exit code, or minus the signal that ended it."""
        deadline = time.monotonic() + PATIENCE
        while self.read():
            assert time.monotonic() < deadline, f"did not end in {PATIENCE} seconds:\n{self.text}"
        self._child.wait()
        if self._child.exitstatus is not None:
            return self._child.exitstatus
        return -int(self._child.signalstatus or 0)
