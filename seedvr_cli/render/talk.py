"""Lines on standard error, fit for a terminal. Light to load: every command talks, if only of what is wrong."""

import os
import re
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass

from seedvr_cli.render.ci import annotation, defused, is_github
from seedvr_cli.values.errors import SeedvrError

# Control characters, and those that turn the direction of text around.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Display:
    """What is wished of a live display: rows of jobs at the most, a bell at the end, how far it is in the title."""

    rows: int = 10
    bell: bool = False
    title: bool = False


class Talk:
    """Lines on standard error. `secrets` are in no annotation; there may be more of them later."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False, secrets: Collection[str] = ()) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self._secrets = secrets
        # The live display puts its own in its place.
        self.write: Callable[[str], None] = _print_line

    def say(self, text: str) -> None:
        """A line unless -q."""
        if not self.quiet:
            self.error(text, level="")

    def warn(self, text: str) -> None:
        """A line unless -q, which CI shows as a warning."""
        if not self.quiet:
            self.error(text, level="warning")

    def error(self, text: str, level: str = "error") -> None:
        """A line in any case; `level` is what it is to CI, where it is anything."""
        text = clean(text)
        if is_github():
            text = defused(annotation(level, text, self._secrets) if level else text)
        self.write(text)


def _print_line(text: str) -> None:
    """A standard error that cannot be written to is dropped, and the run goes on."""
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stderr.fileno())
            os.close(null)


def clean(text: str) -> str:
    """Text from outside, made fit for a terminal's line."""
    return harmless(text).encode("utf-8", "replace").decode()


def harmless(text: str) -> str:
    """Text without control characters; bytes that are no text stay."""
    return _CONTROL.sub("", text.replace("\n", " ").replace("\t", " "))


def error_line(error: SeedvrError, where: str | None = None) -> str:
    """`seedvr: WHERE: what is wrong; what to do`."""
    text = f"seedvr: {where}: {error.message}" if where else f"seedvr: {error.message}"
    return clean(f"{text}; {error.hint}" if error.hint else text)
