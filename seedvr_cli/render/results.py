"""Standard output: results and nothing else, each as soon as it is there."""

import os
import select
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from seedvr_cli.render.talk import clean
from seedvr_cli.values.errors import OutputLost
from seedvr_cli.values.items import Outcome

if TYPE_CHECKING:
    from seedvr_cli.render.fields import Fields, Template

Form = Literal["paths", "ids", "urls", "json", "bytes"]

# What is printed of an object: all of it, or what was picked.
Picked: TypeAlias = "Fields | Template | None"


class Results:
    """Writes outcomes to standard output in one form. BrokenPipeError gets out: nobody reads any more.

    Where it cannot be written to for another reason, `trouble` says why, and what is left goes nowhere.
    """

    def __init__(self, form: Form, pick: Picked = None) -> None:
        self._form = form
        self._pick = pick
        self.trouble: OutputLost | None = None

    def write(self, outcome: Outcome) -> None:
        """The outcome's lines, or its bytes."""
        if self._form == "bytes":
            for file in outcome.files:
                self._put(lambda path=file.path: _copy(path))  # type: ignore[misc]
            return
        if self._pick is not None:
            self._put(lambda: write_lines(self.lines(outcome)))
            return
        for text in self.lines(outcome):
            self._put(lambda text=text: write_line(text))  # type: ignore[misc]

    def only_path(self, outcome: Outcome) -> str | None:
        """The path, where one line with one is all that is written."""
        return outcome.files[0].path if self._form == "paths" and len(outcome.files) == 1 else None

    def write_paths(self, paths: Sequence[str]) -> None:
        """Many paths at once."""
        if sys.stdout.isatty():
            for path in paths:
                self._put(lambda path=path: write_line(path))  # type: ignore[misc]
            return
        self._put(lambda: write_bytes(b"".join(os.fsencode(shown(path)) + b"\n" for path in paths)))

    def _put(self, write: Callable[[], None]) -> None:
        if self.trouble is None:
            try:
                write()
            except OutputLost as error:
                self.trouble = error

    def lines(self, outcome: Outcome) -> list[str]:
        """The outcome's lines: none where it has no result."""
        job = outcome.job
        match self._form:
            case "json":
                return [*object_lines([outcome], self._pick)]
            case "ids":
                return [clean(job.request_id)] if job and job.request_id and outcome.error is None else []
            case "urls":
                return [clean(url) for url in job.media_url] if job and outcome.error is None else []
            case _:
                return [shown(file.path) for file in outcome.files]


def shown(path: str) -> str:
    """A path as a word of a command line: one that begins with a dash would be taken for an option."""
    return f"./{path}" if path.startswith("-") else path


def write_line(text: str) -> None:
    """One line of data, exact: a path's odd bytes survive a pipe; a terminal gets no control character."""
    if sys.stdout.isatty():
        text = clean(text)
    write_bytes(_encoded(text) + b"\n")


def write_lines(lines: Iterable[str]) -> None:
    """Lines that are clean already, all at once; those of a table for a terminal may have colours."""
    write_bytes(b"".join(_encoded(text) + b"\n" for text in lines))


def _encoded(text: str) -> bytes:
    """As names of files are encoded here; what that has no character for is exact in a pipe, and `?` on a terminal."""
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:
        if sys.stdout.isatty():
            return text.encode(sys.getfilesystemencoding(), "replace")
        return text.encode("utf-8", "surrogateescape")


def object_lines(outcomes: Iterable[Outcome], pick: Picked = None) -> Iterator[str]:
    """The JSON objects of outcomes, or what was picked of each."""
    from seedvr_cli.render import machine

    for outcome in outcomes:
        text = picked_line(machine.outcome_object(outcome), pick)
        if text is not None:
            yield text


def picked_line(value: Mapping[str, Any], pick: Picked) -> str | None:
    """The object's line, or what was picked of it, if there is any."""
    from seedvr_cli.render import machine

    return machine.line(value) if pick is None else pick.line(value)


def write_bytes(data: bytes) -> None:
    """All of it, also to a pipe that takes it bit by bit.

    Raises BrokenPipeError where nobody reads it any more, and OutputLost where it cannot be written.
    """
    try:
        sys.stdout.flush()
        write_all(sys.stdout.fileno(), data)
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        raise OutputLost(f"cannot write to standard output: {getattr(error, 'strerror', None) or error}") from error


def write_all(descriptor: int, data: bytes) -> None:
    """All of it to an open file, which may take it bit by bit. Raises OSError."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            select.select([], [descriptor], [])


def _copy(path: str) -> None:
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                write_bytes(block)
    finally:
        os.unlink(path)
