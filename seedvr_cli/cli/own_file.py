"""Files that a command writes beside results (--summary, --plan, --failed-file): what they may take the place of."""

import os
import stat
from collections.abc import Callable, Sequence

from seedvr_cli.values.errors import UsageError

# Bytes of a file's beginning that tell what it is.
HEAD = 1 << 16


def check_own_file(
    flag: str, path: str, what: str, is_ours: Callable[[str], bool], others: Sequence[str | None], *, overwrite: bool
) -> None:  # fmt: skip
    """UsageError where it could not be written, is one of the `others`, or would replace what is no `what` of ours.

    `is_ours` is asked of the beginning of what stands there. An empty file, as mktemp makes it, is anybody's.
    """
    if path in {"-", ""}:
        raise UsageError(f"{flag} {path}: standard output is for results", hint="give it a file")
    place = os.path.realpath(path)
    if any(other is not None and _is_same(place, other) for other in others):
        raise UsageError(f"{flag}: {path} is another option's file as well", hint="give it a name of its own")
    folder = os.path.dirname(place)
    if not os.path.isdir(folder):
        raise UsageError(f"{flag}: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{flag}: {folder} cannot be written to")
    if not os.path.lexists(place):
        return
    if not stat.S_ISREG(os.lstat(place).st_mode):
        raise UsageError(f"{flag}: {path} is in the way: it is not a file")
    if not os.access(place, os.W_OK):
        raise UsageError(f"{flag}: {path} cannot be written to")
    if not overwrite and not begins_as(place, is_ours):
        raise UsageError(f"{flag}: {path} is there, and no {what} of ours", hint="--overwrite replaces it")


def begins_as(path: str, is_ours: Callable[[str], bool]) -> bool:
    """Whether it is empty, or what it begins with is ours."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD).decode("utf-8", "replace")
        return not head.strip() or is_ours(head)
    except (OSError, ValueError, RecursionError):
        return False


def _is_same(place: str, other: str) -> bool:
    """Through links of both kinds."""
    return os.path.realpath(other) == place or (
        os.path.exists(place) and os.path.exists(other) and os.path.samefile(place, other)
    )
