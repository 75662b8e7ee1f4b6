"""Whether text on a stream may have colours. Light to load: help asks it."""

import os
import sys
from typing import TextIO

from seedvr_cli.values.system import is_old_console

BOLD, DIM, CYAN = "1", "2", "36"


def wants_colour(stream: TextIO | None = None) -> bool:
    """Only a terminal has colours; one that can, unless NO_COLOR or CLICOLOR=0 say no, or FORCE_COLOR says yes."""
    environment = os.environ
    try:
        is_terminal = (stream or sys.stdout).isatty()
    except ValueError:  # it is closed
        is_terminal = False
    if not is_terminal or environment.get("NO_COLOR"):
        return False
    if forced := environment.get("FORCE_COLOR") or environment.get("CLICOLOR_FORCE"):
        return forced != "0"
    if environment.get("CLICOLOR") == "0" or environment.get("TERM") in {"dumb", "unknown"}:
        return False
    return not is_old_console()


def paint(text: str, style: str) -> str:
    """The text in a style, and the usual one after it."""
    return f"\x1b[{style}m{text}\x1b[0m"
