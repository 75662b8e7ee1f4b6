"""A file that one run at a time is at, on this machine or another one of the same disk: who holds it has its lock."""

import errno
import os
from contextlib import suppress

from seedvr_cli.values.system import PLAIN_FILE, has_modes, try_lock


def create_held(path: str) -> int:
    """An empty file, open for reading and writing, and held; one that is there and nobody holds is emptied for it.

    FileExistsError where another run is at it.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | PLAIN_FILE
    while True:
        try:
            return _held(path, os.open(path, flags, 0o666))
        except FileExistsError:
            with suppress(FileNotFoundError):  # it has its name by now, say
                descriptor = open_held(path)
                os.ftruncate(descriptor, 0)
                return descriptor


def open_held(path: str) -> int:
    """A file as it is, open for reading and writing, and held; FileExistsError where another run is at it."""
    try:
        return _held(path, os.open(path, os.O_RDWR | PLAIN_FILE))
    except PermissionError:  # another user's
        raise _in_use(path) from None


def remove_unheld(path: str) -> None:
    """No such file is there any more, unless somebody is at it."""
    with suppress(OSError):
        descriptor = open_held(path)
        try:
            os.unlink(path)
        finally:
            os.close(descriptor)


def give_name(path: str, name: str) -> None:
    """Another name for a file: at once, and FileExistsError where that is taken."""
    try:
        os.link(path, name)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(name):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name) from None
        os.rename(path, name)
        return
    with suppress(FileNotFoundError):
        os.unlink(path)


def _held(path: str, descriptor: int) -> int:
    """The same descriptor, once it holds what stands at the path; FileExistsError where another has it."""
    if _lock(descriptor) and _is_at(path, descriptor):
        return descriptor
    os.close(descriptor)
    raise _in_use(path)


def _lock(descriptor: int) -> bool:
    if not has_modes():  # Windows: others could not read what is locked, and cannot remove what is open
        return True
    try:
        return try_lock(descriptor)
    except OSError:  # a file system without locks
        return True


def _is_at(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False


def _in_use(path: str) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "another seedvr is at it", path)
