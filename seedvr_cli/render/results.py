"""Standard output: results and nothing else, each as soon as it is there."""

import os
import sys
from collections.abc import Sequence
from typing import Literal

from seedvr_cli.render import machine
from seedvr_cli.render.human import clean
from seedvr_cli.values.items import Outcome

Form = Literal["paths", "ids", "urls", "json", "bytes"]


class Results:
    """Writes outcomes to standard output in one form. BrokenPipeError gets out: nobody reads any more."""

    def __init__(self, form: Form) -> None:
        self._form = form

    def write(self, outcome: Outcome) -> None:
        """The outcome's lines, or its bytes."""
        if self._form == "bytes":
            for file in outcome.files:
                _copy(file.path)
            return
        for text in self.lines(outcome):
            write_line(text)

    def write_paths(self, paths: Sequence[str]) -> None:
        """Many paths at once."""
        if sys.stdout.isatty():
            for path in paths:
                write_line(path)
            return
        sys.stdout.buffer.write(b"".join(os.fsencode(path) + b"\n" for path in paths))
        sys.stdout.buffer.flush()

    def lines(self, outcome: Outcome) -> list[str]:
        """The outcome's lines: none where it has no result."""
        job = outcome.job
        match self._form:
            case "json":
                return [machine.line(machine.outcome_object(outcome))]
            case "ids":
                return [clean(job.request_id)] if job and job.request_id and outcome.error is None else []
            case "urls":
                return [clean(url) for url in job.media_url] if job and outcome.error is None else []
            case _:
                return [file.path for file in outcome.files]


def write_line(text: str) -> None:
    """One line of data, exact: a path's odd bytes survive a pipe; a terminal gets no control character."""
    if sys.stdout.isatty():
        text = clean(text)
    sys.stdout.buffer.write(os.fsencode(text) + b"\n")
    sys.stdout.buffer.flush()


def _copy(path: str) -> None:
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()
    finally:
        os.unlink(path)
