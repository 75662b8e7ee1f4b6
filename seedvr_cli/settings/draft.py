"""A config file that somebody edits: a copy that is private, checked whole, and put in place when it is right."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from seedvr_cli.settings.file import write
from seedvr_cli.settings.folders import config_file
from seedvr_cli.settings.known import SETTINGS, setting_name
from seedvr_cli.settings.text import find_line, parse
from seedvr_cli.values.errors import UsageError

EMPTY = "# 'seedvr config list --all' says what may stand here.\n\n[default]\n"


@dataclass(frozen=True, slots=True)
class Draft:
    """The copy at `path`, alone in its folder, where an editor may leave what it likes; `before` is what it began as.

    It stays until it is dropped.
    """

    target: str
    path: str
    before: bytes

    @classmethod
    def begin(cls) -> "Draft":
        """A copy of the config file beside it, for this user alone; UsageError where there is no place for one."""
        target = config_file()
        try:
            os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
            before = _read(target)
            folder = tempfile.mkdtemp(dir=os.path.dirname(target), prefix="edit-")  # mode 0700
            path = os.path.join(folder, os.path.basename(target))
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(before or EMPTY.encode())
        except OSError as error:
            raise UsageError(f"{target}: {error.strerror}") from error
        return cls(target, path, before)

    @property
    def is_changed(self) -> bool:
        """Whether it is other than it began."""
        return self._content() != (self.before or EMPTY.encode())

    def mistakes(self) -> list[str]:
        """What is wrong with it, each with its line; none where it may be put in place."""
        try:
            content = self._content()
            document = parse(self.path, content)
        except UsageError as error:
            return [error.message]
        return list(_mistakes(content.decode("utf-8-sig"), document))

    def put_in_place(self) -> None:
        """Whole or not at all, mode 0600; UsageError where somebody else has changed the file meanwhile."""
        if _read(self.target) != self.before:
            raise UsageError(f"{self.target} was changed meanwhile; your text is in {self.path}")
        write(self.target, self._content().decode("utf-8-sig"))
        self.drop()

    def drop(self) -> None:
        """Away with the copy."""
        import shutil

        shutil.rmtree(os.path.dirname(self.path), ignore_errors=True)

    def _content(self) -> bytes:
        try:
            with open(self.path, "rb") as file:
                return file.read()
        except OSError as error:
            raise UsageError(f"{self.path}: {error.strerror}") from error


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def _mistakes(text: str, document: dict[str, object]) -> Iterator[str]:
    for table, content in document.items():
        if not isinstance(content, dict):
            yield f"{_where(text, None, table)}{table!r} stands outside a profile such as [default]"
            continue
        for word, value in content.items():
            where = f"{_where(text, table, word)}[{table}]"
            try:
                SETTINGS[setting_name(word, where)].read(value, f"{where} {word}")
            except UsageError as error:
                yield error.message


def _where(text: str, table: str | None, word: str) -> str:
    line = find_line(text, table, word)
    return f"line {line}: " if line else ""
