"""--failed-file: what did not succeed, in a form that the next run takes; there only if there is something."""

import csv
import io
import json
import os
from collections.abc import Sequence
from contextlib import suppress

from seedvr_cli.plan.lists import Form
from seedvr_cli.render.talk import clean
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.items import Outcome, Purchase


class Failures:
    """One record a failure, each as soon as it is known, in the form of the list: what it says of the item, and why.

    A text gets the reason as a comment, JSON Lines a key `error`, CSV a column `error`; a list may have all three.
    """

    def __init__(
        self, path: str | None, form: Form = "lines", header: str = "", *, lists: Sequence[str] = ()
    ) -> None:  # fmt: skip
        self._path = path
        self._form = form
        self._header = header
        self._begun = False
        if path is not None:
            _check(path, lists)

    def describe(self, form: Form, header: str) -> None:
        """The list's form, once it is known."""
        self._form, self._header = form, header

    def add(self, outcome: Outcome) -> None:
        """Note an outcome, if it is a failure."""
        item = outcome.item
        if self._path is None or outcome.error is None or not isinstance(item, Purchase):
            return
        text = self._record(item.raw if item.raw is not None else item.source, clean(outcome.error.message))
        with open(self._path, "a" if self._begun else "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        self._begun = True

    def end(self) -> None:
        """The run is through: where nothing failed, what an earlier one has written there is no longer so."""
        if self._path is not None and not self._begun:
            with suppress(OSError):
                os.unlink(self._path)

    def _record(self, raw: str, reason: str) -> str:
        if self._form == "jsonl":
            try:
                value = json.loads(raw)
            except ValueError:
                return f"# {reason}\n{raw}\n"
            return json.dumps({**value, "error": reason} if isinstance(value, dict) else value) + "\n"
        if self._form == "csv":
            columns = next(csv.reader([self._header]))
            cells = next(csv.reader(io.StringIO(raw)), [])
            known = dict(zip(columns, cells, strict=False)) | {"error": reason}
            names = [*columns, "error"] if "error" not in columns else columns
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            if not self._begun:
                writer.writerow(names)
            writer.writerow([known.get(name, "") for name in names])
            return text.getvalue()
        return f"# {reason}\n{raw}\n"


def _check(path: str, lists: Sequence[str]) -> None:
    """UsageError where it could not be written, or is one of the lists that are read, also through a link."""
    for name in lists:
        if name != "-" and os.path.exists(path) and os.path.exists(name) and os.path.samefile(path, name):
            raise UsageError(f"--failed-file: {path} is the list that is read", hint="give it a name of its own")
    if os.path.lexists(path) and not os.path.isfile(path):
        raise UsageError(f"--failed-file: {path} is in the way: it is not a file")
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise UsageError(f"--failed-file: {path} cannot be written to")
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        raise UsageError(f"--failed-file: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"--failed-file: {folder} cannot be written to")
