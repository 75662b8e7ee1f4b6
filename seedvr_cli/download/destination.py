"""Where a delivery goes: NAME.part while it is not whole, then NAME, and never over what is not for us to replace."""

import os
import stat
from dataclasses import dataclass

from seedvr_cli.values.held import create_held, give_name, open_held, remove_unheld
from seedvr_cli.values.system import replace


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
        """An empty `.part`, open and held; its folder is made where there is none.

        FileExistsError where another run is at it, whose ledger may be another one than ours.
        """
        try:
            return create_held(self.part)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self.part), exist_ok=True)
            return create_held(self.part)

    def reopen(self) -> int:
        """The `.part` as it is, open and held; FileExistsError as `create` has it."""
        return open_held(self.part)

    def remove(self) -> None:
        """No `.part` is there any more, unless another run is at it."""
        remove_unheld(self.part)

    def move(self, other: "Destination") -> None:
        """The `.part` is the other's from now on; FileExistsError where somebody is at that."""
        try:
            give_name(self.part, other.part)
        except FileExistsError:
            other.remove()  # what a dead run left there
            give_name(self.part, other.part)

    def publish(self) -> None:
        """Give the `.part` its name: atomic, and FileExistsError where that would replace what it may not."""
        if self.overwrite and is_replaceable(self.path):
            replace(self.part, self.path)
            return
        give_name(self.part, self.path)


def is_replaceable(path: str) -> bool:
    """Whether nothing is there, or a regular file: a link, a folder or a device is not for us to replace."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return True
