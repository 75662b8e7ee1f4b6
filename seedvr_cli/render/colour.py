"""Whether text on a stream may have colours. Light to load: help asks it."""

import os
import sys
from typing import TextIO

from seedvr_cli.values.system import is_old_console

BOLD, DIM, CYAN = "1", "2", "36"


def wants_colour(stream: TextIO | None = None) -> bool:
    """NO_COLOR and FORCE_COLOR as their pages say, CLICOLOR=0, and then whether it is a terminal that can."""
    environment = os.environ
    if environment.get("NO_COLOR"):
        return False
    if forced := environment.get("FORCE_COLOR") or environment.get("CLICOLOR_FORCE"):
        return forced != "0"
    if environment.get("CLICOLOR") == "0" or environment.get("TERM") in {"dumb", "unknown"}:
        return False
    if is_old_console():
        return False
    try:
        return (stream or sys.stdout).isatty()
    except ValueError:  # it is closed
        return False


def paint(text: str, style: str) -> str:
    """The text in a style, and the usual one after it."""
    return f"\x1b[{style}m{text}\x1b[0m"
