"""The findings of `doctor`: a line each, or all of them as one JSON object."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from seedvr_cli.render import machine
from seedvr_cli.render.results import write_line
from seedvr_cli.render.talk import clean
from seedvr_cli.values.checkup import Check

# By state: the mark of a terminal, the one of a terminal without Unicode, and the colour.
_MARKS = {"ok": ("✓", "+", "green"), "warning": ("!", "!", "yellow"), "problem": ("✗", "x", "red")}
# Columns of the longest name.
WIDTH = 17


def print_check(check: Check) -> None:
    """For a terminal a mark in its colour; for a pipe plain columns with tabs: state, name, and what was found."""
    words = clean(f"{check.message}; {check.hint}" if check.hint else check.message)
    if not sys.stdout.isatty():
        write_line(f"{check.state}\t{check.name}\t{words}")
        return
    from rich.text import Text

    from seedvr_cli.render.console import console

    out = console()
    mark, plain, colour = _MARKS[check.state]
    is_plain = "utf" not in (out.encoding or "").lower()
    out.print(Text.assemble((plain if is_plain else mark, colour), f" {check.name:{WIDTH}} {words}"), soft_wrap=True)


def checks_object(checks: Sequence[Check]) -> dict[str, Any]:
    """The object of `doctor --json`."""
    return {"v": machine.VERSION, "checks": [asdict(check) for check in checks]}


def checks_summary(checks: Sequence[Check]) -> str:
    """`seedvr: 14 ok, 1 warning, 2 problems`."""
    counts = Counter(check.state for check in checks)
    words = [f"{counts['ok']} ok"]
    words += [
        f"{count} {name}{'' if count == 1 else 's'}" for name in ("warning", "problem") if (count := counts[name])
    ]
    return f"seedvr: {', '.join(words)}"
