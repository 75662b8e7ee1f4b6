"""What `doctor` finds around the command: Python, the extras, the terminal, the current folder."""

import os
import platform
import shutil
import sys
from importlib.util import find_spec

from seedvr_cli import __version__
from seedvr_cli.values.checkup import Check

# By extra, the module that it brings.
EXTRAS = {
    "fast": "pycurl",
    "socks": "socksio",
    "video": "av",
    "postgres": "psycopg",
    "bucket": "obstore",
    "watch": "watchfiles",
    "keyring": "keyring",
}
# Bytes that have to be free where results go.
LEAST_SPACE = 500 << 20
# And without which there is no result.
NO_SPACE = 1 << 20


def check_version() -> Check:
    """What runs, and where."""
    python = f"Python {platform.python_version()} ({sys.executable})"
    return Check("version", "ok", f"seedvr {__version__}, {python}, {platform.platform()}")


def check_extras() -> Check:
    """Which extras are installed."""
    there = [name for name, module in EXTRAS.items() if find_spec(module)]
    missing = [name for name in EXTRAS if name not in there]
    words = ", ".join(there) or "none"
    return Check("extras", "ok", f"installed: {words}" + (f"; not installed: {', '.join(missing)}" if missing else ""))


def check_output() -> Check:
    """The current folder, where results go unless -o says otherwise."""
    try:
        folder = os.getcwd()
    except OSError as error:
        return Check("output", "problem", f"the current folder is gone: {error.strerror}", "go to another one")
    if not os.access(folder, os.W_OK | os.X_OK):
        return Check("output", "problem", f"{folder}, the current folder, cannot be written to", "use -o FOLDER")
    free = shutil.disk_usage(folder).free
    if free < NO_SPACE:
        return Check("output", "problem", f"{folder}, the current folder: its disk is full", "make room, or -o FOLDER")
    if free < LEAST_SPACE:
        return Check("output", "warning", f"{folder}, the current folder: {free >> 20} MB are free", "make room there")
    return Check("output", "ok", f"{folder}, the current folder, takes results; {free >> 20} MB are free")


def check_terminal() -> Check:
    """Where lines go, how wide they may be, and in which encoding."""
    streams = ", ".join(
        f"{name} is {'a' if stream.isatty() else 'no'} terminal"
        for name, stream in (("standard output", sys.stdout), ("standard error", sys.stderr))
    )
    width = shutil.get_terminal_size().columns
    names = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR")
    colour = next((name for name in names if os.environ.get(name)), None)
    words = f"{streams}; {width} columns" + (f"; {colour} is set" if colour else "")
    encoding = (sys.stdout.encoding or "").lower()
    if "utf" not in encoding:
        return Check("terminal", "warning", f"{words}; the encoding is {encoding}, which not every name fits into",
                     "set LC_ALL=C.UTF-8, or PYTHONUTF8=1")  # fmt: skip
    return Check("terminal", "ok", f"{words}; {encoding}")
