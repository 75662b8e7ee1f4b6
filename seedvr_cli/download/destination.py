"""Where a delivery goes: NAME.part while it is not whole, then NAME, and never over what is not for us to replace."""

import os
import stat
from contextlib import suppress
from dataclasses import dataclass

from seedvr_cli.values.system import PLAIN_FILE, replace


@dataclass(frozen=True, slots=True)
class Destination:
    """`overwrite` lets the rename replace what is in the way."""

    path: str
    overwrite: bool = False

    @property
    def part(self) -> str:
        """The name while it is not whole."""
        return f"{self.path}.part"

    def create(self) -> int:
        """An empty `.part`, open; its folder is made where there is none."""
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | PLAIN_FILE
        try:
            return os.open(self.part, flags, 0o666)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self.part), exist_ok=True)
            return os.open(self.part, flags, 0o666)

    def reopen(self) -> int:
        """The `.part` as it is, open."""
        return os.open(self.part, os.O_RDWR | PLAIN_FILE)

    def remove(self) -> None:
        """No `.part` is there any more."""
        with suppress(FileNotFoundError):
            os.unlink(self.part)

    def publish(self) -> None:
        """Give the `.part` its name: atomic, and FileExistsError where that would replace what it may not."""
        if self.overwrite and is_replaceable(self.path):
            replace(self.part, self.path)
            return
        try:
            os.link(self.part, self.path)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            if os.path.lexists(self.path):
                raise FileExistsError(self.path) from None
            os.rename(self.part, self.path)
            return
        self.remove()


def is_replaceable(path: str) -> bool:
    """Whether nothing is there, or a regular file: a link, a folder or a device is not for us to replace."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return True
