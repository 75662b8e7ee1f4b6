"""The file of a report: whether it may be written, and how it comes whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TextIO

from seedvr_cli.report.page import MARK, MARK_BYTES
from seedvr_cli.values.errors import SeedvrError, UsageError
from seedvr_cli.values.system import replace


@dataclass(frozen=True, slots=True)
class PageFile:
    """Where the page goes, as the user wrote it."""

    path: str

    @classmethod
    def check(cls, output: str, default_name: str, *, overwrite: bool) -> "PageFile":
        """UsageError where something is in the way that is no report of ours, or the folder is not there."""
        path = os.path.join(output, default_name) if output.endswith("/") or os.path.isdir(output) else output
        if output == "-":
            raise UsageError("-o -: a report is a file", hint="give a path; it is printed")
        if not os.path.isdir(os.path.dirname(path) or "."):
            raise UsageError(f"-o {output}: there is no such folder")
        if os.path.lexists(path):
            if os.path.islink(path) or not os.path.isfile(path):
                raise UsageError(f"-o {path}: it is no regular file")
            if not overwrite and not _is_report(path):
                raise UsageError(f"-o {path}: it is there, and no report of ours", hint="--overwrite replaces it")
        return cls(path)

    @contextmanager
    def writing(self) -> Iterator[TextIO]:
        """A file that gets its name at the end of the block, and is gone if that does not come."""
        part = f"{self.path}.{secrets.token_hex(4)}.part"
        try:
            with open(part, "x", encoding="utf-8", errors="replace", newline="\n") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            replace(part, self.path)
        except OSError as error:
            where = self.path if error.filename in {None, part} else error.filename
            raise SeedvrError(f"cannot write {where}: {error.strerror or error}", code="output") from error
        finally:
            with suppress(FileNotFoundError):
                os.unlink(part)


def _is_report(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return MARK in file.read(MARK_BYTES)
    except OSError:
        return False
