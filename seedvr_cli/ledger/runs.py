"""Which runs are alive: each holds a lock on a file of its own, which the system drops when the process is gone.

A lock, not a process id: ids are used again, and mean nothing to another container on the same home folder.
"""

import os
import time
import uuid
from contextlib import suppress
from typing import IO

from seedvr_cli.values.system import try_lock

# Seconds before another attempt at the lock of a file that only we know of.
LOCK_SECONDS = 0.001


class RunLock:
    """The lock of this run; taken at the first record that needs an owner."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.run = uuid.uuid4().hex
        self._file: IO[bytes] | None = None

    @property
    def taken(self) -> bool:
        """Whether this run has recorded anything."""
        return self._file is not None

    def take(self) -> str:
        """The run's name, locked from now on."""
        if self._file is None:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            file = open(os.path.join(self.folder, self.run), "wb")  # noqa: SIM115 - held until the run ends
            while not try_lock(file):  # another process looks at it this very moment
                time.sleep(LOCK_SECONDS)
            self._file = file
        return self.run

    def is_intact(self) -> bool:
        """Whether the lock that is held is still where others look for it."""
        if self._file is None:
            return True
        try:
            return os.path.samestat(os.stat(self._file.name), os.fstat(self._file.fileno()))
        except OSError:
            return False

    def is_alive(self, run: str | None) -> bool:
        """Whether that run, or this one, still goes on."""
        return run is not None and (run == self.run or is_run_alive(self.folder, run))

    def release(self) -> None:
        """End the run; its name is dead from now on."""
        if self._file is not None:
            with suppress(OSError):
                os.unlink(self._file.name)
            self._file.close()
            self._file = None


def is_run_alive(folder: str, run: str) -> bool:
    """Whether a process still holds that run's lock; the file of a dead one is cleared away."""
    path = os.path.join(folder, run)
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below on every way
    except OSError:
        return False
    with file:
        if not try_lock(file):
            return True
        with suppress(OSError):
            os.unlink(path)
        return False


def live_runs(folder: str) -> bool:
    """Whether any run goes on that records its work in this folder."""
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    return any(is_locked(os.path.join(folder, name)) for name in names)


def is_locked(path: str) -> bool:
    """Whether a process holds the lock of this run's file, which is left as it is."""
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below on every way
    except OSError:
        return False
    with file:
        return not try_lock(file)
