"""What a run came to, told at its end to machines: --summary FILE, and the job summary of GitHub Actions."""

import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from seedvr_cli import __version__
from seedvr_cli.cli.own_file import check_own_file
from seedvr_cli.render import machine
from seedvr_cli.render.ci import is_github
from seedvr_cli.render.job_page import LARGEST_PAGES, MOST_FAILURES, job_page
from seedvr_cli.render.talk import Talk, error_line
from seedvr_cli.render.tally import Tally
from seedvr_cli.settings.key import seen_keys
from seedvr_cli.values.errors import Interrupted, SeedvrError, Unforeseen, UsageError, worst_exit_code
from seedvr_cli.values.items import Outcome
from seedvr_cli.values.money import as_usd
from seedvr_cli.values.whole import write_whole

# A note on an error that stands in a summary already.
SUMMED_UP = "summed up"


def check_summary(path: str | None, others: Sequence[str | None] = (), *, overwrite: bool = False) -> None:
    """UsageError where it could not be written at the end, or would replace what is none; `others` are not it."""
    if path is not None:
        check_own_file("--summary", path, "summary", _is_summary, others, overwrite=overwrite)


def sum_up_failure(path: str, error: SeedvrError, talk: Talk, *, raised: BaseException) -> None:
    """A command failed before it came to a run: what an earlier one has written to --summary is no longer so."""
    if SUMMED_UP in getattr(raised, "__notes__", ()) or error.message.startswith("--summary"):
        return
    with suppress(UsageError):  # something else is wrong, and told
        check_summary(path)
        Totals(path, Tally(), talk, has_page=False).end(error.exit_code, error)


class Totals:
    """Of one run, which begins now. `path` is where --summary goes; `total` how many items there are, once known."""

    def __init__(self, path: str | None, tally: Tally, talk: Talk, *, has_page: bool = True) -> None:
        self._path = path
        self._tally = tally
        self._talk = talk
        self._began = time.monotonic()
        # Each source and why it failed: the first of them.
        self._failures: list[tuple[str, str]] = []
        self._pages = os.environ.get("GITHUB_STEP_SUMMARY") if has_page and is_github() else None
        self.total: int | None = None

    def add(self, outcome: Outcome) -> None:
        """Take note of an outcome; the tally has counted it."""
        if self._pages and outcome.error is not None and len(self._failures) < MOST_FAILURES:
            from seedvr_cli.render.human import name_of

            self._failures.append((name_of(outcome.item), error_line(outcome.error).removeprefix("seedvr: ")))

    def end(self, code: int, error: BaseException | None = None) -> int:
        """Write them. `error` is what ended the run before its end. Returns the exit code, which may have become 1."""
        value = self._object(code, error)
        if error is not None:
            error.add_note(SUMMED_UP)
        if self._path is not None:
            try:
                write_whole(os.path.realpath(self._path), (machine.line(value) + "\n").encode("ascii"))
            except OSError as trouble:
                self._talk.error(f"seedvr: --summary: cannot write {self._path}: {trouble.strerror}")
                code = worst_exit_code({code, 1})
        if self._pages:
            self._append_page(self._pages, value)
        return code

    def _object(self, code: int, error: BaseException | None) -> dict[str, Any]:
        tally = self._tally
        underway, price = tally.underway()
        waiting = max(0, self.total - tally.total - underway) if self.total is not None else 0
        told = _told(error)
        return {
            "v": machine.VERSION,
            "version": __version__,
            "command": next(iter(sys.argv[1:]), None),
            "exit_code": code,
            "done": tally.done,
            "delivered_before": tally.skipped,
            "failed": tally.failed,
            "unknown": tally.unknown,
            "running": tally.running + underway,
            "not_submitted": tally.held + waiting,
            "price_usd": as_usd(tally.price + price),
            "seconds": round(time.monotonic() - self._began, 3),
            "error": machine.failure_object(told)["error"] if told else None,
        }

    def _append_page(self, path: str, value: dict[str, Any]) -> None:
        failed = self._tally.total - self._tally.done - self._tally.skipped
        page = job_page(value, self._failures, failed, free=self._tally.free, secrets=seen_keys).encode()
        try:
            if os.path.exists(path) and (not os.path.isfile(path) or os.path.getsize(path) + len(page) > LARGEST_PAGES):
                return  # a summary that is too large is not shown at all
            with open(path, "ab") as file:
                file.write(page)
        except OSError as error:
            self._talk.warn(f"seedvr: GITHUB_STEP_SUMMARY cannot be written: {error.strerror}")


def _told(error: BaseException | None) -> SeedvrError | None:
    if error is None or isinstance(error, SeedvrError | BrokenPipeError):
        return error if isinstance(error, SeedvrError) else None
    if isinstance(error, Exception):
        return SeedvrError(f"unforeseen error: {type(error).__name__}", code=Unforeseen.code)
    return Interrupted("interrupted")


def _is_summary(text: str) -> bool:
    found = json.loads(text)
    return isinstance(found, dict) and {"v", "exit_code", "not_submitted"} <= found.keys()
