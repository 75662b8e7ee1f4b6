"""Memory: upscales share less than a gigabyte, and wait for each other where they do not fit side by side."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

ROOM = 950_000_000
"""Bytes for all upscales of a process at a time: a gigabyte of 2**30, less what the process takes without any."""

_changed = threading.Condition()
_free = ROOM


@contextmanager
def taken(size: int) -> Iterator[None]:
    """Wait until so many bytes are free, and take them for the block; who wants more than there are runs alone."""
    global _free  # noqa: PLW0603 - a process has one memory
    size = min(size, ROOM)
    with _changed:
        _changed.wait_for(lambda: _free >= size)
        _free -= size
    try:
        yield
    finally:
        with _changed:
            _free += size
            _changed.notify_all()
