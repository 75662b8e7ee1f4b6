"""What Windows, macOS and Linux do each in its own way: the one place that asks which it is.

The three read their settings, follow names and lock files differently; whoever needs one of these asks here.
"""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

# Seconds for which Windows is asked again to replace a file that a virus scanner or an indexer has open.
REPLACE_SECONDS = 2.0
REPLACE_PAUSE = 0.05
# Names of a folder that are looked at to learn whether it tells `A` from `a`.
LOOKS = 16

# Bytes as they are, and never through a link that somebody has put there.
PLAIN_FILE = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


def is_windows() -> bool:
    """Whether it is Windows."""
    return sys.platform == "win32"


def has_modes() -> bool:
    """Whether a file's mode and owner say who may get at it."""
    return not is_windows()


def has_libcurl_loop() -> bool:
    """Whether asyncio can wait for libcurl's sockets."""
    return not is_windows()


def keeps_proxies() -> bool:
    """Whether its own settings name a proxy where the environment names none."""
    return sys.platform in {"win32", "darwin"}


def is_old_console() -> bool:
    """Whether a terminal shows the codes of colours themselves."""
    return is_windows() and "WT_SESSION" not in os.environ and "TERM" not in os.environ


def try_lock(file: IO[bytes] | int) -> bool:
    """Lock a file that is open for writing, until it is closed or the process is gone; False where another has it."""
    if is_windows():
        import msvcrt

        try:
            msvcrt.locking(file if isinstance(file, int) else file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_folder(descriptor: int) -> bool:
    """The same for a folder that is open."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def replace(
    part: str | os.PathLike[str], path: str | os.PathLike[str], *, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Give a file its name, in place of what has it: atomic. OSError where that cannot be done.

    Windows refuses while anybody has one of the two open, and is asked again for a while.
    """
    patience = REPLACE_SECONDS if is_windows() else 0.0
    while True:
        try:
            os.replace(part, path)
        except PermissionError:
            if patience <= 0:
                raise
            patience -= REPLACE_PAUSE
            sleep(REPLACE_PAUSE)
        else:
            return


def owner_is_trusted(status: os.stat_result) -> bool:
    """Whether a file belongs to this user, or to the system."""
    return not has_modes() or status.st_uid in {os.geteuid(), 0}


def write_back(descriptor: int, upto: int) -> None:
    """Have what is written of a file put on the disk now, so that the flush at its end is short; a wish, no promise."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, upto, os.POSIX_FADV_DONTNEED)


def allow_files(wanted: int) -> None:
    """As many open files as wanted, or as the system lets us have; Windows has no such limit."""
    with suppress(ImportError, ValueError, OSError):  # some systems mean another number by infinity
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        enough = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        if soft != resource.RLIM_INFINITY and soft < enough:
            resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))


def screen_pixels(descriptor: int) -> tuple[int, int, int, int] | None:
    """Rows, columns, width and height in pixels of a terminal, where it tells them."""
    with suppress(ImportError, OSError, ValueError):
        import fcntl
        import struct
        import termios

        rows, columns, width, height = struct.unpack("HHHH", fcntl.ioctl(descriptor, termios.TIOCGWINSZ, bytes(8)))
        return rows, columns, width, height
    return None


def end_group(process: int) -> None:
    """Ask a process that leads a group of its own to end, and those that it has started."""
    import signal

    with suppress(ProcessLookupError):
        if is_windows():
            os.kill(process, signal.SIGTERM)
        else:
            os.killpg(process, signal.SIGTERM)


def on_stop(loop: "AbstractEventLoop", act: Callable[[int], object]) -> None:
    """Have Ctrl-C and SIGTERM call `act` with their number in the event loop, which on Windows cannot do it alone."""
    import signal

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, act, number)
        except NotImplementedError:
            signal.signal(number, lambda number, _: loop.call_soon_threadsafe(act, number))


def suspension() -> int | None:
    """The signal of Ctrl-Z, where there is one, and nobody minds it."""
    import signal

    number = getattr(signal, "SIGTSTP", None)
    return number if number is not None and signal.getsignal(number) == signal.SIG_DFL else None


def name_key(path: str) -> str:
    """What two paths have in common that are one file: on most disks nothing but themselves.

    Windows and macOS take `A.png` for `a.png`, and macOS two spellings of `é`; so do disks that come from there.
    """
    folder, name = os.path.split(os.path.abspath(path))
    if not folds_names(folder):
        return path
    import unicodedata

    return os.path.join(unicodedata.normalize("NFC", folder), unicodedata.normalize("NFC", name).casefold())


@lru_cache(maxsize=1024)
def folds_names(folder: str) -> bool:
    """Whether a folder, or what it would be made in, takes names for one that differ in case. Nothing is written.

    It is asked for one of its own names in the other case; where it has none, what its system usually does.
    """
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    with suppress(OSError, ValueError), os.scandir(folder) as entries:
        for _, entry in zip(range(LOOKS), entries, strict=False):
            other = entry.name.swapcase()
            if other != entry.name:
                return _is_same(os.path.join(folder, other), entry.path)
    return sys.platform in {"win32", "darwin"}


def _is_same(path: str, other: str) -> bool:
    """Whether both are there, and are one."""
    try:
        return os.path.samestat(os.lstat(path), os.lstat(other))
    except OSError:
        return False
