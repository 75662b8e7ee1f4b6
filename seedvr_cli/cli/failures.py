"""--failed-file: what did not succeed, in a form that can be given to the next run; made only if there is something."""

import os

from seedvr_cli.errors import UsageError
from seedvr_cli.models import Outcome
from seedvr_cli.plan import check_folder
from seedvr_cli.render.human import clean


class Failures:
    """One line a failure, each as soon as it is known: the reason as a comment, then the source."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._begun = False
        if path is not None:
            if os.path.isdir(path):
                raise UsageError(f"--failed-file: {path} is a folder")
            check_folder(os.path.dirname(path))

    def add(self, outcome: Outcome) -> None:
        """Note an outcome, if it is a failure."""
        if self._path is None or outcome.error is None or outcome.item.source is None:
            return
        with open(self._path, "a" if self._begun else "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(f"# {clean(outcome.error.message)}\n{outcome.item.source}\n")
        self._begun = True
