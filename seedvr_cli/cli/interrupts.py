"""Ctrl-C and SIGTERM during a run, and how to go on after them."""

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from seedvr_cli.render.reporter import Reporter
from seedvr_cli.values.errors import Interrupted
from seedvr_cli.values.events import Notice


class Interrupts:
    """While it lasts the first one stops the run cleanly; the second one ends it at once, as the ledger stands that.

    `leave` ends what would go on without the run.
    """

    def __init__(self, reporter: Reporter, stop: Callable[[Interrupted], None], leave: Callable[[], None]) -> None:
        self._reporter = reporter
        self._stop_run = stop
        self._leave = leave
        self._loop = asyncio.get_running_loop()
        self._before: dict[int, Any] = {}
        self._is_second = False

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: object) -> None:
        reason = Interrupted("interrupted")
        reason.exit_code = 128 + number
        if self._is_second:
            with suppress(Exception):  # the terminal is given back as well as can be
                self._reporter.close()
            self._leave()
            print(f"seedvr: interrupted; go on with: {continuation()}", file=sys.stderr, flush=True)
            os._exit(reason.exit_code)
        self._is_second = True
        self._loop.call_soon_threadsafe(self._stop, reason)

    def _stop(self, reason: Interrupted) -> None:
        self._reporter.handle(Notice("stopping; once more ends it at once"))
        self._stop_run(reason)


def continuation(arguments: Sequence[str] | None = None) -> str:
    """The command that goes on with this one: the same, except that it does not pay again."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    return shlex.join(["seedvr", *(word for word in words if word != "--new")])
