"""--failed-file: what did not succeed, in a form that the next run takes; there only if there is something."""

import csv
import io
import json
import os
from collections.abc import Sequence
from contextlib import suppress

from seedvr_cli.cli.own_file import begins_as, check_own_file
from seedvr_cli.plan.lists import Form
from seedvr_cli.render.talk import clean
from seedvr_cli.values.items import Outcome, Purchase

# What a text begins with: a list of somebody's may well begin with a comment.
MARK = "# seedvr: what did not succeed, and why\n"


class Failures:
    """One record a failure, each as soon as it is known, in the form of the list: what it says of the item, and why.

    A text gets the reason as a comment, JSON Lines a key `error`, CSV a column `error`; a list may have all three.
    UsageError where the file would be one of the `others`, or would replace what is no such file of ours.
    """

    def __init__(self, path: str | None, others: Sequence[str | None] = (), *, overwrite: bool = False) -> None:
        self._path = path
        self._form: Form = "lines"
        self._header = ""
        self._begun = False
        if path is not None:
            check_own_file("--failed-file", path, "list of failures", _is_ours, others, overwrite=overwrite)

    def describe(self, form: Form, header: str) -> None:
        """The list's form, once it is known."""
        self._form, self._header = form, header

    def add(self, outcome: Outcome) -> None:
        """Note an outcome, if it is a failure."""
        item = outcome.item
        if self._path is None or outcome.error is None or not isinstance(item, Purchase):
            return
        text = self._record(item.raw if item.raw is not None else item.source, clean(outcome.error.message))
        if not self._begun and text.startswith("#"):
            text = MARK + text
        with open(self._path, "a" if self._begun else "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        self._begun = True

    def end(self) -> None:
        """The run is through: where nothing failed, what an earlier one has written there is no longer so."""
        if self._path is not None and not self._begun and begins_as(self._path, _is_ours):
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


def _is_ours(text: str) -> bool:
    """Whether a file that begins like that is a list of failures: by the mark, or by what it says of the first one."""
    first = text.partition("\n")[0]
    if text.startswith(MARK):
        return True
    if first.startswith("{"):
        return "error" in json.loads(first)
    return {"source", "error"} <= set(next(csv.reader([first]), ()))
