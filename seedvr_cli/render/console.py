"""Rich's console, which colours what our own rule of colours says, whatever Rich would think."""

import os
import sys

from rich.console import Console

from seedvr_cli.render.colour import wants_colour


def console(*, stderr: bool = False) -> Console:
    """For standard output or standard error; without colours it has no styles at all."""
    colour = wants_colour(sys.stderr if stderr else sys.stdout)
    # A terminal that says that it can do nothing is believed, unless colours were asked for all the same.
    forced = os.environ.get("TERM", "dumb") in {"", "dumb", "unknown"}
    return Console(stderr=stderr, highlight=False, color_system=("standard" if forced else "auto") if colour else None)
